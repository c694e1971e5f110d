//! Reading a partition from some place on.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use model::{ByteCount, Timestamp};

use super::error::{ReceiveError, ReceiverError};
use super::partition::{Cell, Fetch, Payload};
use super::position::{Cursor, From, StartPosition};
use super::record::{Event, Events};
use super::shared::Shared;
use crate::broker::payloads;

/// What a peek returns at most, beyond the first event.
pub(super) const READ_BYTES_MAX: ByteCount = ByteCount::mib(4);

/// An event as a receiver gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its number in the partition, without gaps.
    pub sequence: u64,
    /// Its place in the partition in bytes.
    pub offset: u64,
    /// When the partition took it, in whole milliseconds; never less than that of the event before.
    pub enqueued_time: Timestamp,
    /// What was appended; a slice of the record that it lies in.
    pub event: Bytes,
}

/// The disk refused; it has been logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// A position, and what was read ahead of it: the rest of what was fetched together.
#[derive(Debug)]
pub(super) struct Reader {
    shared: Arc<Shared>,
    pub(super) cell: Arc<Cell>,
    cursor: Cursor,
    current: Option<(Timestamp, Events)>,
    ahead: VecDeque<Payload>,
}

impl Reader {
    pub(super) fn new(
        shared: &Arc<Shared>,
        cell: &Arc<Cell>,
        start: StartPosition,
    ) -> Result<Self, ReceiveError> {
        let cursor = cell.state().cursor(start)?;
        Ok(Self {
            shared: shared.clone(),
            cell: cell.clone(),
            cursor,
            current: None,
            ahead: VecDeque::new(),
        })
    }

    /// The number of the next event that it would return, at least.
    pub(super) fn position(&self) -> u64 {
        match self.cursor.from {
            From::Sequence(first) => first,
            From::Offset(_) | From::Time(_) => 0,
        }
    }

    /// As [`Reader::read`], but waits for an event. `check` says whether it may (still) have one; whoever changes the answer
    /// wakes the partition's readers.
    ///
    /// # Cancel safety
    /// Cancel safe: events that were not returned are returned by the next call.
    pub(super) async fn next(
        &mut self,
        events_max: usize,
        bytes_max: ByteCount,
        check: impl Fn() -> Result<(), ReceiverError>,
    ) -> Result<Vec<Received>, ReceiverError> {
        let cell = self.cell.clone();
        let mut events = self.at_hand(events_max, bytes_max, &check).await?;
        while events.is_empty() {
            let mut changed = pin!(cell.changed.notified());
            // From here on no change is missed, so look once more.
            changed.as_mut().enable();
            events = self.at_hand(events_max, bytes_max, &check).await?;
            if events.is_empty() {
                changed.await;
            }
        }
        Ok(events)
    }

    async fn at_hand(
        &mut self,
        events_max: usize,
        bytes_max: ByteCount,
        check: &impl Fn() -> Result<(), ReceiverError>,
    ) -> Result<Vec<Received>, ReceiverError> {
        check()?;
        let read = self.read(events_max, bytes_max).await;
        read.map_err(|_| ReceiverError::Unavailable)
    }

    /// The next events, as long as there are any, at most `events_max` and `bytes_max`, but one at least.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken before everything is there.
    pub(super) async fn read(
        &mut self,
        events_max: usize,
        bytes_max: ByteCount,
    ) -> Result<Vec<Received>, Refused> {
        let events_max = events_max.max(1);
        loop {
            let events = self.take(events_max, bytes_max.get());
            if !events.is_empty() {
                return Ok(events);
            }
            let fetch = self
                .cell
                .state()
                .fetch(&mut self.cursor.record, events_max, bytes_max.get());
            match fetch {
                Fetch::Nothing => return Ok(events),
                Fetch::At(payloads) => {
                    self.cursor.record += payloads.len() as u64;
                    self.ahead.extend(payloads);
                }
                Fetch::Read(count) => self.fetch(count, bytes_max).await?,
            }
        }
    }

    async fn fetch(&mut self, count: usize, bytes_max: ByteCount) -> Result<(), Refused> {
        let first = self.cursor.record;
        let numbers: Vec<u64> = (first..first + count as u64).collect();
        let stream = self.cell.stream.0;
        let read = payloads(&*self.shared.log, stream, &numbers, bytes_max).await;
        let read = read.ok_or(Refused)?;
        self.cursor.record += read.len() as u64;
        let found = numbers.into_iter().zip(read);
        // What is missing was trimmed meanwhile, or is damaged, which has been logged.
        self.ahead
            .extend(found.filter_map(|(record, payload)| {
                payload.map(|(time, bytes)| Payload { record, time, bytes })
            }));
        Ok(())
    }

    fn take(&mut self, events_max: usize, bytes_max: u64) -> Vec<Received> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        while taken.len() < events_max && self.open_next() {
            let Some((time, events)) = &mut self.current else {
                break;
            };
            bytes += events.next_bytes() as u64;
            if bytes > bytes_max && !taken.is_empty() {
                break;
            }
            let Some(event) = events.next() else { break };
            if self.cursor.from.wants(&event, *time) {
                // Also when it began with a time: the next event may have the same one.
                self.cursor.from = From::Sequence(event.sequence + 1);
                taken.push(received(event, *time));
            } else {
                bytes -= event.bytes.len() as u64;
            }
        }
        taken
    }

    /// Makes sure that the current record has another event. False if nothing is left.
    fn open_next(&mut self) -> bool {
        loop {
            if self
                .current
                .as_ref()
                .is_some_and(|(_, events)| !events.is_empty())
            {
                return true;
            }
            let Some(Payload { record, time, bytes }) = self.ahead.pop_front() else {
                self.current = None;
                return false;
            };
            match Events::decode(bytes) {
                Ok(events) => self.current = Some((time, events)),
                Err(error) => {
                    tracing::error!(stream = %self.cell.stream, record, %error, "events are lost");
                }
            }
        }
    }
}

fn received(event: Event, enqueued_time: Timestamp) -> Received {
    Received {
        sequence: event.sequence,
        offset: event.offset,
        enqueued_time,
        event: event.bytes,
    }
}
