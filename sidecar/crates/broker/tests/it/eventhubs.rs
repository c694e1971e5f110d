//! Hubs.

mod crash;
mod durability;
mod events;
mod followers;
pub(in crate::it) mod gate;
mod lifecycle;
mod model;
mod positions;
mod producers;
mod receivers;
mod retention;
pub(in crate::it) mod world;
