//! What we write: every list with all its fields, as seen by a reader that shares nothing with the codec.

use amqp::frame::{self, SaslFrame};
use amqp::performative::{
    Attach, Begin, DeliveryState, Detach, Disposition, End, Flow, Open, Outcome, ReceiverSettleMode, Role,
    SaslCode, SaslMechanisms, SaslOutcome, SenderSettleMode, Source, Target, Transfer,
};
use amqp::{Condition, Error, Performative, Symbol};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use crate::any;
use crate::hex::{from_hex, to_hex};

proptest! {
    #[test]
    fn every_list_is_written_with_all_its_fields(performative in any::performative(any::value)) {
        let mut out = BytesMut::new();
        frame::write(0, &performative, &[], &mut out);
        check_counts(&out[8..]);
    }

    #[test]
    fn every_list_of_the_security_layer_is_written_with_all_its_fields(sasl in any::sasl_frame()) {
        let mut out = BytesMut::new();
        frame::write_sasl(&sasl, &mut out);
        check_counts(&out[8..]);
    }
}

/// Descriptor and number of fields.
const FIELDS: [(u8, usize); 21] = [
    (0x10, 10),
    (0x11, 8),
    (0x12, 14),
    (0x13, 11),
    (0x14, 11),
    (0x15, 6),
    (0x16, 3),
    (0x17, 1),
    (0x18, 1),
    (0x1d, 3),
    (0x23, 2),
    (0x24, 0),
    (0x25, 1),
    (0x26, 0),
    (0x27, 3),
    (0x28, 11),
    (0x29, 7),
    (0x40, 1),
    (0x41, 3),
    (0x43, 1),
    (0x44, 2),
];

fn check_counts(bytes: &[u8]) {
    let mut found = Vec::new();
    let rest = walk(bytes, &mut found);
    assert!(rest.is_empty());
    assert!(!found.is_empty());
    for (descriptor, count, code) in found {
        let expected = FIELDS.iter().find(|(known, _)| *known == descriptor);
        let expected = expected.map_or(1, |(_, count)| *count);
        assert_eq!(count, expected, "{descriptor:#04x}");
        let is_outcome_without_fields = matches!(descriptor, 0x24 | 0x26);
        assert!(
            code != 0x45 || is_outcome_without_fields,
            "{descriptor:#04x} is written as list0"
        );
    }
}

/// Steps over one value and collects every list with one of the standard's descriptors: number, fields, format code.
fn walk<'b>(bytes: &'b [u8], found: &mut Vec<(u8, usize, u8)>) -> &'b [u8] {
    let (code, body) = (bytes[0], &bytes[1..]);
    match code {
        0x00 if body[0] == 0x53 => {
            let list = body[2];
            match list {
                0x45 => found.push((body[1], 0, list)),
                0xc0 => found.push((body[1], body[4].into(), list)),
                0xd0 => found.push((body[1], number(&body[7..11]), list)),
                _ => {}
            }
            walk(&body[2..], found)
        }
        0x00 => walk(walk(body, found), found),
        0xc0 | 0xc1 => walk_all(
            &body[2..1 + usize::from(body[0])],
            &body[1 + usize::from(body[0])..],
            found,
        ),
        0xd0 | 0xd1 => walk_all(
            &body[8..4 + number(&body[..4])],
            &body[4 + number(&body[..4])..],
            found,
        ),
        0xa0..=0xaf | 0xe0 => &body[1 + usize::from(body[0])..],
        0xb0..=0xbf | 0xf0 => &body[4 + number(&body[..4])..],
        _ => &body[[0, 1, 2, 4, 8, 16][usize::from(code >> 4) - 4]..],
    }
}

fn walk_all<'b>(mut inside: &[u8], behind: &'b [u8], found: &mut Vec<(u8, usize, u8)>) -> &'b [u8] {
    while !inside.is_empty() {
        inside = walk(inside, found);
    }
    behind
}

fn number(bytes: &[u8]) -> usize {
    u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize
}

