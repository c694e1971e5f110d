//! Binary mode: attributes in `ce-*` headers, data as the body. HTTP protocol binding of CloudEvents 1.0.2, section 3.1.
//!
//! Decisions where the binding is silent: no body is no data, whatever the content type; a body without a content type
//! is bytes; text that is not valid UTF-8 is bytes.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::attribute::{Attribute, is_extension_name};
use super::content_type::{self, MediaType};
use super::error::excerpt;
use super::structured::{check_size, utf8};
use super::write::Writer;
use super::{Error, Event, Limits, Value, validate};
use crate::json::Scanner;

/// Reads an event in binary mode. Of the headers only `ce-*` count, in any case; others may be given too.
/// `ce-datacontenttype`, which some clients send though the binding forbids it, must equal the content type.
///
/// The limits are for the body. The event may be larger: bytes grow by a third as base64, text that consists of control
/// characters sixfold.
///
/// # Errors
/// When an attribute breaks a rule of [`Error`], the body is not the JSON that its content type promises, or a limit is
/// exceeded.
pub fn binary<'h>(
    headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    content_type: Option<&[u8]>,
    body: &Bytes,
    limits: &Limits,
) -> Result<Event, Error> {
    limits.check_request(body.len())?;
    check_size(body.len(), limits.event_bytes_max)?;
    let content_type = content_type::text(content_type)?;
    let mut attributes = Attributes::default();
    for (name, value) in headers {
        if let Some(name) = attribute_name(name) {
            attributes.add(&name.to_ascii_lowercase(), value, content_type)?;
        }
    }
    let mut writer = attributes.write(body.len());
    if let Some(content_type) = content_type {
        writer.string(Attribute::DataContentType, content_type);
    }
    if !body.is_empty() {
        write_data(&mut writer, content_type, body)?;
    }
    finish(writer)
}

/// The attribute that a header is for.
pub(super) fn attribute_name(header: &str) -> Option<&str> {
    let (prefix, name) = header.split_at_checked(3)?;
    prefix.eq_ignore_ascii_case("ce-").then_some(name)
}

#[derive(Default)]
struct Attributes<'h> {
    named: [Option<Cow<'h, str>>; Attribute::ALL.len()],
    extensions: Vec<(String, Cow<'h, str>)>,
}

impl<'h> Attributes<'h> {
    fn add(&mut self, name: &str, value: &'h [u8], content_type: Option<&str>) -> Result<(), Error> {
        let value = decode(value).ok_or_else(|| Error::InvalidHeader(excerpt(name)))?;
        match Attribute::named(name) {
            Some(Attribute::DataContentType) if content_type == Some(value.trim()) => Ok(()),
            Some(Attribute::DataContentType) => Err(Error::DataContentTypeHeader),
            Some(Attribute::Data | Attribute::DataBase64) => Err(Error::ExtensionName(name.to_owned())),
            Some(attribute) => match self.named[attribute as usize].replace(value) {
                None => Ok(()),
                Some(_) => Err(Error::Duplicate(name.to_owned())),
            },
            None if !is_extension_name(name) => Err(Error::ExtensionName(excerpt(name))),
            None if self.extensions.iter().any(|(other, _)| other == name) => {
                Err(Error::Duplicate(name.to_owned()))
            }
            None => {
                self.extensions.push((name.to_owned(), value));
                Ok(())
            }
        }
    }

    fn write(self, body_length: usize) -> Writer {
        const USUAL_ATTRIBUTES: usize = 512;
        let mut writer = Writer::new(body_length.div_ceil(3) * 4 + USUAL_ATTRIBUTES);
        for (attribute, value) in Attribute::ALL.into_iter().zip(self.named) {
            if let Some(value) = value {
                writer.string(attribute, &value);
            }
        }
        for (name, value) in self.extensions {
            writer.value(&name, &Value::String(value));
        }
        writer
    }
}

fn write_data(writer: &mut Writer, content_type: Option<&str>, body: &Bytes) -> Result<(), Error> {
    match content_type.map_or(MediaType::Binary, MediaType::of) {
        MediaType::Json | MediaType::CloudEvents => writer.raw(Attribute::Data, json_value(body)?),
        MediaType::Text => match std::str::from_utf8(body) {
            Ok(text) => writer.string(Attribute::Data, text),
            Err(_) => write_base64(writer, body),
        },
        MediaType::Binary => write_base64(writer, body),
    }
    Ok(())
}

fn json_value(body: &[u8]) -> Result<&str, Error> {
    let text = utf8(body)?;
    let mut scanner = Scanner::new(body);
    let value = scanner.value().map_err(Error::InvalidJsonData)?;
    scanner.finish().map_err(Error::InvalidJsonData)?;
    Ok(value.of_str(text))
}

fn write_base64(writer: &mut Writer, body: &[u8]) {
    writer.string(Attribute::DataBase64, &STANDARD.encode(body));
}

/// Checks what was written by the same rules as in structured mode.
fn finish(writer: Writer) -> Result<Event, Error> {
    let event = writer.finish();
    let json = event.text();
    match validate::check(&event.outline, json)? {
        None => Ok(event),
        time => Ok(Writer::rewrite(&event.outline, json, time.as_deref())),
    }
}

/// Undoes double quotes, then percent-encoding, once each, as section 3.1.3.2 of the binding says. A percent sign that
/// begins no escape stays: clients that encode nothing send it.
fn decode(value: &[u8]) -> Option<Cow<'_, str>> {
    let value = value.trim_ascii();
    let unquoted = match value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
    {
        Some(inner) => Cow::Owned(unquote(inner)),
        None => Cow::Borrowed(value),
    };
    if !unquoted.contains(&b'%') {
        return match unquoted {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
    }
    String::from_utf8(percent_decode(&unquoted)).ok().map(Cow::Owned)
}

fn unquote(inner: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        output.push(if byte == b'\\' {
            bytes.next().unwrap_or(byte)
        } else {
            byte
        });
    }
    output
}

fn percent_decode(value: &[u8]) -> Vec<u8> {
    let digit = |at: usize| {
        value
            .get(at)
            .and_then(|&byte| char::from(byte).to_digit(16))
            .map(|digit| digit as u8)
    };
    let mut output = Vec::with_capacity(value.len());
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                output.push(high << 4 | low);
                at += 3;
            }
            _ => {
                output.push(byte);
                at += 1;
            }
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn a_header_is_unquoted_and_percent_decoded_once() {
        for (value, expected) in [
            ("plain", "plain"),
            ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
            ("100%", "100%"),
            ("100%zz%4", "100%zz%4"),
            ("%2520", "%20"),
            (r#""quoted \"x\" \\ %22""#, r#"quoted "x" \ ""#),
            (r#"""#, r#"""#),
            ("a+b", "a+b"),
            ("€", "€"),
        ] {
            assert_eq!(decode(value.as_bytes()).as_deref(), Some(expected), "{value}");
        }
        assert_eq!(decode(b"%FF"), None);
        assert_eq!(decode(b"\xff"), None);
    }
}
