//! Where in a partition an event is found: a mark every now and then, instead of one per event.
//!
//! Offsets, times and sequence numbers grow with the records, so what is looked for lies behind the last mark that is not
//! beyond it. A partition is trimmed from mark to mark, too.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;

use crate::topics::varint::{Malformed, Reader, Writer};

/// Marks lie at least this many bytes apart, events or time, whichever comes first; a record is never divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spacing {
    pub(super) bytes: u64,
    pub(super) events: u64,
    pub(super) age: Duration,
}

impl Default for Spacing {
    fn default() -> Self {
        Self {
            bytes: 256 << 10,
            events: 1024,
            age: Duration::from_secs(60),
        }
    }
}

impl Spacing {
    /// Events are kept for up to a mark longer than they have to be, so that a short retention or a small size needs marks
    /// that lie closer, whatever the rate is.
    pub(super) fn of(retention: Duration, bytes_max: Option<u64>) -> Self {
        let usual = Self::default();
        Self {
            bytes: bytes_max.map_or(usual.bytes, |bytes| (bytes / 8).min(usual.bytes)),
            age: (retention / 64).max(Duration::from_secs(1)),
            ..usual
        }
    }
}

/// The beginning of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) record: u64,
    /// Of its first event, as the others.
    pub(super) sequence: u64,
    pub(super) offset: u64,
    pub(super) time: Timestamp,
}

/// The records from one mark to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    begin: Mark,
    /// The time of its last record.
    until: Timestamp,
}

/// See the module. The first mark is the first record that is retained; without a mark none is.
#[derive(Debug, Default)]
pub(super) struct Index {
    stretches: VecDeque<Stretch>,
}

impl Index {
    /// A record was added.
    pub(super) fn note(&mut self, record: Mark, spacing: Spacing) {
        let is_far = |begin: &Mark| {
            record.offset - begin.offset >= spacing.bytes
                || record.sequence - begin.sequence >= spacing.events
                || record.time.saturating_sub(begin.time) >= spacing.age
        };
        match self.stretches.back_mut() {
            Some(last) if !is_far(&last.begin) => last.until = record.time,
            _ => self.stretches.push_back(Stretch {
                begin: record,
                until: record.time,
            }),
        }
    }

    pub(super) fn first(&self) -> Option<Mark> {
        self.mark(0)
    }

    /// When the newest record of the oldest stretch came.
    pub(super) fn first_until(&self) -> Option<Timestamp> {
        self.stretches.front().map(|first| first.until)
    }

    fn mark(&self, index: usize) -> Option<Mark> {
        self.stretches.get(index).map(|stretch| stretch.begin)
    }

    /// The last mark that is not beyond what is looked for, or the first one.
    pub(super) fn find(&self, is_beyond: impl Fn(&Mark) -> bool) -> Option<Mark> {
        let after = self
            .stretches
            .partition_point(|stretch| !is_beyond(&stretch.begin));
        self.mark(after.saturating_sub(1))
    }

    /// The mark behind the one that `record` belongs to.
    pub(super) fn after(&self, record: u64) -> Option<Mark> {
        let after = self
            .stretches
            .partition_point(|stretch| stretch.begin.record <= record);
        self.mark(after)
    }

    /// The last mark before which everything is as old as `time` or older; `end` if everything is.
    pub(super) fn outlived(&self, time: Timestamp, end: Mark) -> Mark {
        let after = self.stretches.partition_point(|stretch| stretch.until <= time);
        self.mark(after).unwrap_or(end)
    }

    /// The first mark for which `fits` holds, or the last one.
    pub(super) fn fitting(&self, fits: impl Fn(&Mark) -> bool) -> Option<Mark> {
        let first = self.stretches.partition_point(|stretch| !fits(&stretch.begin));
        self.mark(first.min(self.stretches.len().checked_sub(1)?))
    }

