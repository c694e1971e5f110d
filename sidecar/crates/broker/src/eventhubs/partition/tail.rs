//! The newest records of a partition, kept for readers that follow closely.

use std::collections::VecDeque;

use bytes::Bytes;
use model::Timestamp;

/// A record as a reader needs it.
#[derive(Clone, Debug)]
pub(in crate::eventhubs) struct Payload {
    pub(in crate::eventhubs) record: u64,
    pub(in crate::eventhubs) time: Timestamp,
    pub(in crate::eventhubs) bytes: Bytes,
}

/// A gapless stretch of records that ends with the newest one. How much all partitions keep together is the keeper's
/// business: see [`Tail::evict`].
#[derive(Debug, Default)]
pub(super) struct Tail {
    records: VecDeque<Payload>,
}

impl Tail {
    pub(super) fn push(&mut self, payload: Payload) {
        let follows = self
            .records
            .back()
            .is_none_or(|last| last.record + 1 == payload.record);
        if !follows {
            self.records.clear();
        }
        self.records.push_back(payload);
    }

    pub(super) fn clear(&mut self) {
        self.records = VecDeque::new();
    }

    /// Up to `count` records from `record` on, of about `bytes_max`; none if that one is not here.
    pub(super) fn get(&self, record: u64, count: usize, bytes_max: u64) -> Vec<Payload> {
        let first = self.records.front().map_or(u64::MAX, |first| first.record);
        let Some(skip) = record.checked_sub(first) else {
            return Vec::new();
        };
        let mut bytes = 0;
        let fits = |payload: &&Payload| {
            let before = bytes;
            bytes += payload.bytes.len() as u64;
            before < bytes_max
        };
        let there = self.records.iter().skip(skip as usize).take(count);
        there.take_while(fits).cloned().collect()
    }

    /// Gives up what is as old as `record`, or older.
    pub(super) fn evict(&mut self, record: u64) {
        while self.records.front().is_some_and(|first| first.record <= record) {
            self.records.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(records: std::ops::Range<u64>) -> Tail {
        let mut tail = Tail::default();
        for record in records {
            tail.push(Payload {
                record,
                time: Timestamp::default(),
                bytes: Bytes::from_static(b"0123456789"),
            });
        }
        tail
    }

    fn records(payloads: &[Payload]) -> Vec<u64> {
        payloads.iter().map(|payload| payload.record).collect()
    }

    #[test]
    fn what_is_there_is_returned_within_both_limits() {
        let mut tail = tail(5..9);
        assert!(records(&tail.get(4, 9, 1000)).is_empty());
        assert_eq!(records(&tail.get(6, 9, 1000)), [6, 7, 8]);
        assert_eq!(records(&tail.get(6, 2, 1000)), [6, 7]);
        assert_eq!(records(&tail.get(5, 9, 11)), [5, 6]);
        assert_eq!(records(&tail.get(5, 9, 1)), [5]);
        tail.evict(6);
        assert!(records(&tail.get(6, 9, 1000)).is_empty());
        assert_eq!(records(&tail.get(7, 9, 1000)), [7, 8]);
    }

    #[test]
    fn a_gap_begins_a_new_stretch() {
        let mut gapped = tail(5..7);
        let mut later = tail(9..10);
        gapped.push(later.records.pop_front().unwrap());
        assert!(records(&gapped.get(5, 9, 1000)).is_empty());
        assert_eq!(records(&gapped.get(9, 9, 1000)), [9]);
    }
}
