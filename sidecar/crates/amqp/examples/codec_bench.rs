//! Measures how long the codec takes for one transfer of 1 KiB, as a server that receives and hands on. Prints one line of
//! JSON.
//!
//! `cargo run --release -p amqp --example codec_bench`
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark has no clock but the machine's"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use amqp::frame::{self, Frame};
use amqp::message::{Body, Message, Sections, SystemValue, write_message_annotations};
use amqp::performative::{DeliveryState, Disposition, Outcome, Role, Transfer};
use amqp::{Performative, Symbol, Value};
use bytes::{Bytes, BytesMut};

const MESSAGE_BYTES: usize = 1024;
const FRAMES: usize = 60;
const ROUNDS: usize = 5_000;
const MAX_FRAME_SIZE: u32 = 65_536;

fn main() {
    let message = message();
    let wire = wire(&message);
    let decode = best(|| decode(&wire));
    let encode = best(|| encode(&message));
    let scan = best(|| scan(&message));
    let annotate = best(|| annotate(&message));
    let disposition = best(disposition);
    println!(
        "{{\"bench\":\"amqp_codec\",\"message_bytes\":{MESSAGE_BYTES},\"decode_transfer_ns\":{decode:.0},\
         \"encode_transfer_ns\":{encode:.0},\"decode_and_encode_ns\":{:.0},\"scan_sections_ns\":{scan:.0},\
         \"encode_annotated_ns\":{annotate:.0},\"decode_and_encode_disposition_ns\":{disposition:.0}}}",
        decode + encode
    );
}

/// Nanoseconds for each frame in the best of many rounds: what the code costs, not what the machine did besides.
fn best(mut round: impl FnMut() -> Duration) -> f64 {
    let rounds = (0..ROUNDS).map(|_| round().as_nanos() as f64 / FRAMES as f64);
    rounds.fold(f64::INFINITY, f64::min)
}

/// Frames off a buffer as large as a socket's, which is filled anew each time.
fn decode(wire: &[u8]) -> Duration {
    let mut input = BytesMut::from(wire);
    let start = Instant::now();
    for _ in 0..FRAMES {
        let frame = frame::read(&mut input, MAX_FRAME_SIZE).expect("the frames are valid");
        assert!(matches!(black_box(frame), Some(Frame::Amqp { .. })));
    }
    start.elapsed()
}

fn encode(message: &Bytes) -> Duration {
    let mut out = BytesMut::with_capacity(FRAMES * 2 * MESSAGE_BYTES);
    let start = Instant::now();
    for number in 0..FRAMES {
        frame::write_transfer(1, &transfer(number), &[message], &mut out);
    }
    let elapsed = start.elapsed();
    black_box(out);
    elapsed
}

fn scan(message: &Bytes) -> Duration {
    let start = Instant::now();
    for _ in 0..FRAMES {
        let sections = Sections::scan(message).expect("the message is valid");
        black_box(sections);
    }
    start.elapsed()
}

/// What a consumer gets: our annotations, then the message as it was stored.
fn annotate(message: &Bytes) -> Duration {
    let sections = Sections::scan(message).expect("the message is valid");
    let mut out = BytesMut::with_capacity(FRAMES * 2 * MESSAGE_BYTES);
    let mut annotations = BytesMut::with_capacity(256);
    let start = Instant::now();
    for number in 0..FRAMES {
        annotations.clear();
        let system = [
            ("x-opt-sequence-number", SystemValue::Long(number as i64)),
            ("x-opt-offset", SystemValue::String("123456789")),
            ("x-opt-enqueued-time", SystemValue::Timestamp(1_790_000_000_000)),
        ];
        write_message_annotations(&system, sections.message_annotations.raw(), &mut annotations);
        frame::write_transfer(1, &transfer(number), &[&annotations, &sections.bare], &mut out);
    }
    let elapsed = start.elapsed();
    black_box(out);
    elapsed
}

fn disposition() -> Duration {
    let mut wire = BytesMut::with_capacity(FRAMES * 64);
    let start = Instant::now();
    for number in 0..FRAMES {
        let disposition = Performative::Disposition(Disposition {
            role: Role::Receiver,
            first: number as u32,
            last: Some(number as u32 + 100),
            settled: true,
            state: Some(DeliveryState::Outcome(Outcome::Accepted)),
            batchable: false,
        });
        frame::write(1, &disposition, &[], &mut wire);
    }
    for _ in 0..FRAMES {
        black_box(frame::read(&mut wire, MAX_FRAME_SIZE).expect("the frames are valid"));
    }
    start.elapsed()
}

fn transfer(number: usize) -> Transfer {
    Transfer {
        handle: 1,
        delivery_id: Some(1_000_000 + number as u32),
        delivery_tag: Some(Bytes::from_static(&[0, 0, 0, 1])),
        message_format: Some(0),
        settled: Some(false),
        ..Transfer::default()
    }
}

fn wire(message: &Bytes) -> BytesMut {
    let mut wire = BytesMut::new();
    for number in 0..FRAMES {
        frame::write_transfer(1, &transfer(number), &[message], &mut wire);
    }
    wire
}

/// With a key and a property, as events have them.
fn message() -> Bytes {
    let key = Value::Symbol(Symbol::from_static("x-opt-partition-key"));
    let mut message = Message {
        message_annotations: vec![(key, Value::from("customer-17"))],
        application_properties: vec![("kind".into(), Value::from("order-placed"))],
        ..Message::default()
    };
    let mut out = BytesMut::new();
    message.encode(&mut out);
    // A section of data with a length of four bytes takes eight bytes more.
    let rest = MESSAGE_BYTES - out.len() - 8;
    message.body = Body::Data(vec![Bytes::from(vec![b'x'; rest])]);
    out.clear();
    message.encode(&mut out);
    assert_eq!(out.len(), MESSAGE_BYTES);
    out.freeze()
}
