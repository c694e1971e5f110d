//! Binary content mode as people do it by hand, and keys in each of the places that Azure documents.

use std::process::Command;

use e2e::{Weft, eventgrid::Settlement, manifests::Manifests};
use serde_json::{Value, json};

struct Curl {
    weft: Weft,
    key: String,
}

impl Curl {
    fn new() -> Self {
        let manifests = Manifests::new("1Gi")
            .topic("orders")
            .subscription("orders", "billing", "");
        let weft = Weft::start(manifests.yaml()).expect("weft starts");
        let key = weft.key().expect("a key");
        Self { weft, key }
    }

    /// POSTs with these headers and this body; returns the status and the answer.
    fn publish(&self, query: &str, headers: &[&str], body: &[u8]) -> (u16, Value) {
        let file = self.weft.scratch_file("body", body).expect("a body");
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--show-error",
            "--max-time",
            "20",
            "--noproxy",
            "*",
            "--write-out",
            "\n%{http_code}",
        ]);
        command.arg("--data-binary").arg(format!("@{}", file.display()));
        for header in headers {
            command.args(["--header", header]);
        }
        command.arg(format!(
            "{}/topics/orders:publish{query}",
            self.weft.http_endpoint()
        ));
        let output = command.output().expect("curl is installed");
        assert!(
            output.status.success(),
            "curl: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).expect("text");
        let (body, status) = text.rsplit_once('\n').expect("a status");
        // What breaks the rules of HTTP itself is refused before there is anybody to write an envelope.
        let answer = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(body).expect("JSON")
        };
        (status.parse().expect("a number"), answer)
    }

    /// Publishes in binary mode and returns the event as a receiver sees it.
    fn round_trip(&self, content_type: &str, headers: &[&str], body: &[u8]) -> Value {
        let key = format!("aeg-sas-key: {}", self.key);
        let content_type = format!("content-type: {content_type}");
        let mut all = vec![
            key.as_str(),
            &content_type,
            "ce-specversion: 1.0",
            "ce-id: 1",
            "ce-source: /curl",
            "ce-type: t",
        ];
        all.extend(headers);
        let (status, answer) = self.publish("?api-version=2024-06-01", &all, body);
        assert_eq!((status, answer), (200, json!({})));
        let mut client = self.weft.client().expect("a client");
        let mut deliveries = client.receive("orders", "billing", 10).expect("received");
        assert_eq!(deliveries.len(), 1);
        let delivery = deliveries.remove(0);
        let tokens = [delivery.lock_token.as_str()];
        let settled = client
            .settle("orders", "billing", Settlement::Acknowledge, tokens)
            .expect("settled");
        assert_eq!(settled.succeeded, tokens);
        delivery.event
    }
}

/// The event that [`Curl::round_trip`] publishes, with more attributes.
fn expected(datacontenttype: &str, more: Value) -> Value {
    let mut event = json!({ "specversion": "1.0", "id": "1", "source": "/curl", "type": "t" });
    event["datacontenttype"] = datacontenttype.into();
    let Value::Object(more) = more else {
        panic!("more attributes are an object")
    };
    event.as_object_mut().expect("an object").extend(more);
    event
}

