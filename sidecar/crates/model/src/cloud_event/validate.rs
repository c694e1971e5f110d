//! The rules that an event's attributes keep, whichever mode brought them.

use std::borrow::Cow;

use super::Error;
use super::attribute::{Attribute, Outline};
use super::error::excerpt;
use crate::json::unescape;
use crate::rfc3339;

/// Checks everything but the extensions; gives `time` if it has to be written differently.
pub(super) fn check(outline: &Outline, json: &str) -> Result<Option<String>, Error> {
    required(outline, json, Attribute::Source)?;
    // Azure has one text for an `id` that is missing and one that is empty.
    match required(outline, json, Attribute::Id) {
        Err(Error::Missing(id)) => return Err(Error::NotANonEmptyString(id)),
        other => other?,
    };
    required(outline, json, Attribute::Type)?;
    specversion(outline, json)?;
    for attribute in [
        Attribute::Subject,
        Attribute::DataSchema,
        Attribute::DataContentType,
    ] {
        string(outline, json, attribute)?;
    }
    data(outline, json)?;
    time(outline, json)
}

fn required(outline: &Outline, json: &str, attribute: Attribute) -> Result<(), Error> {
    let value = outline
        .get(attribute, json)
        .ok_or(Error::Missing(attribute.name()))?;
    if value.starts_with('"') && value != "\"\"" {
        Ok(())
    } else {
        Err(Error::NotANonEmptyString(attribute.name()))
    }
}

fn string<'a>(outline: &Outline, json: &'a str, attribute: Attribute) -> Result<Option<Cow<'a, str>>, Error> {
    match outline.get(attribute, json) {
        None => Ok(None),
        Some(value) if value.starts_with('"') => Ok(Some(unescape(value))),
        Some(_) => Err(Error::NotAString(attribute.name())),
    }
}

fn specversion(outline: &Outline, json: &str) -> Result<(), Error> {
    let attribute = Attribute::SpecVersion;
    let value = outline
        .get(attribute, json)
        .ok_or(Error::Missing(attribute.name()))?;
    if value.starts_with('"') && unescape(value) == "1.0" {
        Ok(())
    } else {
        Err(Error::SpecVersion(excerpt(value)))
    }
}

fn data(outline: &Outline, json: &str) -> Result<(), Error> {
    let Some(encoded) = string(outline, json, Attribute::DataBase64)? else {
        return Ok(());
    };
    if outline.has(Attribute::Data) {
        return Err(Error::DataTwice);
    }
    if is_base64(encoded.as_bytes()) {
        Ok(())
    } else {
        Err(Error::InvalidBase64)
    }
}

/// Standard alphabet and padding. Whether unused bits of the last digit are zero does not matter to any decoder of
/// the clients.
fn is_base64(text: &[u8]) -> bool {
    let digits = text
        .strip_suffix(b"==")
        .or_else(|| text.strip_suffix(b"="))
        .unwrap_or(text);
    text.len().is_multiple_of(4) && digits.iter().all(|&byte| BASE64_DIGIT[usize::from(byte)])
}

static BASE64_DIGIT: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = matches!(byte as u8, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/');
        byte += 1;
    }
    table
};

fn time(outline: &Outline, json: &str) -> Result<Option<String>, Error> {
    let Some(text) = string(outline, json, Attribute::Time)? else {
        return Ok(None);
    };
    let moment = rfc3339::parse(&text).ok_or_else(|| Error::Time(excerpt(&text)))?;
    match moment.canonical() {
        Cow::Borrowed(_) => Ok(None),
        Cow::Owned(canonical) => Ok(Some(canonical)),
    }
}

#[cfg(test)]
mod tests {
    use super::is_base64;

    #[test]
    fn base64_is_what_a_strict_decoder_of_any_client_reads() {
        for text in ["", "AA==", "AAA=", "AAAA", "+/+/", "/9j="] {
            assert!(is_base64(text.as_bytes()), "{text}");
        }
        for text in [
            "A", "AA", "AAA", "A===", "====", "AA=A", "-_-_", "AA==\n", " AA=", "AAAA=", "é==",
        ] {
            assert!(!is_base64(text.as_bytes()), "{text}");
        }
    }
}
