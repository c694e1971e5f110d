//! Idempotent producers: what each of them has stored already, so that nothing is stored twice.

use std::collections::HashMap;

use super::error::AppendError;
use crate::topics::varint::{Malformed, Reader, Writer};

/// What an idempotent producer writes on a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStamp {
    /// The id that [`Partition::open_producer`](crate::Partition::open_producer) gave.
    pub id: i64,
    /// The epoch that it gave. Whoever has an older one was replaced.
    pub epoch: i16,
    /// The number of the batch's first event; numbers count events, and 0 follows `i32::MAX`.
    pub first_sequence: i32,
}

/// What a producer knows about itself when it opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProducerOptions {
    /// None: a new one is assigned.
    pub id: Option<i64>,
    /// None: the one after that of the producer that had the id before.
    pub epoch: Option<i16>,
    /// The number of the last event that it sent, if it begins a new epoch with it.
    pub last_sequence: Option<i32>,
}

/// An idempotent producer as the partition knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Unique within the partition.
    pub id: i64,
    /// Grows with every opening.
    pub epoch: i16,
    /// The number of its last stored event; the next one has the number after it.
    pub last_sequence: Option<i32>,
}

/// Producers that a partition remembers; then the one that was silent for longest is forgotten. 256, because every one of
/// them is part of each snapshot, of every partition. One that was forgotten goes on with whatever number it sends.
pub(super) const PRODUCERS_MAX: usize = 256;

/// What to do with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Store,
    /// All of it was stored before.
    Duplicate,
}

/// The idempotent producers of one partition.
#[derive(Debug, Default)]
pub(super) struct Producers {
    /// Boxed: hardly any partition has one.
    known: Option<Box<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    producers: HashMap<i64, Remembered>,
    /// The last id that was given or seen.
    last_id: i64,
    /// Grows with every use.
    uses: u64,
}

#[derive(Clone, Copy, Debug)]
struct Remembered {
    epoch: i16,
    last_sequence: Option<i32>,
    used: u64,
}

impl Known {
    /// After the newest one. A client may name an id of its own, also the highest: then it goes round.
    fn fresh_id(&self) -> i64 {
        let mut id = self.last_id.checked_add(1).unwrap_or(1);
        while self.producers.contains_key(&id) {
            id = id.checked_add(1).unwrap_or(1);
        }
        id
    }
}

impl Producers {
    /// Decides about a batch of `count` events; changes nothing.
    pub(super) fn judge(&self, stamp: ProducerStamp, count: usize) -> Result<Verdict, AppendError> {
        let known = self.known.as_ref();
        let Some(producer) = known.and_then(|known| known.producers.get(&stamp.id)) else {
            return Ok(Verdict::Store);
        };
        if stamp.epoch < producer.epoch {
            return Err(AppendError::ProducerEpochStolen {
                producer: stamp.id,
                epoch: stamp.epoch,
                current: producer.epoch,
            });
        }
        let Some(last) = producer.last_sequence.filter(|_| stamp.epoch == producer.epoch) else {
            return Ok(Verdict::Store);
        };
        let expected = advanced(last, 1);
        if stamp.first_sequence == expected {
            return Ok(Verdict::Store);
        }
        // A batch is sent again as it was, so it is a duplicate as a whole or not at all.
        let end = advanced(stamp.first_sequence, count);
        if is_before(stamp.first_sequence, expected) && !is_before(expected, end) {
            return Ok(Verdict::Duplicate);
        }
        Err(AppendError::OutOfOrderSequence {
            producer: stamp.id,
            expected,
            found: stamp.first_sequence,
        })
    }

    /// A batch of `count` events was stored.
    pub(super) fn stored(&mut self, stamp: ProducerStamp, count: u64) {
        let last = advanced(stamp.first_sequence, count.saturating_sub(1) as usize);
        self.remember(Producer {
            id: stamp.id,
            epoch: stamp.epoch,
            last_sequence: Some(last),
        });
    }

