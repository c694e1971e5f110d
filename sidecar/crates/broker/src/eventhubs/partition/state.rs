//! What a partition knows about its events: a machine without IO.
//!
//! The shell holds it behind one lock, appends what [`State::assign`] made to the log without letting go of it, and says
//! with [`State::appended`] which commit has to be durable before anybody may read it.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use model::Timestamp;
use storage::Commit;

use super::tail::{Payload, Tail};
use crate::Error;
use crate::eventhubs::ages::Ages;
use crate::eventhubs::error::{AppendError, ReceiveError};
use crate::eventhubs::index::{Index, Mark, Spacing};
use crate::eventhubs::position::{Cursor, From, StartPosition};
use crate::eventhubs::producers::{Producer, ProducerOptions, ProducerStamp, Producers, Verdict};
use crate::eventhubs::record::{self, Summary};
use crate::topics::varint::{Malformed, Reader, Writer};

/// What the next event gets, and what the last one had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::eventhubs) struct End {
    pub(in crate::eventhubs) record: u64,
    pub(in crate::eventhubs) sequence: u64,
    pub(in crate::eventhubs) offset: u64,
    pub(in crate::eventhubs) last: Option<Last>,
}

/// The last event there was, whether it is retained or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::eventhubs) struct Last {
    pub(in crate::eventhubs) offset: u64,
    pub(in crate::eventhubs) time: Timestamp,
}

impl End {
    fn mark(&self) -> Mark {
        Mark {
            record: self.record,
            sequence: self.sequence,
            offset: self.offset,
            time: self.last.map_or_else(Timestamp::default, |last| last.time),
        }
    }

    /// Where numbers go on that are taken in none of both.
    pub(in crate::eventhubs) fn joined(self, other: Self) -> Self {
        Self {
            record: self.record.max(other.record),
            sequence: self.sequence.max(other.sequence),
            offset: self.offset.max(other.offset),
            last: None,
        }
    }

    /// One less than that of the first event if there never was one.
    pub(in crate::eventhubs) fn last_sequence(&self) -> i64 {
        self.sequence.cast_signed().saturating_sub(1)
    }
}

/// What is declared about a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::eventhubs) struct Rules {
    /// No event goes earlier than that,
    pub(in crate::eventhubs) retention: Duration,
    /// unless the partition is larger than that.
    pub(in crate::eventhubs) bytes_max: Option<u64>,
}

/// See the module.
#[derive(Debug)]
pub(in crate::eventhubs) struct State {
    /// None: the hub is not declared.
    rules: Option<Rules>,
    spacing: Spacing,
    index: Index,
    next: End,
    durable: End,
    /// In the order of their commits: what becomes durable with each.
    pending: VecDeque<(Commit, End)>,
    producers: Producers,
    tail: Tail,
    /// Receivers that are connected; without any, nothing is kept in the tail.
    receivers: usize,
}

/// Events that have their numbers.
#[derive(Debug)]
pub(in crate::eventhubs) struct Assigned {
    pub(in crate::eventhubs) payload: Payload,
    pub(in crate::eventhubs) summary: Summary,
}

/// What becomes of a batch.
#[derive(Debug)]
pub(in crate::eventhubs) enum Assignment {
    /// To be appended.
    Events(Assigned),
    /// It was stored before; it is durable with the commit, or was already.
    Duplicate(Option<Commit>),
}

/// What there is for a reader.
#[derive(Debug)]
pub(in crate::eventhubs) enum Fetch {
    /// It has seen everything.
    Nothing,
    At(Vec<Payload>),
    /// That many records from the one that it stands at.
    Read(usize),
}

/// The bytes of a record that are no event: header, numbers and lengths, about.
const RECORD_OVERHEAD: u64 = 56;
const EVENT_OVERHEAD: u64 = 2;

/// Records that are read at once.
const RECORDS_MAX: u64 = 1024;

