//! Writing XML 1.0.

use std::fmt::Write as _;

/// A document under construction. Names of elements are ours, or checked before they come here; texts are anybody's.
#[derive(Debug)]
pub(super) struct Xml(String);

impl Xml {
    /// Begins with the declaration.
    pub(super) fn new() -> Self {
        Self(String::from(r#"<?xml version="1.0" encoding="utf-8"?>"#))
    }

    pub(super) fn open(&mut self, name: &str) -> &mut Self {
        self.open_with(name, &[])
    }

    pub(super) fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Self {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            self.push_escaped(value);
            self.0.push('"');
        }
        self.0.push('>');
        self
    }

    pub(super) fn close(&mut self, name: &str) -> &mut Self {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        self
    }

    /// An element with nothing but text. What XML has no way to say is replaced; for names of blobs see [`Xml::name`].
    pub(super) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        if text.is_empty() {
            return self.empty(name);
        }
        self.open(name);
        self.push_escaped(text);
        self.close(name)
    }

    pub(super) fn empty(&mut self, name: &str) -> &mut Self {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push_str(" />");
        self
    }

    /// An element with text that may be any. What XML has no way to say is percent-encoded, and marked so.
    pub(super) fn name(&mut self, name: &str, text: &str) -> &mut Self {
        if text.chars().all(is_sayable) {
            return self.text(name, text);
        }
        self.open_with(name, &[("Encoded", "true")]);
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    self.0.push(char::from(byte));
                }
                other => write!(self.0, "%{other:02X}").expect("writing to memory cannot fail"),
            }
        }
        self.close(name)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    fn push_escaped(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                // As they are, a parser would make spaces or line feeds of them.
                '\t' => self.0.push_str("&#9;"),
                '\r' => self.0.push_str("&#13;"),
                '\n' => self.0.push('\n'),
                other if is_sayable(other) => self.0.push(other),
                _ => self.0.push(char::REPLACEMENT_CHARACTER),
            }
        }
    }
}

/// Whether XML 1.0 has a way to say it that every parser reads.
const fn is_sayable(character: char) -> bool {
    !matches!(character, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped() {
        let mut xml = Xml::new();
        xml.open_with("A", &[("b", "\"&\"")])
            .text("C", "<d> & 'e'\t\0")
            .text("F", "")
            .close("A");
        assert_eq!(
            String::from_utf8(xml.into_bytes()).unwrap(),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><A b=\"&quot;&amp;&quot;\">\
             <C>&lt;d&gt; &amp; 'e'&#9;\u{fffd}</C><F /></A>"
        );
    }

    #[test]
    fn a_name_that_xml_cannot_say_is_percent_encoded_and_marked() {
        let mut xml = Xml::new();
        xml.name("Name", "a/$b").name("Name", "a/$b\u{1}é");
        assert!(
            String::from_utf8(xml.into_bytes())
                .unwrap()
                .ends_with("<Name>a/$b</Name><Name Encoded=\"true\">a/%24b%01%C3%A9</Name>")
        );
    }
}
