// What must hold for any input; shared by the fuzz target and the replay of its corpus.

use amqp::DecodeError;
use amqp::message::{Annotations, Batch, Message, Sections, SystemValue, write_message_annotations};
use bytes::{Bytes, BytesMut};

/// A payload that passed the scan can be read, stored, delivered with annotations, and read again.
pub(crate) fn check(input: &[u8]) {
    let payload = Bytes::copy_from_slice(input);
    let scanned = Sections::scan(&payload);
    let built = Message::decode(&payload);
    assert_eq!(scanned.as_ref().err(), built.as_ref().err());
    let (Ok(sections), Ok(message)) = (scanned, built) else {
        return;
    };
    check_rewriting(&message);
    check_annotations(&sections.delivery_annotations);
    check_annotations(&sections.message_annotations);
    check_delivery(&sections, &message);
    if let Ok(batch) = Batch::read(&payload) {
        assert_eq!(batch.messages().count(), batch.len());
    }
}

/// Bytes are compared, since a value may hold a number that does not equal itself.
fn check_rewriting(message: &Message) {
    let first = write(message);
    match Message::decode(&first) {
        Ok(again) => assert_eq!(write(&again), first, "{message:?}"),
        // An array may repeat a descriptor so often that a few bytes more for each are too many.
        Err(DecodeError::TooManyElements) => {}
        other => panic!("{message:?} became {other:?}"),
    }
}

fn check_annotations(annotations: &Annotations) {
    assert_eq!(annotations.iter().count(), annotations.len());
    let raw = annotations.raw();
    let joined: Vec<u8> = annotations
        .iter()
        .flat_map(|annotation| annotation.pair.to_vec())
        .collect();
    assert_eq!(joined, raw.bytes);
    let kept = Annotations::new(raw.count, Bytes::copy_from_slice(raw.bytes));
    assert_eq!(kept.as_ref(), Ok(annotations));
}

fn check_delivery(sections: &Sections, message: &Message) {
    let system = [("x-opt-sequence-number", SystemValue::Long(7))];
    let mut delivery = BytesMut::new();
    write_message_annotations(&system, sections.message_annotations.raw(), &mut delivery);
    delivery.extend_from_slice(&sections.bare);
    let delivered = Message::decode(&delivery.freeze()).expect("what passed the scan can be delivered");
    assert_eq!(
        delivered.message_annotations.len(),
        message.message_annotations.len() + 1
    );
    let kept = |message: &Message| {
        write(&Message {
            header: None,
            delivery_annotations: Vec::new(),
            message_annotations: Vec::new(),
            ..message.clone()
        })
    };
    assert_eq!(kept(&delivered), kept(message));
}

fn write(message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    message.encode(&mut out);
    out.freeze()
}
