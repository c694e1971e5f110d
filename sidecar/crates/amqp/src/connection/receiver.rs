//! The receiving end of a link: the peer sends.

use bytes::{Bytes, BytesMut};

use super::event::{DeliveryId, Event, LinkId};
use super::fault::Fault;
use crate::performative::Transfer;

/// Part 2, 2.8.7.
const DELIVERY_TAG_MAX: usize = 32;

#[derive(Debug)]
pub(super) struct Receiver {
    /// Ours alone: what a sender says about it in its flows is not believed, as there are clients that make it up.
    pub(super) delivery_count: u32,
    /// What the peer may still send. A peer that ignores it is served all the same; the window bounds it.
    pub(super) credit: u32,
    /// Deliveries that the application has and that are not settled.
    pub(super) unsettled: u32,
    assembly: Option<Box<Assembly>>,
}

/// A delivery of which more is to come.
#[derive(Debug)]
struct Assembly {
    delivery: DeliveryId,
    message_format: u32,
    settled: bool,
    /// Also counts what was thrown away.
    size: u64,
    /// Empty from when there is too much of it.
    payload: BytesMut,
}

impl Receiver {
    pub(super) fn new(initial_delivery_count: u32) -> Self {
        Self {
            delivery_count: initial_delivery_count,
            credit: 0,
            unsettled: 0,
            assembly: None,
        }
    }

    /// Bytes of the delivery that is not complete.
    pub(super) fn assembling(&self) -> usize {
        self.assembly
            .as_ref()
            .map_or(0, |assembly| assembly.payload.len())
    }

    /// Part 2, 2.6.14: a delivery is one transfer or several. Returns what was completed by this one.
    pub(super) fn receive(
        &mut self,
        link: LinkId,
        transfer: &Transfer,
        payload: Bytes,
        size_max: u64,
    ) -> Result<Option<Event>, Fault> {
        let event = match self.assembly.take() {
            None => self.begin(link, transfer, payload, size_max)?,
            Some(assembly) => self.go_on(link, assembly, transfer, &payload, size_max)?,
        };
        if let Some(Event::Delivery { settled: false, .. } | Event::TooLarge { settled: false, .. }) = event {
            self.unsettled += 1;
        }
        Ok(event)
    }

    fn begin(
        &mut self,
        link: LinkId,
        transfer: &Transfer,
        payload: Bytes,
        size_max: u64,
    ) -> Result<Option<Event>, Fault> {
        let mut assembly = Assembly {
            delivery: first_frame(transfer)?,
            message_format: transfer.message_format.unwrap_or(0),
            settled: transfer.settled.unwrap_or(false),
            size: 0,
            payload: BytesMut::new(),
        };
        self.delivery_count = self.delivery_count.wrapping_add(1);
        self.credit = self.credit.saturating_sub(1);
        if transfer.aborted {
            return Ok(None);
        }
        if transfer.more {
            assembly.add(&payload, size_max);
            self.assembly = Some(Box::new(assembly));
            return Ok(None);
        }
        assembly.size = payload.len() as u64;
        Ok(Some(assembly.complete(link, payload, size_max)))
    }

    fn go_on(
        &mut self,
        link: LinkId,
        mut assembly: Box<Assembly>,
        transfer: &Transfer,
        payload: &[u8],
        size_max: u64,
    ) -> Result<Option<Event>, Fault> {
        let begun = assembly.delivery.0;
        if let Some(delivery) = transfer.delivery_id.filter(|delivery| *delivery != begun) {
            return Err(Fault::other_delivery(transfer.handle, delivery, begun));
        }
        if transfer.aborted {
            return Ok(None);
        }
        assembly.settled |= transfer.settled.unwrap_or(false);
        assembly.add(payload, size_max);
        if transfer.more {
            self.assembly = Some(assembly);
            return Ok(None);
        }
        let payload = std::mem::take(&mut assembly.payload).freeze();
        Ok(Some(assembly.complete(link, payload, size_max)))
    }
}

impl Assembly {
    fn add(&mut self, payload: &[u8], size_max: u64) {
        self.size += payload.len() as u64;
        if self.size > size_max {
            self.payload = BytesMut::new();
        } else {
            self.payload.extend_from_slice(payload);
        }
    }

    fn complete(&self, link: LinkId, payload: Bytes, size_max: u64) -> Event {
        let Self {
            delivery,
            message_format,
            settled,
            size,
            ..
        } = *self;
        if size > size_max {
            return Event::TooLarge {
                link,
                delivery,
                settled,
                size,
            };
        }
        Event::Delivery {
            link,
            delivery,
            message_format,
            settled,
            payload,
        }
    }
}

/// Part 2, 2.7.5: what the first transfer of a delivery must have.
fn first_frame(transfer: &Transfer) -> Result<DeliveryId, Fault> {
    if transfer.resume {
        return Err(Fault::resumed(transfer.handle));
    }
    if let Some(tag) = transfer.delivery_tag.as_ref()
        && tag.len() > DELIVERY_TAG_MAX
    {
        return Err(Fault::delivery_tag(transfer.handle, tag.len()));
    }
    match transfer.delivery_id {
        Some(delivery) => Ok(DeliveryId(delivery)),
        None => Err(Fault::no_delivery_id(transfer.handle)),
    }
}
