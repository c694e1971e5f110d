//! What is written down about hubs beside their events.

use super::index::Mark;
use super::producers::Producer;
use crate::topics::varint::{Malformed, Reader, Writer};

/// One step. Those of hubs are records of the stream with the hub's uid, numbered over all hubs, so that a replay knows
/// which of them a snapshot contains; those of partitions are records of the partition's stream, and may be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A hub is declared: it is new, came back, has another name or more partitions.
    Opened { name: String, partitions: u32 },
    /// A hub is not declared any more.
    Closed,
    /// The data of a hub is gone.
    Deleted,
    /// What lies before this record of a partition is gone.
    Trimmed(Mark),
    /// An idempotent producer of a partition began an epoch.
    ProducerOpened(Producer),
}

const OPENED: u8 = 1;
const CLOSED: u8 = 2;
const DELETED: u8 = 3;
const TRIMMED: u8 = 4;
const PRODUCER_OPENED: u8 = 5;

/// The longest step without the name in it.
pub(super) const BYTES_MAX: usize = 48;

impl Step {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(BYTES_MAX);
        match self {
            Self::Opened { name, partitions } => {
                writer.byte(OPENED);
                writer.text(name);
                writer.number(u64::from(*partitions));
            }
            Self::Closed => writer.byte(CLOSED),
            Self::Deleted => writer.byte(DELETED),
            Self::Trimmed(begin) => {
                writer.byte(TRIMMED);
                writer.number(begin.record);
                writer.number(begin.sequence);
                writer.number(begin.offset);
                writer.time(begin.time);
            }
            Self::ProducerOpened(producer) => {
                writer.byte(PRODUCER_OPENED);
                producer.encode(&mut writer);
            }
        }
        writer.finish()
    }

    pub(super) fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let step = match reader.byte()? {
            OPENED => Self::Opened {
                name: String::from(reader.text()?),
                partitions: reader.number_as()?,
            },
            CLOSED => Self::Closed,
            DELETED => Self::Deleted,
            TRIMMED => Self::Trimmed(Mark {
                record: reader.number()?,
                sequence: reader.number()?,
                offset: reader.number()?,
                time: reader.time()?,
            }),
            PRODUCER_OPENED => Self::ProducerOpened(Producer::decode(&mut reader)?),
            _ => return Err(Malformed),
        };
        if reader.is_empty() {
            Ok(step)
        } else {
            Err(Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    #[test]
    fn every_step_is_read_back_and_fits() {
        let producer = |last_sequence| Producer {
            id: i64::MIN,
            epoch: -1,
            last_sequence,
        };
        let steps = [
            Step::Opened {
                name: String::from("telemetry"),
                partitions: 1024,
            },
            Step::Closed,
            Step::Deleted,
            Step::Trimmed(Mark {
                record: u64::MAX,
                sequence: u64::MAX,
                offset: u64::MAX,
                time: Timestamp::MAX,
            }),
            Step::ProducerOpened(producer(None)),
            Step::ProducerOpened(producer(Some(i32::MAX))),
        ];
        for step in steps {
            let payload = step.encode();
            assert!(payload.len() <= BYTES_MAX, "{step:?}");
            assert_eq!(Step::decode(&payload), Ok(step));
            assert_eq!(Step::decode(&payload[..payload.len() - 1]), Err(Malformed));
        }
        assert_eq!(Step::decode(&[99]), Err(Malformed));
    }
}
