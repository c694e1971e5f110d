//! An event as it lies in the log: who wants it, where it comes from, the event.

use bytes::Bytes;
use model::Uid;

use super::filter::{Matches, SubscriptionIndex};
use super::varint::{Malformed, Reader, Writer};

const VERSION: u8 = 1;
/// With the origin of a dead letter. Bit in the second byte.
const HAS_ORIGIN: u8 = 1;

/// Where a dead letter comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) topic: Uid,
    pub(crate) subscription: Uid,
}

/// What precedes the event's JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// So that a replay never evaluates filters: they may have changed since.
    pub(crate) matches: Matches,
    pub(crate) origin: Option<Origin>,
}

/// Bytes that [`encode`] adds to the JSON at most.
pub(crate) fn header_bytes_max(matches: usize) -> usize {
    2 + 5 + 5 * matches + 32
}

/// Appends the record of one event.
pub(crate) fn encode(
    writer: &mut Writer,
    matches: &[SubscriptionIndex],
    origin: Option<Origin>,
    json: &[u8],
) {
    writer.byte(VERSION);
    writer.byte(if origin.is_some() { HAS_ORIGIN } else { 0 });
    writer.number(matches.len() as u64);
    for index in matches {
        writer.number(u64::from(*index));
    }
    if let Some(origin) = origin {
        writer.uid(origin.topic);
        writer.uid(origin.subscription);
    }
    writer.raw(json);
}

/// The header and the JSON of a record.
pub(crate) fn decode(record: &Bytes) -> Result<(Header, Bytes), Malformed> {
    let mut reader = Reader::new(record);
    let header = Header::decode(&mut reader)?;
    Ok((header, record.slice_ref(reader.rest())))
}

impl Header {
    /// Leaves the reader at the JSON.
    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        if reader.byte()? != VERSION {
            return Err(Malformed);
        }
        let flags = reader.byte()?;
        let count = reader.count()?;
        let matches = (0..count).map(|_| reader.number_as()).collect::<Result<_, _>>()?;
        let origin = match flags {
            0 => None,
            HAS_ORIGIN => Some(Origin {
                topic: reader.uid()?,
                subscription: reader.uid()?,
            }),
            _ => return Err(Malformed),
        };
        Ok(Self { matches, origin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gives_back_who_wants_it_and_the_event_without_a_copy() {
        let origin = Some(Origin {
            topic: Uid::from_u128(1),
            subscription: Uid::from_u128(2),
        });
        for origin in [None, origin] {
            let mut writer = Writer::default();
            encode(&mut writer, &[3, 300, 70_000], origin, b"{}");
            assert!(writer.len() <= header_bytes_max(3) + 2);
            let record = Bytes::from(writer.finish());
            let (header, json) = decode(&record).unwrap();
            assert_eq!(
                header,
                Header {
                    matches: Matches::from_slice(&[3, 300, 70_000]),
                    origin
                }
            );
            assert_eq!(json, "{}");
        }
        assert!(decode(&Bytes::from_static(&[9, 0, 0])).is_err());
    }
}
