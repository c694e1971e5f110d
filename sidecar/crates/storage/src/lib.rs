//! The write-ahead log: everything durable is a record in it.
//!
//! [`Log`] and [`Table`] are the contract. [`embedded`] keeps it on a disk, [`memory`] for as long as the process
//! lives, [`faulty`] makes a disk misbehave, and [`conformance`] is the suite that each of them passes. The crate knows
//! no topics, no queues and no protocol: an owner appends records, is told when they are durable, reads them by
//! (stream, sequence), and says which of them are dead.

mod catalog;
mod cleaner;
mod commit;
pub mod conformance;
pub mod disk;
pub mod embedded;
pub mod faulty;
mod file_table;
mod group_commit;
mod index;
mod log;
pub mod memory;
mod metrics;
mod reader;
mod recovery;
mod replay;
mod segment;
pub mod shadow;
mod shared;
mod space;
mod sync;
mod table;
mod writer;

/// What the fuzz target calls, which is built with `--cfg fuzzing`. Plain `cargo test` replays its corpus.
#[cfg(any(test, fuzzing))]
#[path = "../fuzz/checks/log_reader.rs"]
pub mod checks;
#[cfg(test)]
mod crash_images;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod properties;

pub use commit::{Commit, Durable};
pub use embedded::EmbeddedLog;
pub use file_table::EmbeddedTable;
pub use log::{
    Class, Full, Log, Payload, Position, RECORD_BYTES_MAX, ReadError, Record, RecordKind, Reservation,
    StreamId, StreamUsage, Usage, footprint,
};
pub use recovery::OpenError;
pub use replay::{RecordView, Replay};
pub use shared::OnFatal;
pub use table::{Entry, Table, TableError, Version};
