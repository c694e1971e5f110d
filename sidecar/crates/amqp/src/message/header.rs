//! Part 3, 3.2.1.

use bytes::BytesMut;

use crate::DecodeError;
use crate::wire::{Reader, descriptor, put_described_list};

/// How a message wants to be treated on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub durable: bool,
    /// Absent: 4.
    pub priority: u8,
    /// In milliseconds.
    pub ttl: Option<u32>,
    pub first_acquirer: bool,
    /// How often its delivery failed before.
    pub delivery_count: u32,
}

const DEFAULT_PRIORITY: u8 = 4;

impl Default for Header {
    fn default() -> Self {
        Self {
            durable: false,
            priority: DEFAULT_PRIORITY,
            ttl: None,
            first_acquirer: false,
            delivery_count: 0,
        }
    }
}

impl Header {
    /// After the descriptor.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("header", |fields| {
            Ok(Self {
                durable: fields.or_default("header.durable")?,
                priority: fields.or(DEFAULT_PRIORITY, "header.priority")?,
                ttl: fields.next("header.ttl")?,
                first_acquirer: fields.or_default("header.first-acquirer")?,
                delivery_count: fields.or_default("header.delivery-count")?,
            })
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::HEADER, out, |fields| {
            fields.put(&self.durable);
            fields.put(&self.priority);
            fields.put(&self.ttl);
            fields.put(&self.first_acquirer);
            fields.put(&self.delivery_count);
        });
    }
}
