//! One partition of a hub.

mod state;
mod tail;

use std::sync::Arc;

use auth::{Listen, Permit, Send};
use bytes::Bytes;
use model::{SequenceNumber, Timestamp};
use parking_lot::{Mutex, MutexGuard};
use storage::{Class, Commit, RECORD_BYTES_MAX, Record, StreamId};
use tokio::sync::Notify;

pub(super) use self::state::{Assigned, Assignment, End, Fetch, Rules, State};
pub(super) use self::tail::Payload;
use super::ages::Ages;
use super::error::{AppendError, ReceiveError};
use super::follower::{self, Follower};
use super::hub::HubState;
use super::journal::Step;
use super::position::StartPosition;
use super::producers::{Producer, ProducerOptions, ProducerStamp};
use super::reader::{READ_BYTES_MAX, Reader, Received};
use super::receiver::{Receiver, ReceiverOptions};
use super::shared::{Shared, Then};
use super::{journal, record, stream};
use crate::Error;

/// One partition of a declared hub. Cheap to clone; its operations answer NotFound once the hub is no longer declared.
#[derive(Clone, Debug)]
pub struct Partition {
    hub: Arc<HubState>,
    cell: Arc<Cell>,
}

/// Events that are on their way to the disk.
#[derive(Clone, Debug)]
pub struct Appended {
    /// Of the first event; the others follow without a gap. Of a duplicate: what the next event will get.
    pub first_sequence: u64,
    /// Of the first event. Of a duplicate: what the next event will get.
    pub first_offset: u64,
    /// Of all of them. Of a duplicate: that of the newest event.
    pub enqueued_time: Timestamp,
    /// They had been stored before, so nothing was.
    pub is_duplicate: bool,
    commit: Option<Commit>,
}

impl Appended {
    /// Resolves once a power cut can no longer take the events back; only then may their producer be told. Never resolves
    /// when the disk failed: that ends the process.
    ///
    /// # Cancel safety
    /// Cancel safe; the append itself goes on.
    pub fn durable(&self) -> impl Future<Output = ()> + std::marker::Send + use<> {
        let durable = self.commit.as_ref().map(Commit::durable);
        async move {
            if let Some(durable) = durable {
                durable.await;
            }
        }
    }

    /// Whether [`Appended::durable`] resolves at once.
    pub fn is_durable(&self) -> bool {
        self.commit.as_ref().is_none_or(Commit::is_durable)
    }
}

/// What is known about a partition's events. Only what is durable counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionProperties {
    /// Of the oldest event that is retained; that of the next one if none is.
    pub begin_sequence: u64,
    /// Of the newest event there ever was. If there was none: one less than that of the first one, which is -1 in the first
    /// incarnation.
    pub last_sequence: i64,
    /// Of the newest event there ever was.
    pub last_offset: Option<u64>,
    /// Of the newest event there ever was.
    pub last_enqueued: Option<Timestamp>,
    /// Whether no event is retained.
    pub is_empty: bool,
}

/// What keeping a record in memory takes besides its bytes: small events must not cost many times what is counted.
const KEPT_OVERHEAD: usize = 192;

/// A partition's state behind its lock.
///
/// A lock and not a task of its own, as state of ours usually has: appending never waits for anything, so that the lock is
/// held for as long as it takes to copy the events; and a thousand partitions cost what one costs, without a queue and a
/// wake-up per partition and per send.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) index: u32,
    pub(super) stream: StreamId,
    state: Mutex<State>,
    /// There is more to read, or a receiver has to look whether it may go on.
    pub(super) changed: Notify,
}

impl Cell {
    pub(super) fn new(hub: model::Uid, index: u32, state: State) -> Self {
        Self {
            index,
            stream: stream::of_partition(hub, index),
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// The state as it is now. Whoever looks sees what is durable, even before the keeper came to say so: a producer that
    /// was told "accepted" must find its event.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        if state.advance() {
            self.changed.notify_waiters();
        }
        state
    }

    pub(super) fn properties(&self) -> PartitionProperties {
        let state = self.state();
        let (begin, durable) = (state.begin(), state.durable());
        PartitionProperties {
            begin_sequence: begin.sequence.min(durable.sequence),
            last_sequence: durable.last_sequence(),
            last_offset: durable.last.map(|last| last.offset),
            last_enqueued: durable.last.map(|last| last.time),
            is_empty: begin.record >= durable.record,
        }
    }

    /// Begins at another record than before, if events are overdue. False if the log has no room to write that down.
    pub(super) fn trim_overdue(
        &self,
        shared: &Shared,
        ages: &Ages,
        now: Timestamp,
        is_hub_large: bool,
    ) -> bool {
        let mut state = self.state();
        let Some(begin) = state.overdue(ages, now, is_hub_large) else {
            return true;
        };
        let payload = Step::Trimmed(begin).encode();
        let Ok(room) = shared.reserve(Class::Settle, self.stream, storage::footprint(payload.len())) else {
            return false;
        };
        let step = self.step(begin.record, now, &payload);
        let commit = shared.append(room, &[step]);
        state.trim(begin);
        drop(state);
        // Not before the commit: after a crash the partition begins where it did, and its events must be there.
        let then = Then::Trim {
            stream: self.stream,
            before: begin.record,
        };
        shared.follow(commit, then);
        true
    }

    fn step<'a>(&self, number: u64, time: Timestamp, payload: &'a [u8]) -> Record<'a> {
        Record {
            stream: self.stream,
            sequence: SequenceNumber::new(number),
            kind: stream::JOURNAL,
            time,
            payload,
        }
    }
}

impl Partition {
    pub(super) fn new(hub: Arc<HubState>, cell: Arc<Cell>) -> Self {
        Self { hub, cell }
    }

