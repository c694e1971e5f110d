//! Hubs.

mod crash;
mod events;
mod lifecycle;
mod model;
mod positions;
mod producers;
mod receivers;
mod retention;
mod world;