impl State {
    /// An empty partition whose first event gets the numbers of `end`.
    pub(in crate::eventhubs) fn new(end: End) -> Self {
        Self {
            rules: None,
            spacing: Spacing::default(),
            index: Index::default(),
            next: end,
            durable: end,
            pending: VecDeque::new(),
            producers: Producers::default(),
            tail: Tail::default(),
            receivers: 0,
        }
    }

    pub(in crate::eventhubs) fn declare(&mut self, rules: Rules) {
        self.rules = Some(rules);
        self.spacing = Spacing::of(rules.retention, rules.bytes_max);
    }

    pub(in crate::eventhubs) fn close(&mut self) {
        self.rules = None;
        self.tail.clear();
    }

    pub(in crate::eventhubs) fn is_declared(&self) -> bool {
        self.rules.is_some()
    }

    pub(in crate::eventhubs) fn next(&self) -> End {
        self.next
    }

    pub(in crate::eventhubs) fn durable(&self) -> End {
        self.durable
    }

    /// The first record that is retained; the next one if none is.
    pub(in crate::eventhubs) fn begin(&self) -> Mark {
        self.index.first().unwrap_or_else(|| self.next.mark())
    }

    /// Bytes that the events from `mark` on occupy, within a few per cent.
    pub(in crate::eventhubs) fn bytes_from(&self, mark: &Mark) -> u64 {
        let records = self.next.record.saturating_sub(mark.record);
        let events = self.next.sequence.saturating_sub(mark.sequence);
        let bytes = self.next.offset.saturating_sub(mark.offset);
        bytes + records * RECORD_OVERHEAD + events * EVENT_OVERHEAD
    }

    /// Gives the events their numbers. What is returned has to be appended before the next call.
    pub(in crate::eventhubs) fn assign(
        &mut self,
        events: &[Bytes],
        stamp: Option<ProducerStamp>,
        now: Timestamp,
    ) -> Result<Assignment, AppendError> {
        if self.rules.is_none() {
            return Err(AppendError::Refused(Error::NotFound));
        }
        if let Some(stamp) = stamp
            && self.producers.judge(stamp, events.len())? == Verdict::Duplicate
        {
            return Ok(Assignment::Duplicate(self.last_commit()));
        }
        let End {
            record,
            sequence,
            offset,
            last,
        } = self.next;
        let now = whole_millis(now);
        let time = last.map_or(now, |last| last.time.max(now));
        let payload = Payload {
            record,
            time,
            bytes: record::encode(sequence, offset, stamp, events),
        };
        let summary = Summary::of(sequence, offset, stamp, events);
        self.add(record, time, &summary);
        Ok(Assignment::Events(Assigned { payload, summary }))
    }

    fn add(&mut self, record: u64, time: Timestamp, summary: &Summary) {
        let mark = Mark {
            record,
            sequence: summary.first_sequence,
            offset: summary.first_offset,
            time,
        };
        self.index.note(mark, self.spacing);
        self.next = End {
            record: record + 1,
            sequence: summary.first_sequence + summary.count,
            offset: summary.end_offset,
            last: Some(Last {
                offset: summary.last_offset,
                time,
            }),
        };
        if let Some(stamp) = summary.stamp {
            self.producers.stored(stamp, summary.count);
        }
    }

    /// What was assigned is on its way to the disk. True if it is kept for readers at the tail.
    pub(in crate::eventhubs) fn appended(&mut self, commit: &Commit, payload: Payload) -> bool {
        self.pending.push_back((commit.clone(), self.next));
        let is_followed = self.receivers > 0;
        if is_followed {
            self.tail.push(payload);
        }
        is_followed
    }

    /// What makes everything durable that was appended so far; None if it is.
    pub(in crate::eventhubs) fn last_commit(&self) -> Option<Commit> {
        self.pending.back().map(|(commit, _)| commit.clone())
    }

    /// Lets readers have what became durable. True if there is more than before.
    pub(in crate::eventhubs) fn advance(&mut self) -> bool {
        let before = self.durable.record;
        while self
            .pending
            .front()
            .is_some_and(|(commit, _)| commit.is_durable())
        {
            if let Some((_, end)) = self.pending.pop_front() {
                self.durable = end;
            }
        }
        self.durable.record > before
    }

