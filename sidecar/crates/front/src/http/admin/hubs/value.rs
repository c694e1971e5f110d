//! Values of AMQP as JSON: what JSON has no type for becomes a string that people read, or an object that names it.
//!
//! | AMQP | JSON |
//! |---|---|
//! | `null`, `boolean`, integers, finite numbers | the same; 64-bit integers with all their digits |
//! | `string`, `symbol`, `char` | string |
//! | `timestamp` | RFC 3339 |
//! | `uuid` | with hyphens |
//! | `binary` | `{"base64":"…"}` |
//! | decimals | `{"decimal64":"0x…"}`, the bits |
//! | NaN and the infinities | `"NaN"`, `"inf"`, `"-inf"` |
//! | `list`, `array` | array |
//! | `map` | object; a key that is no text is written as JSON |
//! | described | `{"descriptor":…,"value":…}` |

use std::borrow::Cow;

use ::amqp::{Described, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use uuid::Uuid;

/// Any value.
pub(super) struct Json<'a>(pub(super) &'a Value);

/// Names and their values, as an object.
#[derive(Default)]
pub(super) struct Pairs<'a>(Vec<(Cow<'a, str>, Cow<'a, Value>)>);

impl<'a> Pairs<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, name: &'static str, value: Option<Value>) {
        self.0
            .extend(value.map(|value| (Cow::Borrowed(name), Cow::Owned(value))));
    }

    pub(super) fn named(pairs: &'a [(String, Value)]) -> Self {
        let pair = |(name, value): &'a (String, Value)| (Cow::Borrowed(&**name), Cow::Borrowed(value));
        Self(pairs.iter().map(pair).collect())
    }

    pub(super) fn of(pairs: impl Iterator<Item = &'a (Value, Value)>) -> Self {
        Self(
            pairs
                .map(|(key, value)| (name(key), Cow::Borrowed(value)))
                .collect(),
        )
    }
}

fn name(key: &Value) -> Cow<'_, str> {
    match key.as_str() {
        Some(text) => Cow::Borrowed(text),
        None => {
            let json = serde_json::to_string(&Json(key));
            Cow::Owned(json.expect("memory takes it, and every key is a string"))
        }
    }
}

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Json(value))))
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Ubyte(number) => serializer.serialize_u8(*number),
            Value::Ushort(number) => serializer.serialize_u16(*number),
            Value::Uint(number) => serializer.serialize_u32(*number),
            Value::Ulong(number) => serializer.serialize_u64(*number),
            Value::Byte(number) => serializer.serialize_i8(*number),
            Value::Short(number) => serializer.serialize_i16(*number),
            Value::Int(number) => serializer.serialize_i32(*number),
            Value::Long(number) => serializer.serialize_i64(*number),
            Value::Float(number) if number.is_finite() => serializer.serialize_f32(*number),
            Value::Float(number) => serializer.collect_str(number),
            Value::Double(number) if number.is_finite() => serializer.serialize_f64(*number),
            Value::Double(number) => serializer.collect_str(number),
            Value::Decimal32(bits) => labelled(serializer, "decimal32", &format!("{bits:#010x}")),
            Value::Decimal64(bits) => labelled(serializer, "decimal64", &format!("{bits:#018x}")),
            Value::Decimal128(bits) => labelled(serializer, "decimal128", &format!("{bits:#034x}")),
            Value::Char(char) => serializer.serialize_char(*char),
            Value::Timestamp(millis) => serializer.collect_str(&time(*millis)),
            Value::Uuid(bytes) => serializer.collect_str(&Uuid::from_bytes(*bytes)),
            Value::Binary(bytes) => labelled(serializer, "base64", &STANDARD.encode(bytes)),
            Value::String(text) => serializer.serialize_str(text),
            Value::Symbol(symbol) => serializer.serialize_str(symbol.as_str()),
            Value::List(values) | Value::Array(values) => serializer.collect_seq(values.iter().map(Json)),
            Value::Map(pairs) => Pairs::of(pairs.iter()).serialize(serializer),
            Value::Described(described) => serialize_described(serializer, described),
        }
    }
}

fn labelled<S: Serializer>(serializer: S, label: &str, text: &str) -> Result<S::Ok, S::Error> {
    serializer.collect_map([(label, text)])
}

fn serialize_described<S: Serializer>(serializer: S, described: &Described) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("descriptor", &Json(&described.descriptor))?;
    map.serialize_entry("value", &Json(&described.value))?;
    map.end()
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_micros(millis.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use ::amqp::Symbol;
    use bytes::Bytes;

    use super::*;

    fn json(value: Value) -> String {
        serde_json::to_string(&Json(&value)).unwrap()
    }

    #[test]
    fn every_type_has_its_json() {
        for (value, expected) in [
            (Value::Null, "null"),
            (Value::Bool(true), "true"),
            (Value::Ubyte(1), "1"),
            (Value::Ulong(u64::MAX), "18446744073709551615"),
            (Value::Long(i64::MIN), "-9223372036854775808"),
            (Value::Float(0.1), "0.1"),
            (Value::Double(1.5), "1.5"),
            (Value::Float(f32::NAN), r#""NaN""#),
            (Value::Double(f64::NEG_INFINITY), r#""-inf""#),
            (Value::Decimal32(1), r#"{"decimal32":"0x00000001"}"#),
            (Value::Char('é'), r#""é""#),
            (
                Value::Timestamp(1_700_000_000_123),
                r#""2023-11-14T22:13:20.123Z""#,
            ),
            (Value::Uuid([7; 16]), r#""07070707-0707-0707-0707-070707070707""#),
            (Value::Binary(Bytes::from_static(b"ab")), r#"{"base64":"YWI="}"#),
            (Value::from("a\"b"), r#""a\"b""#),
            (Value::Symbol(Symbol::from_static("s")), r#""s""#),
            (Value::List(vec![Value::Int(1), Value::Null]), "[1,null]"),
            (Value::Array(vec![Value::Int(1)]), "[1]"),
        ] {
            assert_eq!(json(value.clone()), expected, "{value:?}");
        }
    }

    #[test]
    fn a_map_is_an_object_whatever_its_keys_are() {
        let map = Value::Map(vec![
            (Value::from("z"), Value::Int(1)),
            (Value::Symbol(Symbol::from_static("a")), Value::Int(2)),
            (Value::Ulong(7), Value::Int(3)),
        ]);
        assert_eq!(json(map), r#"{"z":1,"a":2,"7":3}"#);
    }

    #[test]
    fn a_described_value_keeps_its_descriptor() {
        let described = Described {
            descriptor: Value::Symbol(Symbol::from_static("com.microsoft:timespan")),
            value: Value::Long(5),
        };
        assert_eq!(
            json(Value::Described(Box::new(described))),
            r#"{"descriptor":"com.microsoft:timespan","value":5}"#
        );
    }
}
