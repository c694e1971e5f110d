//! Part 2, 2.7.2.

use bytes::BytesMut;

use crate::wire::{Reader, descriptor, put_described_list};
use crate::{DecodeError, Fields, Symbol};

/// Begins a session on a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Begin {
    /// The channel of the peer's begin that this one answers.
    pub remote_channel: Option<u16>,
    pub next_outgoing_id: u32,
    pub incoming_window: u32,
    pub outgoing_window: u32,
    /// The highest handle; absent: 4294967295.
    pub handle_max: u32,
    pub offered_capabilities: Vec<Symbol>,
    pub desired_capabilities: Vec<Symbol>,
    pub properties: Fields,
}

impl Begin {
    /// After the descriptor.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("begin", |fields| {
            Ok(Self {
                remote_channel: fields.next("begin.remote-channel")?,
                next_outgoing_id: fields.required("begin.next-outgoing-id")?,
                incoming_window: fields.required("begin.incoming-window")?,
                outgoing_window: fields.required("begin.outgoing-window")?,
                handle_max: fields.or(u32::MAX, "begin.handle-max")?,
                offered_capabilities: fields.or_default("begin.offered-capabilities")?,
                desired_capabilities: fields.or_default("begin.desired-capabilities")?,
                properties: fields.or_default("begin.properties")?,
            })
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::BEGIN, out, |fields| {
            fields.put(&self.remote_channel);
            fields.put(&self.next_outgoing_id);
            fields.put(&self.incoming_window);
            fields.put(&self.outgoing_window);
            fields.put(&self.handle_max);
            fields.put(&self.offered_capabilities);
            fields.put(&self.desired_capabilities);
            fields.put(&self.properties);
        });
    }
}
