//! Any value of the type system, for the places where a peer may put what it likes: properties, filters, annotations.

mod decode;
mod encode;

use bytes::Bytes;

use crate::Symbol;

pub(crate) use encode::put_list;

/// A value with its AMQP type (part 1, 1.6), which is kept: an `int` read is an `int` written, whatever its encoding.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Also "absent".
    #[default]
    Null,
    Bool(bool),
    Ubyte(u8),
    Ushort(u16),
    Uint(u32),
    Ulong(u64),
    Byte(i8),
    Short(i16),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    /// The bits of an IEEE 754-2008 decimal, as they came.
    Decimal32(u32),
    /// As [`Value::Decimal32`].
    Decimal64(u64),
    /// As [`Value::Decimal32`].
    Decimal128(u128),
    /// A Unicode scalar value, UTF-32 on the wire.
    Char(char),
    /// Milliseconds since the Unix epoch.
    Timestamp(i64),
    /// The sixteen bytes in their order.
    Uuid([u8; 16]),
    Binary(Bytes),
    String(String),
    Symbol(Symbol),
    List(Vec<Self>),
    /// Pairs in the order in which they came.
    Map(Vec<(Self, Self)>),
    /// Elements of one type. Written as a list if they are not: there is no such array. The type that the elements of an
    /// empty array would have is not kept.
    Array(Vec<Self>),
    Described(Box<Described>),
}

/// Part 1, 1.3.2: a value with a descriptor that says what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// A symbol or a ulong, usually.
    pub descriptor: Value,
    /// What is described.
    pub value: Value,
}

/// Part 2, 2.8.14: a map with symbols as keys.
pub type Fields = Vec<(Symbol, Value)>;

impl Value {
    /// The text of a string or a symbol.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Symbol(symbol) => Some(symbol.as_str()),
            _ => None,
        }
    }

    /// The number, if it is an integer of any width that a long can hold: clients differ in the widths that they choose.
    pub fn as_integer(&self) -> Option<i64> {
        match *self {
            Self::Ubyte(number) => Some(number.into()),
            Self::Ushort(number) => Some(number.into()),
            Self::Uint(number) => Some(number.into()),
            Self::Ulong(number) => number.try_into().ok(),
            Self::Byte(number) => Some(number.into()),
            Self::Short(number) => Some(number.into()),
            Self::Int(number) => Some(number.into()),
            Self::Long(number) => Some(number),
            _ => None,
        }
    }

    /// The value of a string or symbol key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(pairs) => pairs
                .iter()
                .find_map(|(name, value)| (name.as_str() == Some(key)).then_some(value)),
            _ => None,
        }
    }
}

impl Value {
    /// The string, if it is one: of addresses, which may have any type.
    pub(crate) fn into_string(self) -> Option<String> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<Symbol> for Value {
    fn from(symbol: Symbol) -> Self {
        Self::Symbol(symbol)
    }
}
