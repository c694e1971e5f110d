//! Part 2, 2.7.6, and the delivery states of part 3, 3.4.

use bytes::{BufMut as _, BytesMut};

use super::Role;
use crate::wire::{Decode, Encode, Reader, code, descriptor, put_described_list, put_descriptor};
use crate::{DecodeError, Error, Fields, Value};

/// What became of a range of deliveries.
#[derive(Clone, Debug, PartialEq)]
pub struct Disposition {
    /// The sender of the disposition is the … of the deliveries.
    pub role: Role,
    pub first: u32,
    /// None: the same as `first`.
    pub last: Option<u32>,
    pub settled: bool,
    pub state: Option<DeliveryState>,
    pub batchable: bool,
}

impl Disposition {
    /// After the descriptor.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("disposition", |fields| {
            Ok(Self {
                role: fields.required("disposition.role")?,
                first: fields.required("disposition.first")?,
                last: fields.next("disposition.last")?,
                settled: fields.or_default("disposition.settled")?,
                state: fields.next("disposition.state")?,
                batchable: fields.or_default("disposition.batchable")?,
            })
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::DISPOSITION, out, |fields| {
            fields.put(&self.role);
            fields.put(&self.first);
            fields.put(&self.last);
            fields.put(&self.settled);
            fields.put(&self.state);
            fields.put(&self.batchable);
        });
    }
}

/// Part 3, 3.4.
#[derive(Clone, Debug, PartialEq)]
pub enum DeliveryState {
    /// Not terminal.
    Received {
        section_number: u32,
        section_offset: u64,
    },
    /// Terminal.
    Outcome(Outcome),
    /// A state that we do not know, such as that of a transaction.
    Other(Value),
}

/// Part 3, 3.4.2 to 3.4.5.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Accepted,
    Rejected(Option<Error>),
    Released,
    Modified {
        delivery_failed: bool,
        undeliverable_here: bool,
        message_annotations: Fields,
    },
}

impl Decode for DeliveryState {
    fn accepts(_: u8) -> bool {
        true
    }

    fn decode(code: u8, field: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if code == code::DESCRIBED {
            let start = reader.clone();
            if let Some(state) = reader.deeper(1, Self::known)? {
                return Ok(state);
            }
            *reader = start;
        }
        <Value as Decode>::decode(code, field, reader).map(Self::Other)
    }
}

impl DeliveryState {
    /// After the zero byte; None if the descriptor is another one.
    fn known(reader: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
        let outcome = match reader.descriptor()? {
            Some(descriptor::RECEIVED) => return Self::received(reader).map(Some),
            Some(descriptor::ACCEPTED) => reader.list("accepted", |_| Ok(Outcome::Accepted))?,
            Some(descriptor::REJECTED) => reader.list("rejected", |fields| {
                Ok(Outcome::Rejected(fields.next("rejected.error")?))
            })?,
            Some(descriptor::RELEASED) => reader.list("released", |_| Ok(Outcome::Released))?,
            Some(descriptor::MODIFIED) => reader.list("modified", |fields| {
                Ok(Outcome::Modified {
                    delivery_failed: fields.or_default("modified.delivery-failed")?,
                    undeliverable_here: fields.or_default("modified.undeliverable-here")?,
                    message_annotations: fields.or_default("modified.message-annotations")?,
                })
            })?,
            _ => return Ok(None),
        };
        Ok(Some(Self::Outcome(outcome)))
    }

    fn received(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("received", |fields| {
            Ok(Self::Received {
                section_number: fields.required("received.section-number")?,
                section_offset: fields.required("received.section-offset")?,
            })
        })
    }
}

impl Encode for DeliveryState {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Received {
                section_number,
                section_offset,
            } => put_described_list(descriptor::RECEIVED, out, |fields| {
                fields.put(section_number);
                fields.put(section_offset);
            }),
            Self::Outcome(outcome) => outcome.encode(out),
            Self::Other(value) => value.encode(out),
        }
    }
}

impl Encode for &DeliveryState {
    fn encode(&self, out: &mut BytesMut) {
        (*self).encode(out);
    }
}

impl Encode for Outcome {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Accepted => put_empty(descriptor::ACCEPTED, out),
            Self::Rejected(error) => {
                put_described_list(descriptor::REJECTED, out, |fields| fields.put(error))
            }
            Self::Released => put_empty(descriptor::RELEASED, out),
            Self::Modified {
                delivery_failed,
                undeliverable_here,
                message_annotations,
            } => put_described_list(descriptor::MODIFIED, out, |fields| {
                fields.put(delivery_failed);
                fields.put(undeliverable_here);
                fields.put(message_annotations);
            }),
        }
    }
}

/// The outcomes without fields are the only lists that we write in their shortest form: every client reads it here.
fn put_empty(descriptor: u8, out: &mut BytesMut) {
    put_descriptor(descriptor, out);
    out.put_u8(code::LIST_0);
}
