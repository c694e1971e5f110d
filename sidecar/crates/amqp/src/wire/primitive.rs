//! The types that performatives are made of: which format codes they have, reading and writing.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{Reader, code, put_compound, put_length, put_variable};
use crate::{DecodeError, Fields, Symbol, Value};

/// What can be read.
pub(crate) trait Decode: Sized {
    /// Whether `code` is one of this type's.
    fn accepts(code: u8) -> bool;

    /// After a `code` that is accepted; `field` is for the error.
    fn decode(code: u8, field: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// What can be written.
pub(crate) trait Encode {
    fn encode(&self, out: &mut BytesMut);
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Some(value) => value.encode(out),
            None => out.put_u8(code::NULL),
        }
    }
}

// 1.6.2
impl Decode for bool {
    fn accepts(code: u8) -> bool {
        matches!(code, code::TRUE | code::FALSE | code::BOOLEAN)
    }

    fn decode(code: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if code != code::BOOLEAN {
            return Ok(code == code::TRUE);
        }
        match reader.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(DecodeError::NotABoolean(other)),
        }
    }
}

impl Encode for bool {
    fn encode(&self, out: &mut BytesMut) {
        out.put_u8(if *self { code::TRUE } else { code::FALSE });
    }
}

// 1.6.3
impl Decode for u8 {
    fn accepts(code: u8) -> bool {
        code == code::UBYTE
    }

    fn decode(_: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.byte()
    }
}

impl Encode for u8 {
    fn encode(&self, out: &mut BytesMut) {
        out.put_slice(&[code::UBYTE, *self]);
    }
}

// 1.6.4
impl Decode for u16 {
    fn accepts(code: u8) -> bool {
        code == code::USHORT
    }

    fn decode(_: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.fixed().map(Self::from_be_bytes)
    }
}

impl Encode for u16 {
    fn encode(&self, out: &mut BytesMut) {
        out.put_u8(code::USHORT);
        out.put_u16(*self);
    }
}

// 1.6.5
impl Decode for u32 {
    fn accepts(code: u8) -> bool {
        matches!(code, code::UINT | code::SMALL_UINT | code::UINT_0)
    }

    fn decode(code: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match code {
            code::UINT_0 => Ok(0),
            code::SMALL_UINT => reader.byte().map(Self::from),
            _ => reader.fixed().map(Self::from_be_bytes),
        }
    }
}

impl Encode for u32 {
    fn encode(&self, out: &mut BytesMut) {
        match u8::try_from(*self) {
            Ok(0) => out.put_u8(code::UINT_0),
            Ok(small) => out.put_slice(&[code::SMALL_UINT, small]),
            Err(_) => {
                out.put_u8(code::UINT);
                out.put_u32(*self);
            }
        }
    }
}

// 1.6.6
impl Decode for u64 {
    fn accepts(code: u8) -> bool {
        matches!(code, code::ULONG | code::SMALL_ULONG | code::ULONG_0)
    }

    fn decode(code: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match code {
            code::ULONG_0 => Ok(0),
            code::SMALL_ULONG => reader.byte().map(Self::from),
            _ => reader.fixed().map(Self::from_be_bytes),
        }
    }
}

impl Encode for u64 {
    fn encode(&self, out: &mut BytesMut) {
        match u8::try_from(*self) {
            Ok(0) => out.put_u8(code::ULONG_0),
            Ok(small) => out.put_slice(&[code::SMALL_ULONG, small]),
            Err(_) => {
                out.put_u8(code::ULONG);
                out.put_u64(*self);
            }
        }
    }
}

/// 1.6.17: a timestamp, which is no long.
#[derive(Clone, Copy)]
pub(crate) struct Milliseconds(pub(crate) i64);

impl Decode for Milliseconds {
    fn accepts(code: u8) -> bool {
        code == code::TIMESTAMP
    }

    fn decode(_: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.fixed().map(i64::from_be_bytes).map(Self)
    }
}

impl Encode for Milliseconds {
    fn encode(&self, out: &mut BytesMut) {
        out.put_u8(code::TIMESTAMP);
        out.put_i64(self.0);
    }
}

// 1.6.16
impl Decode for char {
    fn accepts(code: u8) -> bool {
        code == code::CHAR
    }

