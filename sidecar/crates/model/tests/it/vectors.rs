//! Requests and what becomes of them. Those of the SDKs were captured: the unmodified package, of the version that the
//! file is named after, published to a server that writes down what it receives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use model::cloud_event::{self, Limits, Mode};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Vector {
    name: String,
    producer: String,
    headers: BTreeMap<String, String>,
    body: Option<String>,
    body_base64: Option<String>,
    events: Option<Vec<Value>>,
    /// The events are slices of the body.
    #[serde(default)]
    verbatim: bool,
    error: Option<String>,
}

impl Vector {
    fn body(&self) -> Bytes {
        match (&self.body, &self.body_base64) {
            (Some(text), None) => text.clone().into(),
            (None, Some(base64)) => STANDARD.decode(base64).unwrap().into(),
            _ => panic!("{}: one body", self.name),
        }
    }

    fn publish(&self) -> Result<Vec<Bytes>, cloud_event::Error> {
        let content_type = self.headers.get("content-type").map(String::as_bytes);
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()));
        let body = self.body();
        let events = Mode::of(headers.clone(), content_type)?.read(
            headers,
            content_type,
            &body,
            &Limits::default(),
        )?;
        if self.verbatim {
            let inside = body.as_ptr_range();
            assert!(
                events.iter().all(|event| inside.contains(&event.json().as_ptr())),
                "{}: was copied",
                self.name
            );
        }
        Ok(events.iter().map(|event| event.json().clone()).collect())
    }
}

fn vectors(file: &str) -> Vec<Vector> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(file);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn check(file: &str) {
    for vector in vectors(file) {
        let place = format!("{file}, {}: {}", vector.producer, vector.name);
        match (vector.publish(), &vector.events, &vector.error) {
            (Ok(events), Some(expected), None) => {
                let events: Vec<Value> = events
                    .iter()
                    .map(|json| serde_json::from_slice(json).unwrap())
                    .collect();
                assert_eq!(&events, expected, "{place}");
            }
            (Err(error), None, Some(expected)) => assert_eq!(&error.to_string(), expected, "{place}"),
            (outcome, ..) => panic!("{place}: {outcome:?}"),
        }
    }
}

#[test]
fn what_python_publishes_arrives_as_it_was_sent() {
    check("python-4.22.1.json");
}

#[test]
fn what_the_old_python_betas_publish_arrives_as_they_sent_it_with_time_made_utc() {
    check("python-4.17.0b1.json");
    check("python-4.12.0b1.json");
}

#[test]
fn what_javascript_publishes_arrives_as_it_was_sent() {
    check("javascript-namespaces-1.0.0.json");
}

#[test]
fn every_shape_that_curl_can_send_arrives() {
    check("curl.json");
}

#[test]
fn what_breaks_a_rule_is_refused_with_the_rule_s_text() {
    check("refused.json");
}

#[test]
fn what_was_accepted_once_is_accepted_again_unchanged() {
    for file in [
        "python-4.22.1.json",
        "python-4.17.0b1.json",
        "javascript-namespaces-1.0.0.json",
        "curl.json",
    ] {
        for vector in vectors(file).iter().filter(|vector| vector.events.is_some()) {
            for json in vector.publish().unwrap() {
                assert_eq!(
                    model::Event::from_json(&json).unwrap().json(),
                    &json,
                    "{}",
                    vector.name
                );
            }
        }
    }
}
