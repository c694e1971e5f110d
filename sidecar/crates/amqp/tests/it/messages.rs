//! Part 3: what a broker keeps, and what it puts before it.

use amqp::message::{
    AnnotationKey, Annotations, Body, BodyKind, Message, Sections, SystemValue, write_delivery_annotations,
    write_message_annotations,
};
use amqp::{DecodeError, Symbol, Value};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use crate::any;
use crate::hex::{from_hex, to_hex};

proptest! {
    #[test]
    fn a_message_that_was_written_is_read_again(message in any::message(any::value)) {
        prop_assert_eq!(Message::decode(&encode(&message)), Ok(message));
    }

    #[test]
    fn what_is_kept_of_a_message_is_all_but_header_and_annotations(message in any::message(any::value)) {
        let sections = Sections::scan(&encode(&message)).unwrap();
        let kept = Message {
            header: None,
            delivery_annotations: Vec::new(),
            message_annotations: Vec::new(),
            ..message.clone()
        };
        prop_assert_eq!(Message::decode(&sections.bare), Ok(kept));
        prop_assert_eq!(pairs(&sections.delivery_annotations), message.delivery_annotations);
        prop_assert_eq!(pairs(&sections.message_annotations), message.message_annotations);
        let header = Message { header: message.header, ..Message::default() };
        prop_assert_eq!(sections.header, encode(&header));
    }

    #[test]
    fn sections_are_found_in_any_order(message in any::message(any::value), order in Just(Vec::from_iter(0..6_usize)).prop_shuffle()) {
        let parts = apart(&message);
        let payload: BytesMut = order.iter().flat_map(|&part| parts[part].clone()).collect();
        prop_assert_eq!(Message::decode(&payload.clone().freeze()), Ok(message.clone()));
        let sections = Sections::scan(&payload.freeze()).unwrap();
        let bare = Message::decode(&sections.bare).unwrap();
        prop_assert_eq!((bare.properties, bare.body, bare.footer), (message.properties, message.body, message.footer));
    }

    #[test]
    fn annotations_of_ours_come_before_those_of_the_sender(
        message in any::message(any::value),
        number: i64,
        time: i64,
        text in any::text(),
    ) {
        let sections = Sections::scan(&encode(&message)).unwrap();
        let system = [
            ("x-opt-sequence-number", SystemValue::Long(number)),
            ("x-opt-offset", SystemValue::String(&text)),
            ("x-opt-enqueued-time", SystemValue::Timestamp(time)),
        ];
        let mut out = BytesMut::new();
        write_delivery_annotations(&system[..1], &mut out);
        write_message_annotations(&system, sections.message_annotations.raw(), &mut out);
        out.extend_from_slice(&sections.bare);
        let delivered = Message::decode(&out.freeze()).unwrap();
        let name = |name| Value::Symbol(Symbol::from_static(name));
        let mut expected = vec![
            (name("x-opt-sequence-number"), Value::Long(number)),
            (name("x-opt-offset"), Value::String(text.clone())),
            (name("x-opt-enqueued-time"), Value::Timestamp(time)),
        ];
        prop_assert_eq!(&delivered.delivery_annotations[..], &expected[..1]);
        expected.extend(message.message_annotations);
        prop_assert_eq!(delivered.message_annotations, expected);
        prop_assert_eq!(delivered.body, message.body);
    }

    #[test]
    fn pairs_that_were_kept_by_themselves_are_read_again(wanted in any::annotations(any::value)) {
        let sections = Sections::scan(&encode(&Message { message_annotations: wanted.clone(), ..Message::default() }));
        let raw = sections.unwrap().message_annotations;
        let bytes = Bytes::copy_from_slice(raw.raw().bytes);
        let again = Annotations::new(raw.raw().count, bytes.clone()).unwrap();
        prop_assert_eq!(pairs(&again), wanted);
        prop_assert!(Annotations::new(raw.raw().count + 1, bytes).is_err());
    }
}

/// The six that may stand in any order: a body is one part, since its sections keep theirs.
fn apart(message: &Message) -> [Bytes; 6] {
    let only = |message: Message| encode(&message);
    let message = message.clone();
    [
        only(Message {
            header: message.header,
            ..Message::default()
        }),
        only(Message {
            delivery_annotations: message.delivery_annotations,
            ..Message::default()
        }),
        only(Message {
            message_annotations: message.message_annotations,
            ..Message::default()
        }),
        only(Message {
            properties: message.properties,
            ..Message::default()
        }),
        only(Message {
            application_properties: message.application_properties,
            body: message.body,
            ..Message::default()
        }),
        only(Message {
            footer: message.footer,
            ..Message::default()
        }),
    ]
}

fn encode(message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    message.encode(&mut out);
    out.freeze()
}

fn pairs(annotations: &Annotations) -> Vec<(Value, Value)> {
    let key = |key: AnnotationKey<'_>| match key {
        AnnotationKey::Name(name) => Value::Symbol(Symbol::from(name.to_owned())),
        AnnotationKey::Number(number) => Value::Ulong(number),
    };
    annotations
        .iter()
        .map(|annotation| (key(annotation.key), annotation.to_value()))
        .collect()
}

#[test]
fn the_bare_message_is_a_slice_unless_annotations_lie_in_it() {
    let data = "005375a00101";
    let properties = "00537345";
    let annotations = "005372c10100";
    let contiguous = from_hex(&format!("{properties}{data}{annotations}"));
    let sections = Sections::scan(&contiguous).unwrap();
    assert_eq!(sections.bare.as_ptr(), contiguous.as_ptr());
    let scattered = from_hex(&format!("{properties}{annotations}{data}"));
    let sections = Sections::scan(&scattered).unwrap();
    assert_eq!(to_hex(&sections.bare), format!("{properties}{data}"));
    assert_eq!((sections.body, sections.body_sections), (BodyKind::Data, 1));
}

