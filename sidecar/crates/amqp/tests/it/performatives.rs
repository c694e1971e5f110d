//! Part 2, 2.7, and part 5, 5.3: what is written is read again.

use amqp::frame::{self, Frame};
use amqp::performative::{DeliveryState, Outcome, Transfer};
use amqp::{DecodeError, Performative, Value};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use crate::any;
use crate::hex::from_hex;

proptest! {
    #[test]
    fn a_performative_that_was_written_is_read_again(
        performative in any::performative(any::value),
        channel: u16,
        payload in any::binary(),
    ) {
        let mut wire = BytesMut::new();
        frame::write(channel, &performative, &[&payload[..1.min(payload.len())], &payload[1.min(payload.len())..]], &mut wire);
        let read = frame::read(&mut wire, u32::MAX).unwrap();
        prop_assert_eq!(read, Some(Frame::Amqp { channel, performative, payload }));
        prop_assert!(wire.is_empty());
    }

    #[test]
    fn a_sasl_frame_that_was_written_is_read_again(sasl in any::sasl_frame()) {
        let mut wire = BytesMut::new();
        frame::write_sasl(&sasl, &mut wire);
        prop_assert_eq!(frame::read(&mut wire, u32::MAX), Ok(Some(Frame::Sasl(sasl))));
        prop_assert!(wire.is_empty());
    }

    #[test]
    fn a_transfer_is_written_the_same_with_and_without_its_performative(
        transfer in any::transfer(any::value),
        payload in any::binary(),
    ) {
        let (mut one, mut other) = (BytesMut::new(), BytesMut::new());
        frame::write_transfer(3, &transfer, &[&payload], &mut one);
        frame::write(3, &Performative::Transfer(transfer.clone()), &[&payload], &mut other);
        prop_assert_eq!(&one, &other);
        if transfer.state.is_none() {
            prop_assert!(one.len() <= frame::TRANSFER_OVERHEAD + payload.len());
        }
    }
}

#[test]
fn a_field_of_the_wrong_type_is_named() {
    for (hex, reason) in [
        // open [null]
        (
            "005310 c0020140",
            DecodeError::Missing {
                field: "open.container-id",
            },
        ),
        (
            "005310 45",
            DecodeError::Missing {
                field: "open.container-id",
            },
        ),
        // open ["", 7]
        (
            "005310 c00502 a100 5207",
            DecodeError::Invalid {
                field: "open.hostname",
            },
        ),
        // begin [null, "", …]
        (
            "005311 c00402 40 a100",
            DecodeError::Invalid {
                field: "begin.next-outgoing-id",
            },
        ),
        // attach ["", 0, false, 3]
        (
            "005312 c00704 a100 43 42 5003",
            DecodeError::Invalid {
                field: "attach.snd-settle-mode",
            },
        ),
        // open with properties whose key is a string
        (
            "005310 c0120a a100 40 40 40 40 40 40 40 40 c10502 a10178 41",
            DecodeError::Invalid {
                field: "open.properties",
            },
        ),
        // open with a map as a capability
        (
            "005310 c00c08 a100 40 40 40 40 40 40 c10100",
            DecodeError::Invalid {
                field: "open.offered-capabilities",
            },
        ),
        // detach [0, true, open]
        (
            "005316 c00703 43 41 00531045",
            DecodeError::WrongDescriptor { what: "error" },
        ),
        (
            "005399 45",
            DecodeError::WrongDescriptor {
                what: "a performative",
            },
        ),
        (
            "c00100",
            DecodeError::NotDescribed {
                what: "a performative",
            },
        ),
        ("005314 c10100", DecodeError::Invalid { field: "transfer" }),
        ("005314 c0030143", DecodeError::Truncated),
    ] {
        assert_eq!(Performative::decode(&mut from_hex(hex)), Err(reason), "{hex}");
    }
}

#[test]
fn fields_that_we_do_not_know_are_ignored() {
    // end [null, "new in a later version"]
    let read = Performative::decode(&mut from_hex("005317 c00502 40 a10178"));
    assert_eq!(read, Ok(Performative::End(Default::default())));
}

#[test]
fn a_state_that_we_do_not_know_is_kept() {
    // transfer [0, …, state transactional-state ["x"]], described by ulong and by symbol
    for descriptor in ["5334", "a3076578616d706c65"] {
        let state = format!("00 {descriptor} c00401a10178");
        let read = Performative::decode(&mut transfer_with_state(&state));
        let Ok(Performative::Transfer(Transfer {
            state: Some(state), ..
        })) = read
        else {
            panic!("{read:?}");
        };
        assert!(
            matches!(*state, DeliveryState::Other(Value::Described(_))),
            "{state:?}"
        );
    }
}

#[test]
fn outcomes_are_known_by_symbol_and_by_any_ulong() {
    for descriptor in [
        "5324",
        "800000000000000024",
        "a312616d71703a61636365707465643a6c697374",
    ] {
        let state = format!("00 {descriptor} 45");
        let read = Performative::decode(&mut transfer_with_state(&state));
        let Ok(Performative::Transfer(transfer)) = read else {
            panic!("{read:?}");
        };
        assert_eq!(
            transfer.state.as_deref(),
            Some(&DeliveryState::Outcome(Outcome::Accepted))
        );
    }
}

fn transfer_with_state(state: &str) -> Bytes {
    let state = from_hex(state);
    let mut wire = BytesMut::from(&from_hex("005314 c0 00 08 43 40 40 40 40 40 40")[..]);
    wire[4] = u8::try_from(8 + state.len()).unwrap();
    wire.extend_from_slice(&state);
    wire.freeze()
}
