//! Where a receiver starts.

use model::Timestamp;

use super::record::Event;

/// Where a receiver starts.
///
/// A position before the oldest event that is retained means that event. Only offsets and sequence numbers that no event
/// has had yet are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartPosition {
    /// The oldest event that is retained.
    Earliest,
    /// The first event that becomes durable from now on.
    Latest,
    /// The first event after (or, inclusive, at) an offset.
    Offset {
        /// The offset. It does not have to be that of an event.
        offset: u64,
        /// Whether the event with that very offset is wanted.
        inclusive: bool,
    },
    /// The first event after (or, inclusive, with) a sequence number.
    Sequence {
        /// The sequence number.
        sequence: u64,
        /// Whether the event with that very number is wanted.
        inclusive: bool,
    },
    /// The first event that was enqueued then or later. It may be yet to come.
    Time(Timestamp),
}

/// Which events of the records from some place on are wanted: those from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    Sequence(u64),
    Offset(u64),
    Time(Timestamp),
}

impl From {
    pub(super) fn wants(self, event: &Event, time: Timestamp) -> bool {
        match self {
            Self::Sequence(first) => event.sequence >= first,
            Self::Offset(first) => event.offset >= first,
            Self::Time(first) => time >= first,
        }
    }
}

/// Where a reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The record to look at next.
    pub(super) record: u64,
    pub(super) from: From,
}
