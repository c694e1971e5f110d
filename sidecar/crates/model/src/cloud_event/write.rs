//! Writing the canonical form.

use bytes::Bytes;

use super::attribute::{Attribute, Extension, Outline};
use super::{Event, Value};
use crate::json::{Span, unescape, write_string};

/// Writes a canonical event member by member, and notes where each one is.
#[derive(Debug)]
pub(super) struct Writer {
    json: Vec<u8>,
    outline: Outline,
}

impl Writer {
    /// A new event that will need about `capacity` bytes.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            json: Vec::with_capacity(capacity),
            outline: Outline::default(),
        }
    }

    /// Goes on where `event` ends.
    pub(super) fn extending(event: &Event, room: usize) -> Self {
        let members = event.json.strip_suffix(b"}").unwrap_or(&event.json);
        let mut json = Vec::with_capacity(event.json.len() + room);
        json.extend_from_slice(members);
        Self {
            json,
            outline: event.outline.clone(),
        }
    }

    /// The event of `outline` and `json`, with only the members that the outline has, and `time` in place of its own.
    pub(super) fn rewrite(outline: &Outline, json: &str, time: Option<&str>) -> Event {
        let mut writer = Self::new(json.len() + 16);
        for attribute in Attribute::ALL {
            match (attribute, time) {
                (Attribute::Time, Some(time)) => writer.string(attribute, time),
                _ => {
                    if let Some(value) = outline.get(attribute, json) {
                        writer.raw(attribute, value);
                    }
                }
            }
        }
        for extension in &outline.extensions {
            writer.extension(
                extension.name.of_str(json),
                extension.value.of_str(json).as_bytes(),
            );
        }
        writer.finish()
    }

    /// Appends an attribute whose value is JSON text.
    pub(super) fn raw(&mut self, attribute: Attribute, value: &str) {
        self.name(attribute);
        let start = self.json.len();
        self.json.extend_from_slice(value.as_bytes());
        self.outline.set(attribute, self.since(start));
    }

    /// Appends an attribute whose value is a string.
    pub(super) fn string(&mut self, attribute: Attribute, value: &str) {
        self.name(attribute);
        let start = self.json.len();
        write_string(&mut self.json, value);
        self.outline.set(attribute, self.since(start));
    }

    /// Appends an extension attribute; the name is a valid one.
    pub(super) fn value(&mut self, name: &str, value: &Value<'_>) {
        let mut text = Vec::new();
        match value {
            Value::String(string) => write_string(&mut text, string),
            Value::Boolean(boolean) => text.extend_from_slice(boolean.to_string().as_bytes()),
            Value::Integer(integer) => text.extend_from_slice(integer.to_string().as_bytes()),
        }
        let mut quoted = Vec::with_capacity(name.len() + 2);
        write_string(&mut quoted, name);
        self.extension_bytes(&quoted, &text);
    }

    pub(super) fn finish(mut self) -> Event {
        self.json.push(b'}');
        Event {
            json: Bytes::from(self.json),
            outline: self.outline,
        }
    }

    fn extension(&mut self, quoted_name: &str, value: &[u8]) {
        let mut name = Vec::with_capacity(quoted_name.len());
        write_string(&mut name, &unescape(quoted_name));
        self.extension_bytes(&name, value);
    }

    fn extension_bytes(&mut self, quoted_name: &[u8], value: &[u8]) {
        self.separator();
        let start = self.json.len();
        self.json.extend_from_slice(quoted_name);
        let name = self.since(start);
        self.json.push(b':');
        let start = self.json.len();
        self.json.extend_from_slice(value);
        let value = self.since(start);
        self.outline.extensions.push(Extension { name, value });
    }

    fn name(&mut self, attribute: Attribute) {
        self.separator();
        self.json.push(b'"');
        self.json.extend_from_slice(attribute.name().as_bytes());
        self.json.extend_from_slice(b"\":");
    }

    fn separator(&mut self) {
        self.json.push(if self.json.is_empty() { b'{' } else { b',' });
    }

    fn since(&self, start: usize) -> Span {
        Span::new(start, self.json.len())
    }
}
