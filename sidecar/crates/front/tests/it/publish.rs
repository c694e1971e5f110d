//! Three ways to publish, and what becomes of the events.

use serde_json::{Value, json};

use crate::world::{BATCH, PUBLISH, STRUCTURED, World, event, receive};

async fn received(world: &World) -> Vec<Value> {
    let mut client = world.client().await;
    let response = client.call("POST", &receive("billing", 100), &[], "").await;
    let json = response.json();
    json["value"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|item| item["event"].clone())
        .collect()
}

#[tokio::test]
async fn a_structured_event_is_published_and_answered_with_an_empty_object() {
    let world = World::start().await;
    let mut client = world.client().await;
    let response = client.call("POST", PUBLISH, &[STRUCTURED], event("1")).await;
    assert_eq!((response.status, response.text()), (200, "{}"));
    assert_eq!(response.header("content-length"), Some("2"));
    assert_eq!(
        response.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert!(response.header("x-ms-request-id").is_some());
    assert_eq!(received(&world).await[0]["id"], "1");
}

#[tokio::test]
async fn a_batch_is_published_under_either_media_type_and_in_order() {
    let world = World::start().await;
    let mut client = world.client().await;
    let batch = format!("[{},{}]", event("1"), event("2"));
    assert_eq!(client.call("POST", PUBLISH, &[BATCH], &batch).await.status, 200);
    // One SDK sends arrays under the structured media type.
    assert_eq!(
        client
            .call("POST", PUBLISH, &[STRUCTURED], format!("[{}]", event("3")))
            .await
            .status,
        200
    );
    let ids: Vec<_> = received(&world)
        .await
        .iter()
        .map(|event| event["id"].clone())
        .collect();
    assert_eq!(ids, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_binary_event_has_its_attributes_in_headers() {
    let world = World::start().await;
    let mut client = world.client().await;
    let headers = [
        "content-type: text/plain",
        "ce-id: 1",
        "ce-source: /s",
        "ce-type: t",
        "ce-specversion: 1.0",
        "ce-time: 2023-11-05 16:19:47.492781+00:00",
        "ce-ext1: v",
    ];
    let response = client.call("POST", PUBLISH, &headers, "hello").await;
    assert_eq!((response.status, response.text()), (200, "{}"));
    let expected = json!({
        "specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": "2023-11-05T16:19:47.492781Z",
        "ext1": "v", "datacontenttype": "text/plain", "data": "hello",
    });
    assert_eq!(received(&world).await, [expected]);
}

#[tokio::test]
async fn a_request_without_media_type_or_attributes_is_told_the_three_ways() {
    let world = World::start().await;
    let mut client = world.client().await;
    for headers in [
        &[][..],
        &["content-type: application/json"],
        &["content-type: text/plain"],
    ] {
        let response = client.call("POST", PUBLISH, headers, event("1")).await;
        assert_eq!(
            (response.status, response.code().as_str()),
            (415, "UnsupportedMediaType"),
            "{headers:?}"
        );
        assert!(response.message().contains("application/cloudevents-batch+json"));
    }
}

#[tokio::test]
async fn the_trace_context_of_the_request_travels_with_its_events() {
    let world = World::start().await;
    let mut client = world.client().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [STRUCTURED, &format!("traceparent: {parent}"), "tracestate: a=b"];
    assert_eq!(
        client.call("POST", PUBLISH, &headers, event("1")).await.status,
        200
    );
    let events = received(&world).await;
    assert_eq!(
        (&events[0]["traceparent"], &events[0]["tracestate"]),
        (&json!(parent), &json!("a=b"))
    );
}

#[tokio::test]
async fn a_trace_context_that_is_none_is_not_stamped_on_events() {
    let world = World::start().await;
    let mut client = world.client().await;
    let long = "x".repeat(10_000);
    let good = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for headers in [
        [STRUCTURED, &format!("traceparent: {long}"), "tracestate: a=b"],
        [STRUCTURED, good, &format!("tracestate: {long}")],
    ] {
        assert_eq!(
            client.call("POST", PUBLISH, &headers, event("1")).await.status,
            200
        );
    }
    let events = received(&world).await;
    assert!(
        events[0].get("traceparent").is_none() && events[0].get("tracestate").is_none(),
        "{events:?}"
    );
    assert!(
        events[1].get("traceparent").is_some() && events[1].get("tracestate").is_none(),
        "{events:?}"
    );
}

#[tokio::test]
async fn one_invalid_event_refuses_the_whole_batch() {
    let world = World::start().await;
    let mut client = world.client().await;
    let batch = format!(
        "[{},{}]",
        event("1"),
        r#"{"specversion":"1.0","id":"2","type":"t"}"#
    );
    let response = client.call("POST", PUBLISH, &[BATCH], batch).await;
    assert_eq!((response.status, response.code().as_str()), (400, "BadRequest"));
    assert_eq!(response.message(), "`source` attribute is required");
    client.publish("3").await;
    assert_eq!(received(&world).await.len(), 1);
}

#[tokio::test]
async fn a_chunked_body_is_a_body_like_any_other() {
    let world = World::start().await;
    let mut client = world.client().await;
    let key = client.authorization.clone().unwrap();
    let head = format!(
        "POST {PUBLISH} HTTP/1.1\r\nhost: x\r\nauthorization: {key}\r\n{STRUCTURED}\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    client.send(head).await;
    for piece in event("1").as_bytes().chunks(7) {
        client.send(format!("{:x}\r\n", piece.len())).await;
        client.send(piece).await;
        client.send("\r\n").await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.response().await.status, 200);
    // The connection goes on.
    client.publish("2").await;
    assert_eq!(received(&world).await.len(), 2);
}

#[tokio::test]
async fn names_are_found_ignoring_case_and_encoding() {
    let world = World::start().await;
    let mut client = world.client().await;
    for target in [
        "/topics/ORDERS:publish",
        "//topics/orders:publish",
        "/topics/%6Frders%3Apublish?api-version=2023-11-01",
    ] {
        let response = client.call("POST", target, &[STRUCTURED], event("1")).await;
        assert_eq!(response.status, 200, "{target}");
    }
    let target = "/topics/OrderS/eventSubscriptions/BILLING:receive?maxEvents=10";
    let response = client.call("POST", target, &[], "").await;
    assert_eq!(response.json()["value"].as_array().unwrap().len(), 3);
}