    /// What opening with these options makes of the producer; changes nothing until it is [opened](Self::opened).
    pub(super) fn open(&self, options: ProducerOptions) -> Result<Producer, AppendError> {
        let known = self.known.as_ref();
        let Some(id) = options.id else {
            return Ok(Producer {
                id: known.map_or(1, |known| known.fresh_id()),
                epoch: options.epoch.unwrap_or(0),
                last_sequence: options.last_sequence,
            });
        };
        let Some(before) = known.and_then(|known| known.producers.get(&id)) else {
            return Ok(Producer {
                id,
                epoch: options.epoch.unwrap_or(0),
                last_sequence: options.last_sequence,
            });
        };
        let epoch = options.epoch.unwrap_or(before.epoch.saturating_add(1));
        if epoch < before.epoch {
            return Err(AppendError::ProducerEpochStolen {
                producer: id,
                epoch,
                current: before.epoch,
            });
        }
        // Within one epoch what was stored counts, and not what the producer remembers of it.
        let chosen = options.last_sequence.filter(|_| epoch > before.epoch);
        Ok(Producer {
            id,
            epoch,
            last_sequence: chosen.or(before.last_sequence),
        })
    }

    /// A producer began its epoch. One that is known to have begun it changes nothing, so a replay may repeat itself.
    pub(super) fn opened(&mut self, producer: Producer) {
        let known = self.known.as_ref();
        let before = known.and_then(|known| known.producers.get(&producer.id));
        if before.is_none_or(|before| before.epoch < producer.epoch) {
            self.remember(producer);
        }
    }

    fn remember(&mut self, producer: Producer) {
        let known = self.known.get_or_insert_default();
        known.uses += 1;
        known.last_id = known.last_id.max(producer.id);
        let remembered = Remembered {
            epoch: producer.epoch,
            last_sequence: producer.last_sequence,
            used: known.uses,
        };
        known.producers.insert(producer.id, remembered);
        if known.producers.len() > PRODUCERS_MAX {
            let longest = known.producers.iter().min_by_key(|(_, producer)| producer.used);
            if let Some(id) = longest.map(|(id, _)| *id) {
                known.producers.remove(&id);
            }
        }
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        let Some(known) = &self.known else {
            writer.number(0);
            writer.number(0);
            return;
        };
        writer.number(known.last_id.cast_unsigned());
        writer.number(known.producers.len() as u64);
        let mut by_use: Vec<_> = known.producers.iter().collect();
        by_use.sort_unstable_by_key(|(_, producer)| producer.used);
        for (id, remembered) in by_use {
            let producer = Producer {
                id: *id,
                epoch: remembered.epoch,
                last_sequence: remembered.last_sequence,
            };
            producer.encode(writer);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let last_id = reader.number()?.cast_signed();
        let mut producers = Self::default();
        for _ in 0..reader.count()? {
            producers.remember(Producer::decode(reader)?);
        }
        if let Some(known) = &mut producers.known {
            known.last_id = last_id;
        }
        Ok(producers)
    }
}

impl Producer {
    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.number(self.id.cast_unsigned());
        writer.number(u64::from(self.epoch.cast_unsigned()));
        // 0 stands for none.
        let last = self.last_sequence;
        writer.number(last.map_or(0, |last| u64::from(last.cast_unsigned()) + 1));
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let id = reader.number()?.cast_signed();
        let epoch = reader.number_as::<u16>()?.cast_signed();
        let last = reader.number()?.checked_sub(1).map(u32::try_from).transpose();
        Ok(Self {
            id,
            epoch,
            last_sequence: last.map_err(|_| Malformed)?.map(u32::cast_signed),
        })
    }
}

/// Numbers of events go round below 2^31.
const ROUND: i64 = 1 << 31;

fn advanced(sequence: i32, by: usize) -> i32 {
    ((i64::from(sequence) + by as i64).rem_euclid(ROUND)) as i32
}

