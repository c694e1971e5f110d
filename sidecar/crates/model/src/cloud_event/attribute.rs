//! The attributes that CloudEvents 1.0 names, and where an event has them.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::Error;
use super::error::excerpt;
use crate::json::{Span, unescape};

/// A member with a meaning of its own; every other one is an extension attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    SpecVersion,
    Id,
    Source,
    Type,
    Time,
    Subject,
    DataSchema,
    DataContentType,
    Data,
    DataBase64,
}

impl Attribute {
    pub(super) const ALL: [Self; 10] = [
        Self::SpecVersion,
        Self::Id,
        Self::Source,
        Self::Type,
        Self::Time,
        Self::Subject,
        Self::DataSchema,
        Self::DataContentType,
        Self::Data,
        Self::DataBase64,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SpecVersion => "specversion",
            Self::Id => "id",
            Self::Source => "source",
            Self::Type => "type",
            Self::Time => "time",
            Self::Subject => "subject",
            Self::DataSchema => "dataschema",
            Self::DataContentType => "datacontenttype",
            Self::Data => "data",
            Self::DataBase64 => "data_base64",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.as_bytes() {
            b"specversion" => Self::SpecVersion,
            b"id" => Self::Id,
            b"source" => Self::Source,
            b"type" => Self::Type,
            b"time" => Self::Time,
            b"subject" => Self::Subject,
            b"dataschema" => Self::DataSchema,
            b"datacontenttype" => Self::DataContentType,
            b"data" => Self::Data,
            b"data_base64" => Self::DataBase64,
            _ => return None,
        })
    }
}

/// Where an event has its members. Saves every later reader the scan.
#[derive(Clone, Debug, Default)]
pub(super) struct Outline {
    /// Values by attribute; an empty span is absence.
    values: [Span; Attribute::ALL.len()],
    pub(super) extensions: SmallVec<[Extension; 2]>,
}

/// An extension attribute: its name with quotes, and its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extension {
    pub(super) name: Span,
    pub(super) value: Span,
}

impl Outline {
    /// The value's JSON text in `json`, which must be the text that this outline was made of.
    pub(super) fn get<'a>(&self, attribute: Attribute, json: &'a str) -> Option<&'a str> {
        let span = self.values[attribute as usize];
        (!span.is_empty()).then(|| span.of_str(json))
    }

    pub(super) const fn has(&self, attribute: Attribute) -> bool {
        !self.values[attribute as usize].is_empty()
    }

    pub(super) const fn set(&mut self, attribute: Attribute, value: Span) {
        self.values[attribute as usize] = value;
    }

    pub(super) fn has_extension(&self, name: &str, json: &str) -> bool {
        self.extensions
            .iter()
            .any(|extension| unescape(extension.name.of_str(json)) == name)
    }

    /// Takes out every member but `data` that is `null`, which is the same as absent. Tells whether there was one.
    pub(super) fn drop_nulls(&mut self, json: &str) -> bool {
        let is_null = |value: Span| json.as_bytes().get(value.start as usize) == Some(&b'n');
        let mut dropped = false;
        for attribute in Attribute::ALL {
            let value = &mut self.values[attribute as usize];
            if attribute != Attribute::Data && !value.is_empty() && is_null(*value) {
                *value = Span::default();
                dropped = true;
            }
        }
        let before = self.extensions.len();
        self.extensions.retain(|extension| !is_null(extension.value));
        dropped || self.extensions.len() < before
    }

    /// # Errors
    /// When two extension attributes have the same name.
    pub(super) fn check_extensions_unique(&self, json: &str) -> Result<(), Error> {
        const COMPARED_IN_PAIRS_MAX: usize = 8;
        let name = |extension: &Extension| unescape(extension.name.of_str(json));
        if self.extensions.len() > COMPARED_IN_PAIRS_MAX {
            let mut names: Vec<Cow<'_, str>> = self.extensions.iter().map(name).collect();
            names.sort_unstable();
            return match names.windows(2).find(|pair| pair[0] == pair[1]) {
                Some(pair) => Err(Error::Duplicate(excerpt(&pair[0]))),
                None => Ok(()),
            };
        }
        for (index, extension) in self.extensions.iter().enumerate() {
            if self.extensions[..index]
                .iter()
                .any(|other| name(other) == name(extension))
            {
                return Err(Error::Duplicate(excerpt(&name(extension))));
            }
        }
        Ok(())
    }
}

/// Whether `name` can be an extension attribute's. The rules are those of Azure's clients: a consumer there loses a
/// whole batch to one event whose extension has a capital letter, or only digits.
pub(super) fn is_extension_name(name: &str) -> bool {
    const LENGTH_MAX: usize = 20;
    name.len() <= LENGTH_MAX
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
}
