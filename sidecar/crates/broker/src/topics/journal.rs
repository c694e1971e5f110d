//! The steps of the machine as they lie in the log.
//!
//! A step says what became of events, never why: a replay needs no configuration and evaluates no rule.

use model::{Timestamp, Uid};

use super::filter::SubscriptionIndex;
use super::in_flight::Reason;
use super::runs::Runs;
use super::varint::{Malformed, Reader, Writer};

/// One record of kind journal, in the stream of its topic. The record's time is that of the step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The topic is declared under this name.
    Opened { name: String },
    /// The topic is no longer declared.
    Closed,
    /// The topic's data is gone.
    Deleted,
    /// A subscription is declared under this name.
    SubscriptionOpened {
        index: SubscriptionIndex,
        uid: Uid,
        name: String,
    },
    /// The subscription is no longer declared.
    SubscriptionClosed { index: SubscriptionIndex },
    /// The subscription wants nothing any more.
    SubscriptionDeleted { index: SubscriptionIndex },
    /// Handed to a receiver, locked until the deadline; each with its delivery count.
    Delivered {
        index: SubscriptionIndex,
        deadline: Timestamp,
        events: Vec<(u64, u16)>,
    },
    /// Acknowledged, dropped, or moved to the dead letters.
    Settled { index: SubscriptionIndex, events: Runs },
    /// Available again, at once or at a later moment.
    Released {
        index: SubscriptionIndex,
        available: Option<Timestamp>,
        events: Runs,
    },
    /// The receiver was gone before it got them: the delivery did not happen.
    Undelivered { index: SubscriptionIndex, events: Runs },
    /// Locked until another deadline.
    Renewed {
        index: SubscriptionIndex,
        deadline: Timestamp,
        events: Runs,
    },
    /// Not deliverable any more; to be moved to the dead letters.
    Parked {
        index: SubscriptionIndex,
        reason: Reason,
        events: Runs,
    },
}

/// An upper bound of the payload of a step about this many events.
pub(crate) const fn bytes_max(events: usize) -> usize {
    32 + events * 20
}

impl Step {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(32);
        let tag = |writer: &mut Writer, tag: u8, index: SubscriptionIndex| {
            writer.byte(tag);
            writer.number(u64::from(index));
        };
        match self {
            Self::Opened { name } => {
                writer.byte(1);
                writer.text(name);
            }
            Self::Closed => writer.byte(2),
            Self::Deleted => writer.byte(3),
            Self::SubscriptionOpened { index, uid, name } => {
                tag(&mut writer, 4, *index);
                writer.uid(*uid);
                writer.text(name);
            }
            Self::SubscriptionClosed { index } => tag(&mut writer, 5, *index),
            Self::SubscriptionDeleted { index } => tag(&mut writer, 6, *index),
            Self::Delivered {
                index,
                deadline,
                events,
            } => {
                tag(&mut writer, 7, *index);
                writer.time(*deadline);
                encode_deliveries(&mut writer, events);
            }
            Self::Settled { index, events } => {
                tag(&mut writer, 8, *index);
                events.encode(&mut writer);
            }
            Self::Released {
                index,
                available,
                events,
            } => {
                tag(&mut writer, 9, *index);
                writer.byte(u8::from(available.is_some()));
                if let Some(available) = available {
                    writer.time(*available);
                }
                events.encode(&mut writer);
            }
            Self::Undelivered { index, events } => {
                tag(&mut writer, 10, *index);
                events.encode(&mut writer);
            }
            Self::Renewed {
                index,
                deadline,
                events,
            } => {
                tag(&mut writer, 11, *index);
                writer.time(*deadline);
                events.encode(&mut writer);
            }
            Self::Parked {
                index,
                reason,
                events,
            } => {
                tag(&mut writer, 12, *index);
                writer.byte(*reason as u8);
                events.encode(&mut writer);
            }
        }
        writer.finish()
    }

    pub(crate) fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let reader = &mut reader;
        let tag = reader.byte()?;
        if let 1..=3 = tag {
            return Ok(match tag {
                1 => Self::Opened {
                    name: String::from(reader.text()?),
                },
                2 => Self::Closed,
                _ => Self::Deleted,
            });
        }
        let index = reader.number_as()?;
        Ok(match tag {
            4 => Self::SubscriptionOpened {
                index,
                uid: reader.uid()?,
                name: String::from(reader.text()?),
            },
            5 => Self::SubscriptionClosed { index },
            6 => Self::SubscriptionDeleted { index },
            7 => Self::Delivered {
                index,
                deadline: reader.time()?,
                events: decode_deliveries(reader)?,
            },
            8 => Self::Settled {
                index,
                events: Runs::decode(reader)?,
            },
            9 => {
                let delayed = reader.byte()? != 0;
                let available = if delayed { Some(reader.time()?) } else { None };
                Self::Released {
                    index,
                    available,
                    events: Runs::decode(reader)?,
                }
            }
            10 => Self::Undelivered {
                index,
                events: Runs::decode(reader)?,
            },
            11 => Self::Renewed {
                index,
                deadline: reader.time()?,
                events: Runs::decode(reader)?,
            },
            12 => {
                let reason = Reason::from_byte(reader.byte()?)?;
                Self::Parked {
                    index,
                    reason,
                    events: Runs::decode(reader)?,
                }
            }
            _ => return Err(Malformed),
        })
    }
}

