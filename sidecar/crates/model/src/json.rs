//! JSON as text: a scanner that validates RFC 8259 and finds its way around without building a tree.
//!
//! Stricter than the grammar in two points: values nest at most [`DEPTH_MAX`] deep, and an escaped lone surrogate is
//! refused, since it is no text that every consumer could read. The caller checks UTF-8 beforehand, once for the
//! whole input; the scanner itself works on bytes.

mod string;
mod walk;

pub use string::{unescape, write_string};
pub use walk::{Elements, Members, elements, members, string};

/// How deep arrays and objects may nest inside one value.
pub const DEPTH_MAX: u32 = 64;

/// What is wrong with the JSON, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct Error {
    pub what: Fault,
    /// Offset from the start of the input.
    pub at: usize,
}

/// What is wrong with the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the text ends too early")]
    End,
    #[error("expected a value")]
    Value,
    #[error("expected `:`")]
    Colon,
    #[error("expected `,` or the closing bracket")]
    Comma,
    #[error("expected a member name in double quotes")]
    Name,
    #[error("invalid number")]
    Number,
    #[error("unescaped control character in a string")]
    Control,
    #[error("invalid escape in a string")]
    Escape,
    #[error("lone surrogate in a string")]
    Surrogate,
    #[error("more than {DEPTH_MAX} levels of nesting")]
    Depth,
    #[error("unexpected text after the value")]
    Trailing,
}

/// A part of the input: byte offsets, the end excluded. Inputs are limited to 4 GiB by these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The bytes from `start` up to, not including, `end`.
    ///
    /// # Panics
    /// Beyond 4 GiB.
    pub fn new(start: usize, end: usize) -> Self {
        let offset = |at: usize| u32::try_from(at).expect("an input is smaller than 4 GiB");
        Self {
            start: offset(start),
            end: offset(end),
        }
    }

    /// The part of `input`.
    ///
    /// # Panics
    /// When the span was made for another input.
    pub fn of(self, input: &[u8]) -> &[u8] {
        &input[self.start as usize..self.end as usize]
    }

    /// The part of `input`.
    ///
    /// # Panics
    /// When the span was made for another input.
    pub fn of_str(self, input: &str) -> &str {
        &input[self.start as usize..self.end as usize]
    }

    /// Whether the span has no bytes. No JSON value is empty, so an empty span can stand for "absent".
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// What kind of value begins at the scanner's position, told by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// Walks over JSON text. Every method that finds a fault leaves the scanner where it was noticed.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `input`.
    pub const fn new(input: &'a [u8]) -> Self {
        Self { input, at: 0 }
    }

    /// A scanner at offset `at` of `input`.
    pub(crate) const fn resume(input: &'a [u8], at: usize) -> Self {
        Self { input, at }
    }

    /// Offset of the next byte.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The next byte, if there is one.
    pub fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    /// Skips whitespace.
    pub fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Skips whitespace and tells what kind of value follows.
    ///
    /// # Errors
    /// When no value follows.
    pub fn kind(&mut self) -> Result<Kind, Error> {
        self.skip_whitespace();
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            Some(_) => Err(self.fault(Fault::Value)),
            None => Err(self.fault(Fault::End)),
        }
    }

    /// Skips whitespace, and then `byte` if it is the next one; tells whether it was.
    pub fn skip_if(&mut self, byte: u8) -> bool {
        self.skip_whitespace();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Skips whitespace and `byte`.
    ///
    /// # Errors
    /// `fault` when another byte comes, [`Fault::End`] when none does.
    pub fn expect(&mut self, byte: u8, fault: Fault) -> Result<(), Error> {
        if self.skip_if(byte) {
            Ok(())
        } else {
            Err(self.fault(fault))
        }
    }

    /// Skips a member's name and the colon; the span is the name with its quotes.
    ///
    /// # Errors
    /// When no name or no colon follows, or the name is not a valid string.
    pub fn name(&mut self) -> Result<Span, Error> {
        self.skip_whitespace();
        if self.peek() != Some(b'"') {
            return Err(self.fault(Fault::Name));
        }
        let start = self.at;
        self.string()?;
        let name = self.since(start);
        self.expect(b':', Fault::Colon)?;
        Ok(name)
    }

    /// Skips one whole value, after checking it; the span is its text without the whitespace around it.
    ///
    /// # Errors
    /// When the value is not valid JSON or nests deeper than [`DEPTH_MAX`].
    pub fn value(&mut self) -> Result<Span, Error> {
        let kind = self.kind()?;
        let start = self.at;
        match kind {
            Kind::Object | Kind::Array => self.container()?,
            Kind::String => self.string()?,
            Kind::Number => self.number()?,
            Kind::Boolean | Kind::Null => self.literal()?,
        }
        Ok(self.since(start))
    }

    /// Checks that nothing but whitespace is left.
    ///
    /// # Errors
    /// When something is.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.skip_whitespace();
        if self.at == self.input.len() {
            Ok(())
        } else {
            Err(self.fault(Fault::Trailing))
        }
    }

    fn since(&self, start: usize) -> Span {
        Span::new(start, self.at)
    }

    fn fault(&self, what: Fault) -> Error {
        let what = if self.at >= self.input.len() {
            Fault::End
        } else {
            what
        };
        Error { what, at: self.at }
    }

    /// Skips an object or array without recursion: one bit per level says which of the two is open.
    fn container(&mut self) -> Result<(), Error> {
        let mut open = Open::default();
        loop {
            // Here a value begins.
            match self.kind()? {
                Kind::Object => {
                    open.push(true).map_err(|what| self.fault(what))?;
                    self.at += 1;
                    if !self.skip_if(b'}') {
                        self.name()?;
                        continue;
                    }
                    open.pop();
                }
                Kind::Array => {
                    open.push(false).map_err(|what| self.fault(what))?;
                    self.at += 1;
                    if !self.skip_if(b']') {
                        continue;
                    }
                    open.pop();
                }
                Kind::String => self.string()?,
                Kind::Number => self.number()?,
                Kind::Boolean | Kind::Null => self.literal()?,
            }
            // Here a value has ended.
            loop {
                if open.depth == 0 {
                    return Ok(());
                }
                if self.skip_if(b',') {
                    if open.is_object() {
                        self.name()?;
                    }
                    break;
                }
                let bracket = if open.is_object() { b'}' } else { b']' };
                self.expect(bracket, Fault::Comma)?;
                open.pop();
            }
        }
    }

    fn literal(&mut self) -> Result<(), Error> {
        let rest = &self.input[self.at..];
        let length = if rest.starts_with(b"true") || rest.starts_with(b"null") {
            4
        } else if rest.starts_with(b"false") {
            5
        } else {
            return Err(self.fault(Fault::Value));
        };
        self.at += length;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Error> {
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            Err(self.fault(Fault::Number))
        } else {
            Ok(())
        }
    }
}

