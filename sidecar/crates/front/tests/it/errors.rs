//! The envelope, the order of checks, and the request ids.

use crate::client::Client;
use crate::world::{JSON, PUBLISH, STRUCTURED, World, event, path};

#[tokio::test]
async fn an_error_is_azures_envelope_to_the_letter() {
    let world = World::start().await;
    let mut client = world.client().await;
    let response = client
        .call("POST", "/topics/faketopic:publish", &[STRUCTURED], "{")
        .await;
    assert_eq!(response.status, 404);
    assert_eq!(
        response.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(response.code(), "NotFound");
    let json = response.json();
    let (time, id) = (
        json["error"]["timestamp_utc"].as_str().unwrap(),
        json["error"]["tracking_id"].as_str().unwrap(),
    );
    let golden = format!(
        r#"{{"error":{{"code":"NotFound","message":"Topic 'faketopic' is not found","timestamp_utc":"{time}","tracking_id":"{id}"}}}}"#
    );
    assert_eq!(response.text(), golden);
    // 2023-06-16T16:20:18.125972736+00:00
    let digits: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(digits, "0000-00-00T00:00:00.000000000+00:00");
    assert!(
        id.len() == 36
            && id
                .chars()
                .all(|c| c == '-' || c.is_ascii_digit() || ('A'..='F').contains(&c)),
        "{id}"
    );
    assert_eq!(response.header("x-ms-request-id"), Some(id));
}

#[tokio::test]
async fn a_credential_comes_before_the_topic_and_the_topic_before_the_body() {
    let world = World::start().await;
    let mut stranger = Client::connect(world.address).await;
    assert_eq!(
        stranger
            .call("POST", "/topics/nosuch:publish?api-version=junk", &[], "{")
            .await
            .status,
        401
    );
    let mut client = world.client().await;
    assert_eq!(
        client
            .call("POST", "/topics/nosuch:publish?api-version=junk", &[], "{")
            .await
            .status,
        404
    );
    assert_eq!(
        client
            .call("POST", &format!("{PUBLISH}x"), &[STRUCTURED], event("1"))
            .await
            .status,
        400
    );
    assert_eq!(client.call("POST", PUBLISH, &[STRUCTURED], "{").await.status, 400);
}

#[tokio::test]
async fn a_missing_subscription_is_named() {
    let world = World::start().await;
    let mut client = world.client().await;
    for action in ["receive", "acknowledge", "release", "reject", "renewLock"] {
        let response = client.call("POST", &path("nobody", action), &[JSON], "{").await;
        assert_eq!(
            (response.status, response.code().as_str()),
            (404, "NotFound"),
            "{action}"
        );
        assert_eq!(
            response.message(),
            "Event subscription 'nobody' of topic 'orders' is not found"
        );
    }
}

#[tokio::test]
async fn other_paths_are_404_and_other_methods_405() {
    let world = World::start().await;
    let mut client = world.client().await;
    for target in [
        "/",
        "/topics",
        "/topics/orders",
        "/topics/orders:receive",
        "/api/events",
        "/$weft/v1/nonsense",
    ] {
        let response = client.call("POST", target, &[], "").await;
        assert_eq!(
            (response.status, response.code().as_str()),
            (404, "NotFound"),
            "{target}"
        );
    }
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let response = client.call(method, PUBLISH, &[], "").await;
        assert_eq!(
            (response.status, response.code().as_str()),
            (405, "MethodNotAllowed"),
            "{method}"
        );
        assert_eq!(response.header("allow"), Some("POST"));
    }
    let response = client.call("POST", "/$weft/v1/streams", &[], "").await;
    assert_eq!((response.status, response.header("allow")), (405, Some("GET")));
}

#[tokio::test]
async fn the_clients_request_id_comes_back_and_ours_is_new_each_time() {
    let world = World::start().await;
    let mut client = world.client().await;
    let id = "x-ms-client-request-id: 9c4dbb1e-7d5b-11f0-a1f0-acde48001122";
    let first = client.call("POST", PUBLISH, &[STRUCTURED, id], event("1")).await;
    assert_eq!(
        first.header("x-ms-client-request-id"),
        Some("9c4dbb1e-7d5b-11f0-a1f0-acde48001122")
    );
    let second = client.call("POST", "/nowhere", &[id], "").await;
    assert_eq!(
        second.header("x-ms-client-request-id"),
        Some("9c4dbb1e-7d5b-11f0-a1f0-acde48001122")
    );
    assert_ne!(first.header("x-ms-request-id"), second.header("x-ms-request-id"));
    let long = format!("x-ms-client-request-id: {}", "x".repeat(257));
    let third = client
        .call("POST", PUBLISH, &[STRUCTURED, &long], event("1"))
        .await;
    assert_eq!(
        (third.status, third.header("x-ms-client-request-id")),
        (200, None)
    );
}

#[tokio::test]
async fn requests_are_counted_by_operation_and_status() {
    let world = World::start().await;
    let mut client = world.client().await;
    client.publish("1").await;
    client.publish("2").await;
    client
        .call("POST", "/topics/nosuch:publish", &[STRUCTURED], event("1"))
        .await;
    let count = |status| {
        world.metric(&format!(
            r#"weft_http_requests_total{{operation="publish",status="{status}"}}"#
        ))
    };
    assert_eq!((count("2xx"), count("4xx")), (Some(2.0), Some(1.0)));
    assert_eq!(
        world.metric(r#"weft_http_request_duration_seconds_count{operation="publish"}"#),
        Some(3.0)
    );
    assert_eq!(world.metric("weft_http_connections"), Some(1.0));
    assert!(world.metric("weft_http_received_bytes_total").unwrap() > 500.0);
    assert!(world.metric("weft_http_sent_bytes_total").unwrap() > 500.0);
}
