//! Measures how long reading one published event of 1 KiB takes, in batches of 100. Prints one line of JSON.
//!
//! `cargo run --release -p model --example parse_bench`
#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark has no clock but the machine's"
)]

use std::time::Instant;

use bytes::Bytes;
use model::EventView;
use model::cloud_event::{Limits, structured_or_batch};

const EVENTS: usize = 100;
const EVENT_BYTES: usize = 1024;
const ROUNDS: usize = 2_000;

fn main() {
    let object = nanoseconds_per_event(&batch(&fields()), false);
    let string = nanoseconds_per_event(&batch(&text()), false);
    let rewritten = nanoseconds_per_event(&spaced_time(&batch(&fields())), false);
    let viewed = nanoseconds_per_event(&batch(&fields()), true);
    println!(
        "{{\"bench\":\"parse\",\"event_bytes\":{EVENT_BYTES},\"batch\":{EVENTS},\"object_data_ns\":{object:.0},\
         \"string_data_ns\":{string:.0},\"time_rewritten_ns\":{rewritten:.0},\"object_data_with_view_ns\":{viewed:.0}}}"
    );
}

/// The best of many rounds: what the code costs, not what the machine did besides.
fn nanoseconds_per_event(body: &Bytes, view: bool) -> f64 {
    let round = || {
        let start = Instant::now();
        let events = structured_or_batch(body, &Limits::default()).expect("the events are valid");
        if view {
            events
                .iter()
                .for_each(|event| drop(std::hint::black_box(EventView::parse(event))));
        }
        let elapsed = start.elapsed();
        drop(std::hint::black_box(events));
        elapsed.as_nanos() as f64 / EVENTS as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn batch(data: &str) -> Bytes {
    let events: Vec<String> = (0..EVENTS).map(|number| event(number, data)).collect();
    format!("[{}]", events.join(",")).into()
}

/// As Python's client writes it.
fn event(number: usize, data: &str) -> String {
    let event = format!(
        "{{\"id\": \"00000000-0000-4000-8000-{number:012}\", \"source\": \"/shop/orders\", \
         \"type\": \"com.example.order.placed\", \"specversion\": \"1.0\", \
         \"time\": \"2026-11-22T02:38:15.952943Z\", \"subject\": \"orders/{number:04}\", \"data\": {data}}}"
    );
    assert_eq!(event.len(), EVENT_BYTES, "the data must fill the event");
    event
}

const DATA_BYTES: usize = EVENT_BYTES - 205;

fn text() -> String {
    format!("\"{}\"", "x".repeat(DATA_BYTES - 2))
}

/// Lines of an order, as an application writes them.
fn fields() -> String {
    let line = r#"{"sku": "AB-1234", "name": "a thing", "count": 12, "price": 19.95, "gift": false}"#;
    let lines = [line; 9].join(", ");
    let frame = format!(r#"{{"country": "FR", "lines": [{lines}], "note": ""}}"#);
    let note = "n".repeat(DATA_BYTES - frame.len());
    frame.replace(r#""note": """#, &format!(r#""note": "{note}""#))
}

fn spaced_time(body: &Bytes) -> Bytes {
    String::from_utf8_lossy(body).replace("22T02", "22 02").into()
}