/// Which containers are open: bit 0 is the innermost, set for an object.
#[derive(Default)]
struct Open {
    objects: u64,
    depth: u32,
}

impl Open {
    fn push(&mut self, object: bool) -> Result<(), Fault> {
        if self.depth == DEPTH_MAX {
            return Err(Fault::Depth);
        }
        self.objects = self.objects << 1 | u64::from(object);
        self.depth += 1;
        Ok(())
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    const fn is_object(&self) -> bool {
        self.objects & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), Fault> {
        let mut scanner = Scanner::new(text.as_bytes());
        scanner
            .value()
            .and_then(|_| scanner.finish())
            .map_err(|error| error.what)
    }

    #[test]
    fn a_valid_value_is_skipped_whatever_its_shape() {
        for text in [
            "{}",
            "[]",
            " [ ] ",
            "null",
            "true",
            "false",
            "0",
            "-0",
            "-1.5e+10",
            "10",
            "\"\"",
            "[[],{}]",
            r#"{"a":1,"b":[true,null,{"c":"d"}],"":{}}"#,
            r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#,
            "\"é😀\u{7f}\"",
            "{\n\t\"a\" : [ 1 , 2 ]\r\n}",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_the_grammar_forbids_is_refused() {
        for (text, fault) in [
            ("", Fault::End),
            (" ", Fault::End),
            ("{", Fault::End),
            ("[1", Fault::End),
            ("\"a", Fault::End),
            ("\"\\", Fault::End),
            ("-", Fault::End),
            ("1.", Fault::End),
            ("1e", Fault::End),
            ("tru", Fault::Value),
            ("nulL", Fault::Value),
            ("{\"a\" 1}", Fault::Colon),
            ("{a:1}", Fault::Name),
            ("{\"a\":1,}", Fault::Name),
            ("[1,]", Fault::Value),
            ("[1 2]", Fault::Comma),
            ("[1}", Fault::Comma),
            ("{\"a\":1]", Fault::Comma),
            ("01", Fault::Trailing),
            ("+1", Fault::Value),
            (".5", Fault::Value),
            ("1.x", Fault::Number),
            ("--1", Fault::Number),
            ("\"\n\"", Fault::Control),
            ("\"\\x\"", Fault::Escape),
            ("\"\\u12g4\"", Fault::Escape),
            ("\"\\ud800\"", Fault::Surrogate),
            ("\"\\udc00\"", Fault::Surrogate),
            ("\"\\ud800\\u0041\"", Fault::Surrogate),
            ("\"\\ud800\\ud800\"", Fault::Surrogate),
            ("{}{}", Fault::Trailing),
            ("NaN", Fault::Value),
            ("'a'", Fault::Value),
            ("\u{feff}1", Fault::Value),
        ] {
            assert_eq!(check(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(check(&nested(64)), Ok(()));
        assert_eq!(check(&nested(65)), Err(Fault::Depth));
        assert_eq!(check(&"[{\"a\":".repeat(40)), Err(Fault::Depth));
    }
}
