//! The log as its users see it.

#[path = "it/common.rs"]
mod common;
#[path = "it/every_implementation.rs"]
mod every_implementation;
#[path = "it/full_disk.rs"]
mod full_disk;
#[path = "it/lagging_stream.rs"]
mod lagging_stream;
#[path = "it/on_disk.rs"]
mod on_disk;
