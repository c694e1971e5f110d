//! The machine on a fake clock, with a scripted client at the other end of its bytes.

mod dialogues;
mod faults;
mod handshake;
mod links;
mod peer;
mod properties;
mod receiving;
mod sending;
mod sessions;
mod sizes;
mod time;
