//! What is sent: a message, encoded, and as the frames of one delivery.

use amqp::{
    frame::{self, TRANSFER_OVERHEAD},
    message::{self, BATCH_FORMAT, Batch, Body, Header},
    performative::Transfer,
};
use bytes::{Bytes, BytesMut};

/// Of an event's body.
pub(crate) const EVENT_BYTES: usize = 1024;

/// The delivery id and tag that a template holds: long enough for the longest form on the wire, and nowhere else in a frame.
const MARK: u32 = 0xC0DE_D00F;

/// An encoded message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    bytes: Bytes,
    format: u32,
    pub(crate) events: u64,
}

impl Message {
    /// One event.
    pub(crate) fn event() -> Self {
        Self::single(None)
    }

    /// One event that says that it wants to be durable.
    pub(crate) fn durable_event() -> Self {
        Self::single(Some(Header {
            durable: true,
            ..Header::default()
        }))
    }

    fn single(header: Option<Header>) -> Self {
        let message = message::Message {
            header,
            body: Body::Data(vec![Bytes::from(vec![b'x'; EVENT_BYTES])]),
            ..message::Message::default()
        };
        let mut bytes = BytesMut::new();
        message.encode(&mut bytes);
        Self {
            bytes: bytes.freeze(),
            format: 0,
            events: 1,
        }
    }

    /// A batch of events, as SDKs make it.
    pub(crate) fn batch(events: usize) -> Self {
        let messages = vec![Self::event().bytes; events];
        let mut bytes = BytesMut::new();
        Batch::write(&message::Message::default(), &messages, &mut bytes);
        Self {
            bytes: bytes.freeze(),
            format: BATCH_FORMAT,
            events: events as u64,
        }
    }

    /// As frames for the link with handle 0.
    pub(super) fn delivery(&self, max_frame_size: u32) -> Delivery {
        let room = (max_frame_size as usize).min(64 * 1024) - TRANSFER_OVERHEAD;
        let chunks: Vec<_> = self.bytes.chunks(room).collect();
        let mut bytes = BytesMut::new();
        for (index, chunk) in chunks.iter().enumerate() {
            let mut transfer = if index == 0 {
                self.first_transfer()
            } else {
                Transfer::default()
            };
            transfer.more = index + 1 < chunks.len();
            frame::write_transfer(0, &transfer, &[chunk], &mut bytes);
        }
        let marks = bytes[..TRANSFER_OVERHEAD].windows(4).enumerate();
        let places = marks.filter(|(_, window)| *window == MARK.to_be_bytes());
        Delivery {
            places: places.map(|(place, _)| place).collect(),
            bytes: bytes.freeze(),
            frames: chunks.len() as u32,
        }
    }

    fn first_transfer(&self) -> Transfer {
        Transfer {
            delivery_id: Some(MARK),
            delivery_tag: Some(Bytes::copy_from_slice(&MARK.to_be_bytes())),
            message_format: Some(self.format),
            settled: Some(false),
            ..Transfer::default()
        }
    }
}

/// The frames of a delivery whose number is still open.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) bytes: Bytes,
    /// Where its id and its tag stand.
    pub(super) places: Vec<usize>,
    pub(super) frames: u32,
}

#[cfg(test)]
mod tests {
    use amqp::{Performative, frame::Frame};

    use super::*;
    use crate::copies::Copies;

    #[test]
    fn a_numbered_copy_is_a_delivery_with_that_id_and_tag() {
        for message in [Message::event(), Message::batch(1_000)] {
            let delivery = message.delivery(65_536);
            let mut copies = Copies::new(&delivery.bytes, &delivery.places, 3);
            let mut input = BytesMut::from(copies.numbered(70_000, 3));
            for number in 70_000..70_003_u32 {
                let (mut ids, mut payload) = (Vec::new(), Vec::new());
                for _ in 0..delivery.frames {
                    let Ok(Some(Frame::Amqp {
                        performative: Performative::Transfer(transfer),
                        payload: part,
                        ..
                    })) = frame::read(&mut input, 65_536)
                    else {
                        panic!("not a transfer");
                    };
                    ids.extend(transfer.delivery_id.zip(transfer.delivery_tag));
                    payload.extend_from_slice(&part);
                }
                assert_eq!(ids, [(number, Bytes::copy_from_slice(&number.to_be_bytes()))]);
                assert_eq!(payload, message.bytes);
            }
            assert!(input.is_empty());
        }
    }
}
