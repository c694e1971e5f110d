//! Part 3, 3.5.4.

use bytes::BytesMut;

use crate::wire::{Encode, Reader, descriptor, put_described_list};
use crate::{DecodeError, Fields, Symbol, Value};

/// Where the messages of a link go to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target {
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
    pub capabilities: Vec<Symbol>,
}

impl Target {
    /// After the descriptor, which tells it from a coordinator.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("target", |fields| {
            Ok(Self {
                address: fields.next("target.address")?.and_then(Value::into_string),
                durable: fields.or_default("target.durable")?,
                expiry_policy: fields.next("target.expiry-policy")?,
                timeout: fields.or_default("target.timeout")?,
                dynamic: fields.or_default("target.dynamic")?,
                dynamic_node_properties: fields.or_default("target.dynamic-node-properties")?,
                capabilities: fields.or_default("target.capabilities")?,
            })
        })
    }
}

impl Encode for Target {
    fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::TARGET, out, |fields| {
            fields.put(&self.address);
            fields.put(&self.durable);
            fields.put(&self.expiry_policy);
            fields.put(&self.timeout);
            fields.put(&self.dynamic);
            fields.put(&self.dynamic_node_properties);
            fields.put(&self.capabilities);
        });
    }
}
