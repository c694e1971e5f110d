//! Part 1, 1.6: from values to their shortest encodings, except in arrays, whose elements share one.

use std::mem::discriminant;

use bytes::{BufMut as _, BytesMut};

use super::Value;
use crate::Symbol;
use crate::wire::{Encode, Milliseconds, code, put_compound, put_length, put_sized};

impl Value {
    /// Appends the value.
    pub fn encode(&self, out: &mut BytesMut) {
        Encode::encode(self, out);
    }
}

impl Encode for Value {
    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Bool(value) => value.encode(out),
            Self::Uint(value) => value.encode(out),
            Self::Ulong(value) => value.encode(out),
            Self::Int(value) => put_int(*value, out),
            Self::Long(value) => put_long(*value, out),
            Self::Timestamp(value) => Milliseconds(*value).encode(out),
            Self::Binary(value) => value.encode(out),
            Self::String(value) => value.encode(out),
            Self::Symbol(value) => Symbol::encode(value, out),
            Self::List(elements) => put_list(elements, out),
            Self::Map(pairs) => put_compound(code::MAP_8, out, |out| put_pairs(pairs, out)),
            Self::Array(elements) if !is_uniform(&each(elements)) => {
                put_list(elements, out);
            }
            Self::Array(elements) => put_compound(code::ARRAY_8, out, |out| put_array(elements, out)),
            Self::Described(described) => {
                out.put_u8(code::DESCRIBED);
                described.descriptor.encode(out);
                described.value.encode(out);
            }
            // These have one encoding each, the same in arrays.
            Self::Null
            | Self::Ubyte(_)
            | Self::Ushort(_)
            | Self::Byte(_)
            | Self::Short(_)
            | Self::Float(_)
            | Self::Double(_)
            | Self::Decimal32(_)
            | Self::Decimal64(_)
            | Self::Decimal128(_)
            | Self::Char(_)
            | Self::Uuid(_) => {
                let code = shared_code(&[self]);
                out.put_u8(code);
                put_element(self, code, out);
            }
        }
    }
}

fn put_int(value: i32, out: &mut BytesMut) {
    if let Ok(small) = i8::try_from(value) {
        out.put_u8(code::SMALL_INT);
        out.put_i8(small);
    } else {
        out.put_u8(code::INT);
        out.put_i32(value);
    }
}

fn put_long(value: i64, out: &mut BytesMut) {
    if let Ok(small) = i8::try_from(value) {
        out.put_u8(code::SMALL_LONG);
        out.put_i8(small);
    } else {
        out.put_u8(code::LONG);
        out.put_i64(value);
    }
}

/// Appends a list.
pub(crate) fn put_list(elements: &[Value], out: &mut BytesMut) {
    put_compound(code::LIST_8, out, |out| put_elements(elements, out));
}

fn put_elements(elements: &[Value], out: &mut BytesMut) -> usize {
    for element in elements {
        element.encode(out);
    }
    elements.len()
}

fn put_pairs(pairs: &[(Value, Value)], out: &mut BytesMut) -> usize {
    for (key, value) in pairs {
        key.encode(out);
        value.encode(out);
    }
    2 * pairs.len()
}

/// A constructor, and the elements without theirs.
fn put_array(elements: &[Value], out: &mut BytesMut) -> usize {
    let mut values = each(elements);
    while let Some(Value::Described(first)) = values.first() {
        out.put_u8(code::DESCRIBED);
        first.descriptor.encode(out);
        values = inner(&values);
    }
    let code = shared_code(&values);
    out.put_u8(code);
    for value in &values {
        put_element(value, code, out);
    }
    elements.len()
}

fn each(elements: &[Value]) -> Vec<&Value> {
    elements.iter().collect()
}

/// What the described ones describe.
fn inner<'v>(values: &[&'v Value]) -> Vec<&'v Value> {
    values
        .iter()
        .filter_map(|value| match value {
            Value::Described(described) => Some(&described.value),
            _ => None,
        })
        .collect()
}

