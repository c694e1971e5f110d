//! Hubs.

mod crash;
mod durability;
mod events;
mod followers;
mod gate;
mod lifecycle;
mod model;
mod positions;
mod producers;
mod receivers;
mod retention;
mod world;
