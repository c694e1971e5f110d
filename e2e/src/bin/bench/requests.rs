//! Requests built once and sent many times.

use std::fmt::Write;

pub(crate) const API_VERSION: &str = "2024-06-01";

/// What a Namespace of a benchmark may store.
pub(crate) const SIZE: &str = "24Gi";

/// One event whose JSON is `length` bytes long (at least 100).
pub(crate) fn event(length: usize) -> String {
    let frame = r#"{"specversion":"1.0","id":"0123456789","source":"/bench","type":"bench.event","data":{"k":"v","x":""}}"#;
    frame.replace(
        r#""x":"""#,
        &format!(r#""x":"{}""#, "x".repeat(length.saturating_sub(frame.len()))),
    )
}

/// A publish of `count` events of `length` bytes each.
pub(crate) fn publish(key: &str, topic: &str, count: usize, length: usize) -> Vec<u8> {
    let event = event(length);
    if count == 1 {
        return post(
            key,
            &format!("/topics/{topic}:publish?api-version={API_VERSION}"),
            "cloudevents+json",
            &event,
        );
    }
    let batch = format!("[{}]", vec![event; count].join(","));
    post(
        key,
        &format!("/topics/{topic}:publish?api-version={API_VERSION}"),
        "cloudevents-batch+json",
        &batch,
    )
}

/// A receive of up to 100 events that waits for the first as short as the service allows.
pub(crate) fn receive(key: &str, topic: &str, subscription: &str) -> Vec<u8> {
    let target = format!(
        "/topics/{topic}/eventsubscriptions/{subscription}:receive?api-version={API_VERSION}&maxEvents=100&maxWaitTime=10"
    );
    post(key, &target, "json", "")
}

/// An acknowledgement of every lock token that a receive's answer holds.
pub(crate) fn acknowledge(key: &str, topic: &str, subscription: &str, tokens: &[&str]) -> Vec<u8> {
    let target =
        format!("/topics/{topic}/eventsubscriptions/{subscription}:acknowledge?api-version={API_VERSION}");
    let mut body = String::with_capacity(64 + tokens.len() * 64);
    body.push_str(r#"{"lockTokens":["#);
    for (index, token) in tokens.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(body, r#"{comma}"{token}""#);
    }
    body.push_str("]}");
    post(key, &target, "json", &body)
}

fn post(key: &str, target: &str, media_type: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: SharedAccessKey {key}\r\n\
         content-type: application/{media_type}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The lock tokens in a receive's answer, found without parsing the events.
pub(crate) fn lock_tokens(answer: &str) -> Vec<&str> {
    let after = answer.split(r#""lockToken":""#).skip(1);
    after.filter_map(|rest| rest.split('"').next()).collect()
}
