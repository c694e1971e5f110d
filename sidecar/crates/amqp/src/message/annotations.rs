//! Part 3, 3.2.10: annotations, read and written without building values.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::wire::{
    Decode as _, Encode as _, Milliseconds, Reader, code, descriptor, put_descriptor, put_length,
};
use crate::{DecodeError, Symbol, Value};

/// The pairs of a map of annotations, as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    count: u32,
    pairs: Bytes,
}

/// Encoded pairs, to be written as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawPairs<'a> {
    /// How many pairs there are.
    pub count: u32,
    /// Key, value, key, value ….
    pub bytes: &'a [u8],
}

/// One of the pairs.
#[derive(Clone, Debug)]
pub struct Annotation<'a> {
    pub key: AnnotationKey<'a>,
    /// The encoded pair.
    pub pair: &'a [u8],
    /// The encoded value, which is the end of the pair.
    pub value: &'a [u8],
    whole: &'a Bytes,
}

/// A symbol, or a ulong, which the standard reserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnotationKey<'a> {
    /// Or a string, since that is what a client may make of a name.
    Name(&'a str),
    Number(u64),
}

impl Annotations {
    /// Pairs that were kept by themselves.
    ///
    /// # Errors
    /// When `pairs` does not hold exactly `count` pairs with keys that annotations may have.
    pub fn new(count: u32, pairs: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(&pairs);
        for _ in 0..count {
            let key = reader.byte()?;
            check_pair(key, "annotations", &mut reader)?;
        }
        if reader.is_empty() {
            Ok(Self { count, pairs })
        } else {
            Err(DecodeError::WrongSize)
        }
    }

    /// The map of a section, after its descriptor.
    pub(super) fn section(name: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut start = reader.clone();
        reader.map(name, |key, reader| check_pair(key, name, reader))?;
        let code = start.byte()?;
        let map = start.compound(code)?;
        Ok(Self {
            count: map.pairs()?,
            pairs: reader.share(map.body),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them, to be written as they are.
    pub fn raw(&self) -> RawPairs<'_> {
        RawPairs {
            count: self.count,
            bytes: &self.pairs,
        }
    }

    /// One after the other, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = Annotation<'_>> {
        let mut reader = Reader::new(&self.pairs);
        std::iter::from_fn(move || Annotation::read(&self.pairs, &mut reader))
    }

    /// The annotation with this name.
    pub fn get(&self, name: &str) -> Option<Annotation<'_>> {
        self.iter()
            .find(|annotation| annotation.key == AnnotationKey::Name(name))
    }
}

fn check_pair(key: u8, field: &'static str, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    if !(Symbol::accepts(key) || String::accepts(key) || u64::accepts(key)) {
        return Err(DecodeError::Invalid { field });
    }
    reader.skip_body(key)?;
    reader.skip()
}

impl<'a> Annotation<'a> {
    /// None at the end; not because of an error, since the pairs were checked when they came.
    fn read(whole: &'a Bytes, reader: &mut Reader<'a>) -> Option<Self> {
        let start = reader.rest();
        let key = AnnotationKey::read(reader).ok()?;
        let value = reader.rest();
        reader.skip().ok()?;
        Some(Self {
            key,
            pair: reader.since(start),
            value: reader.since(value),
            whole,
        })
    }

    /// The value, built.
    pub fn to_value(&self) -> Value {
        let mut reader = Reader::new(self.whole).part(self.value);
        Value::read(&mut reader).unwrap_or_default()
    }

    /// The value, if it is a string or a symbol.
    pub fn as_str(&self) -> Option<&'a str> {
        let mut reader = Reader::new(self.whole).part(self.value);
        let code = reader.byte().ok()?;
        let is_text = String::accepts(code) || Symbol::accepts(code);
        is_text.then(|| reader.text(code).ok()).flatten()
    }
}

impl<'a> AnnotationKey<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let code = reader.byte()?;
        if u64::accepts(code) {
            reader.primitive(code).map(Self::Number)
        } else {
            reader.text(code).map(Self::Name)
        }
    }
}

/// The types that a broker's own annotations have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemValue<'a> {
    Long(i64),
    String(&'a str),
    /// In milliseconds since the Unix epoch.
    Timestamp(i64),
}

/// Appends a section of message annotations: ours, and after them those that the sender gave. The caller appends the bare
/// message. Allocates nothing besides room in `out`.
pub fn write_message_annotations(
    system: &[(&'static str, SystemValue<'_>)],
    user: RawPairs<'_>,
    out: &mut BytesMut,
) {
    put_section(descriptor::MESSAGE_ANNOTATIONS, system, user, out);
}

/// Appends a section of delivery annotations, which are all ours: those of a sender are for its receiver, and that is us.
pub fn write_delivery_annotations(system: &[(&'static str, SystemValue<'_>)], out: &mut BytesMut) {
    put_section(descriptor::DELIVERY_ANNOTATIONS, system, RawPairs::default(), out);
}

/// Sizes are computed first, since what follows may be a megabyte that nobody wants to move.
fn put_section(
    descriptor: u8,
    system: &[(&'static str, SystemValue<'_>)],
    user: RawPairs<'_>,
    out: &mut BytesMut,
) {
    let ours: usize = system
        .iter()
        .map(|(key, value)| text_length(key) + value.length())
        .sum();
    let size = ours + user.bytes.len();
    let count = 2 * (system.len() + user.count as usize);
    out.reserve(HEAD + size);
    put_descriptor(descriptor, out);
    match (u8::try_from(size + 1), u8::try_from(count)) {
        (Ok(size), Ok(count)) => out.put_slice(&[code::MAP_8, size, count]),
        _ => {
            out.put_u8(code::MAP_32);
            put_length(size + 4, out);
            put_length(count, out);
        }
    }
    for (key, value) in system {
        Symbol::from_static(key).encode(out);
        value.encode(out);
    }
    out.put_slice(user.bytes);
}

/// Descriptor and head of a large map.
const HEAD: usize = 3 + 9;

fn text_length(text: &str) -> usize {
    text.len() + if text.len() < 256 { 2 } else { 5 }
}

impl SystemValue<'_> {
    /// Encoded, in bytes.
    fn length(&self) -> usize {
        match self {
            Self::Long(number) if i8::try_from(*number).is_ok() => 2,
            Self::Long(_) | Self::Timestamp(_) => 9,
            Self::String(text) => text_length(text),
        }
    }

    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Long(number) => Value::Long(*number).encode(out),
            Self::String(text) => text.encode(out),
            Self::Timestamp(time) => Milliseconds(*time).encode(out),
        }
    }
}
