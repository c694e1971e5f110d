//! Part 2, 2.7.1.

use bytes::BytesMut;

use crate::wire::{Reader, descriptor, put_described_list};
use crate::{DecodeError, Fields, Symbol};

/// Begins a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    pub container_id: String,
    pub hostname: Option<String>,
    /// In bytes, at least 512; absent: 4294967295.
    pub max_frame_size: u32,
    /// The highest channel number; absent: 65535.
    pub channel_max: u16,
    /// In milliseconds; the sender closes if it hears nothing for that long.
    pub idle_time_out: Option<u32>,
    pub outgoing_locales: Vec<Symbol>,
    pub incoming_locales: Vec<Symbol>,
    pub offered_capabilities: Vec<Symbol>,
    pub desired_capabilities: Vec<Symbol>,
    pub properties: Fields,
}

impl Open {
    /// After the descriptor.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("open", |fields| {
            Ok(Self {
                container_id: fields.required("open.container-id")?,
                hostname: fields.next("open.hostname")?,
                max_frame_size: fields.or(u32::MAX, "open.max-frame-size")?,
                channel_max: fields.or(u16::MAX, "open.channel-max")?,
                idle_time_out: fields.next("open.idle-time-out")?,
                outgoing_locales: fields.or_default("open.outgoing-locales")?,
                incoming_locales: fields.or_default("open.incoming-locales")?,
                offered_capabilities: fields.or_default("open.offered-capabilities")?,
                desired_capabilities: fields.or_default("open.desired-capabilities")?,
                properties: fields.or_default("open.properties")?,
            })
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::OPEN, out, |fields| {
            fields.put(&self.container_id);
            fields.put(&self.hostname);
            fields.put(&self.max_frame_size);
            fields.put(&self.channel_max);
            fields.put(&self.idle_time_out);
            fields.put(&self.outgoing_locales);
            fields.put(&self.incoming_locales);
            fields.put(&self.offered_capabilities);
            fields.put(&self.desired_capabilities);
            fields.put(&self.properties);
        });
    }
}
