//! Part 3, 3.2.6 to 3.2.8.

use bytes::{Bytes, BytesMut};

use crate::wire::{Encode as _, Reader, descriptor, put_descriptor};
use crate::{DecodeError, Value};

/// What a message carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Body {
    /// No section at all.
    #[default]
    Empty,
    /// One section each.
    Data(Vec<Bytes>),
    /// One section each.
    Sequence(Vec<Vec<Value>>),
    Value(Value),
}

impl Body {
    /// One section more, after its descriptor.
    pub(super) fn add(&mut self, descriptor: u8, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        match (self, descriptor, Value::read(reader)?) {
            (Self::Data(sections), descriptor::DATA, Value::Binary(data)) => sections.push(data),
            (Self::Sequence(sections), descriptor::AMQP_SEQUENCE, Value::List(list)) => sections.push(list),
            (body @ Self::Empty, descriptor::DATA, Value::Binary(data)) => *body = Self::Data(vec![data]),
            (body @ Self::Empty, descriptor::AMQP_SEQUENCE, Value::List(list)) => {
                *body = Self::Sequence(vec![list]);
            }
            (body @ Self::Empty, descriptor::AMQP_VALUE, value) => *body = Self::Value(value),
            _ => return Err(DecodeError::MixedBody),
        }
        Ok(())
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Empty => {}
            Self::Data(sections) => sections.iter().for_each(|data| put_data(data, out)),
            Self::Sequence(sections) => {
                for list in sections {
                    put_descriptor(descriptor::AMQP_SEQUENCE, out);
                    crate::value::put_list(list, out);
                }
            }
            Self::Value(value) => {
                put_descriptor(descriptor::AMQP_VALUE, out);
                value.encode(out);
            }
        }
    }
}

/// A section of data.
pub(super) fn put_data(data: &Bytes, out: &mut BytesMut) {
    put_descriptor(descriptor::DATA, out);
    data.encode(out);
}