    /// Where a reader begins that wants to start there.
    pub(in crate::eventhubs) fn cursor(&self, start: StartPosition) -> Result<Cursor, ReceiveError> {
        let from = match start {
            StartPosition::Earliest => From::Sequence(0),
            StartPosition::Latest => From::Sequence(self.durable.sequence),
            StartPosition::Offset { offset, inclusive } => {
                let last = self.durable.last.map(|last| last.offset);
                let limit = if inclusive {
                    self.durable.offset
                } else {
                    // Where it begins after a deletion, the numbers before were those of events, too.
                    last.unwrap_or_else(|| self.durable.offset.saturating_sub(1))
                };
                if offset > limit {
                    return Err(ReceiveError::OffsetBeyondEnd { offset, last });
                }
                From::Offset(offset + u64::from(!inclusive))
            }
            StartPosition::Sequence { sequence, inclusive } => {
                let last = self.durable.last_sequence();
                let limit = if inclusive {
                    self.durable.sequence
                } else {
                    last.max(0).cast_unsigned()
                };
                if sequence > limit {
                    return Err(ReceiveError::SequenceBeyondEnd { sequence, last });
                }
                From::Sequence(sequence + u64::from(!inclusive))
            }
            StartPosition::Time(time) => From::Time(time),
        };
        let record = self.record_of(from);
        Ok(Cursor { record, from })
    }

    /// A record that is not behind the first event that is wanted.
    fn record_of(&self, from: From) -> u64 {
        let is_to_come = match from {
            From::Sequence(first) => first >= self.durable.sequence,
            From::Offset(first) => first >= self.durable.offset,
            From::Time(first) => self.durable.last.is_none_or(|last| last.time < first),
        };
        if is_to_come {
            return self.durable.record;
        }
        let mark = self.index.find(|mark| match from {
            From::Sequence(first) => mark.sequence > first,
            From::Offset(first) => mark.offset > first,
            // The records before a mark may be as old as the one at it.
            From::Time(first) => mark.time >= first,
        });
        mark.map_or(self.next.record, |mark| mark.record)
    }

    /// What there is at `record`, about as many records as hold `events`. Moves it to the first one that is retained.
    pub(in crate::eventhubs) fn fetch(&self, record: &mut u64, events: usize, bytes_max: u64) -> Fetch {
        *record = (*record).max(self.begin().record);
        let there = self.durable.record.saturating_sub(*record);
        if there == 0 {
            return Fetch::Nothing;
        }
        let count = self.records_with(*record, events).min(there) as usize;
        let kept = self.tail.get(*record, count, bytes_max);
        if kept.is_empty() {
            Fetch::Read(count)
        } else {
            Fetch::At(kept)
        }
    }

    /// About how many records hold that many events there, one at least: so that no more is read than is wanted.
    fn records_with(&self, record: u64, events: usize) -> u64 {
        let from = self.index.find(|mark| mark.record > record);
        let from = from.unwrap_or_else(|| self.next.mark());
        let until = self.index.after(record).unwrap_or_else(|| self.next.mark());
        let records_there = until.record.saturating_sub(from.record).max(1);
        let events_there = until.sequence.saturating_sub(from.sequence).max(1);
        (events as u64)
            .saturating_mul(records_there)
            .div_ceil(events_there)
            .clamp(1, RECORDS_MAX)
    }

    pub(in crate::eventhubs) fn receiver_came(&mut self) {
        self.receivers += 1;
    }

    pub(in crate::eventhubs) fn receiver_went(&mut self) {
        self.receivers = self.receivers.saturating_sub(1);
        if self.receivers == 0 {
            self.tail.clear();
        }
    }

    pub(in crate::eventhubs) fn evict(&mut self, record: u64) {
        self.tail.evict(record);
    }