    fn decode(_: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let scalar = u32::from_be_bytes(reader.fixed()?);
        Self::from_u32(scalar).ok_or(DecodeError::NotACharacter(scalar))
    }
}

// 1.6.19
impl Decode for Bytes {
    fn accepts(code: u8) -> bool {
        matches!(code, code::BINARY_8 | code::BINARY_32)
    }

    fn decode(code: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let part = reader.variable(code)?;
        Ok(reader.share(part))
    }
}

impl Encode for Bytes {
    fn encode(&self, out: &mut BytesMut) {
        put_variable(code::BINARY_8, self, out);
    }
}

// 1.6.20
impl Decode for String {
    fn accepts(code: u8) -> bool {
        matches!(code, code::STRING_8 | code::STRING_32)
    }

    fn decode(code: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.text(code).map(Self::from)
    }
}

impl Encode for String {
    fn encode(&self, out: &mut BytesMut) {
        self.as_str().encode(out);
    }
}

impl Encode for &str {
    fn encode(&self, out: &mut BytesMut) {
        put_variable(code::STRING_8, self.as_bytes(), out);
    }
}

// 1.6.21
impl Decode for Symbol {
    fn accepts(code: u8) -> bool {
        matches!(code, code::SYMBOL_8 | code::SYMBOL_32)
    }

    fn decode(code: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.text(code).map(|name| Self::from(name.to_owned()))
    }
}

impl Encode for Symbol {
    fn encode(&self, out: &mut BytesMut) {
        put_variable(code::SYMBOL_8, self.as_str().as_bytes(), out);
    }
}

/// 1.4: where several symbols are allowed, one may stand without an array.
impl Decode for Vec<Symbol> {
    fn accepts(code: u8) -> bool {
        Symbol::accepts(code) || matches!(code, code::ARRAY_8 | code::ARRAY_32)
    }

    fn decode(code: u8, field: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if Symbol::accepts(code) {
            return Ok(vec![Symbol::decode(code, field, reader)?]);
        }
        let array = reader.compound(code)?;
        reader.within(array.body, |reader| {
            let constructor = reader.constructor(array.count)?;
            let fits = constructor.levels == 0 && Symbol::accepts(constructor.code);
            if !fits && array.count > 0 {
                return Err(DecodeError::Invalid { field });
            }
            (0..array.count)
                .map(|_| Symbol::decode(constructor.code, field, reader))
                .collect()
        })
    }
}

/// None is null. One is an array, too: not every client expects a symbol that stands alone.
impl Encode for Vec<Symbol> {
    fn encode(&self, out: &mut BytesMut) {
        if self.is_empty() {
            out.put_u8(code::NULL);
        } else {
            put_symbols(self, out);
        }
    }
}

/// An array, even of none.
pub(crate) fn put_symbols(symbols: &[Symbol], out: &mut BytesMut) {
    let short = symbols.iter().all(|symbol| symbol.as_str().len() < 256);
    put_compound(code::ARRAY_8, out, |out| {
        out.put_u8(if short { code::SYMBOL_8 } else { code::SYMBOL_32 });
        for symbol in symbols {
            let name = symbol.as_str().as_bytes();
            match u8::try_from(name.len()) {
                Ok(length) if short => out.put_u8(length),
                _ => put_length(name.len(), out),
            }
            out.put_slice(name);
        }
        symbols.len()
    });
}

// Part 2, 2.8.14
impl Decode for Fields {
    fn accepts(code: u8) -> bool {
        matches!(code, code::MAP_8 | code::MAP_32)
    }

    fn decode(code: u8, field: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let map = reader.compound(code)?;
        let pairs = map.pairs()?;
        reader.within(map.body, |reader| {
            (0..pairs)
                .map(|_| {
                    let key = reader.byte()?;
                    if !Symbol::accepts(key) {
                        return Err(DecodeError::Invalid { field });
                    }
                    let key = Symbol::decode(key, field, reader)?;
                    Ok((key, Value::read(reader)?))
                })
                .collect()
        })
    }
}

/// None is null.
impl Encode for Fields {
    fn encode(&self, out: &mut BytesMut) {
        if self.is_empty() {
            return out.put_u8(code::NULL);
        }
        put_compound(code::MAP_8, out, |out| {
            for (key, value) in self {
                key.encode(out);
                value.encode(out);
            }
            2 * self.len()
        });
    }
}
