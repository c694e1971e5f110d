//! Walking JSON text without building anything.
//!
//! The text was validated when it was published; here malformed text only ends the walk early.

use std::borrow::Cow;

use memchr::{memchr2, memchr3};

/// The members of an object in their order, as (name, raw value).
#[derive(Clone, Debug)]
pub(crate) struct Members<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Members<'a> {
    /// None if the text is not an object.
    pub(crate) fn of(text: &'a [u8]) -> Option<Self> {
        let at = skip_space(text, 0);
        (text.get(at) == Some(&b'{')).then_some(Self { text, at: at + 1 })
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let start = skip_separator(self.text, self.at);
        if self.text.get(start) != Some(&b'"') {
            return None;
        }
        let end = skip_string(self.text, start)?;
        let colon = skip_space(self.text, end);
        if self.text.get(colon) != Some(&b':') {
            return None;
        }
        let value_start = skip_space(self.text, colon + 1);
        let value_end = skip_value(self.text, value_start)?;
        self.at = value_end;
        let name = string(&self.text[start..end])?;
        Some((name, &self.text[value_start..value_end]))
    }
}

/// The elements of an array in their order, raw.
#[derive(Clone, Debug)]
pub(super) struct Elements<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Elements<'a> {
    /// `text` begins with the opening bracket.
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { text, at: 1 }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let start = skip_separator(self.text, self.at);
        if matches!(self.text.get(start), None | Some(b']')) {
            return None;
        }
        let end = skip_value(self.text, start)?;
        self.at = end;
        Some(&self.text[start..end])
    }
}

/// The content of a raw string with its quotes.
pub(super) fn string(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice(raw).ok().map(Cow::Owned)
}

fn skip_space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

fn skip_separator(text: &[u8], at: usize) -> usize {
    let at = skip_space(text, at);
    if text.get(at) == Some(&b',') {
        skip_space(text, at + 1)
    } else {
        at
    }
}

/// Position after the value that begins at `at`; always greater than `at`.
fn skip_value(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => skip_string(text, at),
        b'{' | b'[' => skip_nested(text, at),
        b',' | b':' | b'}' | b']' => None,
        _ => {
            let length = text[at..].iter().position(|byte| b",]} \t\n\r".contains(byte));
            Some(length.map_or(text.len(), |length| at + length))
        }
    }
}

/// Position after the string whose opening quote is at `at`.
fn skip_string(text: &[u8], at: usize) -> Option<usize> {
    let mut from = at + 1;
    loop {
        let found = from + memchr2(b'"', b'\\', text.get(from..)?)?;
        if text[found] == b'"' {
            return Some(found + 1);
        }
        from = found + 2;
    }
}

/// Position after the object or array that opens at `at`. Counts one kind of bracket only: in valid text the other
/// kind is balanced in between.
fn skip_nested(text: &[u8], at: usize) -> Option<usize> {
    let (open, close) = if text[at] == b'{' {
        (b'{', b'}')
    } else {
        (b'[', b']')
    };
    let (mut depth, mut from) = (0_usize, at);
    loop {
        let found = from + memchr3(b'"', open, close, text.get(from..)?)?;
        if text[found] == b'"' {
            from = skip_string(text, found)?;
            continue;
        }
        from = found + 1;
        if text[found] == open {
            depth += 1;
        } else {
            depth -= 1;
            if depth == 0 {
                return Some(from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_whatever_lies_between_them() {
        let text = br#" { "a" : {"x":"}\"","y":[{}]} , "b\u0041":[1,"]",[2]],"c":-1.5e3 ,"d":null}"#;
        let members: Vec<_> = Members::of(text).unwrap().collect();
        assert_eq!(members.len(), 4);
        assert_eq!(members[0].1, br#"{"x":"}\"","y":[{}]}"#);
        assert_eq!(members[1].0, "bA");
        assert_eq!(members[2].1, b"-1.5e3");
        assert_eq!(members[3].1, b"null");
    }

    #[test]
    fn malformed_text_ends_the_walk() {
        for text in [
            "{",
            "{\"a",
            "{\"a\":",
            "{\"a\":[",
            "{\"a\":\"\\",
            "{\"a\":{\"b\":1",
            "{a:1}",
            "{\"a\":}",
            "[]",
        ] {
            assert!(
                Members::of(text.as_bytes()).is_none_or(|members| members.count() == 0),
                "{text}"
            );
        }
    }
}
