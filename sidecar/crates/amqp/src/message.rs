//! Part 3: messages, for a broker that stores what was sent and hands it on.
//!
//! The hot path never builds a message: [`Sections::scan`] finds where its sections lie and proves that they can be read,
//! [`write_message_annotations`] puts ours before what was stored. [`Message`] is for those who want to look inside.

mod annotations;
mod batch;
mod body;
mod header;
mod properties;
mod sections;

use bytes::{Bytes, BytesMut};

use crate::wire::{Reader, code, descriptor, put_compound, put_descriptor};
use crate::{DecodeError, Value};

pub use annotations::{
    Annotation, AnnotationKey, Annotations, RawPairs, SystemValue, write_delivery_annotations,
    write_message_annotations,
};
pub use batch::{BATCH_FORMAT, Batch, Messages};
pub use body::Body;
pub use header::Header;
pub use properties::{MessageId, Properties};
pub use sections::{BodyKind, Sections};

/// A whole message (part 3, 3.2), built.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    pub header: Option<Header>,
    /// Keys as they came: symbols, or else ulongs.
    pub delivery_annotations: Vec<(Value, Value)>,
    /// As `delivery_annotations`.
    pub message_annotations: Vec<(Value, Value)>,
    pub properties: Option<Properties>,
    /// Values as they came, with whatever types the client chose.
    pub application_properties: Vec<(String, Value)>,
    pub body: Body,
    /// As `delivery_annotations`.
    pub footer: Vec<(Value, Value)>,
}

impl Message {
    /// Reads all of `payload`, in whatever order its sections come. Binary values are slices of it.
    ///
    /// # Errors
    /// For the same payloads for which [`Sections::scan`] fails.
    pub fn decode(payload: &Bytes) -> Result<Self, DecodeError> {
        // Sections that are repeated or mixed, and keys of the wrong type, are found there and not looked for again.
        Sections::scan(payload)?;
        let mut message = Self::default();
        let mut reader = Reader::new(payload);
        while !reader.is_empty() {
            message.section(&mut reader)?;
        }
        Ok(message)
    }

    fn section(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        match sections::descriptor(reader)? {
            descriptor::HEADER => self.header = Some(Header::decode(reader)?),
            descriptor::DELIVERY_ANNOTATIONS => self.delivery_annotations = pairs(reader)?,
            descriptor::MESSAGE_ANNOTATIONS => self.message_annotations = pairs(reader)?,
            descriptor::PROPERTIES => self.properties = Some(Properties::decode(reader)?),
            descriptor::APPLICATION_PROPERTIES => {
                // Keys of other types did not pass the scan.
                let named = |(key, value): (Value, Value)| Some((key.as_str()?.to_owned(), value));
                self.application_properties = pairs(reader)?.into_iter().filter_map(named).collect();
            }
            descriptor::FOOTER => self.footer = pairs(reader)?,
            body => self.body.add(body, reader)?,
        }
        Ok(())
    }

    /// Appends the message. Sections without content are left out.
    pub fn encode(&self, out: &mut BytesMut) {
        if let Some(header) = &self.header {
            header.encode(out);
        }
        put_pairs(descriptor::DELIVERY_ANNOTATIONS, &self.delivery_annotations, out);
        put_pairs(descriptor::MESSAGE_ANNOTATIONS, &self.message_annotations, out);
        if let Some(properties) = &self.properties {
            properties.encode(out);
        }
        self.encode_application_properties(out);
        self.body.encode(out);
        put_pairs(descriptor::FOOTER, &self.footer, out);
    }

    fn encode_application_properties(&self, out: &mut BytesMut) {
        if self.application_properties.is_empty() {
            return;
        }
        put_descriptor(descriptor::APPLICATION_PROPERTIES, out);
        put_compound(code::MAP_8, out, |out| {
            for (key, value) in &self.application_properties {
                crate::wire::Encode::encode(key, out);
                value.encode(out);
            }
            2 * self.application_properties.len()
        });
    }

    /// The value of an application property.
    pub fn application_property(&self, key: &str) -> Option<&Value> {
        self.application_properties
            .iter()
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// The value of a message annotation.
    pub fn message_annotation(&self, key: &str) -> Option<&Value> {
        self.message_annotations
            .iter()
            .find_map(|(name, value)| (name.as_str() == Some(key)).then_some(value))
    }
}

/// The map of a section.
fn pairs(reader: &mut Reader<'_>) -> Result<Vec<(Value, Value)>, DecodeError> {
    match Value::read(reader)? {
        Value::Map(pairs) => Ok(pairs),
        _ => Err(DecodeError::Invalid { field: "a section" }),
    }
}

fn put_pairs(descriptor: u8, pairs: &[(Value, Value)], out: &mut BytesMut) {
    if pairs.is_empty() {
        return;
    }
    put_descriptor(descriptor, out);
    put_compound(code::MAP_8, out, |out| {
        for (key, value) in pairs {
            key.encode(out);
            value.encode(out);
        }
        2 * pairs.len()
    });
}
