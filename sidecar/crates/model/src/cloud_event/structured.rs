//! Structured and batch mode: JSON format of CloudEvents 1.0.
//!
//! An event that is already canonical, which is usual, becomes a slice of the request's body without a copy. It is
//! written anew only when its `time` is not in UTC with `Z`, or when it has attributes that are `null`.

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use super::attribute::{Attribute, Extension, Outline, is_extension_name};
use super::error::excerpt;
use super::write::Writer;
use super::{Error, Event, Limits, validate};
use crate::json::{Fault, Kind, Scanner, Span, unescape};
use crate::{ByteCount, json};

/// Reads a structured event or a batch of them, whichever the first JSON token says: some clients send an array under
/// the media type of a single event. All or none: one invalid event refuses the request.
///
/// # Errors
/// When the body is not valid, an event breaks a rule of [`Error`], or a limit is exceeded.
pub fn structured_or_batch(body: &Bytes, limits: &Limits) -> Result<SmallVec<[Event; 1]>, Error> {
    limits.check_request(body.len())?;
    let mut reader = Reader::new(body, limits.event_bytes_max)?;
    let events = match reader.scanner.kind()? {
        Kind::Object => smallvec![reader.event()?],
        Kind::Array => reader.batch(limits.events_max)?,
        Kind::String | Kind::Number | Kind::Boolean | Kind::Null => return Err(Error::NotAnEvent),
    };
    reader.scanner.finish()?;
    Ok(events)
}

/// Reads exactly one structured event, whatever its size.
pub(super) fn single(json: &Bytes) -> Result<Event, Error> {
    let mut reader = Reader::new(json, ByteCount(u64::MAX))?;
    let event = reader.event()?;
    reader.scanner.finish()?;
    Ok(event)
}

pub(super) fn utf8(body: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(body).map_err(|error| Error::InvalidUtf8 {
        at: error.valid_up_to(),
    })
}

struct Reader<'a> {
    body: &'a Bytes,
    /// The same as `body`.
    text: &'a str,
    scanner: Scanner<'a>,
    event_bytes_max: ByteCount,
}

impl<'a> Reader<'a> {
    fn new(body: &'a Bytes, event_bytes_max: ByteCount) -> Result<Self, Error> {
        Ok(Self {
            body,
            text: utf8(body)?,
            scanner: Scanner::new(body),
            event_bytes_max,
        })
    }

    fn batch(&mut self, events_max: usize) -> Result<SmallVec<[Event; 1]>, Error> {
        self.scanner.expect(b'[', Fault::Value)?;
        if self.scanner.skip_if(b']') {
            return Err(Error::EmptyBatch);
        }
        let mut events = SmallVec::new();
        loop {
            if events.len() == events_max {
                return Err(Error::TooManyEvents { limit: events_max });
            }
            events.push(self.event()?);
            if !self.scanner.skip_if(b',') {
                break;
            }
        }
        self.scanner.expect(b']', Fault::Comma)?;
        Ok(events)
    }

    /// Reads the event at the scanner's position.
    fn event(&mut self) -> Result<Event, Error> {
        if self.scanner.kind()? != Kind::Object {
            return Err(Error::NotAnEvent);
        }
        let start = self.scanner.position();
        // The outline counts from the start of the event, so the event gets a scanner of its own.
        let mut scanner = Scanner::new(&self.body[start..]);
        let mut outline = object(&mut scanner, &self.text[start..]).map_err(|error| error.moved_by(start))?;
        let end = start + scanner.position();
        self.scanner = Scanner::resume(self.body, end);
        check_size(end - start, self.event_bytes_max)?;
        let json = &self.text[start..end];
        outline.check_extensions_unique(json)?;
        let changed = outline.drop_nulls(json);
        match validate::check(&outline, json)? {
            None if !changed => Ok(Event {
                json: self.body.slice(start..end),
                outline,
            }),
            time => Ok(Writer::rewrite(&outline, json, time.as_deref())),
        }
    }
}

pub(super) fn check_size(bytes: usize, limit: ByteCount) -> Result<(), Error> {
    let size = ByteCount(bytes as u64);
    if size > limit {
        Err(Error::EventTooLarge { size, limit })
    } else {
        Ok(())
    }
}

/// Finds the members of an object. `text` is the scanner's whole input.
fn object(scanner: &mut Scanner<'_>, text: &str) -> Result<Outline, Error> {
    let mut outline = Outline::default();
    scanner.expect(b'{', Fault::Value)?;
    if scanner.skip_if(b'}') {
        return Ok(outline);
    }
    loop {
        let name = scanner.name()?;
        let kind = scanner.kind()?;
        let value = scanner.value()?;
        member(&mut outline, text, name, kind, value)?;
        if !scanner.skip_if(b',') {
            break;
        }
    }
    scanner.expect(b'}', Fault::Comma)?;
    Ok(outline)
}

fn member(outline: &mut Outline, text: &str, name: Span, kind: Kind, value: Span) -> Result<(), Error> {
    let unescaped = unescape(name.of_str(text));
    let Some(attribute) = Attribute::named(&unescaped) else {
        return extension(outline, &unescaped, Extension { name, value }, kind, text);
    };
    if outline.has(attribute) {
        return Err(Error::Duplicate(attribute.name().to_owned()));
    }
    outline.set(attribute, value);
    Ok(())
}

fn extension(
    outline: &mut Outline,
    name: &str,
    extension: Extension,
    kind: Kind,
    text: &str,
) -> Result<(), Error> {
    if !is_extension_name(name) {
        return Err(Error::ExtensionName(excerpt(name)));
    }
    let valid = match kind {
        Kind::String | Kind::Boolean | Kind::Null => true,
        Kind::Number => extension.value.of_str(text).parse::<i64>().is_ok(),
        Kind::Object | Kind::Array => false,
    };
    if !valid {
        return Err(Error::ExtensionValue(name.to_owned()));
    }
    outline.extensions.push(extension);
    Ok(())
}

impl Error {
    fn moved_by(self, start: usize) -> Self {
        match self {
            Self::InvalidJson(json::Error { what, at }) => {
                Self::InvalidJson(json::Error { what, at: at + start })
            }
            other => other,
        }
    }
}
