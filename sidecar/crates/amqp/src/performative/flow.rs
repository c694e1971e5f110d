//! Part 2, 2.7.4.

use bytes::BytesMut;

use crate::wire::{Reader, descriptor, put_described_list};
use crate::{DecodeError, Fields};

/// The state of a session's windows, and with a handle that of a link's credit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flow {
    pub next_incoming_id: Option<u32>,
    pub incoming_window: u32,
    pub next_outgoing_id: u32,
    pub outgoing_window: u32,
    pub handle: Option<u32>,
    pub delivery_count: Option<u32>,
    pub link_credit: Option<u32>,
    pub available: Option<u32>,
    pub drain: bool,
    pub echo: bool,
    pub properties: Fields,
}

impl Flow {
    /// After the descriptor.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("flow", |fields| {
            Ok(Self {
                next_incoming_id: fields.next("flow.next-incoming-id")?,
                incoming_window: fields.required("flow.incoming-window")?,
                next_outgoing_id: fields.required("flow.next-outgoing-id")?,
                outgoing_window: fields.required("flow.outgoing-window")?,
                handle: fields.next("flow.handle")?,
                delivery_count: fields.next("flow.delivery-count")?,
                link_credit: fields.next("flow.link-credit")?,
                available: fields.next("flow.available")?,
                drain: fields.or_default("flow.drain")?,
                echo: fields.or_default("flow.echo")?,
                properties: fields.or_default("flow.properties")?,
            })
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::FLOW, out, |fields| {
            fields.put(&self.next_incoming_id);
            fields.put(&self.incoming_window);
            fields.put(&self.next_outgoing_id);
            fields.put(&self.outgoing_window);
            fields.put(&self.handle);
            fields.put(&self.delivery_count);
            fields.put(&self.link_credit);
            fields.put(&self.available);
            fields.put(&self.drain);
            fields.put(&self.echo);
            fields.put(&self.properties);
        });
    }
}
