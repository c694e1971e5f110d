//! The contract of a log: what is appended, how it is known, when it may go.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use model::{ByteCount, SequenceNumber, Timestamp, Uid};

use crate::Commit;

/// A sequence of records with one owner; named by the uid of the resource that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub Uid);

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What a record means to its owner, and how long the log keeps it.
///
/// Kinds below 8 are *retained*: readable by (stream, sequence) until they are released or trimmed. Kinds from 8 on
/// are *journal*: shown by a replay, never by [`Log::read`], and gone once every owner forgot them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKind(pub u8);

impl RecordKind {
    /// An event: retained until it is released.
    pub const EVENT: Self = Self(0);
    /// A step of an owner's state machine: needed until the owner's next snapshot.
    pub const JOURNAL: Self = Self(8);

    /// Whether records of this kind stay until they are released.
    pub const fn is_retained(self) -> bool {
        self.0 < 8
    }
}

/// What is appended.
///
/// Retained records of one stream must come with growing sequence numbers, over all appends. Journal records may
/// carry any number; it is handed back by the replay.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The stream.
    pub stream: StreamId,
    /// Its number within the stream.
    pub sequence: SequenceNumber,
    /// What it means and how long it is kept.
    pub kind: RecordKind,
    /// The enqueued time, handed back with the payload.
    pub time: Timestamp,
    /// The content; at most [`RECORD_BYTES_MAX`].
    pub payload: &'a [u8],
}

/// The longest payload that a record may have: 16 MiB.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// Room that a record with a payload of this length takes in the log, without the share of its commit's frame.
pub const fn footprint(payload_bytes: usize) -> usize {
    payload_bytes + crate::segment::RECORD_HEADER_BYTES
}

/// The ordinal of a record in the whole log. Opaque: only compared, stored in a snapshot and given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Where the log begins.
    pub const START: Self = Self(0);

    /// From a snapshot.
    pub const fn new(ordinal: u64) -> Self {
        Self(ordinal)
    }

    /// For a snapshot.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Who asks for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// New data: refused while the disk is full.
    Publish,
    /// What makes room, or takes none for long: settlements, deliveries, snapshots' marks. May use the reserve.
    Settle,
}

/// Why there is no room. Nothing has changed; the caller refuses in its protocol's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The log has no free space left that new data may use.
    #[error("the log is full")]
    Log,
    /// This stream holds its quota of the log; release or trim some of it.
    #[error("the stream holds its quota of the log")]
    Stream,
    /// The disk is behind: too many bytes wait for their commit. Try again in some milliseconds.
    #[error("too many bytes wait for the disk")]
    Backlog,
    /// The records of one append can never fit into one segment.
    #[error("an append of {bytes} bytes exceeds the limit of {limit}")]
    Oversize {
        /// What was asked for.
        bytes: usize,
        /// What fits.
        limit: usize,
    },
    /// The log has been closed.
    #[error("the log is closed")]
    Closed,
}

/// Room for one append. Dropping it gives the room back.
#[derive(Debug)]
pub struct Reservation {
    outstanding: Option<Arc<AtomicU64>>,
    class: Class,
    bytes: u64,
}

impl Reservation {
    /// For an append without records, which is a barrier and takes no room.
    pub fn none() -> Self {
        Self::unlimited(Class::Settle)
    }

    pub(crate) fn unlimited(class: Class) -> Self {
        Self {
            outstanding: None,
            class,
            bytes: 0,
        }
    }

    pub(crate) fn new(outstanding: &Arc<AtomicU64>, class: Class, bytes: u64) -> Self {
        outstanding.fetch_add(bytes, Ordering::AcqRel);
        Self {
            outstanding: Some(outstanding.clone()),
            class,
            bytes,
        }
    }

    pub(crate) fn class(&self) -> Class {
        self.class
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(outstanding) = &self.outstanding {
            outstanding.fetch_sub(self.bytes, Ordering::AcqRel);
        }
    }
}