/// Whether one constructor can stand for all.
fn is_uniform(values: &[&Value]) -> bool {
    let Some(&first) = values.first() else {
        return true;
    };
    if values
        .iter()
        .any(|value| discriminant(*value) != discriminant(first))
    {
        return false;
    }
    match first {
        Value::Described(first) => {
            let same = values.iter().all(
                |value| matches!(value, Value::Described(other) if other.descriptor == first.descriptor),
            );
            same && is_uniform(&inner(values))
        }
        Value::Array(_) => values
            .iter()
            .all(|value| matches!(value, Value::Array(elements) if is_uniform(&each(elements)))),
        _ => true,
    }
}

/// The code that can stand for every one of `values`, which are of one type.
fn shared_code(values: &[&Value]) -> u8 {
    let short = values.iter().all(|value| match value {
        Value::Binary(bytes) => bytes.len() < 256,
        Value::String(_) | Value::Symbol(_) => value.as_str().is_some_and(|text| text.len() < 256),
        _ => false,
    });
    let wider = if short { 0 } else { code::WIDER };
    match values.first() {
        None | Some(Value::Null) => code::NULL,
        Some(Value::Bool(_)) => code::BOOLEAN,
        Some(Value::Ubyte(_)) => code::UBYTE,
        Some(Value::Ushort(_)) => code::USHORT,
        Some(Value::Uint(_)) => code::UINT,
        Some(Value::Ulong(_)) => code::ULONG,
        Some(Value::Byte(_)) => code::BYTE,
        Some(Value::Short(_)) => code::SHORT,
        Some(Value::Int(_)) => code::INT,
        Some(Value::Long(_)) => code::LONG,
        Some(Value::Float(_)) => code::FLOAT,
        Some(Value::Double(_)) => code::DOUBLE,
        Some(Value::Decimal32(_)) => code::DECIMAL_32,
        Some(Value::Decimal64(_)) => code::DECIMAL_64,
        Some(Value::Decimal128(_)) => code::DECIMAL_128,
        Some(Value::Char(_)) => code::CHAR,
        Some(Value::Timestamp(_)) => code::TIMESTAMP,
        Some(Value::Uuid(_)) => code::UUID,
        Some(Value::Binary(_)) => code::BINARY_8 + wider,
        Some(Value::String(_)) => code::STRING_8 + wider,
        Some(Value::Symbol(_)) => code::SYMBOL_8 + wider,
        Some(Value::List(_)) => code::LIST_32,
        Some(Value::Map(_)) => code::MAP_32,
        Some(Value::Array(_)) => code::ARRAY_32,
        Some(Value::Described(_)) => code::DESCRIBED,
    }
}

/// A value as its [`shared_code`] demands, without that code.
fn put_element(value: &Value, code: u8, out: &mut BytesMut) {
    match value {
        // A described element never comes here: its descriptor is part of the constructor.
        Value::Null | Value::Described(_) => {}
        Value::Bool(value) => out.put_u8((*value).into()),
        Value::Ubyte(value) => out.put_u8(*value),
        Value::Ushort(value) => out.put_u16(*value),
        Value::Uint(value) | Value::Decimal32(value) => out.put_u32(*value),
        Value::Ulong(value) | Value::Decimal64(value) => out.put_u64(*value),
        Value::Byte(value) => out.put_i8(*value),
        Value::Short(value) => out.put_i16(*value),
        Value::Int(value) => out.put_i32(*value),
        Value::Long(value) | Value::Timestamp(value) => out.put_i64(*value),
        Value::Float(value) => out.put_f32(*value),
        Value::Double(value) => out.put_f64(*value),
        Value::Decimal128(value) => out.put_u128(*value),
        Value::Char(value) => out.put_u32((*value).into()),
        Value::Uuid(value) => out.put_slice(value),
        Value::Binary(value) => put_text(value, code, out),
        Value::String(value) => put_text(value.as_bytes(), code, out),
        Value::Symbol(value) => put_text(value.as_str().as_bytes(), code, out),
        Value::List(elements) => put_sized(out, |out| put_elements(elements, out)),
        Value::Map(pairs) => put_sized(out, |out| put_pairs(pairs, out)),
        Value::Array(elements) => put_sized(out, |out| put_array(elements, out)),
    }
}

fn put_text(text: &[u8], code: u8, out: &mut BytesMut) {
    match u8::try_from(text.len()) {
        Ok(length) if code < code::BINARY_32 => out.put_u8(length),
        _ => put_length(text.len(), out),
    }
    out.put_slice(text);
}
