//! A cursor that never reads past the end, never recurses without end, and never lets a count decide about memory.

use bytes::Bytes;

use super::{Decode, code, descriptor};
use crate::DecodeError;

/// How deep values may be nested in each other.
pub(crate) const MAX_DEPTH: usize = 32;

/// How many bytes the arrays of one message or frame may make up: an element of a type without width (null, true, uint0 …)
/// counts as one, an element with a descriptor as the descriptor's length, which the array holds only once. Everything else
/// takes bytes from the peer, so that a decoded value is never larger than a multiple of what was sent.
pub(crate) const ELEMENTS_WITHOUT_BYTES_MAX: usize = 4096;

/// Reads values off the front.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    whole: &'a Bytes,
    rest: &'a [u8],
    depth: usize,
    without_bytes: usize,
}

/// The head of a list, map or array.
pub(crate) struct Compound<'a> {
    pub(crate) count: u32,
    pub(crate) body: &'a [u8],
}

/// What the elements of an array have in common.
pub(crate) struct Constructor<'a> {
    /// Descriptors, outermost first, each with its zero byte.
    pub(crate) descriptors: &'a [u8],
    pub(crate) levels: usize,
    pub(crate) code: u8,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(whole: &'a Bytes) -> Self {
        Self {
            whole,
            rest: whole,
            depth: 0,
            without_bytes: 0,
        }
    }

    /// A reader of another part of the same bytes, which was stepped over before: its bounds begin anew.
    pub(crate) fn part(&self, part: &'a [u8]) -> Self {
        Self {
            rest: part,
            ..Self::new(self.whole)
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What was read since `rest` was all of it.
    pub(crate) fn since(&self, rest: &'a [u8]) -> &'a [u8] {
        &rest[..rest.len() - self.rest.len()]
    }

    /// A part of what is read, without copying it.
    pub(crate) fn share(&self, part: &'a [u8]) -> Bytes {
        self.whole.slice_ref(part)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (part, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(part)
    }

    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (part, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*part)
    }

    /// A value of one of the types that cannot be wrong once their format code is right.
    pub(crate) fn primitive<T: Decode>(&mut self, code: u8) -> Result<T, DecodeError> {
        T::decode(code, "a value", self)
    }

    /// Part 1, 1.2: binary, string or symbol, with a length in one byte (0xa_) or four (0xb_).
    pub(crate) fn variable(&mut self, code: u8) -> Result<&'a [u8], DecodeError> {
        let length = if code < code::BINARY_32 {
            usize::from(self.byte()?)
        } else {
            u32::from_be_bytes(self.fixed()?) as usize
        };
        self.take(length)
    }

    /// A string or a symbol.
    pub(crate) fn text(&mut self, code: u8) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.variable(code)?).map_err(|_| DecodeError::NotUtf8)
    }

    /// Part 1, 1.2: size and count in one byte each or in four, where the size includes the count. A list or map with more
    /// elements than bytes ends too early; arrays are looked at by [`Reader::constructor`].
    pub(crate) fn compound(&mut self, code: u8) -> Result<Compound<'a>, DecodeError> {
        let compound = match code {
            code::LIST_0 => Compound { count: 0, body: &[] },
            code::LIST_8 | code::MAP_8 | code::ARRAY_8 => {
                let size = usize::from(self.byte()?);
                let (&count, body) = self.take(size)?.split_first().ok_or(DecodeError::WrongSize)?;
                let count = u32::from(count);
                Compound { count, body }
            }
            _ => {
                let size = u32::from_be_bytes(self.fixed()?) as usize;
                let (count, body) = self
                    .take(size)?
                    .split_first_chunk()
                    .ok_or(DecodeError::WrongSize)?;
                let count = u32::from_be_bytes(*count);
                Compound { count, body }
            }
        };
        let is_array = matches!(code, code::ARRAY_8 | code::ARRAY_32);
        if !is_array && compound.count as usize > compound.body.len() {
            return Err(DecodeError::WrongSize);
        }
        Ok(compound)
    }

    /// Reads the inside of a compound, which must end where its last element does.
    pub(crate) fn within<T>(
        &mut self,
        body: &'a [u8],
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let behind = std::mem::replace(&mut self.rest, body);
        let value = self.deeper(1, read)?;
        if !self.rest.is_empty() {
            return Err(DecodeError::WrongSize);
        }
        self.rest = behind;
        Ok(value)
    }

    /// Reads what is nested in something else.
    pub(crate) fn deeper<T>(
        &mut self,
        levels: usize,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        self.depth += levels;
        if self.depth > MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        let value = read(self)?;
        self.depth -= levels;
        Ok(value)
    }

    /// The constructor of an array's elements. After this, looping over `count` elements is bounded by the bytes that are
    /// there.
    pub(crate) fn constructor(&mut self, count: u32) -> Result<Constructor<'a>, DecodeError> {
        if count == 0 && self.rest.is_empty() {
            // Some peers leave out a constructor that nothing needs.
            return Ok(Constructor {
                descriptors: &[],
                levels: 0,
                code: code::NULL,
            });
        }
        let start = self.rest;
        let mut levels = 0;
        while self.rest.first() == Some(&code::DESCRIBED) {
            levels += 1;
            self.byte()?;
            // It is repeated for every element, so it must be nothing that grows when it is decoded: that would multiply.
            if self.rest.first().is_some_and(|code| !code::is_scalar(*code)) {
                return Err(DecodeError::WrongDescriptor { what: "an array" });
            }
            self.deeper(levels, Self::skip)?;
        }
        let descriptors = self.since(start);
        let code = self.byte()?;
        let without_width = code & 0xf0 == 0x40;
        if !without_width && count as usize > self.rest.len() {
            return Err(DecodeError::WrongSize);
        }
        let each = descriptors.len() + usize::from(without_width);
        self.without_bytes = self
            .without_bytes
            .saturating_add(each.saturating_mul(count as usize));
        if self.without_bytes > ELEMENTS_WITHOUT_BYTES_MAX {
            return Err(DecodeError::TooManyElements);
        }
        Ok(Constructor {
            descriptors,
            levels,
            code,
        })
    }

    /// Part 1, 1.3.2, after the zero byte: the descriptor, if it is one of the standard's.
    pub(crate) fn descriptor(&mut self) -> Result<Option<u8>, DecodeError> {
        let code = self.byte()?;
        Ok(match code {
            code::SMALL_ULONG => Some(self.byte()?),
            code::ULONG_0 | code::ULONG => u8::try_from(self.primitive::<u64>(code)?).ok(),
            code::SYMBOL_8 | code::SYMBOL_32 => descriptor::of_symbol(self.variable(code)?),
            _ => {
                self.deeper(1, |reader| reader.skip_body(code))?;
                None
            }
        })
    }

    /// Steps over a value of any type, with the checks that building it would make.
    pub(crate) fn skip(&mut self) -> Result<(), DecodeError> {
        let code = self.byte()?;
        self.skip_body(code)
    }

    /// As [`Reader::skip`], after the format code.
    pub(crate) fn skip_body(&mut self, code: u8) -> Result<(), DecodeError> {
        match code {
            code::DESCRIBED => self.deeper(1, |reader| {
                reader.skip()?;
                reader.skip()
            }),
            code::NULL..=code::LIST_0 => Ok(()),
            code::UBYTE..=code::SMALL_LONG => self.take(1).map(drop),
            code::BOOLEAN => self.primitive::<bool>(code).map(drop),
            code::USHORT | code::SHORT => self.take(2).map(drop),
            code::CHAR => self.primitive::<char>(code).map(drop),
            code::UINT..=code::DECIMAL_32 => self.take(4).map(drop),
            code::ULONG..=code::DECIMAL_64 => self.take(8).map(drop),
            code::DECIMAL_128 | code::UUID => self.take(16).map(drop),
            code::BINARY_8 | code::BINARY_32 => self.variable(code).map(drop),
            code::STRING_8 | code::SYMBOL_8 | code::STRING_32 | code::SYMBOL_32 => self.text(code).map(drop),
            code::LIST_8 | code::LIST_32 => {
                let list = self.compound(code)?;
                self.within(list.body, |reader| {
                    (0..list.count).try_for_each(|_| reader.skip())
                })
            }
            code::MAP_8 | code::MAP_32 => {
                let map = self.compound(code)?;
                let pairs = map.pairs()?;
                self.within(map.body, |reader| (0..2 * pairs).try_for_each(|_| reader.skip()))
            }
            code::ARRAY_8 | code::ARRAY_32 => self.skip_array(code),
            _ => Err(DecodeError::UnknownFormatCode(code)),
        }
    }

    fn skip_array(&mut self, code: u8) -> Result<(), DecodeError> {
        let array = self.compound(code)?;
        self.within(array.body, |reader| {
            let constructor = reader.constructor(array.count)?;
            reader.deeper(constructor.levels, |reader| {
                (0..array.count).try_for_each(|_| reader.skip_body(constructor.code))
            })
        })
    }
}

impl Compound<'_> {
    /// Of a map: its keys and values come in turn.
    pub(crate) fn pairs(&self) -> Result<u32, DecodeError> {
        if self.count.is_multiple_of(2) {
            Ok(self.count / 2)
        } else {
            Err(DecodeError::OddMap)
        }
    }
}
