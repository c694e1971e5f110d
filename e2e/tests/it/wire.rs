//! The exact bytes that clients depend on.

use e2e::{
    Weft,
    eventgrid::{Settlement, event},
    http::{Request, Response, get},
    manifests::Manifests,
};
use serde_json::{Value, json};

fn server() -> Weft {
    let manifests = Manifests::new("1Gi")
        .topic("orders")
        .subscription("orders", "billing", "");
    Weft::start(manifests.yaml()).expect("weft starts")
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn publish_and_receive_have_the_exact_shape() {
    let weft = server();
    let mut client = weft.client().expect("a client");
    let sent = json!({
        "specversion": "1.0", "id": "1", "source": "/s", "type": "t", "subject": "x", "ext1": "v", "number": 5,
        "time": "2023-07-26 18:04:18.037735+02:00", "datacontenttype": "application/json", "data": { "a": [1, 2.5, null] },
    });
    let published = client
        .try_publish("orders", json!([sent]).to_string().replace("2.5", "2.50"))
        .expect("an answer");
    assert_eq!((published.status, &published.body[..]), (200, &b"{}"[..]));
    assert_eq!(published.header("content-length"), Some("2"));
    assert!(
        published
            .header("content-type")
            .is_some_and(|value| value.starts_with("application/json"))
    );

    let target = "/topics/orders/eventsubscriptions/billing:receive?api-version=2024-06-01&maxEvents=10";
    let received = client.call(Request::post(target)).expect("an answer");
    assert_eq!(received.status, 200);
    assert_eq!(
        received.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    let body = received.json().expect("JSON");
    assert_eq!(keys(&body), ["value"]);
    let detail = &body["value"][0];
    assert_eq!(body["value"].as_array().expect("an array").len(), 1);
    assert_eq!(keys(detail), ["brokerProperties", "event"]);
    assert_eq!(keys(&detail["brokerProperties"]), ["deliveryCount", "lockToken"]);
    assert_eq!(detail["brokerProperties"]["deliveryCount"], 1);
    let mut expected = sent;
    expected["time"] = "2023-07-26T16:04:18.037735Z".into();
    assert_eq!(detail["event"], expected);
    let text = String::from_utf8(received.body).expect("UTF-8");
    assert!(text.contains("2.50"), "numbers keep their spelling: {text}");
}

#[test]
fn settling_answers_per_token_in_the_shape_of_its_version() {
    let weft = server();
    let mut client = weft.client().expect("a client");
    client
        .publish("orders", &[event("a"), event("b")])
        .expect("published");
    let deliveries = client.receive("orders", "billing", 10).expect("received");
    let (good, lost) = (&deliveries[0].lock_token, &deliveries[1].lock_token);
    client
        .settle("orders", "billing", Settlement::Acknowledge, [lost.as_str()])
        .expect("settled");

    let mut acknowledge = |version: &str| {
        let target = format!("/topics/orders/eventsubscriptions/billing:acknowledge{version}");
        let body = json!({ "lockTokens": ["!", lost, good] }).to_string();
        let request = Request::post(target)
            .header("content-type", "application/json")
            .body(body);
        let response = client.call(request).expect("an answer");
        assert_eq!(response.status, 200);
        response.json().expect("JSON")
    };
    let nested = json!([
        { "lockToken": "!", "error": { "code": "BadToken", "message": "Cannot decode lockToken" } },
        { "lockToken": lost, "error": { "code": "TokenLost", "message": "Token has expired." } },
    ]);
    assert_eq!(
        acknowledge("?api-version=2024-06-01"),
        json!({ "succeededLockTokens": [good], "failedLockTokens": nested })
    );
    // Now the good one is lost as well; the order of the request stays.
    let again = acknowledge("?api-version=2023-10-01-preview");
    assert_eq!(again["succeededLockTokens"], json!([]));
    assert_eq!(again["failedLockTokens"][2]["error"]["code"], "TokenLost");
    let flat = acknowledge("?api-version=2023-06-01-preview");
    let first = &flat["failedLockTokens"][0];
    assert_eq!(
        first,
        &json!({ "lockToken": "!", "errorCode": "BadToken", "errorDescription": "Cannot decode lockToken" })
    );
    assert_eq!(acknowledge(""), again, "without a version it is the newest shape");
}

#[test]
fn an_error_is_the_service_s_envelope() {
    let weft = server();
    let mut client = weft.client().expect("a client");
    // A missing topic comes before a bad body.
    let response = client.try_publish("faketopic", "{").expect("an answer");
    envelope(&response, 404, "NotFound", "Topic 'faketopic' is not found");
    let target = "/topics/orders/eventsubscriptions/nobody:receive";
    let response = client.call(Request::post(target)).expect("an answer");
    envelope(&response, 404, "NotFound", "nobody");
    let response = client.try_publish("orders", "[{}]").expect("an answer");
    envelope(&response, 400, "BadRequest", "");
    let no_source = r#"[{"specversion":"1.0","id":"1","type":"t"}]"#;
    let response = client.try_publish("orders", no_source).expect("an answer");
    envelope(&response, 400, "BadRequest", "`source` attribute is required");
    let no_id = r#"[{"specversion":"1.0","id":"","source":"/s","type":"t"}]"#;
    let response = client.try_publish("orders", no_id).expect("an answer");
    envelope(&response, 400, "BadRequest", "`id` must be non-empty string");
    for (query, code, message) in [
        (
            "maxEvents=-1",
            "BadRequest",
            "Error parsing query parameters: invalid digit found in string",
        ),
        (
            "maxWaitTime=9",
            "ArgumentInvalid",
            "Invalid maxWaitTime parameter",
        ),
        (
            "maxWaitTime=121",
            "ArgumentInvalid",
            "Invalid maxWaitTime parameter",
        ),
        ("maxEvents=0", "ArgumentInvalid", ""),
        ("maxEvents=101", "ArgumentInvalid", ""),
    ] {
        let target = format!("/topics/orders/eventsubscriptions/billing:receive?{query}");
        let response = client.call(Request::post(target)).expect("an answer");
        envelope(&response, 400, code, message);
    }
    let target = "/topics/orders/eventsubscriptions/billing:release?releaseDelayInSeconds=11";
    let request = Request::post(target)
        .header("content-type", "application/json")
        .body(r#"{"lockTokens":["x"]}"#);
    let response = client.call(request).expect("an answer");
    assert_eq!(response.status, 400);
}

fn envelope(response: &Response, status: u16, code: &str, message: &str) {
    let text = String::from_utf8_lossy(&response.body);
    assert_eq!(response.status, status, "{text}");
    assert_eq!(
        response.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(response.header("broker-errorcode"), Some(code), "{text}");
    let body = response.json().expect("JSON");
    assert_eq!(keys(&body), ["error"]);
    let error = &body["error"];
    assert_eq!(error["code"], code);
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|said| said.contains(message)),
        "{text}"
    );
    let timestamp = error["timestamp_utc"].as_str().expect("a timestamp");
    assert!(
        timestamp.len() == "2023-06-16T16:20:18.125972736+00:00".len() && timestamp.ends_with("+00:00"),
        "{text}"
    );
    let tracking = error["tracking_id"].as_str().expect("a tracking id");
    assert!(
        tracking.len() == 36 && tracking == tracking.to_uppercase(),
        "{text}"
    );
}

#[test]
fn the_operations_port_tells_health_readiness_and_metrics() {
    let weft = server();
    for path in ["/healthz", "/readyz", "/metrics"] {
        let response = get(weft.operations_address(), path).expect("an answer");
        assert_eq!(response.status, 200, "{path}");
    }
    let mut client = weft.client().expect("a client");
    client.publish("orders", &[event("1")]).expect("published");
    let metrics = get(weft.operations_address(), "/metrics").expect("an answer");
    let text = String::from_utf8(metrics.body).expect("text");
    assert!(
        text.contains("# HELP weft_") && text.contains("# TYPE weft_"),
        "{text}"
    );
}
