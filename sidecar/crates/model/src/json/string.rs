//! JSON strings: skipping, unescaping, writing.

use std::borrow::Cow;

use super::{Error, Fault, Scanner};

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

impl Scanner<'_> {
    /// Skips a string whose opening quote is the next byte.
    pub(super) fn string(&mut self) -> Result<(), Error> {
        self.at += 1;
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                _ => return Err(self.fault(Fault::Control)),
            }
        }
    }

    /// Skips to the next quote, backslash or control character, eight bytes at a time.
    fn skip_plain(&mut self) {
        let (words, _) = self.input[self.at..].as_chunks::<8>();
        for word in words {
            let special = special_bytes(u64::from_le_bytes(*word));
            if special != 0 {
                self.at += (special.trailing_zeros() / 8) as usize;
                return;
            }
            self.at += 8;
        }
        while self
            .peek()
            .is_some_and(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
        {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<(), Error> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let start = self.at - 1;
                self.at += 1;
                match self.hex4()? {
                    0xd800..=0xdbff => self.low_surrogate(start)?,
                    0xdc00..=0xdfff => {
                        return Err(Error {
                            what: Fault::Surrogate,
                            at: start,
                        });
                    }
                    _ => {}
                }
            }
            _ => return Err(self.fault(Fault::Escape)),
        }
        Ok(())
    }

    fn low_surrogate(&mut self, start: usize) -> Result<(), Error> {
        let lone = Error {
            what: Fault::Surrogate,
            at: start,
        };
        if !self.input[self.at..].starts_with(b"\\u") {
            return Err(lone);
        }
        self.at += 2;
        match self.hex4()? {
            0xdc00..=0xdfff => Ok(()),
            _ => Err(lone),
        }
    }

    fn hex4(&mut self) -> Result<u32, Error> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit << 4 | digit.ok_or_else(|| self.fault(Fault::Escape))?;
            self.at += 1;
        }
        Ok(unit)
    }
}

/// The lowest set bit is the high bit of the first byte that is a quote, a backslash or below 0x20. Bits above it may
/// be wrong (a borrow runs upwards), which is why only the lowest is looked at.
const fn special_bytes(word: u64) -> u64 {
    let quote = zero_bytes(word ^ (ONES * b'"' as u64));
    let backslash = zero_bytes(word ^ (ONES * b'\\' as u64));
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
    quote | backslash | control
}

const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// The text of a valid JSON string that is given with its quotes. Borrows when nothing is escaped, which is usual.
pub fn unescape(quoted: &str) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        rest = unescape_one(&rest[at..], &mut text);
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Appends the character of the escape that `text` begins with; returns what follows. A caller's mistake (text that
/// was never validated) gives replacement characters.
fn unescape_one<'a>(text: &'a str, output: &mut String) -> &'a str {
    let (character, length) = match text.as_bytes().get(1) {
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'n') => ('\n', 2),
        Some(b'r') => ('\r', 2),
        Some(b't') => ('\t', 2),
        Some(&plain @ (b'"' | b'\\' | b'/')) => (char::from(plain), 2),
        Some(b'u') => unicode_escape(text),
        _ => (char::REPLACEMENT_CHARACTER, 1),
    };
    output.push(character);
    text.get(length..).unwrap_or_default()
}

fn unicode_escape(text: &str) -> (char, usize) {
    let unit = |from: usize| {
        text.get(from..from + 4)
            .and_then(|hex| u16::from_str_radix(hex, 16).ok())
    };
    let first = unit(2).unwrap_or(0xdfff);
    if let Some(character) = char::from_u32(u32::from(first)) {
        return (character, 6);
    }
    let low = if text.get(6..8) == Some("\\u") {
        unit(8)
    } else {
        None
    };
    match char::decode_utf16([first, low.unwrap_or(0)]).next() {
        Some(Ok(character)) => (character, 12),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// Appends `text` as a JSON string with its quotes.
pub fn write_string(output: &mut Vec<u8>, text: &str) {
    output.push(b'"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        output.extend_from_slice(&text.as_bytes()[plain_from..at]);
        plain_from = at + 1;
        write_escape(output, byte);
    }
    output.extend_from_slice(&text.as_bytes()[plain_from..]);
    output.push(b'"');
}

fn write_escape(output: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' | b'\\' => output.extend_from_slice(&[b'\\', byte]),
        b'\n' => output.extend_from_slice(b"\\n"),
        b'\r' => output.extend_from_slice(b"\\r"),
        b'\t' => output.extend_from_slice(b"\\t"),
        _ => {
            output.extend_from_slice(b"\\u00");
            output.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_byte_is_found_at_every_place_in_a_word() {
        for special in (0..0x20).chain([b'"', b'\\']) {
            for filler in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                for place in 0..8 {
                    let mut word = [filler; 8];
                    assert_eq!(special_bytes(u64::from_le_bytes(word)), 0, "{filler}");
                    word[place] = special;
                    let found = special_bytes(u64::from_le_bytes(word)).trailing_zeros() / 8;
                    assert_eq!(found as usize, place, "{special} among {filler}");
                }
            }
        }
    }

    #[test]
    fn a_written_string_reads_back_and_serde_json_agrees() {
        for text in [
            "",
            "plain",
            "\"\\/\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}",
            "é😀",
            "a\\",
        ] {
            let mut written = Vec::new();
            write_string(&mut written, text);
            let written = String::from_utf8(written).unwrap();
            assert_eq!(unescape(&written), text);
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }

    #[test]
    fn every_escape_is_read() {
        assert_eq!(
            unescape(r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00x""#),
            "\"\\/\u{8}\u{c}\n\r\té😀x"
        );
    }

    #[test]
    fn a_string_that_was_never_validated_does_no_harm() {
        for text in [
            "",
            "\"",
            "\"\\\"",
            r#""\u""#,
            r#""\ud800""#,
            r#""\ud800\u""#,
            r#""\u00""#,
            r#""\é""#,
        ] {
            unescape(text);
        }
    }
}