#[test]
fn binary_mode_gives_json_text_and_bytes_back_as_their_content_type_says() {
    let curl = Curl::new();
    for json_type in [
        "application/json",
        "application/json; charset=utf-8",
        "text/json",
        "application/vnd.x+json",
    ] {
        let event = curl.round_trip(json_type, &[], br#"{"a": [1, null]}"#);
        assert_eq!(event, expected(json_type, json!({ "data": { "a": [1, null] } })));
    }
    for text_type in ["text/plain", "text/xml", "text/plain; charset=utf-8"] {
        let event = curl.round_trip(text_type, &[], "<é/>\n".as_bytes());
        assert_eq!(event, expected(text_type, json!({ "data": "<é/>\n" })));
    }
    let event = curl.round_trip("application/octet-stream", &[], b"\x00\xff\x10");
    assert_eq!(
        event,
        expected("application/octet-stream", json!({ "data_base64": "AP8Q" }))
    );
}

#[test]
fn binary_mode_takes_every_attribute_from_its_header() {
    let curl = Curl::new();
    let headers = [
        "ce-time: 2023-11-05 16:19:47.492781+00:00",
        "ce-subject: orders/1",
        "ce-dataschema: https://example.com/schema",
        "ce-ext: value",
        "Ce-Number: 5",
        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ];
    let mut event = curl.round_trip("application/json", &headers, b"1");
    // Whether the broker stamps the header's trace context into the event is its own matter, but then exactly so.
    if let Some(traceparent) = event.as_object_mut().expect("an object").remove("traceparent") {
        let traceparent = traceparent.as_str().expect("text").to_owned();
        assert!(
            traceparent.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
            "{traceparent}"
        );
    }
    let more = json!({
        "time": "2023-11-05T16:19:47.492781Z",
        "subject": "orders/1",
        "dataschema": "https://example.com/schema",
        "ext": "value",
        "number": "5",
        "data": 1,
    });
    assert_eq!(event, expected("application/json", more));
}

#[test]
fn binary_mode_refuses_what_lacks_an_attribute_or_has_it_twice() {
    let curl = Curl::new();
    let key = format!("aeg-sas-key: {}", curl.key);
    let full = [
        "ce-specversion: 1.0",
        "ce-id: 1",
        "ce-source: /curl",
        "ce-type: t",
    ];
    for missing in 0..full.len() {
        let mut headers = vec![key.as_str(), "content-type: application/json"];
        headers.extend(
            full.iter()
                .enumerate()
                .filter(|&(index, _)| index != missing)
                .map(|(_, header)| header),
        );
        let (status, answer) = curl.publish("", &headers, b"1");
        assert_eq!(
            (status, &answer["error"]["code"]),
            (400, &json!("BadRequest")),
            "without {}",
            full[missing]
        );
    }
    for (extra, body) in [
        ("ce-id: 2", &b"1"[..]),
        ("ce-ext: \u{1}", b"1"),
        ("ce-123: all digits", b"1"),
        ("ce-time: yesterday", b"1"),
        ("ce-averyveryverylongname: x", b"1"),
        ("ce-ok: x", b"{not json"),
    ] {
        let mut headers = vec![key.as_str(), "content-type: application/json"];
        headers.extend(full);
        headers.push(extra);
        let (status, _) = curl.publish("", &headers, body);
        assert_eq!(status, 400, "{extra:?}");
    }
}

#[test]
fn a_key_is_taken_from_each_of_the_three_places() {
    let curl = Curl::new();
    let event = [
        "content-type: application/json",
        "ce-specversion: 1.0",
        "ce-id: 1",
        "ce-source: /c",
        "ce-type: t",
    ];
    let (in_header, in_authorization) = (
        format!("aeg-sas-key: {}", curl.key),
        format!("Authorization: SharedAccessKey {}", curl.key),
    );
    for header in [&in_header, &in_authorization] {
        let headers: Vec<_> = event.iter().copied().chain([header.as_str()]).collect();
        assert_eq!(curl.publish("", &headers, b"1").0, 200, "{header}");
    }
    // Raw, as the documentation shows it, though a key may hold `+`, `/` and `=`.
    assert_eq!(
        curl.publish(&format!("?aeg-sas-key={}", curl.key), &event, b"1")
            .0,
        200
    );
    assert_eq!(
        curl.publish(
            &format!("?api-version=2024-06-01&aeg-sas-key={}", curl.key),
            &event,
            b"1"
        )
        .0,
        200
    );
    assert_eq!(curl.publish("", &event, b"1").0, 401);
    assert_eq!(curl.publish("?aeg-sas-key=d3Jvbmc=", &event, b"1").0, 401);
}
