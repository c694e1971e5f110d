//! Events of hubs as people read them.

use serde_json::{Map, Value};

use crate::event::bare;
use crate::failure::Failure;
use crate::listed::Item;
use crate::output::{self, Output};

pub(super) fn print(event: &Item, output: Output) -> Result<(), Failure> {
    match output {
        Output::Json => output::line(&event.line()),
        Output::Text => output::line(&text(&event.value())),
    }
}

/// Where it stands, then what its sender wrote beside the body, then the body.
fn text(event: &Value) -> String {
    let mut text = format!("partition {}", bare(&event["partition"]));
    for (name, label) in [
        ("sequenceNumber", "sequence"),
        ("offset", "offset"),
        ("enqueuedTime", "enqueued"),
        ("partitionKey", "key"),
        ("publisher", "publisher"),
    ] {
        if let Some(value) = event.get(name) {
            text.push_str(&format!("  {label} {}", printable(&bare(value))));
        }
    }
    for group in ["properties", "annotations", "applicationProperties"] {
        let pairs = event[group].as_object().into_iter().flat_map(Map::iter);
        for (name, value) in pairs {
            push(&mut text, &format!("{name}: {}", bare(value)));
        }
    }
    push_body(&mut text, event);
    text
}

fn push_body(text: &mut String, event: &Value) {
    if let Some(body) = event["body"].as_str() {
        body.lines().for_each(|line| push(text, line));
    }
    if let Some(body) = event["bodyBase64"].as_str() {
        push(text, &format!("base64 {body}"));
    }
    for name in ["bodySequence", "bodyValue"] {
        if let Some(body) = event.get(name) {
            push(text, &body.to_string());
        }
    }
    if let Some(reason) = event["unreadable"].as_str() {
        push(text, &format!("unreadable: {reason}"));
    }
}

fn push(text: &mut String, line: &str) {
    text.push_str("\n    ");
    text.push_str(&printable(line));
}

/// Anybody may send anything, also what a terminal would obey.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\t' => printable.push(char),
            char if char.is_control() => printable.extend(char.escape_default()),
            char => printable.push(char),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_body_stands_below_everything_else() {
        let event = json!({
            "partition": "0", "sequenceNumber": 5, "offset": "1024", "enqueuedTime": "2026-01-31T12:00:00Z",
            "partitionKey": "k", "properties": {"contentType": "text/plain"},
            "applicationProperties": {"n": 7}, "body": "one\ntwo",
        });
        assert_eq!(
            text(&event),
            "partition 0  sequence 5  offset 1024  enqueued 2026-01-31T12:00:00Z  key k\n    \
             contentType: text/plain\n    n: 7\n    one\n    two"
        );
    }

    #[test]
    fn every_kind_of_body_is_shown() {
        for (field, value, expected) in [
            ("bodyBase64", json!("/w=="), "base64 /w=="),
            ("bodySequence", json!([1, "x"]), "[1,\"x\"]"),
            ("bodyValue", json!(null), "null"),
            ("unreadable", json!("why"), "unreadable: why"),
        ] {
            let event = json!({"partition": "0", field: value});
            assert_eq!(text(&event), format!("partition 0\n    {expected}"));
        }
    }

    #[test]
    fn a_terminal_is_not_told_what_to_do() {
        let event = json!({"partition": "0", "partitionKey": "\u{7}", "body": "a\u{1b}[2J\tb\r\n"});
        assert_eq!(text(&event), "partition 0  key \\u{7}\n    a\\u{1b}[2J\tb");
    }
}