/// Whether `sequence` lies in the half of the round that precedes `other`.
fn is_before(sequence: i32, other: i32) -> bool {
    let distance = (i64::from(other) - i64::from(sequence)).rem_euclid(ROUND);
    (1..ROUND / 2).contains(&distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(epoch: i16, first_sequence: i32) -> ProducerStamp {
        ProducerStamp {
            id: 1,
            epoch,
            first_sequence,
        }
    }

    fn stored(producers: &mut Producers, stamp: ProducerStamp, count: usize) {
        assert_eq!(producers.judge(stamp, count), Ok(Verdict::Store));
        producers.stored(stamp, count as u64);
    }

    #[test]
    fn what_was_stored_before_is_a_duplicate_and_a_gap_is_refused() {
        let mut producers = Producers::default();
        stored(&mut producers, stamp(0, 0), 3);
        assert_eq!(producers.judge(stamp(0, 0), 3), Ok(Verdict::Duplicate));
        assert_eq!(producers.judge(stamp(0, 2), 1), Ok(Verdict::Duplicate));
        let gap = AppendError::OutOfOrderSequence {
            producer: 1,
            expected: 3,
            found: 4,
        };
        assert_eq!(producers.judge(stamp(0, 4), 1), Err(gap));
        assert!(producers.judge(stamp(0, 2), 2).is_err(), "half of it is new");
        stored(&mut producers, stamp(0, 3), 1);
    }

    #[test]
    fn a_client_that_names_the_highest_id_takes_nobody_s_events_away() {
        let mut producers = Producers::default();
        let named = ProducerOptions {
            id: Some(i64::MAX),
            ..ProducerOptions::default()
        };
        let greedy = producers.open(named).unwrap();
        producers.opened(greedy);
        let mut first = stamp(greedy.epoch, 0);
        first.id = greedy.id;
        stored(&mut producers, first, 100);
        let other = producers.open(ProducerOptions::default()).unwrap();
        assert_ne!(other.id, greedy.id);
        producers.opened(other);
        let mut events = stamp(other.epoch, 0);
        events.id = other.id;
        assert_eq!(producers.judge(events, 3), Ok(Verdict::Store));
    }

    #[test]
    fn numbers_go_round_after_the_last_one() {
        let mut producers = Producers::default();
        stored(&mut producers, stamp(0, i32::MAX - 1), 3);
        assert_eq!(producers.judge(stamp(0, i32::MAX), 1), Ok(Verdict::Duplicate));
        assert_eq!(producers.judge(stamp(0, 0), 1), Ok(Verdict::Duplicate));
        stored(&mut producers, stamp(0, 1), 1);
    }

    #[test]
    fn a_newer_epoch_replaces_the_older_one_and_begins_where_it_likes() {
        let mut producers = Producers::default();
        let first = producers.open(ProducerOptions::default()).unwrap();
        assert_eq!((first.id, first.epoch, first.last_sequence), (1, 0, None));
        producers.opened(first);
        stored(&mut producers, stamp(0, 0), 2);
        let again = ProducerOptions {
            id: Some(1),
            ..ProducerOptions::default()
        };
        let second = producers.open(again).unwrap();
        assert_eq!((second.epoch, second.last_sequence), (1, Some(1)));
        producers.opened(second);
        producers.opened(first);
        let stolen = AppendError::ProducerEpochStolen {
            producer: 1,
            epoch: 0,
            current: 1,
        };
        assert_eq!(producers.judge(stamp(0, 2), 1), Err(stolen.clone()));
        let old = ProducerOptions {
            epoch: Some(0),
            ..again
        };
        assert_eq!(producers.open(old), Err(stolen));
        stored(&mut producers, stamp(1, 2), 1);
        let fresh = ProducerOptions {
            epoch: Some(7),
            last_sequence: Some(99),
            ..again
        };
        assert_eq!(producers.open(fresh).unwrap().last_sequence, Some(99));
    }

    #[test]
    fn the_one_that_was_silent_for_longest_is_forgotten() {
        let mut producers = Producers::default();
        for _ in 0..=PRODUCERS_MAX {
            let producer = producers.open(ProducerOptions::default()).unwrap();
            producers.opened(producer);
            let mut first = stamp(0, 5);
            first.id = producer.id;
            producers.stored(first, 1);
        }
        assert_eq!(producers.judge(stamp(0, 77), 1), Ok(Verdict::Store), "forgotten");
        let mut second = stamp(0, 77);
        second.id = 2;
        assert!(producers.judge(second, 1).is_err());
    }

    #[test]
    fn what_is_written_into_a_snapshot_is_read_back() {
        let mut producers = Producers::default();
        stored(&mut producers, stamp(3, 41), 2);
        let mut other = stamp(-1, 0);
        other.id = i64::MAX;
        stored(&mut producers, other, 1);
        for producers in [producers, Producers::default()] {
            let mut writer = Writer::with_capacity(64);
            producers.encode(&mut writer);
            let bytes = writer.finish();
            let read = Producers::decode(&mut Reader::new(&bytes)).unwrap();
            let mut writer = Writer::with_capacity(64);
            read.encode(&mut writer);
            assert_eq!(writer.finish(), bytes);
        }
    }
}
