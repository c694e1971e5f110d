//! The machine on a fake clock, with a vector for a log.

mod dead_letters;
mod deletion;
mod harness;
mod locks;
mod model;
mod receivers;
mod sizes;