#[test]
fn what_is_no_message_is_refused_with_its_reason() {
    const NO_SECTION: DecodeError = DecodeError::WrongDescriptor { what: "a section" };
    let repeated = |section| DecodeError::RepeatedSection { section };
    let invalid = |field| DecodeError::Invalid { field };
    for (hex, reason) in [
        ("40", DecodeError::NotDescribed { what: "a section" }),
        ("005374", DecodeError::Truncated),
        ("00531045", NO_SECTION),
        ("005379 45", NO_SECTION),
        ("00537045 00537045", repeated("header")),
        ("005371c10100 005371c10100", repeated("delivery-annotations")),
        ("005372c10100 005372c10100", repeated("message-annotations")),
        ("00537345 00537345", repeated("properties")),
        ("005374c10100 005374c10100", repeated("application-properties")),
        ("00537740 00537740", repeated("amqp-value")),
        ("005378c10100 005378c10100", repeated("footer")),
        ("00537740 005375a000", DecodeError::MixedBody),
        ("005375a000 00537645", DecodeError::MixedBody),
        ("005375a1026869", invalid("body")),
        ("005376a1026869", invalid("body")),
        ("00537345 00537440", invalid("application-properties")),
        ("005374c10302 4041", invalid("application-properties")),
        ("005372c10302 4141", invalid("message-annotations")),
        ("005371c10100 005372 45", invalid("message-annotations")),
        ("005373c00201 41", invalid("properties.message-id")),
        ("005373c0080740404040404041", invalid("properties.content-type")),
        ("005370c0020156", DecodeError::Truncated),
        ("005377a102fffe", DecodeError::NotUtf8),
        ("005375a00501", DecodeError::Truncated),
    ] {
        let payload = from_hex(hex);
        assert_eq!(Sections::scan(&payload), Err(reason), "{hex}");
        assert_eq!(Message::decode(&payload), Err(reason), "{hex}");
    }
}

#[test]
fn an_empty_payload_is_a_message_without_a_body() {
    assert_eq!(Sections::scan(&Bytes::new()), Ok(Sections::default()));
    assert_eq!(Message::decode(&Bytes::new()), Ok(Message::default()));
}

#[test]
fn annotations_are_found_by_name_without_building_them() {
    // {symbol x-opt-partition-key: "key", ulong 5: null, string "s": long -1}
    let payload =
        from_hex("005372 c123 06 a313 782d6f70742d706172746974696f6e2d6b6579 a1036b6579 5305 40 a10173 55ff");
    let sections = Sections::scan(&payload).unwrap();
    let annotations = &sections.message_annotations;
    assert_eq!(annotations.len(), 3);
    let key = annotations.get("x-opt-partition-key").unwrap();
    assert_eq!(key.as_str(), Some("key"));
    assert_eq!(to_hex(key.value), "a1036b6579");
    assert_eq!(annotations.get("s").unwrap().to_value(), Value::Long(-1));
    assert_eq!(annotations.get("s").unwrap().as_str(), None);
    assert!(annotations.get("x-opt-offset").is_none());
    let keys: Vec<_> = annotations.iter().map(|annotation| annotation.key).collect();
    assert_eq!(keys[1], AnnotationKey::Number(5));
    let joined: Vec<u8> = annotations
        .iter()
        .flat_map(|annotation| annotation.pair.to_vec())
        .collect();
    assert_eq!(joined, annotations.raw().bytes);
}

#[test]
fn annotations_of_ours_have_these_bytes() {
    let system = [
        ("x-opt-sequence-number", SystemValue::Long(300)),
        ("x-opt-offset", SystemValue::String("300")),
        ("x-opt-enqueued-time", SystemValue::Timestamp(1)),
    ];
    let mut out = BytesMut::new();
    write_message_annotations(&system, Default::default(), &mut out);
    let expected = "00 53 72 c1 52 06 \
        a3 15 782d6f70742d73657175656e63652d6e756d626572 81 000000000000012c \
        a3 0c 782d6f70742d6f6666736574 a1 03 333030 \
        a3 13 782d6f70742d656e7175657565642d74696d65 83 0000000000000001";
    assert_eq!(out, from_hex(expected));
    out.clear();
    write_delivery_annotations(
        &[("last_enqueued_sequence_number", SystemValue::Long(-1))],
        &mut out,
    );
    let expected = "00 53 71 c1 22 02 a3 1d 6c6173745f656e7175657565645f73657175656e63655f6e756d626572 55 ff";
    assert_eq!(out, from_hex(expected));
}

#[test]
fn a_map_of_annotations_grows_only_when_it_must() {
    for (length, code) in [(238, 0xc1), (239, 0xd1)] {
        // Count, key and length take 17 bytes of the 255.
        let text = "x".repeat(length);
        let mut out = BytesMut::new();
        write_message_annotations(
            &[("x-opt-offset", SystemValue::String(&text))],
            Default::default(),
            &mut out,
        );
        assert_eq!(out[3], code, "{length}");
        let read = Message::decode(&out.freeze()).unwrap();
        assert_eq!(
            read.message_annotation("x-opt-offset"),
            Some(&Value::String(text))
        );
    }
}

#[test]
fn sections_of_a_body_are_written_one_by_one() {
    let body = Body::Data(vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")]);
    assert_eq!(
        to_hex(&encode(&Message {
            body,
            ..Message::default()
        })),
        "005375a00161005375a00162"
    );
}
