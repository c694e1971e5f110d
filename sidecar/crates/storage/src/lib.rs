//! The write-ahead log: everything durable is a record in it.
//!
//! [`Log`] and [`Table`] are the contract. [`embedded`] keeps it on a disk, [`memory`] for as long as the process
//! lives, [`faulty`] makes a disk misbehave, and [`conformance`] is the suite that each of them passes. The crate knows
//! no topics, no queues and no protocol: an owner appends records, is told when they are durable, reads them by
//! (stream, sequence), and says which of them are dead.

mod commit;
mod log;
pub mod memory;
mod replay;
mod segment;
mod table;

pub use commit::{Commit, Durable};
pub use log::{
    Class, Full, Log, Payload, Position, RECORD_BYTES_MAX, ReadError, Record, RecordKind, Reservation, StreamId,
    StreamUsage, Usage, footprint,
};
pub use replay::{RecordView, Replay};
pub use table::{Entry, Table, TableError, Version};
