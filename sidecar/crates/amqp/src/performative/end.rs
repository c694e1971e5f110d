//! Part 2, 2.7.8.

use bytes::BytesMut;

use crate::wire::{Reader, descriptor, put_described_list};
use crate::{DecodeError, Error};

/// Ends a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct End {
    pub error: Option<Error>,
}

impl End {
    /// After the descriptor.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("end", |fields| {
            Ok(Self {
                error: fields.next("end.error")?,
            })
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::END, out, |fields| {
            fields.put(&self.error);
        });
    }
}