    /// Forgets what lies before `begin`, which is a record even if it has no mark; `end` is the number behind the last
    /// record.
    pub(super) fn trim(&mut self, begin: Mark, end: u64) {
        let mut until = begin.time;
        while let Some(first) = self
            .stretches
            .front()
            .filter(|first| first.begin.record < begin.record)
        {
            until = first.until;
            self.stretches.pop_front();
        }
        let begins = self.mark(0).is_some_and(|mark| mark.record == begin.record);
        if !begins && begin.record < end {
            self.stretches.push_front(Stretch { begin, until });
        }
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.number(self.stretches.len() as u64);
        let mut last = Mark::default();
        for Stretch { begin, until } in &self.stretches {
            writer.number(begin.record - last.record);
            writer.number(begin.sequence - last.sequence);
            writer.number(begin.offset - last.offset);
            write_later(writer, begin.time, last.time);
            write_later(writer, *until, begin.time);
            last = *begin;
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut index = Self::default();
        let mut last = Mark::default();
        let sum = |last: u64, difference: u64| last.checked_add(difference).ok_or(Malformed);
        for _ in 0..reader.count()? {
            let begin = Mark {
                record: sum(last.record, reader.number()?)?,
                sequence: sum(last.sequence, reader.number()?)?,
                offset: sum(last.offset, reader.number()?)?,
                time: read_later(reader, last.time)?,
            };
            let until = read_later(reader, begin.time)?;
            index.stretches.push_back(Stretch { begin, until });
            last = begin;
        }
        Ok(index)
    }
}

/// As the difference from an earlier one, which is short.
fn write_later(writer: &mut Writer, time: Timestamp, earlier: Timestamp) {
    let difference = time.as_micros().saturating_sub(earlier.as_micros());
    writer.time(Timestamp::from_micros(difference));
}

fn read_later(reader: &mut Reader<'_>, earlier: Timestamp) -> Result<Timestamp, Malformed> {
    let difference = reader.time()?.as_micros();
    Ok(Timestamp::from_micros(
        earlier.as_micros().saturating_add(difference),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(record: u64) -> Mark {
        Mark {
            record,
            sequence: record * 10,
            offset: record * 1000,
            time: Timestamp::from_micros(record as i64 * 1_000_000),
        }
    }

    fn index(records: u64) -> Index {
        let mut index = Index::default();
        let spacing = Spacing {
            events: 20,
            ..Spacing::default()
        };
        (0..records).for_each(|record| index.note(mark(record), spacing));
        index
    }

    fn marks(index: &Index) -> Vec<Mark> {
        index.stretches.iter().map(|stretch| stretch.begin).collect()
    }

    #[test]
    fn what_is_looked_for_lies_behind_the_mark_that_is_found() {
        let index = index(9);
        assert_eq!(marks(&index), [0, 2, 4, 6, 8].map(mark));
        for record in 0..9 {
            let found = index.find(|mark| mark.sequence > record * 10 + 9);
            assert_eq!(found, Some(mark(record / 2 * 2)));
            assert_eq!(
                index.after(record),
                (record < 8).then(|| mark(record / 2 * 2 + 2))
            );
        }
        assert_eq!(index.find(|_| true), Some(mark(0)));
        assert_eq!(Index::default().find(|_| true), None);
    }

    #[test]
    fn time_and_bytes_make_marks_as_events_do() {
        let mut by_age = Index::default();
        let spacing = Spacing::of(Duration::from_secs(256), None);
        (0..9).for_each(|record| by_age.note(mark(record), spacing));
        assert_eq!(marks(&by_age), [0, 4, 8].map(mark));
        let mut by_bytes = Index::default();
        let spacing = Spacing::of(Duration::from_secs(86_400), Some(16_000));
        (0..5).for_each(|record| by_bytes.note(mark(record), spacing));
        assert_eq!(marks(&by_bytes), [0, 2, 4].map(mark));
    }

    #[test]
    fn a_stretch_is_outlived_when_its_newest_record_is() {
        let mut index = index(8);
        let outlived = |index: &Index, seconds: i64| {
            let time = Timestamp::from_micros(seconds * 1_000_000);
            index.outlived(time, mark(8)).record
        };
        assert_eq!(
            [-1, 0, 1, 2, 3, 6, 7].map(|time| outlived(&index, time)),
            [0, 0, 2, 2, 4, 6, 8]
        );
        // One record of the first stretch is left, and it is the newest of it.
        index.trim(mark(1), 8);
        assert_eq!([0, 1, 2].map(|time| outlived(&index, time)), [1, 2, 2]);
    }

    #[test]
    fn a_trim_leaves_a_mark_at_the_beginning_even_between_two() {
        let mut trimmed = index(9);
        trimmed.trim(mark(3), 9);
        assert_eq!(marks(&trimmed), [3, 4, 6, 8].map(mark));
        trimmed.trim(mark(4), 9);
        trimmed.trim(mark(4), 9);
        assert_eq!(marks(&trimmed), [4, 6, 8].map(mark));
        trimmed.trim(mark(9), 9);
        assert_eq!(trimmed.first(), None);
    }

    #[test]
    fn what_is_written_into_a_snapshot_is_read_back() {
        let index = index(9);
        let mut writer = Writer::with_capacity(64);
        index.encode(&mut writer);
        let bytes = writer.finish();
        let read = Index::decode(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(read.stretches, index.stretches);
        assert!(Index::decode(&mut Reader::new(&bytes[..bytes.len() - 1])).is_err());
    }
}
