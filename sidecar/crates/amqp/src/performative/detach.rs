//! Part 2, 2.7.7.

use bytes::BytesMut;

use crate::wire::{Reader, descriptor, put_described_list};
use crate::{DecodeError, Error};

/// Detaches a link.
#[derive(Clone, Debug, PartialEq)]
pub struct Detach {
    pub handle: u32,
    /// For good.
    pub closed: bool,
    pub error: Option<Error>,
}

impl Detach {
    /// After the descriptor.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("detach", |fields| {
            Ok(Self {
                handle: fields.required("detach.handle")?,
                closed: fields.or_default("detach.closed")?,
                error: fields.next("detach.error")?,
            })
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::DETACH, out, |fields| {
            fields.put(&self.handle);
            fields.put(&self.closed);
            fields.put(&self.error);
        });
    }
}
