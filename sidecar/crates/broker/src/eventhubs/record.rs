//! The events of one append as they lie in the log: together, so that all of them are there or none.
//!
//! ```text
//! version 1 · flags 1 · first sequence number · first offset · [producer id · epoch · first producer sequence]
//!   · count · that many lengths · the events, one after another
//! ```
//! Numbers are little-endian base 128. The events themselves are not looked at.

use bytes::Bytes;

use super::producers::ProducerStamp;
use crate::topics::varint::{Malformed, Reader, Writer};

const VERSION: u8 = 1;
/// The events were stamped by an idempotent producer. Bit in the second byte.
const HAS_PRODUCER: u8 = 1;

/// What stands before the lengths, at most.
const HEADER_BYTES_MAX: usize = 2 + 10 + 10 + (10 + 3 + 5) + 5;
/// One length, at most.
const LENGTH_BYTES_MAX: usize = 5;

/// How far an event of this length moves the offset. An empty one moves it too: no two events have the same.
pub(super) fn weight(length: usize) -> u64 {
    length.max(1) as u64
}

/// An upper bound for the record of these events.
pub(super) fn bytes_max(events: &[Bytes]) -> usize {
    let lengths = events.len() * LENGTH_BYTES_MAX;
    HEADER_BYTES_MAX + lengths + events.iter().map(Bytes::len).sum::<usize>()
}

/// The record of these events.
pub(super) fn encode(
    first_sequence: u64,
    first_offset: u64,
    stamp: Option<ProducerStamp>,
    events: &[Bytes],
) -> Bytes {
    let mut writer = Writer::with_capacity(bytes_max(events));
    writer.byte(VERSION);
    writer.byte(if stamp.is_some() { HAS_PRODUCER } else { 0 });
    writer.number(first_sequence);
    writer.number(first_offset);
    if let Some(stamp) = stamp {
        writer.number(stamp.id.cast_unsigned());
        writer.number(u64::from(stamp.epoch.cast_unsigned()));
        writer.number(u64::from(stamp.first_sequence.cast_unsigned()));
    }
    writer.number(events.len() as u64);
    for event in events {
        writer.number(event.len() as u64);
    }
    for event in events {
        writer.raw(event);
    }
    Bytes::from(writer.finish())
}

/// What precedes the lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    first_sequence: u64,
    first_offset: u64,
    stamp: Option<ProducerStamp>,
    count: usize,
}

impl Header {
    /// Leaves the reader at the lengths.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        if reader.byte()? != VERSION {
            return Err(Malformed);
        }
        let flags = reader.byte()?;
        let first_sequence = reader.number()?;
        let first_offset = reader.number()?;
        let stamp = match flags {
            0 => None,
            HAS_PRODUCER => Some(ProducerStamp {
                id: reader.number()?.cast_signed(),
                epoch: reader.number_as::<u16>()?.cast_signed(),
                first_sequence: reader.number_as::<u32>()?.cast_signed(),
            }),
            _ => return Err(Malformed),
        };
        Ok(Self {
            first_sequence,
            first_offset,
            stamp,
            count: reader.count()?,
        })
    }
}

/// What a record adds to its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) first_sequence: u64,
    pub(super) first_offset: u64,
    pub(super) stamp: Option<ProducerStamp>,
    pub(super) count: u64,
    /// Of its last event.
    pub(super) last_offset: u64,
    /// Of the event that follows.
    pub(super) end_offset: u64,
}

impl Summary {
    pub(super) fn of(
        first_sequence: u64,
        first_offset: u64,
        stamp: Option<ProducerStamp>,
        events: &[Bytes],
    ) -> Self {
        let end_offset = first_offset + events.iter().map(|event| weight(event.len())).sum::<u64>();
        Self {
            first_sequence,
            first_offset,
            stamp,
            count: events.len() as u64,
            last_offset: end_offset - events.last().map_or(0, |event| weight(event.len())),
            end_offset,
        }
    }

    /// Of a record that is replayed.
    pub(super) fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let header = Header::decode(&mut reader)?;
        let (mut last_offset, mut end_offset) = (header.first_offset, header.first_offset);
        let mut bytes = 0_u64;
        for _ in 0..header.count {
            let length: u32 = reader.number_as()?;
            last_offset = end_offset;
            end_offset = end_offset.checked_add(weight(length as usize)).ok_or(Malformed)?;
            bytes += u64::from(length);
        }
        if header.count == 0 || reader.rest().len() as u64 != bytes {
            return Err(Malformed);
        }
        Ok(Self {
            first_sequence: header.first_sequence,
            first_offset: header.first_offset,
            stamp: header.stamp,
            count: header.count as u64,
            last_offset,
            end_offset,
        })
    }
}

