//! Where the sections of a message lie.

use bytes::{Bytes, BytesMut};

use super::{Annotations, Header, Properties};
use crate::wire::{Decode as _, Reader, code, descriptor};
use crate::{DecodeError, Symbol};

/// A message taken apart without building anything: what a broker rewrites, and what it keeps as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sections {
    /// The section as it came, descriptor included; empty if there is none.
    pub header: Bytes,
    pub delivery_annotations: Annotations,
    pub message_annotations: Annotations,
    /// The bare message and the footer, from properties to footer, as they came: a slice of the payload, or a copy if
    /// another section lay in between.
    pub bare: Bytes,
    /// What the body is made of.
    pub body: BodyKind,
    /// How many sections the body has.
    pub body_sections: usize,
}

/// Part 3, 3.2: one of three, or nothing, which the standard does not allow but clients send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyKind {
    /// No section.
    #[default]
    Empty,
    /// One or more binaries.
    Data,
    /// One or more lists.
    Sequence,
    /// A single value.
    Value,
}

impl Sections {
    /// Walks over all of `payload`. Every section is checked to its end, so that whatever is stored after this can be read.
    /// The order of sections is not looked at: some clients write their delivery annotations last. No allocation, unless a
    /// client puts annotations into the middle of the bare message.
    ///
    /// # Errors
    /// When a section is malformed, occurs too often, or does not belong into a message.
    pub fn scan(payload: &Bytes) -> Result<Self, DecodeError> {
        let mut scan = Scan::default();
        let mut bare = Bare::default();
        let mut reader = Reader::new(payload);
        while !reader.is_empty() {
            let start = reader.rest();
            let is_bare = scan.section(&mut reader, start)?;
            if is_bare {
                let from = payload.len() - start.len();
                bare.add(from, payload.len() - reader.rest().len(), payload);
            }
        }
        scan.found.bare = bare.finish(payload);
        Ok(scan.found)
    }
}

/// The descriptor of a section, with its zero byte.
pub(super) fn descriptor(reader: &mut Reader<'_>) -> Result<u8, DecodeError> {
    const WHAT: &str = "a section";
    if reader.byte()? != code::DESCRIBED {
        return Err(DecodeError::NotDescribed { what: WHAT });
    }
    let descriptor = reader.descriptor()?;
    descriptor
        .filter(|descriptor| (descriptor::HEADER..=descriptor::FOOTER).contains(descriptor))
        .ok_or(DecodeError::WrongDescriptor { what: WHAT })
}

#[derive(Default)]
struct Scan {
    found: Sections,
    /// A bit for each descriptor that was met, counted from the header's.
    met: u16,
}

impl Scan {
    /// Steps over one section, and tells whether it belongs to the bare message or is the footer.
    fn section<'a>(&mut self, reader: &mut Reader<'a>, start: &'a [u8]) -> Result<bool, DecodeError> {
        let descriptor = descriptor(reader)?;
        self.meet(descriptor)?;
        match descriptor {
            descriptor::HEADER => {
                Header::decode(reader)?;
                self.found.header = reader.share(reader.since(start));
                return Ok(false);
            }
            descriptor::DELIVERY_ANNOTATIONS => {
                self.found.delivery_annotations = Annotations::section("delivery-annotations", reader)?;
                return Ok(false);
            }
            descriptor::MESSAGE_ANNOTATIONS => {
                self.found.message_annotations = Annotations::section("message-annotations", reader)?;
                return Ok(false);
            }
            descriptor::PROPERTIES => Properties::check(reader)?,
            descriptor::APPLICATION_PROPERTIES => check_application_properties(reader)?,
            descriptor::DATA => self.body(BodyKind::Data, Bytes::accepts, reader)?,
            descriptor::AMQP_SEQUENCE => self.body(BodyKind::Sequence, is_list, reader)?,
            descriptor::AMQP_VALUE => self.body(BodyKind::Value, |_| true, reader)?,
            _ => {
                Annotations::section("footer", reader)?;
            }
        }
        Ok(true)
    }

    fn meet(&mut self, descriptor: u8) -> Result<(), DecodeError> {
        let bit = 1 << (descriptor - descriptor::HEADER);
        let may_repeat = matches!(descriptor, descriptor::DATA | descriptor::AMQP_SEQUENCE);
        if self.met & bit != 0 && !may_repeat {
            let section = name(descriptor);
            return Err(DecodeError::RepeatedSection { section });
        }
        self.met |= bit;
        Ok(())
    }

    fn body(
        &mut self,
        kind: BodyKind,
        accepts: fn(u8) -> bool,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        if self.found.body != BodyKind::Empty && self.found.body != kind {
            return Err(DecodeError::MixedBody);
        }
        self.found.body = kind;
        self.found.body_sections += 1;
        let code = reader.byte()?;
        if !accepts(code) {
            return Err(DecodeError::Invalid { field: "body" });
        }
        reader.skip_body(code)
    }
}

fn name(descriptor: u8) -> &'static str {
    match descriptor {
        descriptor::HEADER => "header",
        descriptor::DELIVERY_ANNOTATIONS => "delivery-annotations",
        descriptor::MESSAGE_ANNOTATIONS => "message-annotations",
        descriptor::PROPERTIES => "properties",
        descriptor::APPLICATION_PROPERTIES => "application-properties",
        descriptor::AMQP_VALUE => "amqp-value",
        _ => "footer",
    }
}

fn is_list(code: u8) -> bool {
    matches!(code, code::LIST_0 | code::LIST_8 | code::LIST_32)
}

/// 3.2.5: a map with strings as keys. Its values should be simple types, but one client puts described ones there.
fn check_application_properties(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    const FIELD: &str = "application-properties";
    reader.map(FIELD, |key, reader| {
        if !(String::accepts(key) || Symbol::accepts(key)) {
            return Err(DecodeError::Invalid { field: FIELD });
        }
        reader.skip_body(key)?;
        reader.skip()
    })
}

/// What will be stored as it came.
#[derive(Default)]
struct Bare {
    from: usize,
    to: usize,
    /// Filled only if there was a gap.
    copied: Option<BytesMut>,
}

impl Bare {
    fn add(&mut self, from: usize, to: usize, payload: &Bytes) {
        if let Some(copied) = &mut self.copied {
            copied.extend_from_slice(&payload[from..to]);
        } else if self.from == self.to {
            (self.from, self.to) = (from, to);
        } else if self.to == from {
            self.to = to;
        } else {
            let mut copied = BytesMut::from(&payload[self.from..self.to]);
            copied.extend_from_slice(&payload[from..to]);
            self.copied = Some(copied);
        }
    }

    fn finish(self, payload: &Bytes) -> Bytes {
        match self.copied {
            Some(copied) => copied.freeze(),
            None => payload.slice(self.from..self.to),
        }
    }
}
