//! Part 3, 3.5.3.

use bytes::BytesMut;

use crate::wire::{Decode, Encode, Reader, code, descriptor, put_described_list};
use crate::{DecodeError, Fields, Symbol, Value};

/// Where the messages of a link come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// None if there is none, or if it is no string.
    pub address: Option<String>,
    /// 0 none, 1 configuration, 2 unsettled-state.
    pub durable: u32,
    /// None: session-end.
    pub expiry_policy: Option<Symbol>,
    /// In seconds.
    pub timeout: u32,
    pub dynamic: bool,
    pub dynamic_node_properties: Fields,
    pub distribution_mode: Option<Symbol>,
    /// By filter name; described values, usually.
    pub filter: Fields,
    /// Null if there is none.
    pub default_outcome: Value,
    pub outcomes: Vec<Symbol>,
    pub capabilities: Vec<Symbol>,
}

impl Decode for Source {
    fn accepts(code: u8) -> bool {
        code == code::DESCRIBED
    }

    fn decode(_: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.described_list(descriptor::SOURCE, "source", |fields| {
            Ok(Self {
                address: fields.next("source.address")?.and_then(Value::into_string),
                durable: fields.or_default("source.durable")?,
                expiry_policy: fields.next("source.expiry-policy")?,
                timeout: fields.or_default("source.timeout")?,
                dynamic: fields.or_default("source.dynamic")?,
                dynamic_node_properties: fields.or_default("source.dynamic-node-properties")?,
                distribution_mode: fields.next("source.distribution-mode")?,
                filter: fields.or_default("source.filter")?,
                default_outcome: fields.or_default("source.default-outcome")?,
                outcomes: fields.or_default("source.outcomes")?,
                capabilities: fields.or_default("source.capabilities")?,
            })
        })
    }
}

impl Encode for Source {
    fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::SOURCE, out, |fields| {
            fields.put(&self.address);
            fields.put(&self.durable);
            fields.put(&self.expiry_policy);
            fields.put(&self.timeout);
            fields.put(&self.dynamic);
            fields.put(&self.dynamic_node_properties);
            fields.put(&self.distribution_mode);
            fields.put(&self.filter);
            fields.put(&self.default_outcome);
            fields.put(&self.outcomes);
            fields.put(&self.capabilities);
        });
    }
}
