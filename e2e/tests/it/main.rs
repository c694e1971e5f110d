//! Real clients against the real process, a module per promise.
//!
//! They run against the `weft` binary beside this program (`make test` builds it first). A scenario of its own costs a
//! process and seconds: what a unit test can show belongs there.
#![allow(
    clippy::disallowed_methods,
    reason = "these tests stand outside the product: they use threads and the real clock"
)]

mod amqp;
mod crash;
mod curl;
mod dead_letters;
mod disk;
mod eventhubs;
mod idle;
mod live;
mod passwordless;
mod queue;
mod refusals;
mod sas;
mod sdk;
mod time;
mod wire;
