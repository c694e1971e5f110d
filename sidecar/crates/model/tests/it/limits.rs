use bytes::Bytes;
use model::ByteCount;
use model::cloud_event::{Error, Limits, binary, structured_or_batch};

const HEADERS: [(&str, &[u8]); 4] = [
    ("ce-specversion", b"1.0"),
    ("ce-id", b"1"),
    ("ce-source", b"/s"),
    ("ce-type", b"t"),
];

/// An event of exactly `length` bytes.
fn event(length: usize) -> String {
    let frame = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":""}"#;
    frame.replace(
        r#""data":"""#,
        &format!(r#""data":"{}""#, "x".repeat(length - frame.len())),
    )
}

fn batch(events: usize, length: usize) -> Bytes {
    format!("[{}]", vec![event(length); events].join(",")).into()
}

#[test]
fn a_thousand_events_are_accepted_and_one_more_is_too_many() {
    let limits = Limits::default();
    assert_eq!(
        structured_or_batch(&batch(1000, 100), &limits).unwrap().len(),
        1000
    );
    let refused = structured_or_batch(&batch(1001, 100), &limits).unwrap_err();
    assert_eq!(refused, Error::TooManyEvents { limit: 1000 });
    assert!(refused.is_too_large());
}

#[test]
fn a_mebibyte_is_accepted_and_one_more_byte_is_too_large() {
    let limits = Limits::default();
    let largest = 1 << 20;
    assert_eq!(
        structured_or_batch(&event(largest).into(), &limits).unwrap()[0].len(),
        largest
    );
    let refused = structured_or_batch(&event(largest + 1).into(), &limits).unwrap_err();
    let (size, limit) = (ByteCount(largest as u64 + 1), ByteCount::mib(1));
    assert_eq!(refused, Error::BatchTooLarge { size, limit });
    assert!(refused.is_too_large());
    binary(HEADERS, None, &vec![0; largest].into(), &limits).unwrap();
    binary(HEADERS, None, &vec![0; largest + 1].into(), &limits).unwrap_err();
}

#[test]
fn one_event_of_a_batch_may_be_too_large() {
    let limits = Limits {
        event_bytes_max: ByteCount(200),
        ..Limits::default()
    };
    structured_or_batch(&batch(3, 200), &limits).unwrap();
    let refused = structured_or_batch(&batch(3, 201), &limits).unwrap_err();
    assert_eq!(
        refused,
        Error::EventTooLarge {
            size: ByteCount(201),
            limit: ByteCount(200)
        }
    );
    let refused = binary(HEADERS, None, &vec![0; 201].into(), &limits).unwrap_err();
    assert_eq!(
        refused,
        Error::EventTooLarge {
            size: ByteCount(201),
            limit: ByteCount(200)
        }
    );
}

#[test]
fn tens_of_thousands_of_extensions_cost_no_quadratic_time() {
    let extensions: String = (0..40_000).map(|number| format!(r#","x{number}":1"#)).collect();
    let text = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{extensions}}}"#);
    let events = structured_or_batch(&text.clone().into(), &Limits::default()).unwrap();
    assert_eq!(model::EventView::parse(&events[0]).extensions.len(), 40_000);
    let twice = text.replace(r#","x39999":1"#, r#","x0":1"#);
    let refused = structured_or_batch(&twice.into(), &Limits::default()).unwrap_err();
    assert_eq!(refused, Error::Duplicate("x0".into()));
}
