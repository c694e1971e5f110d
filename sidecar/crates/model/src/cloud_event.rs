//! CloudEvents 1.0 as they are published, stored and received.
//!
//! Three modes of the HTTP binding come in ([`structured_or_batch`], [`binary`], or [`Mode`], which picks), one form
//! goes out: the canonical [`Event`], a structured JSON object. Whitespace and the order of members are the
//! publisher's; `time` is RFC 3339 in UTC with `Z`; attributes that were `null` are gone (`data` may be `null`).

mod attribute;
mod binary;
mod content_type;
mod error;
mod structured;
mod validate;
mod view;
mod write;

use bytes::Bytes;
use smallvec::SmallVec;

pub use binary::binary;
pub use error::Error;
pub use structured::structured_or_batch;
pub use view::{EventView, Value};

use crate::ByteCount;
use attribute::Outline;
use content_type::MediaType;
use write::Writer;

/// One valid CloudEvent in its canonical form, exactly as `receive` returns it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Event {
    /// Valid UTF-8, one JSON object without whitespace around it.
    json: Bytes,
    outline: Outline,
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl Eq for Event {}

impl Event {
    /// Reads one structured event, for instance one that was stored.
    ///
    /// # Errors
    /// When it is not a valid CloudEvent.
    pub fn from_json(json: &Bytes) -> Result<Self, Error> {
        structured::single(json)
    }

    /// The canonical form. It may be a slice of the request that published it, and then keeps all of that alive.
    pub const fn json(&self) -> &Bytes {
        &self.json
    }

    /// Size of the canonical form in bytes.
    #[expect(clippy::len_without_is_empty, reason = "an event is never empty")]
    pub const fn len(&self) -> usize {
        self.json.len()
    }

    /// The same event with these extension attributes; those that it has already are replaced.
    ///
    /// # Errors
    /// [`Error::ExtensionName`] when a name is none, [`Error::Duplicate`] when one is given twice.
    pub fn with_extensions(&self, extensions: &[(&str, Value<'_>)]) -> Result<Self, Error> {
        for (index, (name, _)) in extensions.iter().enumerate() {
            if attribute::Attribute::named(name).is_some() || !attribute::is_extension_name(name) {
                return Err(Error::ExtensionName(error::excerpt(name)));
            }
            if extensions[..index].iter().any(|(other, _)| other == name) {
                return Err(Error::Duplicate((*name).to_owned()));
            }
        }
        Ok(self
            .without_extensions(|name| extensions.iter().any(|(new, _)| *new == name))
            .extended(extensions))
    }

    /// The same event with the trace context of the request that published it, as extension attributes. An event that
    /// says its `traceparent` itself keeps that, and takes no foreign `tracestate` beside it.
    #[must_use]
    pub fn with_trace_context(self, traceparent: &str, tracestate: Option<&str>) -> Self {
        let json = self.text();
        if self.outline.has_extension("traceparent", json) {
            return self;
        }
        let state = tracestate.filter(|_| !self.outline.has_extension("tracestate", json));
        let parent = ("traceparent", Value::String(traceparent.into()));
        match state {
            Some(state) => self.extended(&[parent, ("tracestate", Value::String(state.into()))]),
            None => self.extended(&[parent]),
        }
    }

    fn without_extensions(&self, unwanted: impl Fn(&str) -> bool) -> Self {
        let json = self.text();
        let mut outline = self.outline.clone();
        outline
            .extensions
            .retain(|extension| !unwanted(&crate::json::unescape(extension.name.of_str(json))));
        if outline.extensions.len() == self.outline.extensions.len() {
            return self.clone();
        }
        Writer::rewrite(&outline, json, None)
    }

    fn extended(&self, extensions: &[(&str, Value<'_>)]) -> Self {
        const USUAL_LENGTH: usize = 80;
        let mut writer = Writer::extending(self, extensions.len() * USUAL_LENGTH);
        for (name, value) in extensions {
            writer.value(name, value);
        }
        writer.finish()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.json).expect("checked when the event was read")
    }
}

/// How much one publish request may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub events_max: usize,
    /// One event as it was published.
    pub event_bytes_max: ByteCount,
    /// The body of the request. Never more than 4 GiB, whatever is set.
    pub batch_bytes_max: ByteCount,
}

impl Default for Limits {
    /// Azure's: 1,000 events, 1 MiB each, 1 MiB together.
    fn default() -> Self {
        Self {
            events_max: 1000,
            event_bytes_max: ByteCount::mib(1),
            batch_bytes_max: ByteCount::mib(1),
        }
    }
}

impl Limits {
    fn check_request(&self, bytes: usize) -> Result<(), Error> {
        let limit = self.batch_bytes_max.min(ByteCount(u64::from(u32::MAX)));
        let size = ByteCount(bytes as u64);
        if size > limit {
            Err(Error::BatchTooLarge { size, limit })
        } else {
            Ok(())
        }
    }
}

/// How a publish request carries its events. Known from its head, before the body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A JSON object or an array of them. The media type says which, but clients do not keep to it.
    StructuredOrBatch,
    /// Attributes in `ce-*` headers, data in the body.
    Binary,
}

impl Mode {
    /// Structured or batch for a media type of CloudEvents (`ce-*` headers beside it are ignored, as the HTTP binding
    /// wants), binary for anything else with `ce-*` headers.
    ///
    /// # Errors
    /// [`Error::ContentType`] when it is neither: without any attribute it is a forgotten media type rather than a
    /// forgotten `ce-id`.
    pub fn of<'h>(
        mut headers: impl Iterator<Item = (&'h str, &'h [u8])>,
        content_type: Option<&[u8]>,
    ) -> Result<Self, Error> {
        let text = content_type::text(content_type)?;
        if text.is_some_and(|text| MediaType::of(text) == MediaType::CloudEvents) {
            return Ok(Self::StructuredOrBatch);
        }
        if headers.any(|(name, _)| binary::attribute_name(name).is_some()) {
            return Ok(Self::Binary);
        }
        Err(Error::ContentType(text.map(error::excerpt)))
    }

    /// Reads the events of a request in this mode; one at least.
    ///
    /// # Errors
    /// See [`structured_or_batch`] and [`binary`].
    pub fn read<'h>(
        self,
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
        content_type: Option<&[u8]>,
        body: &Bytes,
        limits: &Limits,
    ) -> Result<SmallVec<[Event; 1]>, Error> {
        match self {
            Self::StructuredOrBatch => structured_or_batch(body, limits),
            Self::Binary => Ok(smallvec::smallvec![binary(headers, content_type, body, limits)?]),
        }
    }
}
