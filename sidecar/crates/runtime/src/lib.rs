//! What every running part shares: a clock, tasks that have a parent, metrics and logs.
//!
//! It knows no broker words. Machines take `now`; the shells around them ask [`Clock`] for it, spawn through
//! [`TaskScope`], count in a [`metrics::Registry`] and log through `tracing`, which [`telemetry::init`] sets up.
//! [`Operations`] shows health, readiness and metrics to whoever runs the process.

mod accept;
mod clock;
pub mod metrics;
mod operations;
mod task_scope;
pub mod telemetry;

pub use accept::accept_one;
pub use clock::Clock;
pub use operations::Operations;
pub use task_scope::TaskScope;
