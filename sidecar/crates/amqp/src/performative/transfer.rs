//! Part 2, 2.7.5.

use bytes::{Bytes, BytesMut};

use super::{DeliveryState, ReceiverSettleMode};
use crate::DecodeError;
use crate::wire::{Reader, descriptor, put_described_list};

/// A message, or a part of one, which follows in the same frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transfer {
    pub handle: u32,
    /// Present on the first frame of a delivery.
    pub delivery_id: Option<u32>,
    /// At most 32 bytes. Present on the first frame of a delivery.
    pub delivery_tag: Option<Bytes>,
    /// 0 is the format of part 3. Present on the first frame of a delivery.
    pub message_format: Option<u32>,
    /// None: as the frames before, or unsettled.
    pub settled: Option<bool>,
    pub more: bool,
    pub rcv_settle_mode: Option<ReceiverSettleMode>,
    pub state: Option<Box<DeliveryState>>,
    pub resume: bool,
    pub aborted: bool,
    pub batchable: bool,
}

impl Transfer {
    /// After the descriptor.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("transfer", |fields| {
            Ok(Self {
                handle: fields.required("transfer.handle")?,
                delivery_id: fields.next("transfer.delivery-id")?,
                delivery_tag: fields.next("transfer.delivery-tag")?,
                message_format: fields.next("transfer.message-format")?,
                settled: fields.next("transfer.settled")?,
                more: fields.or_default("transfer.more")?,
                rcv_settle_mode: fields.next("transfer.rcv-settle-mode")?,
                state: fields.next("transfer.state")?.map(Box::new),
                resume: fields.or_default("transfer.resume")?,
                aborted: fields.or_default("transfer.aborted")?,
                batchable: fields.or_default("transfer.batchable")?,
            })
        })
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::TRANSFER, out, |fields| {
            fields.put(&self.handle);
            fields.put(&self.delivery_id);
            fields.put(&self.delivery_tag);
            fields.put(&self.message_format);
            fields.put(&self.settled);
            fields.put(&self.more);
            fields.put(&self.rcv_settle_mode);
            fields.put(&self.state.as_deref());
            fields.put(&self.resume);
            fields.put(&self.aborted);
            fields.put(&self.batchable);
        });
    }
}
