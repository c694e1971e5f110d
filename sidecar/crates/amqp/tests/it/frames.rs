//! Part 2, 2.2 and 2.3: where frames begin and end.

use amqp::DecodeError;
use amqp::frame::{self, Frame, FrameError, ProtocolHeader};
use bytes::{Buf as _, BytesMut};
use proptest::prelude::*;

use crate::any;
use crate::hex::from_hex;

proptest! {
    #[test]
    fn frames_are_found_however_the_stream_is_cut(
        performatives in proptest::collection::vec(any::performative(any::value), 1..4),
        pieces in 1..40_usize,
    ) {
        let mut wire = BytesMut::new();
        for (channel, performative) in performatives.iter().enumerate() {
            frame::write(channel as u16, performative, &[b"payload"], &mut wire);
            frame::write_empty(&mut wire);
        }
        let (mut input, mut found) = (BytesMut::new(), Vec::new());
        for piece in wire.chunks(wire.len().div_ceil(pieces)) {
            input.extend_from_slice(piece);
            while let Some(frame) = frame::read(&mut input, u32::MAX).unwrap() {
                found.push(frame);
            }
        }
        prop_assert!(input.is_empty());
        prop_assert_eq!(found.len(), 2 * performatives.len());
        for (pair, (channel, expected)) in found.chunks(2).zip(performatives.into_iter().enumerate()) {
            let channel = channel as u16;
            let payload = "payload".into();
            prop_assert_eq!(&pair[0], &Frame::Amqp { channel, performative: expected, payload });
            prop_assert_eq!(&pair[1], &Frame::Empty { channel: 0 });
        }
    }
}

#[test]
fn protocol_headers_are_told_apart() {
    for (header, hex) in [
        (ProtocolHeader::Amqp, "414d515000010000"),
        (ProtocolHeader::Tls, "414d515002010000"),
        (ProtocolHeader::Sasl, "414d515003010000"),
    ] {
        assert_eq!(header.bytes()[..], from_hex(hex)[..]);
        let mut input = BytesMut::from(&from_hex(hex)[..7]);
        assert_eq!(ProtocolHeader::read(&mut input), Ok(None));
        input.extend_from_slice(b"\0behind");
        assert_eq!(ProtocolHeader::read(&mut input), Ok(Some(header)));
        assert_eq!(&input[..], b"behind");
    }
}

#[test]
fn another_protocol_is_known_by_its_first_wrong_byte() {
    for input in [
        &b"GET"[..],
        b"AMQP\0\0\x09\x01",
        b"AMQP\x01\x01\x00\x0a",
        b"\x16\x03\x01",
        b"AMQP\x03\x01\x00\x01",
    ] {
        let read = ProtocolHeader::read(&mut BytesMut::from(input));
        assert_eq!(read, Err(FrameError::ProtocolHeader), "{input:?}");
    }
}

#[test]
fn a_frame_that_is_none_is_refused_before_it_is_complete() {
    let limit = 4096;
    for (hex, error) in [
        ("00001001", FrameError::TooLarge { size: 4097, limit }),
        (
            "ffffffff",
            FrameError::TooLarge {
                size: u32::MAX,
                limit,
            },
        ),
        ("00000007", FrameError::TooSmall { size: 7 }),
        ("00000000", FrameError::TooSmall { size: 0 }),
        ("00000008 01000000", FrameError::DataOffset { words: 1 }),
        ("00000008 03000000", FrameError::DataOffset { words: 3 }),
        ("00000008 02020000", FrameError::UnknownType(2)),
        (
            "00000008 02010000",
            FrameError::Undecodable(DecodeError::Truncated),
        ),
        (
            "00000009 02000000 00",
            FrameError::Undecodable(DecodeError::Truncated),
        ),
    ] {
        let mut input = BytesMut::from(&from_hex(hex)[..]);
        assert_eq!(frame::read(&mut input, limit), Err(error), "{hex}");
    }
}

#[test]
fn an_extended_header_is_stepped_over() {
    let mut input = BytesMut::from(&from_hex("00000010 03000007 00000000 005317 45")[..]);
    let Ok(Some(Frame::Amqp { channel: 7, .. })) = frame::read(&mut input, 512) else {
        panic!("an end on channel 7 was expected");
    };
}

#[test]
fn an_empty_frame_is_eight_bytes() {
    let mut out = BytesMut::new();
    frame::write_empty(&mut out);
    assert_eq!(out, from_hex("0000000802000000"));
}

#[test]
fn the_payload_of_a_transfer_is_a_slice_of_the_input() {
    let mut wire = BytesMut::new();
    frame::write_transfer(0, &Default::default(), &[b"payload"], &mut wire);
    let payload_at = wire[wire.len() - 7..].as_ptr();
    let Ok(Some(Frame::Amqp { payload, .. })) = frame::read(&mut wire, 512) else {
        panic!("a transfer was expected");
    };
    assert_eq!(payload.as_ptr(), payload_at);
    assert!(!wire.has_remaining());
}
