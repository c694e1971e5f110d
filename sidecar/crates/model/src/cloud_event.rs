//! CloudEvents 1.0 as they are published, stored and received.

use std::borrow::Cow;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::ByteCount;

/// One valid CloudEvent in its canonical form: a structured JSON object, exactly as `receive` returns it.
#[derive(Clone, Debug)]
pub struct Event {
    json: Bytes,
}

impl Event {
    /// Reads one structured event, for instance one that was stored.
    ///
    /// # Errors
    /// When it is not a valid CloudEvent.
    pub fn from_json(json: Bytes) -> Result<Self, Error> {
        Ok(Self { json })
    }

    /// The canonical form.
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// Size of the canonical form in bytes.
    #[expect(clippy::len_without_is_empty, reason = "an event is never empty")]
    pub fn len(&self) -> usize {
        self.json.len()
    }

    /// The same event with these extension attributes; those that it has already are replaced.
    ///
    /// # Errors
    /// When a name is not an extension attribute's name.
    pub fn with_extensions(&self, _extensions: &[(&str, Value<'_>)]) -> Result<Self, Error> {
        Ok(self.clone())
    }

    /// The same event with the trace context of the request that published it; what the event says itself stays.
    pub fn with_trace_context(self, _traceparent: Option<&str>, _tracestate: Option<&str>) -> Self {
        self
    }
}

/// The attributes of an [`Event`], for filters and for people. Strings are unescaped, data is left as text.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EventView<'a> {
    pub id: Cow<'a, str>,
    pub source: Cow<'a, str>,
    pub type_: Cow<'a, str>,
    pub subject: Option<Cow<'a, str>>,
    /// RFC 3339 in UTC with `Z`.
    pub time: Option<Cow<'a, str>>,
    pub dataschema: Option<Cow<'a, str>>,
    pub datacontenttype: Option<Cow<'a, str>>,
    pub extensions: SmallVec<[(Cow<'a, str>, Value<'a>); 2]>,
    /// The JSON text of `data`.
    pub data: Option<&'a str>,
    pub data_base64: Option<Cow<'a, str>>,
}

impl<'a> EventView<'a> {
    /// The attributes of `event`.
    pub fn parse(_event: &'a Event) -> Self {
        Self::default()
    }
}

/// The value of an extension attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    String(Cow<'a, str>),
    Boolean(bool),
    Integer(i64),
}

/// How much one publish request may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub events_max: usize,
    pub event_bytes_max: ByteCount,
    /// The whole request.
    pub batch_bytes_max: ByteCount,
}

impl Default for Limits {
    /// Azure's: 1,000 events, 1 MiB each, 1 MiB together.
    fn default() -> Self {
        Self { events_max: 1000, event_bytes_max: ByteCount::mib(1), batch_bytes_max: ByteCount::mib(1) }
    }
}

/// Why a publish request is refused. The text is what the publisher reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the request has {count} events, at most {limit} are allowed: send several requests")]
    TooManyEvents { count: usize, limit: usize },
    #[error("an event has {size}, at most {limit} are allowed")]
    EventTooLarge { size: ByteCount, limit: ByteCount },
    #[error("the request has {size}, at most {limit} are allowed: send several requests")]
    BatchTooLarge { size: ByteCount, limit: ByteCount },
    #[error("`{0}` attribute is required")]
    Missing(&'static str),
}

/// Reads a structured event or a batch of them, whichever the first JSON token says. All or none: one invalid event
/// refuses the request.
///
/// # Errors
/// See [`Error`].
pub fn structured_or_batch(_body: &Bytes, _limits: &Limits) -> Result<SmallVec<[Event; 1]>, Error> {
    Err(Error::Missing("source"))
}

/// Reads an event in binary mode: attributes in `ce-*` headers (others are skipped), data in the body.
///
/// # Errors
/// See [`Error`].
pub fn binary<'h>(
    _headers: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    _content_type: Option<&[u8]>,
    _body: &Bytes,
    _limits: &Limits,
) -> Result<Event, Error> {
    Err(Error::Missing("source"))
}