fn encode_deliveries(writer: &mut Writer, events: &[(u64, u16)]) {
    writer.number(events.len() as u64);
    let mut previous = 0;
    for (sequence, count) in events {
        writer.number(sequence - previous);
        writer.number(u64::from(*count));
        previous = *sequence;
    }
}

fn decode_deliveries(reader: &mut Reader<'_>) -> Result<Vec<(u64, u16)>, Malformed> {
    let count = reader.count()?;
    let mut sequence = 0_u64;
    let events = (0..count).map(|_| {
        sequence = sequence.checked_add(reader.number()?).ok_or(Malformed)?;
        Ok((sequence, reader.number_as()?))
    });
    events.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_read_back_as_it_was_written() {
        let events = || [4, 5, 6, 900].into_iter().collect::<Runs>();
        let time = Timestamp::from_micros(1_767_225_600_000_000);
        for step in [
            Step::Opened {
                name: String::from("Orders"),
            },
            Step::Closed,
            Step::Deleted,
            Step::SubscriptionOpened {
                index: 1,
                uid: Uid::from_u128(9),
                name: String::from("billing"),
            },
            Step::SubscriptionClosed { index: 1 },
            Step::SubscriptionDeleted { index: 70_000 },
            Step::Delivered {
                index: 1,
                deadline: time,
                events: vec![(4, 1), (900, 10)],
            },
            Step::Settled {
                index: 1,
                events: events(),
            },
            Step::Released {
                index: 1,
                available: None,
                events: events(),
            },
            Step::Released {
                index: 1,
                available: Some(time),
                events: events(),
            },
            Step::Undelivered {
                index: 1,
                events: events(),
            },
            Step::Renewed {
                index: 1,
                deadline: time,
                events: events(),
            },
            Step::Parked {
                index: 1,
                reason: Reason::Rejected,
                events: events(),
            },
        ] {
            let payload = step.encode();
            assert!(payload.len() <= bytes_max(4), "{step:?}");
            assert_eq!(Step::decode(&payload).unwrap().encode(), payload);
            assert_eq!(
                format!("{:?}", Step::decode(&payload).unwrap().encode()),
                format!("{payload:?}")
            );
            for length in 0..payload.len() {
                let _ = Step::decode(&payload[..length]);
            }
        }
        assert_eq!(Step::decode(&[99, 0]), Err(Malformed));
    }
}
