//! Part 2, 2.7.9.

use bytes::BytesMut;

use crate::wire::{Reader, descriptor, put_described_list};
use crate::{DecodeError, Error};

/// Closes a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Close {
    pub error: Option<Error>,
}

impl Close {
    /// After the descriptor.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("close", |fields| {
            Ok(Self {
                error: fields.next("close.error")?,
            })
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::CLOSE, out, |fields| {
            fields.put(&self.error);
        });
    }
}
