//! Finding one's way inside a value that is known to be valid, for filters.

use std::borrow::Cow;

use super::{Scanner, Span, unescape};

/// The members of the object `text`, in order; none if it is no object. The values are JSON text.
pub fn members(text: &str) -> Members<'_> {
    Members(Walk::begin(text, b'{'))
}

/// The elements of the array `text`, in order; none if it is no array. They are JSON text.
pub fn elements(text: &str) -> Elements<'_> {
    Elements(Walk::begin(text, b'['))
}

/// See [`members`].
#[derive(Clone, Debug)]
pub struct Members<'a>(Walk<'a>);

/// See [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(Walk<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.0
            .step(|scanner| Some((scanner.name().ok()?, scanner.value().ok()?)))
            .map(|(text, (name, value))| (unescape(name.of_str(text)), value.of_str(text)))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.0
            .step(|scanner| scanner.value().ok())
            .map(|(text, value): (_, Span)| value.of_str(text))
    }
}

#[derive(Clone, Debug)]
struct Walk<'a> {
    text: &'a str,
    scanner: Scanner<'a>,
    more: bool,
}

impl<'a> Walk<'a> {
    fn begin(text: &'a str, bracket: u8) -> Self {
        let mut scanner = Scanner::new(text.as_bytes());
        let more = scanner.skip_if(bracket);
        Self { text, scanner, more }
    }

    /// Reads one item and the comma behind it. Anything unexpected (the closing bracket of an empty container, or
    /// text that is not valid) ends the walk.
    fn step<T>(&mut self, read: impl FnOnce(&mut Scanner<'a>) -> Option<T>) -> Option<(&'a str, T)> {
        if !self.more {
            return None;
        }
        let item = read(&mut self.scanner);
        self.more = item.is_some() && self.scanner.skip_if(b',');
        item.map(|item| (self.text, item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_come_in_order() {
        let text = r#" { "a" : 1, "b\n":[ "x", {"y":null} ] ,"c":{}} "#;
        let all: Vec<_> = members(text).collect();
        assert_eq!(
            all,
            [
                ("a".into(), "1"),
                ("b\n".into(), r#"[ "x", {"y":null} ]"#),
                ("c".into(), "{}")
            ]
        );
        assert_eq!(
            elements(all[1].1).collect::<Vec<_>>(),
            [r#""x""#, r#"{"y":null}"#]
        );
    }

    #[test]
    fn what_has_no_items_yields_none() {
        for text in ["{}", "[]", " [ ] ", "1", "\"a\"", "", "{", "[", "{\"a\"", "[}"] {
            assert_eq!(members(text).count() + elements(text).count(), 0, "{text}");
        }
    }
}
