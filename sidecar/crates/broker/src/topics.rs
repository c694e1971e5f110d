//! Topics and event subscriptions as a machine without IO.

pub(crate) mod counts;
pub(crate) mod effects;
pub(crate) mod engine;
pub(crate) mod event_record;
pub(crate) mod filter;
mod in_flight;
mod journal;
mod runs;
mod stream;
mod subscription;
mod timers;
mod times;
pub(crate) mod varint;