/// Why a record could not be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The record is live but its bytes do not verify.
    #[error("record {sequence} of stream {stream} is damaged")]
    Damaged {
        /// The stream.
        stream: StreamId,
        /// The record.
        sequence: u64,
    },
    /// The disk refused.
    #[error("reading stream {stream} failed: {reason}")]
    Io {
        /// The stream.
        stream: StreamId,
        /// What the disk said.
        reason: String,
    },
}

/// One payload with its enqueued time; `None` when the record was released, trimmed or never written.
pub type Payload = Option<(Timestamp, Bytes)>;

/// Payloads of one read, as long as they fit.
#[derive(Debug)]
pub(crate) struct Fitting {
    pub(crate) payloads: Vec<Payload>,
    pub(crate) left: u64,
}

impl Fitting {
    pub(crate) fn new(bytes_max: ByteCount) -> Self {
        Self {
            payloads: Vec::new(),
            left: bytes_max.get(),
        }
    }

    /// False if it does not fit; the first one always does.
    pub(crate) fn push(&mut self, payload: Payload) -> bool {
        let bytes = payload.as_ref().map_or(0, |(_, payload)| payload.len() as u64);
        if bytes > self.left && !self.payloads.is_empty() {
            return false;
        }
        self.left = self.left.saturating_sub(bytes);
        self.payloads.push(payload);
        true
    }
}

/// How full the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What the log may occupy on disk.
    pub capacity: ByteCount,
    /// What new data may still use, the space that the cleaner can win back included.
    pub free: ByteCount,
    /// What live retained records occupy.
    pub live: ByteCount,
}

/// What one stream keeps in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamUsage {
    /// Live records.
    pub records: u64,
    /// Bytes that they occupy (within a few per cent).
    pub bytes: u64,
}

/// An ordered, durable sequence of records of many streams.
///
/// A record is known by (stream, sequence), never by its place: the log moves live records as it likes.
pub trait Log: Send + Sync {
    /// Checks for room, before the caller changes its own state. `bytes` is the sum of [`footprint`] over the records.
    ///
    /// # Errors
    /// [`Full`] says why; nothing has changed.
    fn reserve(&self, class: Class, stream: StreamId, bytes: usize) -> Result<Reservation, Full>;

    /// Queues `records` as one atomic group: after a crash all of them are there, or none. Never blocks and cannot
    /// fail; the order of calls is the order of records. Await [`Commit::durable`] before telling anybody. Without
    /// records it is a barrier: durable once everything is that was appended before.
    fn append(&self, reservation: Reservation, records: &[Record<'_>]) -> Commit;

    /// The payloads of retained records, in the order of `sequences`: the first one, and then as many as are not longer
    /// than `bytes_max` together with it. The answer is shorter than `sequences` if there are more. Records that were
    /// appended but are not durable yet are found too.
    ///
    /// # Errors
    /// [`ReadError`] names the record whose bytes do not verify.
    ///
    /// # Cancel safety
    /// Cancel safe: reading changes nothing.
    fn read(
        &self,
        stream: StreamId,
        sequences: Vec<SequenceNumber>,
        bytes_max: ByteCount,
    ) -> BoxFuture<'static, Result<Vec<Payload>, ReadError>>;

    /// Retained records of `stream` below `sequence` are dead; see [`Log::release`].
    fn trim_before(&self, stream: StreamId, sequence: SequenceNumber);

    /// These retained records are dead; in any order, repeated or unknown ones are ignored. To be called once whatever
    /// made them dead is durable: the log may forget them for good at once.
    fn release(&self, stream: StreamId, sequences: &[SequenceNumber]);

    /// The position after everything that was appended so far. A snapshot that names it may be stored once a barrier
    /// that was appended with it is durable: a crash before that would give the position to other records.
    fn end(&self) -> Position;

    /// `owner` has a durable snapshot at `position` and does not need to replay what lies before it.
    ///
    /// The log keeps what the owner's *previous* call named, so that a damaged snapshot still leaves the one before.
    fn forget_before(&self, owner: &'static str, position: Position);

    /// How full the log is.
    fn usage(&self) -> Usage;

    /// What one stream keeps.
    fn stream_usage(&self, stream: StreamId) -> StreamUsage;
}
