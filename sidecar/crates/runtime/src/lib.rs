//! What every running part of the data plane shares: a clock, tasks that have a parent, metrics and logs.
//!
//! It knows no broker words. Machines take `now`; the shells around them ask [`Clock`] for it, spawn through
//! [`TaskScope`], count in a [`metrics::Registry`] and log through `tracing`, which [`telemetry::init`] sets up.

mod clock;
pub mod metrics;
mod task_scope;
pub mod telemetry;

pub use clock::Clock;
pub use task_scope::TaskScope;
