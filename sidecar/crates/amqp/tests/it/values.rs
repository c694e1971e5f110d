//! Part 1: every encoding of every type.

use amqp::{DecodeError, Symbol, Value};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use crate::any;
use crate::hex::{from_hex, to_hex};

proptest! {
    #[test]
    fn a_value_that_was_written_is_read_with_its_type(value in any::value()) {
        let mut bytes = BytesMut::new();
        value.encode(&mut bytes);
        bytes.extend_from_slice(b"behind");
        let mut input = bytes.freeze();
        prop_assert_eq!(Value::decode(&mut input), Ok(value));
        prop_assert_eq!(&input[..], b"behind");
    }
}

#[test]
fn every_encoding_in_the_standard_is_read() {
    let uuid = [7; 16];
    let hello = || Value::from("hi");
    for (hex, value) in [
        ("40", Value::Null),
        ("41", Value::Bool(true)),
        ("42", Value::Bool(false)),
        ("5600", Value::Bool(false)),
        ("5601", Value::Bool(true)),
        ("50ff", Value::Ubyte(255)),
        ("600102", Value::Ushort(0x0102)),
        ("43", Value::Uint(0)),
        ("52ff", Value::Uint(255)),
        ("7000000001", Value::Uint(1)),
        ("44", Value::Ulong(0)),
        ("53ff", Value::Ulong(255)),
        ("800000468c00000004", Value::Ulong(0x468c_0000_0004)),
        ("51ff", Value::Byte(-1)),
        ("61fffe", Value::Short(-2)),
        ("54ff", Value::Int(-1)),
        ("71fffffffe", Value::Int(-2)),
        ("55ff", Value::Long(-1)),
        ("81fffffffffffffffe", Value::Long(-2)),
        ("723fc00000", Value::Float(1.5)),
        ("823ff8000000000000", Value::Double(1.5)),
        ("7400000001", Value::Decimal32(1)),
        ("840000000000000001", Value::Decimal64(1)),
        ("9400000000000000000000000000000001", Value::Decimal128(1)),
        ("730001f600", Value::Char('\u{1f600}')),
        ("83ffffc77cedd32800", Value::Timestamp(-62_135_596_800_000)),
        ("9807070707070707070707070707070707", Value::Uuid(uuid)),
        ("a0020001", Value::Binary(Bytes::from_static(&[0, 1]))),
        ("b0000000020001", Value::Binary(Bytes::from_static(&[0, 1]))),
        ("a1026869", hello()),
        ("b1000000026869", hello()),
        ("a3026869", Value::Symbol(Symbol::from_static("hi"))),
        ("b3000000026869", Value::Symbol(Symbol::from_static("hi"))),
        ("45", Value::List(vec![])),
        ("c00100", Value::List(vec![])),
        ("c0 06 02 40 a1026869", Value::List(vec![Value::Null, hello()])),
        (
            "d0 00000006 00000002 40 43",
            Value::List(vec![Value::Null, Value::Uint(0)]),
        ),
        (
            "c1 03 02 40 41",
            Value::Map(vec![(Value::Null, Value::Bool(true))]),
        ),
        (
            "d1 00000006 00000002 40 41",
            Value::Map(vec![(Value::Null, Value::Bool(true))]),
        ),
        ("e0 02 00 40", Value::Array(vec![])),
        ("e0 01 00", Value::Array(vec![])),
        ("e0 08 02 a1 026869 026869", Value::Array(vec![hello(), hello()])),
        (
            "f0 00000007 00000002 52 01 02",
            Value::Array(vec![Value::Uint(1), Value::Uint(2)]),
        ),
        (
            "e0 02 02 41",
            Value::Array(vec![Value::Bool(true), Value::Bool(true)]),
        ),
        (
            "e0 06 01 00 53 99 52 07",
            Value::Array(vec![any::described(Value::Ulong(0x99), Value::Uint(7))]),
        ),
        (
            "00 53 77 41",
            any::described(Value::Ulong(0x77), Value::Bool(true)),
        ),
    ] {
        let read = Value::decode(&mut from_hex(hex));
        assert_eq!(read, Ok(value), "{hex}");
    }
}

#[test]
fn what_is_no_value_is_refused_with_its_reason() {
    for (hex, reason) in [
        ("", DecodeError::Truncated),
        ("70000000", DecodeError::Truncated),
        ("a10568", DecodeError::Truncated),
        ("c00a0140", DecodeError::Truncated),
        ("3f", DecodeError::UnknownFormatCode(0x3f)),
        ("c00140", DecodeError::WrongSize),
        ("c000", DecodeError::WrongSize),
        ("c0034040 40", DecodeError::WrongSize),
        ("c003014040", DecodeError::WrongSize),
        ("c1020140", DecodeError::OddMap),
        ("5602", DecodeError::NotABoolean(2)),
        ("730000d800", DecodeError::NotACharacter(0xd800)),
        ("a102fffe", DecodeError::NotUtf8),
    ] {
        assert_eq!(Value::decode(&mut from_hex(hex)), Err(reason), "{hex}");
    }
}

#[test]
fn a_value_is_written_in_its_shortest_form() {
    for (value, hex) in [
        (Value::Bool(true), "41"),
        (Value::Uint(0), "43"),
        (Value::Uint(255), "52ff"),
        (Value::Uint(256), "7000000100"),
        (Value::Ulong(0), "44"),
        (Value::Ulong(255), "53ff"),
        (Value::Ulong(256), "800000000000000100"),
        (Value::Int(-128), "5480"),
        (Value::Int(-129), "71ffffff7f"),
        (Value::Long(127), "557f"),
        (Value::Long(128), "810000000000000080"),
        (Value::Binary(Bytes::from(vec![0; 1])), "a00100"),
        (Value::List(vec![]), "c00100"),
        (Value::Map(vec![]), "c10100"),
        (
            Value::Array(vec![Value::from("0"), Value::from("1")]),
            "e00602a101300131",
        ),
    ] {
        let mut out = BytesMut::new();
        value.encode(&mut out);
        assert_eq!(to_hex(&out), hex, "{value:?}");
    }
}

#[test]
fn an_array_of_different_types_is_written_as_a_list() {
    let mixed = vec![Value::Uint(1), Value::from("two")];
    let nested = |elements: Vec<Value>| Value::Array(vec![Value::Array(elements)]);
    let mut out = BytesMut::new();
    nested(mixed.clone()).encode(&mut out);
    let read = Value::decode(&mut out.freeze());
    assert_eq!(read, Ok(Value::List(vec![Value::List(mixed)])));
}

#[test]
fn binary_values_are_slices_of_what_was_read() {
    let input = from_hex("a003 010203");
    let start = input.as_ptr();
    let Ok(Value::Binary(binary)) = Value::decode(&mut input.clone()) else {
        panic!("a binary was expected");
    };
    assert_eq!(binary.as_ptr(), start.wrapping_add(2));
}

#[test]
fn numbers_of_any_width_are_integers() {
    for value in [
        Value::Ubyte(3),
        Value::Uint(3),
        Value::Ulong(3),
        Value::Byte(3),
        Value::Int(3),
        Value::Long(3),
    ] {
        assert_eq!(value.as_integer(), Some(3), "{value:?}");
    }
    assert_eq!(Value::Ulong(u64::MAX).as_integer(), None);
    assert_eq!(Value::Timestamp(3).as_integer(), None);
}
