//! Why events are refused.

use crate::{ByteCount, json};

/// Why a publish request is refused. The text is what the publisher reads (Azure's own words where they are known).
///
/// Too many and too large is for 413, everything else for 400; see [`Error::is_too_large`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the request has more than {limit} events: send several requests")]
    TooManyEvents { limit: usize },
    #[error("an event has {size}, at most {limit} are allowed")]
    EventTooLarge { size: ByteCount, limit: ByteCount },
    #[error("the request has {size}, at most {limit} are allowed: send several requests")]
    BatchTooLarge { size: ByteCount, limit: ByteCount },

    #[error("the body is not valid UTF-8: invalid bytes at offset {at}")]
    InvalidUtf8 { at: usize },
    #[error("the body is not valid JSON: {0}")]
    InvalidJson(#[from] json::Error),
    #[error("the body must be a CloudEvent (a JSON object) or an array of CloudEvents")]
    NotAnEvent,
    #[error("the batch is empty: it must hold at least one event")]
    EmptyBatch,
    #[error(
        "the request has {} and no `ce-*` header: send `application/cloudevents+json` for one event, \
         `application/cloudevents-batch+json` for an array of events, or the event's attributes in `ce-*` headers",
        .0.as_ref().map_or_else(|| String::from("no content type"), |found| format!("content type `{found}`"))
    )]
    ContentType(Option<String>),

    #[error("`{0}` attribute is required")]
    Missing(&'static str),
    #[error("`{0}` must be non-empty string")]
    NotANonEmptyString(&'static str),
    #[error("`{0}` must be string")]
    NotAString(&'static str),
    #[error("`specversion` must be \"1.0\", got {0}")]
    SpecVersion(String),
    #[error("`time` must be RFC 3339, as in 2026-01-31T12:00:00Z, got {0}")]
    Time(String),
    #[error("`{0}` attribute is given more than once")]
    Duplicate(String),
    #[error(
        "`{0}` is not a valid attribute name: extension attributes have 1 to 20 characters, a-z and 0-9, at least one \
         of them a letter"
    )]
    ExtensionName(String),
    #[error("`{0}` must be string, boolean or integer")]
    ExtensionValue(String),
    #[error("`data` and `data_base64` are mutually exclusive")]
    DataTwice,
    #[error("`data_base64` must be base64 (standard alphabet, padded)")]
    InvalidBase64,

    #[error("the header `ce-{0}` is not valid UTF-8 after percent-decoding")]
    InvalidHeader(String),
    #[error("the header `Content-Type` is not valid UTF-8")]
    InvalidContentType,
    #[error(
        "`ce-datacontenttype` must not be present: in binary mode `Content-Type` says the type of the data"
    )]
    DataContentTypeHeader,
    #[error("the body is not valid JSON, which its content type promises: {0}")]
    InvalidJsonData(json::Error),
}

impl Error {
    /// Whether a limit was exceeded (413), rather than a rule broken (400).
    pub const fn is_too_large(&self) -> bool {
        matches!(
            self,
            Self::TooManyEvents { .. } | Self::EventTooLarge { .. } | Self::BatchTooLarge { .. }
        )
    }
}

/// A piece of the publisher's own text, short enough for a message.
pub(super) fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
