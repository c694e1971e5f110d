//! The values that filters compare.

use std::borrow::Cow;

use model::json::{self, Elements};

/// One comparable value.
#[derive(Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Bool(bool),
    /// With the text it was written as.
    Number(f64, &'a str),
    String(Cow<'a, str>),
}

/// What the raw value is to a filter.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// Absent, or null.
    Missing,
    Scalar(Scalar<'a>),
    Array(Elements<'a>),
    /// Present, but nothing can be compared with it.
    Object,
}

impl<'a> Value<'a> {
    pub(super) fn of(raw: Option<&'a [u8]>) -> Self {
        match raw.and_then(|raw| Some((raw, raw.first()?))) {
            None | Some((_, b'n')) => Self::Missing,
            Some((_, b'{')) => Self::Object,
            Some((raw, b'[')) => Self::Array(json::elements(raw)),
            Some((raw, _)) => Scalar::of(raw).map_or(Self::Object, Self::Scalar),
        }
    }
}

impl<'a> Scalar<'a> {
    pub(super) fn of(raw: &'a [u8]) -> Option<Self> {
        match raw {
            b"true" => Some(Self::Bool(true)),
            b"false" => Some(Self::Bool(false)),
            [b'"', ..] => json::string(raw).map(Self::String),
            [b'-' | b'0'..=b'9', ..] => {
                let text = std::str::from_utf8(raw).ok()?;
                Some(Self::Number(text.parse().ok()?, text))
            }
            _ => None,
        }
    }
}

/// Lower case, as all strings are compared.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::new();
    fold_into(text, &mut folded);
    folded
}

/// As [`fold`], into a buffer that is reused.
pub(super) fn fold_into(text: &str, folded: &mut String) {
    folded.clear();
    if text.is_ascii() {
        folded.push_str(text);
        folded.make_ascii_lowercase();
    } else {
        folded.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// The bits under which equal numbers are equal: -0.0 is 0.0.
pub(super) fn number_bits(number: f64) -> u64 {
    (number + 0.0).to_bits()
}