/// One event of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) sequence: u64,
    pub(super) offset: u64,
    /// A slice of the record.
    pub(super) bytes: Bytes,
}

/// Walks over the events of one record.
#[derive(Clone, Debug)]
pub(super) struct Events {
    payload: Bytes,
    /// Where the next length stands in the payload.
    length_at: usize,
    /// Where the next event begins.
    event_at: usize,
    left: usize,
    sequence: u64,
    offset: u64,
}

impl Events {
    /// Checks everything, so that walking cannot fail.
    pub(super) fn decode(payload: Bytes) -> Result<Self, Malformed> {
        let mut reader = Reader::new(&payload);
        let header = Header::decode(&mut reader)?;
        let length_at = payload.len() - reader.rest().len();
        let mut bytes = 0_u64;
        for _ in 0..header.count {
            bytes += u64::from(reader.number_as::<u32>()?);
        }
        if reader.rest().len() as u64 != bytes {
            return Err(Malformed);
        }
        Ok(Self {
            length_at,
            event_at: payload.len() - reader.rest().len(),
            left: header.count,
            sequence: header.first_sequence,
            offset: header.first_offset,
            payload,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Length of the event that [`Events::next`] returns.
    pub(super) fn next_bytes(&self) -> usize {
        self.length().0
    }

    /// The next length, and what stands behind it.
    fn length(&self) -> (usize, usize) {
        let rest = self.payload.get(self.length_at..).unwrap_or_default();
        let mut reader = Reader::new(rest);
        let length = reader.number().unwrap_or_default();
        (length as usize, self.payload.len() - reader.rest().len())
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.left = self.left.checked_sub(1)?;
        let (length, behind) = self.length();
        let event = Event {
            sequence: self.sequence,
            offset: self.offset,
            bytes: self.payload.slice(self.event_at..self.event_at + length),
        };
        self.length_at = behind;
        self.event_at += length;
        self.sequence += 1;
        self.offset += weight(length);
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamps() -> impl Strategy<Value = Option<ProducerStamp>> {
        proptest::option::of((any::<i64>(), any::<i16>(), any::<i32>()).prop_map(
            |(id, epoch, first_sequence)| ProducerStamp {
                id,
                epoch,
                first_sequence,
            },
        ))
    }

    proptest! {
        #[test]
        fn a_record_gives_back_every_event_with_its_number_and_offset(
            first_sequence in 0..1_u64 << 60,
            first_offset in 0..1_u64 << 60,
            stamp in stamps(),
            lengths in proptest::collection::vec(prop_oneof![Just(0_usize), 1..300_usize], 1..40),
        ) {
            let events: Vec<Bytes> = lengths.iter().map(|length| vec![7; *length].into()).collect();
            let record = encode(first_sequence, first_offset, stamp, &events);
            prop_assert!(record.len() <= bytes_max(&events));
            let summary = Summary::decode(&record).unwrap();
            prop_assert_eq!(summary, Summary::of(first_sequence, first_offset, stamp, &events));
            let walked: Vec<Event> = Events::decode(record).unwrap().collect();
            let mut offset = first_offset;
            for (n, (event, bytes)) in walked.iter().zip(&events).enumerate() {
                prop_assert_eq!(event.sequence, first_sequence + n as u64);
                prop_assert_eq!(event.offset, offset);
                prop_assert_eq!(&event.bytes, bytes);
                offset += weight(bytes.len());
            }
            prop_assert_eq!(walked.len(), events.len());
            prop_assert_eq!(summary.last_offset, walked[walked.len() - 1].offset);
            prop_assert_eq!(summary.end_offset, offset);
        }

        #[test]
        fn bytes_that_are_no_record_are_refused_and_nothing_panics(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
            cut in 0..40_usize,
        ) {
            let whole = encode(5, 9, None, &[Bytes::from_static(b"abc"), Bytes::from_static(b"defg")]);
            let mut torn = whole.to_vec();
            torn.truncate(cut.min(whole.len() - 1));
            prop_assert!(Events::decode(torn.into()).is_err());
            if let Ok(events) = Events::decode(bytes.clone().into()) {
                prop_assert!(events.count() <= bytes.len());
            }
        }
    }
}