    /// Its place in the hub, from 0.
    pub fn id(&self) -> u32 {
        self.cell.index
    }

    /// Appends the events in their order, all of them or none. They have their numbers when this returns, and are stored
    /// once [`Appended::durable`] resolves. No events are no error.
    ///
    /// # Errors
    /// Refused with NotFound, Full, Busy, Invalid (they can never fit), Closed; what an idempotent producer did wrong.
    pub fn append(
        &self,
        _permit: &Permit<Send>,
        events: &[Bytes],
        producer: Option<ProducerStamp>,
    ) -> Result<Appended, AppendError> {
        let shared = self.hub.admit()?;
        if events.is_empty() {
            let state = self.cell.state();
            return match state.is_declared() {
                true => Ok(nothing_stored(&state, state.last_commit(), false)),
                false => Err(AppendError::Refused(Error::NotFound)),
            };
        }
        let length = record::bytes_max(events);
        if length > RECORD_BYTES_MAX {
            let reason = format!("events of {length} bytes in one append; the limit is {RECORD_BYTES_MAX}");
            return Err(AppendError::Refused(Error::Invalid(reason)));
        }
        let bytes = storage::footprint(length);
        let room = shared.reserve(Class::Publish, self.cell.stream, bytes)?;
        let now = shared.clock.now();
        let mut state = self.cell.state();
        let Assigned { payload, summary } = match state.assign(events, producer, now)? {
            Assignment::Events(assigned) => assigned,
            Assignment::Duplicate(commit) => return Ok(nothing_stored(&state, commit, true)),
        };
        let record = Record {
            stream: self.cell.stream,
            sequence: SequenceNumber::new(payload.record),
            kind: stream::EVENTS,
            time: payload.time,
            payload: &payload.bytes,
        };
        let commit = shared.append(room, &[record]);
        let (record, time, length) = (payload.record, payload.time, payload.bytes.len());
        let is_kept = state.appended(&commit, payload);
        drop(state);
        let then = Then::Show {
            cell: self.cell.clone(),
            record,
            kept_bytes: if is_kept { length + KEPT_OVERHEAD } else { 0 },
        };
        shared.follow(commit.clone(), then);
        self.hub.counts.came_in(events);
        Ok(Appended {
            first_sequence: summary.first_sequence,
            first_offset: summary.first_offset,
            enqueued_time: time,
            is_duplicate: false,
            commit: Some(commit),
        })
    }

    /// Opens an idempotent producer; durable when it returns.
    ///
    /// # Errors
    /// Refused with NotFound, Full, Closed; ProducerEpochStolen when the epoch is older than that of the producer with
    /// this id.
    ///
    /// # Cancel safety
    /// If this does not resolve, the producer may be opened or not.
    pub async fn open_producer(
        &self,
        _permit: &Permit<Send>,
        options: ProducerOptions,
    ) -> Result<Producer, AppendError> {
        let (producer, commit) = self.begin_producer(options)?;
        commit.durable().await;
        Ok(producer)
    }

    fn begin_producer(&self, options: ProducerOptions) -> Result<(Producer, Commit), AppendError> {
        let shared = self.hub.admit()?;
        let bytes = storage::footprint(journal::BYTES_MAX);
        let room = shared.reserve(Class::Settle, self.cell.stream, bytes)?;
        let now = shared.clock.now();
        let mut state = self.cell.state();
        let producer = state.open_producer(options)?;
        let payload = Step::ProducerOpened(producer).encode();
        let step = self.cell.step(state.next().record, now, &payload);
        let commit = shared.append(room, &[step]);
        state.producer_opened(producer);
        Ok((producer, commit))
    }

    /// What is known about its events, also when the hub is no longer declared.
    pub fn properties(&self) -> PartitionProperties {
        self.cell.properties()
    }

    /// A receiver in the consumer group, whose name is compared ignoring case. It takes the places of those that its epoch
    /// outranks.
    ///
    /// # Errors
    /// See [`ReceiveError`]; nobody lost its place.
    pub fn receive(
        &self,
        _permit: &Permit<Listen>,
        group: &str,
        start: StartPosition,
        options: ReceiverOptions,
    ) -> Result<Receiver, ReceiveError> {
        Receiver::connect(&self.hub, &self.cell, group, start, options)
    }

    /// Somebody who watches from a position on, without a place in a consumer group.
    ///
    /// # Errors
    /// NotFound, OffsetBeyondEnd, SequenceBeyondEnd, Closed.
    pub fn follow(&self, _permit: &Permit<Listen>, start: StartPosition) -> Result<Follower, ReceiveError> {
        Follower::start(&self.hub, &self.cell, start)
    }

    /// At most `events_max` events from a position on, without taking a place in a consumer group and without waiting.
    /// Fewer if they are long: there are no more only when none is returned.
    ///
    /// # Errors
    /// NotFound, OffsetBeyondEnd, SequenceBeyondEnd, Unavailable, Closed.
    ///
    /// # Cancel safety
    /// Cancel safe: reading changes nothing.
    pub async fn peek(
        &self,
        _permit: &Permit<Listen>,
        start: StartPosition,
        events_max: usize,
    ) -> Result<Vec<Received>, ReceiveError> {
        follower::check_declared(&self.hub)?;
        let mut reader = Reader::new(&self.hub.shared, &self.cell, start)?;
        let read = reader.read(events_max, READ_BYTES_MAX).await;
        read.map_err(|_| ReceiveError::Unavailable)
    }
}

fn nothing_stored(state: &State, commit: Option<Commit>, is_duplicate: bool) -> Appended {
    let next = state.next();
    Appended {
        first_sequence: next.sequence,
        first_offset: next.offset,
        enqueued_time: next.last.map_or_else(Timestamp::default, |last| last.time),
        is_duplicate,
        commit,
    }
}
