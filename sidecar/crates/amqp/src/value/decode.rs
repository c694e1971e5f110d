//! Part 1, 1.6: from format codes to values.

use bytes::Bytes;

use super::{Described, Value};
use crate::wire::{Decode, Milliseconds, Reader, code};
use crate::{DecodeError, Symbol};

impl Value {
    /// Takes one value off the front. Binary values are slices of `input`.
    ///
    /// # Errors
    /// When the bytes are no value, or one that is nested too deeply. What is left of `input` is then unspecified.
    pub fn decode(input: &mut Bytes) -> Result<Self, DecodeError> {
        let whole = std::mem::take(input);
        let mut reader = Reader::new(&whole);
        let value = Self::read(&mut reader)?;
        *input = reader.share(reader.rest());
        Ok(value)
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = reader.byte()?;
        Self::body(code, reader)
    }

    fn body(code: u8, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match code {
            code::DESCRIBED => Self::Described(Box::new(Described::read(reader)?)),
            code::NULL => Self::Null,
            code::TRUE | code::FALSE | code::BOOLEAN => Self::Bool(reader.primitive(code)?),
            code::UBYTE => Self::Ubyte(reader.byte()?),
            code::USHORT => Self::Ushort(reader.primitive(code)?),
            code::UINT | code::SMALL_UINT | code::UINT_0 => Self::Uint(reader.primitive(code)?),
            code::ULONG | code::SMALL_ULONG | code::ULONG_0 => Self::Ulong(reader.primitive(code)?),
            code::BYTE => Self::Byte(i8::from_be_bytes(reader.fixed()?)),
            code::SHORT => Self::Short(i16::from_be_bytes(reader.fixed()?)),
            code::INT => Self::Int(i32::from_be_bytes(reader.fixed()?)),
            code::SMALL_INT => Self::Int(i8::from_be_bytes(reader.fixed()?).into()),
            code::LONG => Self::Long(i64::from_be_bytes(reader.fixed()?)),
            code::SMALL_LONG => Self::Long(i8::from_be_bytes(reader.fixed()?).into()),
            code::FLOAT => Self::Float(f32::from_be_bytes(reader.fixed()?)),
            code::DOUBLE => Self::Double(f64::from_be_bytes(reader.fixed()?)),
            code::DECIMAL_32 => Self::Decimal32(u32::from_be_bytes(reader.fixed()?)),
            code::DECIMAL_64 => Self::Decimal64(u64::from_be_bytes(reader.fixed()?)),
            code::DECIMAL_128 => Self::Decimal128(u128::from_be_bytes(reader.fixed()?)),
            code::CHAR => Self::Char(reader.primitive(code)?),
            code::TIMESTAMP => Self::Timestamp(reader.primitive::<Milliseconds>(code)?.0),
            code::UUID => Self::Uuid(reader.fixed()?),
            code::BINARY_8 | code::BINARY_32 => Self::Binary(reader.primitive(code)?),
            code::STRING_8 | code::STRING_32 => Self::String(reader.primitive(code)?),
            code::SYMBOL_8 | code::SYMBOL_32 => Self::Symbol(reader.primitive::<Symbol>(code)?),
            code::LIST_0 | code::LIST_8 | code::LIST_32 => Self::List(list(code, reader)?),
            code::MAP_8 | code::MAP_32 => Self::Map(map(code, reader)?),
            code::ARRAY_8 | code::ARRAY_32 => Self::Array(array(code, reader)?),
            _ => return Err(DecodeError::UnknownFormatCode(code)),
        })
    }
}

/// Null is not among the codes that reach this: a list's field that is null is absent.
impl Decode for Value {
    fn accepts(_: u8) -> bool {
        true
    }

    fn decode(code: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::body(code, reader)
    }
}

impl Described {
    /// After the zero byte.
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.deeper(1, |reader| {
            Ok(Self {
                descriptor: Value::read(reader)?,
                value: Value::read(reader)?,
            })
        })
    }
}

// The vectors below grow with what has been read, not with what a count promises.

fn list(code: u8, reader: &mut Reader<'_>) -> Result<Vec<Value>, DecodeError> {
    let list = reader.compound(code)?;
    reader.within(list.body, |reader| {
        (0..list.count).map(|_| Value::read(reader)).collect()
    })
}

fn map(code: u8, reader: &mut Reader<'_>) -> Result<Vec<(Value, Value)>, DecodeError> {
    let map = reader.compound(code)?;
    let pairs = map.pairs()?;
    reader.within(map.body, |reader| {
        (0..pairs)
            .map(|_| Ok((Value::read(reader)?, Value::read(reader)?)))
            .collect()
    })
}

fn array(code: u8, reader: &mut Reader<'_>) -> Result<Vec<Value>, DecodeError> {
    let array = reader.compound(code)?;
    reader.within(array.body, |reader| {
        let constructor = reader.constructor(array.count)?;
        let descriptors = descriptors(constructor.descriptors, reader)?;
        reader.deeper(constructor.levels, |reader| {
            (0..array.count)
                .map(|_| {
                    let value = Value::body(constructor.code, reader)?;
                    Ok(describe(value, &descriptors))
                })
                .collect()
        })
    })
}

/// The descriptors of an array's constructor, outermost first.
fn descriptors(bytes: &[u8], reader: &Reader<'_>) -> Result<Vec<Value>, DecodeError> {
    let mut reader = reader.part(bytes);
    let mut descriptors = Vec::new();
    while !reader.is_empty() {
        reader.byte()?;
        descriptors.push(Value::read(&mut reader)?);
    }
    Ok(descriptors)
}

fn describe(value: Value, descriptors: &[Value]) -> Value {
    descriptors.iter().rfold(value, |value, descriptor| {
        Value::Described(Box::new(Described {
            descriptor: descriptor.clone(),
            value,
        }))
    })
}