    /// Where the partition should begin, if not where it does. Only what is durable goes. `is_hub_large`: the hub as a whole
    /// holds more than it should, so that a partition's share counts.
    pub(in crate::eventhubs) fn overdue(
        &self,
        ages: &Ages,
        now: Timestamp,
        is_hub_large: bool,
    ) -> Option<Mark> {
        let rules = self.rules?;
        let begin = self.index.first()?;
        let by_time = self
            .index
            .outlived(ages.before(now, rules.retention), self.next.mark());
        let by_size = rules
            .bytes_max
            .filter(|_| is_hub_large)
            .and_then(|max| self.index.fitting(|mark| self.bytes_from(mark) <= max));
        let wanted = by_size
            .into_iter()
            .chain([by_time])
            .max_by_key(|mark| mark.record)?;
        let wanted = if wanted.record > self.durable.record {
            self.index.find(|mark| mark.record > self.durable.record)?
        } else {
            wanted
        };
        (wanted.record > begin.record).then_some(wanted)
    }

    /// When [`State::overdue`] has something to say at the earliest, if nothing is appended.
    pub(in crate::eventhubs) fn overdue_at(&self) -> Option<Timestamp> {
        Some(self.index.first_until()? + self.rules?.retention)
    }

    pub(in crate::eventhubs) fn trim(&mut self, begin: Mark) {
        self.index.trim(begin, self.next.record);
    }

    pub(in crate::eventhubs) fn open_producer(
        &self,
        options: ProducerOptions,
    ) -> Result<Producer, AppendError> {
        match self.rules {
            Some(_) => self.producers.open(options),
            None => Err(AppendError::Refused(Error::NotFound)),
        }
    }

    pub(in crate::eventhubs) fn producer_opened(&mut self, producer: Producer) {
        self.producers.opened(producer);
    }

    /// Applies a record of the log. False if it is known already.
    pub(in crate::eventhubs) fn replay_events(
        &mut self,
        record: u64,
        time: Timestamp,
        payload: &[u8],
    ) -> Result<bool, Malformed> {
        if record < self.next.record {
            return Ok(false);
        }
        let summary = Summary::decode(payload)?;
        let grows = summary.first_sequence >= self.next.sequence && summary.first_offset >= self.next.offset;
        if !grows {
            return Err(Malformed);
        }
        self.add(record, time, &summary);
        self.durable = self.next;
        Ok(true)
    }

    /// The same for a trim.
    pub(in crate::eventhubs) fn replay_trimmed(&mut self, begin: Mark) {
        if begin.record > self.next.record {
            // The records between were lost; their numbers are taken for good.
            self.next.record = begin.record;
            self.next.sequence = self.next.sequence.max(begin.sequence);
            self.next.offset = self.next.offset.max(begin.offset);
            self.durable = self.next;
        }
        if begin.record > self.begin().record {
            self.trim(begin);
        }
    }

    pub(in crate::eventhubs) fn encode(&self, writer: &mut Writer) {
        writer.number(self.next.record);
        writer.number(self.next.sequence);
        writer.number(self.next.offset);
        writer.byte(u8::from(self.next.last.is_some()));
        if let Some(last) = self.next.last {
            writer.number(last.offset);
            writer.time(last.time);
        }
        self.index.encode(writer);
        self.producers.encode(writer);
    }

    pub(in crate::eventhubs) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut end = End {
            record: reader.number()?,
            sequence: reader.number()?,
            offset: reader.number()?,
            last: None,
        };
        if reader.byte()? == 1 {
            end.last = Some(Last {
                offset: reader.number()?,
                time: reader.time()?,
            });
        }
        Ok(Self {
            index: Index::decode(reader)?,
            producers: Producers::decode(reader)?,
            ..Self::new(end)
        })
    }
}

/// Receivers see milliseconds and come back with them; what they cannot see must not decide which event is next.
fn whole_millis(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros().div_euclid(1000) * 1000)
}

#[cfg(test)]
mod tests;
