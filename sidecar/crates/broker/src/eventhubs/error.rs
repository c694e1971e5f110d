//! What callers of a hub are told. Names and epochs are data: the door writes the sentences.

use crate::Error;

/// Why events were not appended. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// For a reason that has nothing to do with an idempotent producer.
    #[error(transparent)]
    Refused(#[from] Error),
    /// Events of the idempotent producer are missing before these.
    #[error("producer {producer} sent {found} where {expected} was expected")]
    OutOfOrderSequence {
        /// Its id.
        producer: i64,
        /// The number that the first event should have.
        expected: i32,
        /// The number that it has.
        found: i32,
    },
    /// Another idempotent producer with the same id was opened with a higher epoch.
    #[error("producer {producer} with epoch {epoch} was replaced by one with epoch {current}")]
    ProducerEpochStolen {
        /// Its id.
        producer: i64,
        /// The epoch that is too old.
        epoch: i16,
        /// The newest one.
        current: i16,
    },
}

/// Why there is no receiver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// The hub is not declared (any more).
    #[error("not found")]
    NotFound,
    /// The hub has no consumer group of that name.
    #[error("the consumer group is not found")]
    ConsumerGroupNotFound,
    /// As many receivers without an epoch as are allowed read the partition in this consumer group.
    #[error("{} receivers are connected, which is the maximum", receivers.len())]
    TooManyReceivers {
        /// Their names, as far as they have one.
        receivers: Vec<Option<String>>,
    },
    /// A receiver with a higher epoch reads the partition in this consumer group.
    #[error("a receiver with the higher epoch {epoch} exists")]
    HigherEpoch {
        /// Its name.
        receiver: Option<String>,
        /// Its epoch.
        epoch: i64,
    },
    /// A receiver with an epoch reads the partition in this consumer group, so that none without one may.
    #[error("a receiver with epoch {epoch} exists, so one without an epoch is not allowed")]
    EpochRequired {
        /// Its name.
        receiver: Option<String>,
        /// Its epoch.
        epoch: i64,
    },
    /// No event has had that offset yet.
    #[error("offset {offset} lies beyond the last one")]
    OffsetBeyondEnd {
        /// What was asked for.
        offset: u64,
        /// Of the last event; none if there never was one.
        last: Option<u64>,
    },
    /// No event has had that sequence number yet.
    #[error("sequence number {sequence} lies beyond the last one, {last}")]
    SequenceBeyondEnd {
        /// What was asked for.
        sequence: u64,
        /// Of the last event; -1 if there never was one.
        last: i64,
    },
    /// The disk refuses to read.
    #[error("unavailable")]
    Unavailable,
    /// The broker is stopping.
    #[error("the broker is stopping")]
    Closed,
}

/// Why a receiver gets no more events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiverError {
    /// A receiver with an epoch took its place. Do not try again with the same epoch.
    #[error("a receiver with epoch {new_epoch} took the place")]
    Stolen {
        /// The name of the receiver that took its place.
        new_receiver: Option<String>,
        /// Its epoch.
        new_epoch: i64,
        /// The name of the receiver that lost its place.
        receiver: Option<String>,
        /// Its epoch, if it had one.
        epoch: Option<i64>,
    },
    /// The hub or the consumer group is not declared any more.
    #[error("not found")]
    Gone,
    /// The disk refuses to read. Trying again may help; the position is kept.
    #[error("unavailable")]
    Unavailable,
    /// The broker is stopping.
    #[error("the broker is stopping")]
    Closed,
}