#[test]
fn our_frames_have_these_bytes() {
    let error = || Some(Error::new(Condition::STOLEN, "epoch 2"));
    let name = |name: &str| Some(name.to_owned());
    let open = Open {
        container_id: "weft".into(),
        hostname: None,
        max_frame_size: 65536,
        channel_max: 4999,
        idle_time_out: Some(240_000),
        outgoing_locales: vec![],
        incoming_locales: vec![],
        offered_capabilities: vec![],
        desired_capabilities: vec![],
        properties: vec![],
    };
    let begin = Begin {
        remote_channel: Some(1),
        next_outgoing_id: 1,
        incoming_window: 5000,
        outgoing_window: 5000,
        handle_max: 255,
        offered_capabilities: vec![],
        desired_capabilities: vec![],
        properties: vec![],
    };
    let attach = Attach {
        name: "l".into(),
        handle: 0,
        role: Role::Sender,
        snd_settle_mode: SenderSettleMode::Settled,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: Some(Source {
            address: name("a"),
            ..Source::default()
        }),
        target: Some(Target {
            address: name("b"),
            ..Target::default()
        }),
        is_coordinator: false,
        unsettled: amqp::Value::Null,
        incomplete_unsettled: false,
        initial_delivery_count: Some(0),
        max_message_size: Some(1_048_576),
        offered_capabilities: vec![Symbol::from_static("c")],
        desired_capabilities: vec![],
        properties: vec![],
    };
    let refused = Attach {
        source: None,
        target: None,
        offered_capabilities: vec![],
        ..attach.clone()
    };
    let flow = Flow {
        next_incoming_id: Some(0),
        incoming_window: 5000,
        next_outgoing_id: 1,
        outgoing_window: 5000,
        handle: Some(0),
        delivery_count: Some(0),
        link_credit: Some(1000),
        ..Flow::default()
    };
    let transfer = Transfer {
        handle: 0,
        delivery_id: Some(7),
        delivery_tag: Some(Bytes::from_static(&[0, 0, 0, 7])),
        message_format: Some(0),
        settled: Some(true),
        ..Transfer::default()
    };
    let disposition = |state| Disposition {
        role: Role::Receiver,
        first: 3,
        last: Some(5),
        settled: true,
        state: Some(DeliveryState::Outcome(state)),
        batchable: false,
    };
    for (performative, hex) in [
        (
            Performative::Open(Box::new(open)),
            "005310 c01a0a a10477656674 40 7000010000 601387 700003a980 40 40 40 40 40",
        ),
        (
            Performative::Begin(Box::new(begin)),
            "005311 c01508 600001 5201 7000001388 7000001388 52ff 40 40 40",
        ),
        (
            Performative::Attach(Box::new(attach)),
            "005312 c0400e a1016c 43 42 5001 5000 005328 c00e0b a10161 43 40 43 42 40 40 40 40 40 40 \
             005329 c00a07 a10162 43 40 43 42 40 40 40 42 43 800000000000100000 e00401a30163 40 40",
        ),
        (
            Performative::Attach(Box::new(refused)),
            "005312 c01b0e a1016c 43 42 5001 5000 40 40 40 42 43 800000000000100000 40 40 40",
        ),
        (
            Performative::Flow(flow),
            "005313 c0190b 43 7000001388 5201 7000001388 43 43 70000003e8 40 42 42 40",
        ),
        (
            Performative::Transfer(transfer),
            "005314 c0120b 43 5207 a00400000007 43 41 42 40 40 42 42 42",
        ),
        (
            Performative::Disposition(disposition(Outcome::Accepted)),
            "005315 c00c06 41 5203 5205 41 00532445 42",
        ),
        (
            Performative::Disposition(disposition(Outcome::Rejected(error()))),
            "005315 c03006 41 5203 5205 41 005325 c02301 00531d c01d03 a310616d71703a6c696e6b3a73746f6c656e \
             a10765706f63682032 40 42",
        ),
        (
            Performative::Detach(Detach {
                handle: 0,
                closed: true,
                error: error(),
            }),
            "005316 c02503 43 41 00531d c01d03 a310616d71703a6c696e6b3a73746f6c656e a10765706f63682032 40",
        ),
        (Performative::End(End { error: None }), "005317 c00201 40"),
    ] {
        let mut out = BytesMut::new();
        frame::write(0, &performative, &[], &mut out);
        assert_eq!(to_hex(&out[8..]), to_hex(&from_hex(hex)), "{performative:?}");
    }
}

#[test]
fn our_frames_of_the_security_layer_have_these_bytes() {
    let mechanisms = vec![Symbol::from_static("ANONYMOUS"), Symbol::from_static("MSSBCBS")];
    for (frame, hex) in [
        (
            SaslFrame::Mechanisms(SaslMechanisms {
                mechanisms: mechanisms[..1].to_vec(),
            }),
            "0000001c 02010000 005340 c00f01 e00c 01 a3 09414e4f4e594d4f5553",
        ),
        (
            SaslFrame::Mechanisms(SaslMechanisms { mechanisms }),
            "00000024 02010000 005340 c01701 e014 02 a3 09414e4f4e594d4f5553 074d535342434253",
        ),
        (
            SaslFrame::Outcome(SaslOutcome {
                code: SaslCode::Ok,
                additional_data: None,
            }),
            "00000011 02010000 005344 c00402 5000 40",
        ),
    ] {
        let mut out = BytesMut::new();
        frame::write_sasl(&frame, &mut out);
        assert_eq!(to_hex(&out), to_hex(&from_hex(hex)), "{frame:?}");
    }
}
