//! Azure's batches: a message of another format, whose data sections are messages.

use bytes::{Bytes, BytesMut};

use super::{Body, BodyKind, Message, Sections, body, sections};
use crate::DecodeError;
use crate::wire::{Decode as _, Reader, descriptor};

/// The message format that marks a batch in a transfer.
pub const BATCH_FORMAT: u32 = 0x8001_3700;

/// A batch taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// What surrounds the messages. Of this only the annotations mean anything.
    pub envelope: Sections,
}

impl Batch {
    /// Walks over all of `payload`; the messages in it are not looked into.
    ///
    /// # Errors
    /// As [`Sections::scan`], and when the body is something other than data.
    pub fn read(payload: &Bytes) -> Result<Self, DecodeError> {
        let envelope = Sections::scan(payload)?;
        match envelope.body {
            BodyKind::Data | BodyKind::Empty => Ok(Self { envelope }),
            BodyKind::Sequence | BodyKind::Value => Err(DecodeError::Invalid {
                field: "the body of a batch",
            }),
        }
    }

    /// How many messages there are; none is fine.
    pub fn len(&self) -> usize {
        self.envelope.body_sections
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The encoded messages, as slices of the payload.
    pub fn messages(&self) -> Messages<'_> {
        Messages {
            reader: Reader::new(&self.envelope.bare),
            left: self.len(),
        }
    }

    /// Appends a batch of encoded messages. The body of `envelope` is not written.
    pub fn write(envelope: &Message, messages: &[Bytes], out: &mut BytesMut) {
        let mut envelope = envelope.clone();
        envelope.body = Body::Empty;
        envelope.encode(out);
        messages.iter().for_each(|message| body::put_data(message, out));
    }
}

/// See [`Batch::messages`].
#[derive(Clone)]
pub struct Messages<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl Iterator for Messages<'_> {
    type Item = Bytes;

    /// No error ends it early: all sections were checked.
    fn next(&mut self) -> Option<Bytes> {
        loop {
            let descriptor = sections::descriptor(&mut self.reader).ok()?;
            if descriptor != descriptor::DATA {
                self.reader.skip().ok()?;
                continue;
            }
            let code = self.reader.byte().ok()?;
            self.left -= 1;
            return Bytes::decode(code, "data", &mut self.reader).ok();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Messages<'_> {}
