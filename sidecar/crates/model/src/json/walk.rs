//! Finding one's way inside JSON text that is known to be valid, without building or checking anything: for filters.
//!
//! Text that is not valid after all only ends a walk early.

use std::borrow::Cow;

use memchr::{memchr2, memchr3};

use super::unescape;

/// The members of the object `text`, in order, as (name, raw value); none if it is no object.
pub fn members(text: &[u8]) -> Members<'_> {
    Members(Walk::begin(text, b'{'))
}

/// The elements of the array `text`, in order, raw; none if it is no array.
pub fn elements(text: &[u8]) -> Elements<'_> {
    Elements(Walk::begin(text, b'['))
}

/// The content of a raw string, which is given with its quotes; None if it is no string.
pub fn string(raw: &[u8]) -> Option<Cow<'_, str>> {
    let is_quoted = raw.len() > 1 && raw.starts_with(b"\"") && raw.ends_with(b"\"");
    let text = is_quoted.then(|| std::str::from_utf8(raw).ok());
    text.flatten().map(unescape)
}

/// See [`members`].
#[derive(Clone, Debug)]
pub struct Members<'a>(Walk<'a>);

/// See [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(Walk<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let Walk { text, at } = self.0;
        let start = skip_separator(text, at);
        if text.get(start) != Some(&b'"') {
            return None;
        }
        let end = skip_string(text, start)?;
        let colon = skip_space(text, end);
        if text.get(colon) != Some(&b':') {
            return None;
        }
        let value = self.0.value_from(skip_space(text, colon + 1))?;
        Some((string(&text[start..end])?, value))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        self.0.value_from(skip_separator(self.0.text, self.0.at))
    }
}

#[derive(Clone, Copy, Debug)]
struct Walk<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn begin(text: &'a [u8], bracket: u8) -> Self {
        let at = skip_space(text, 0);
        let found = text.get(at) == Some(&bracket);
        Self {
            text,
            at: if found { at + 1 } else { text.len() },
        }
    }

    /// Takes the value that begins at `start`.
    fn value_from(&mut self, start: usize) -> Option<&'a [u8]> {
        self.at = skip_value(self.text, start)?;
        Some(&self.text[start..self.at])
    }
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

/// Position after the value that begins at `at`; always greater than `at`. None where no value begins.
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
        let text = br#" { "a" : {"x":"}\"","y":[{}]} , "b\u0041\n":[1,"]",[2]],"c":-1.5e3 ,"d":null} "#;
        let all: Vec<_> = members(text).collect();
        let expected: [(&str, &[u8]); 4] = [
            ("a", br#"{"x":"}\"","y":[{}]}"#),
            ("bA\n", br#"[1,"]",[2]]"#),
            ("c", b"-1.5e3"),
            ("d", b"null"),
        ];
        assert_eq!(all, expected.map(|(name, value)| (name.into(), value)));
    }

    #[test]
    fn elements_are_found_whatever_lies_between_them() {
        let text = br#" [ "x" , {"y":null} ,[[1],2],3] "#;
        let all: Vec<&[u8]> = elements(text).collect();
        let expected: [&[u8]; 4] = [br#""x""#, br#"{"y":null}"#, b"[[1],2]", b"3"];
        assert_eq!(all, expected);
    }

    #[test]
    fn what_has_no_items_and_what_is_malformed_yields_none() {
        for text in [
            "",
            "1",
            "\"a\"",
            "{}",
            "[]",
            " [ ] ",
            "[}",
            "[,,]",
            "{",
            "[",
            "{\"a",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":[",
            "{\"a\":\"\\",
            "{\"a\":{\"b\":1",
            "{a:1}",
            "{\"a\":}",
        ] {
            let text = text.as_bytes();
            assert_eq!(members(text).count() + elements(text).count(), 0, "{text:?}");
        }
    }

    #[test]
    fn only_what_stands_in_quotes_is_a_string() {
        assert_eq!(string(br#""a\u00e9\"""#).as_deref(), Some("aé\""));
        for raw in ["", "\"", "a", "\"a", "a\"", "1"] {
            assert_eq!(string(raw.as_bytes()), None, "{raw}");
        }
    }
}
