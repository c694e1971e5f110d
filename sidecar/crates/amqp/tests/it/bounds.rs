//! What no input can do: panic, recurse without end, or take more memory than a multiple of its size.

use allocation_counter::{AllocationInfo, measure};
use amqp::frame::{self, Frame};
use amqp::message::{Message, RawPairs, Sections, SystemValue, write_message_annotations};
use amqp::performative::{DeliveryState, Disposition, Outcome, Role, Transfer};
use amqp::{DecodeError, Performative, Value};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use crate::any;
use crate::hex::from_hex;

/// Of memory for each byte of input: a value of one byte takes up to 48, with room for as many again while a vector grows.
const MULTIPLE: u64 = 256;
/// For what an array may repeat.
const CONSTANT: u64 = 1 << 20;

fn check_memory(input: usize, used: &AllocationInfo) {
    let limit = CONSTANT + MULTIPLE * input as u64;
    assert!(
        used.bytes_max <= limit,
        "{} bytes for an input of {input}",
        used.bytes_max
    );
}

#[derive(Clone, Debug)]
enum Mutation {
    Cut(prop::sample::Index),
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let mutation = prop_oneof![
        1 => any::<prop::sample::Index>().prop_map(Mutation::Cut),
        // Format codes are likelier to be understood than other bytes.
        4 => (any::<prop::sample::Index>(), code()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        2 => (any::<prop::sample::Index>(), code()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
    ];
    proptest::collection::vec(mutation, 1..6)
}

fn code() -> impl Strategy<Value = u8> {
    const KNOWN: [u8; 16] = [
        0x00, 0x40, 0x41, 0x43, 0x45, 0x53, 0x56, 0xa1, 0xa3, 0xb0, 0xc0, 0xc1, 0xd0, 0xd1, 0xe0, 0xf0,
    ];
    prop_oneof![any::<u8>(), prop::sample::select(&KNOWN[..])]
}

fn mutate(mut bytes: Vec<u8>, mutations: Vec<Mutation>) -> Bytes {
    for mutation in mutations {
        match mutation {
            Mutation::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Mutation::Set(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            Mutation::Set(..) => {}
            Mutation::Insert(at, byte) => bytes.insert(at.index(bytes.len() + 1), byte),
        }
    }
    bytes.into()
}

proptest! {
    #[test]
    fn a_damaged_performative_is_refused_or_read_within_bounds(
        performative in any::performative(any::value),
        mutations in mutations(),
    ) {
        let mut out = BytesMut::new();
        performative.encode(&mut out);
        let input = mutate(out.to_vec(), mutations);
        let used = measure(|| drop(Performative::decode(&mut input.clone())));
        check_memory(input.len(), &used);
    }

    #[test]
    fn a_damaged_message_is_refused_or_read_within_bounds(message in any::message(any::value), mutations in mutations()) {
        let mut out = BytesMut::new();
        message.encode(&mut out);
        let input = mutate(out.to_vec(), mutations);
        let used = measure(|| drop(Message::decode(&input)));
        check_memory(input.len(), &used);
        prop_assert_eq!(Sections::scan(&input).err(), Message::decode(&input).err());
    }

    #[test]
    fn a_damaged_frame_breaks_no_law(performative in any::performative(any::value), mutations in mutations()) {
        let mut out = BytesMut::new();
        frame::write(0, &performative, &[b"payload"], &mut out);
        crate::frame_check::check(&mutate(out.to_vec(), mutations));
    }

    #[test]
    fn a_damaged_message_breaks_no_law(message in any::message(any::value), mutations in mutations()) {
        let mut out = BytesMut::new();
        message.encode(&mut out);
        crate::message_check::check(&mutate(out.to_vec(), mutations));
    }

    #[test]
    fn a_value_is_stepped_over_exactly_if_it_can_be_built(value in any::value(), mutations in mutations()) {
        let mut out = BytesMut::new();
        value.encode(&mut out);
        let damaged = mutate(out.to_vec(), mutations);
        let scanned = Sections::scan(&Bytes::from([&b"\0\x53\x77"[..], &damaged].concat()));
        let mut rest = damaged;
        match Value::decode(&mut rest) {
            Err(reason) => prop_assert_eq!(scanned, Err(reason)),
            Ok(_) if rest.is_empty() => prop_assert!(scanned.is_ok()),
            // What follows is no concern of the value's.
            Ok(_) => {}
        }
    }

    #[test]
    fn any_bytes_are_read_within_bounds(bytes in proptest::collection::vec(code(), 0..300)) {
        let input = Bytes::from(bytes);
        let used = measure(|| {
            drop(Value::decode(&mut input.clone()));
            drop(Performative::decode(&mut input.clone()));
            drop(Message::decode(&input));
        });
        check_memory(input.len(), &used);
    }
}

#[test]
fn an_array_of_four_billion_elements_without_width_allocates_nothing() {
    for constructor in ["40", "41", "43", "45", "00 53 10 40"] {
        let body = from_hex(&format!("ffffffff {constructor}"));
        let mut input = BytesMut::from(&[0xf0][..]);
        input.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
        input.extend_from_slice(&body);
        let mut input = input.freeze();
        let mut read = Ok(Value::Null);
        let used = measure(|| read = Value::decode(&mut input));
        assert_eq!(read, Err(DecodeError::TooManyElements), "{constructor}");
        assert!(used.bytes_max < 256, "{used:?}");
    }
}

#[test]
fn a_count_that_the_bytes_cannot_hold_allocates_nothing() {
    for hex in [
        "d0 00000005 ffffffff 40",
        "d1 00000005 fffffffe 40",
        "f0 00000006 ffffffff 70 00",
    ] {
        let mut input = from_hex(hex);
        let _shared = input.clone();
        let used = measure(|| assert_eq!(Value::decode(&mut input), Err(DecodeError::WrongSize), "{hex}"));
        assert_eq!(used.count_total, 0, "{hex}");
    }
}

#[test]
fn a_descriptor_that_stands_for_many_elements_is_bounded() {
    // A descriptor of 200 bytes before 200 elements of one byte.
    let mut body = vec![0, 0, 0, 200, 0x00, 0xa3, 200];
    body.extend([b'x'; 200]);
    body.push(0x50);
    body.extend([1; 200]);
    let mut input = BytesMut::from(&[0xf0][..]);
    input.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
    input.extend_from_slice(&body);
    assert_eq!(
        Value::decode(&mut input.freeze()),
        Err(DecodeError::TooManyElements)
    );
}

/// An array as a descriptor of an array's elements would be decoded once for each, and so on downwards.
#[test]
fn descriptors_of_an_array_do_not_multiply() {
    let array = |count: u32, descriptor: &[u8]| {
        let mut body = count.to_be_bytes().to_vec();
        body.push(0x00);
        body.extend(descriptor);
        body.push(0x40);
        let mut bytes = vec![0xf0];
        bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes
    };
    let bomb = [44, 85, 300]
        .into_iter()
        .fold(array(30, &[0x53, 1]), |inner, count| array(count, &inner));
    let mut input = Bytes::from(bomb);
    let mut read = Ok(Value::Null);
    let used = measure(|| read = Value::decode(&mut input));
    assert_eq!(read, Err(DecodeError::WrongDescriptor { what: "an array" }));
    assert!(used.bytes_max < 4_096, "{used:?}");
    assert!(Value::decode(&mut Bytes::from(array(30, &[0x53, 1]))).is_ok());
}

#[test]
fn values_are_nested_32_deep_and_no_deeper() {
    let nested = |depth: usize| {
        let innermost = Bytes::from_static(&[0x40]);
        (0..depth).fold(innermost, |inner, _| {
            let mut list = BytesMut::from(&[0xd0][..]);
            list.extend_from_slice(&u32::try_from(inner.len() + 4).unwrap().to_be_bytes());
            list.extend_from_slice(&1_u32.to_be_bytes());
            list.extend_from_slice(&inner);
            list.freeze()
        })
    };
    assert!(Value::decode(&mut nested(32)).is_ok());
    assert_eq!(Value::decode(&mut nested(33)), Err(DecodeError::TooDeep));
    assert_eq!(Value::decode(&mut nested(100_000)), Err(DecodeError::TooDeep));
    for endless in [0x00, 0xe0] {
        assert!(Value::decode(&mut Bytes::from(vec![endless; 100_000])).is_err());
    }
}

#[test]
fn a_transfer_is_read_and_written_without_allocating() {
    let transfer = Transfer {
        handle: 3,
        delivery_id: Some(70_000),
        delivery_tag: Some(Bytes::from_static(&[0, 1, 2, 3])),
        message_format: Some(0),
        settled: Some(false),
        ..Transfer::default()
    };
    let mut wire = BytesMut::with_capacity(4096);
    for _ in 0..3 {
        frame::write_transfer(1, &transfer, &[&[7; 100]], &mut wire);
    }
    // The buffer becomes shared with its first frame.
    let _first = frame::read(&mut wire, 4096);
    let mut out = BytesMut::with_capacity(4096);
    let used = measure(|| {
        let frame = frame::read(&mut wire, 4096);
        assert!(matches!(frame, Ok(Some(Frame::Amqp { .. }))));
        frame::write_transfer(1, &transfer, &[&[7; 100]], &mut out);
    });
    assert_eq!(used.count_total, 0);
}

#[test]
fn a_disposition_is_read_and_written_without_allocating() {
    let disposition = Performative::Disposition(Disposition {
        role: Role::Receiver,
        first: 1,
        last: Some(2),
        settled: true,
        state: Some(DeliveryState::Outcome(Outcome::Accepted)),
        batchable: false,
    });
    let mut out = BytesMut::with_capacity(4096);
    frame::write_empty(&mut out);
    let mut wire = out.clone();
    frame::write(1, &disposition, &[], &mut wire);
    let _first = frame::read(&mut wire, 4096);
    let used = measure(|| {
        frame::write(1, &disposition, &[], &mut out);
        assert!(frame::read(&mut wire, 4096).is_ok_and(|frame| frame.is_some()));
    });
    assert_eq!(used.count_total, 0);
}

#[test]
fn a_message_is_taken_apart_and_annotated_without_allocating() {
    let hex = "005372 c11b02 a313 782d6f70742d706172746974696f6e2d6b6579 a1036b6579 00537345 \
        005374 c10702 a1016e a10176 005375 a00401020304";
    let payload = from_hex(hex);
    let _shared = payload.clone();
    let mut out = BytesMut::with_capacity(4096);
    let system = [
        ("x-opt-offset", SystemValue::String("12")),
        ("x-opt-sequence-number", SystemValue::Long(12)),
    ];
    let used = measure(|| {
        let sections = Sections::scan(&payload).unwrap();
        let key = sections.message_annotations.get("x-opt-partition-key").unwrap();
        assert_eq!(key.as_str(), Some("key"));
        let user = RawPairs {
            count: 1,
            bytes: key.pair,
        };
        write_message_annotations(&system, user, &mut out);
        out.extend_from_slice(&sections.bare);
    });
    assert_eq!(used.count_total, 0);
    assert!(Message::decode(&out.freeze()).is_ok());
}
