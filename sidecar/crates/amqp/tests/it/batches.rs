//! Azure's batches.

use amqp::message::{Batch, Body, Message};
use amqp::{DecodeError, Symbol, Value};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use crate::any;
use crate::hex::from_hex;

proptest! {
    #[test]
    fn a_batch_that_was_written_is_read_again(
        messages in proptest::collection::vec(any::binary(), 0..20),
        envelope in any::message(any::value),
    ) {
        let mut payload = BytesMut::new();
        Batch::write(&envelope, &messages, &mut payload);
        let batch = Batch::read(&payload.freeze()).unwrap();
        prop_assert_eq!(batch.len(), messages.len());
        prop_assert_eq!(batch.messages().len(), messages.len());
        prop_assert_eq!(Vec::from_iter(batch.messages()), messages);
        prop_assert_eq!(batch.envelope.message_annotations.len(), envelope.message_annotations.len());
    }
}

#[test]
fn a_batch_of_nothing_is_a_batch() {
    let batch = Batch::read(&Bytes::new()).unwrap();
    assert!(batch.is_empty());
    assert_eq!(batch.messages().next(), None);
}

#[test]
fn the_key_of_a_batch_is_an_annotation_of_its_envelope() {
    let name = Value::Symbol(Symbol::from_static("x-opt-partition-key"));
    let envelope = Message {
        message_annotations: vec![(name, Value::from("key"))],
        body: Body::Value(Value::from("not written")),
        ..Message::default()
    };
    let mut payload = BytesMut::new();
    Batch::write(&envelope, &[Bytes::from_static(b"one")], &mut payload);
    let batch = Batch::read(&payload.freeze()).unwrap();
    let key = batch
        .envelope
        .message_annotations
        .get("x-opt-partition-key")
        .unwrap();
    assert_eq!(key.as_str(), Some("key"));
}

#[test]
fn messages_of_a_batch_are_slices_of_it() {
    let payload = from_hex("005375a003 010203 005375b000000001 04");
    let batch = Batch::read(&payload).unwrap();
    let starts: Vec<_> = batch.messages().map(|message| message.as_ptr()).collect();
    assert_eq!(
        starts,
        [5, 16].map(|offset| payload.as_ptr().wrapping_add(offset))
    );
}

#[test]
fn a_batch_holds_nothing_but_data() {
    for payload in ["00537740", "005376c00100"] {
        let field = "the body of a batch";
        assert_eq!(
            Batch::read(&from_hex(payload)),
            Err(DecodeError::Invalid { field })
        );
    }
}
