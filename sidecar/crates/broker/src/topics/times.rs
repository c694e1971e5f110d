//! When which event was enqueued, to the second.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;

use super::varint::{Malformed, Reader, Writer};

/// Sparse index from sequence numbers to enqueued times: one entry of 16 bytes per second in which events came.
///
/// Events of one entry expire with its last one: never early, and less than a second late.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// The first sequence number of a second and the exact time of the last, both ascending.
    entries: VecDeque<(u64, Timestamp)>,
}

impl Times {
    pub(crate) fn push(&mut self, sequence: u64, time: Timestamp) {
        match self.entries.back_mut() {
            Some((_, last)) if second(*last) == second(time) => *last = time,
            _ => self.entries.push_back((sequence, time)),
        }
    }

    /// The time that counts for the expiry of `sequence`.
    pub(crate) fn of(&self, sequence: u64) -> Option<Timestamp> {
        let after = self.entries.partition_point(|(first, _)| *first <= sequence);
        after.checked_sub(1).map(|entry| self.entries[entry].1)
    }

    /// Events below this number have lived for `time_to_live`; `next` is the number after the last event.
    pub(crate) fn expired_below(&self, now: Timestamp, time_to_live: Duration, next: u64) -> u64 {
        let alive = self
            .entries
            .partition_point(|(_, time)| *time + time_to_live <= now);
        if alive == 0 {
            return 0;
        }
        self.entries.get(alive).map_or(next, |(first, _)| *first)
    }

    /// Forgets what only concerns numbers below `floor`.
    pub(crate) fn trim(&mut self, floor: u64) {
        while self.entries.get(1).is_some_and(|(second, _)| *second <= floor) {
            self.entries.pop_front();
        }
    }

    /// Forgets everything: there are no events.
    pub(crate) fn clear(&mut self) {
        self.entries = VecDeque::new();
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.number(self.entries.len() as u64);
        for (sequence, time) in &self.entries {
            writer.number(*sequence);
            writer.time(*time);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count = reader.count()?;
        let entries = (0..count).map(|_| Ok((reader.number()?, reader.time()?)));
        Ok(Self {
            entries: entries.collect::<Result<_, Malformed>>()?,
        })
    }
}

fn second(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(millis * 1000)
    }

    #[test]
    fn events_of_one_second_share_an_entry_and_expire_with_its_last() {
        let mut times = Times::default();
        for (sequence, millis) in [(1, 500), (2, 1000), (3, 1999), (4, 9000)] {
            times.push(sequence, at(millis));
        }
        assert_eq!(times.entries.len(), 3);
        assert_eq!(
            [times.of(0), times.of(1), times.of(2), times.of(3)],
            [None, Some(at(500)), Some(at(1999)), Some(at(1999))]
        );
        let minute = Duration::from_secs(60);
        let expired = |millis| times.expired_below(at(millis), minute, 5);
        assert_eq!(
            [60_499, 60_500, 61_998, 61_999, 69_000].map(expired),
            [0, 2, 2, 4, 5]
        );
    }

    #[test]
    fn trimming_keeps_the_entry_that_the_floor_belongs_to() {
        let mut times = Times::default();
        for sequence in 1..=5 {
            times.push(sequence, at(sequence.cast_signed() * 2000));
        }
        times.trim(3);
        assert_eq!(times.of(3), Some(at(6000)));
        assert_eq!(times.entries.len(), 3);
    }
}
