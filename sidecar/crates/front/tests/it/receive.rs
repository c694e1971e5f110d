//! Receiving and settling.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::client::Client;
use crate::world::{JSON, World, path, receive, tokens};

#[tokio::test]
async fn a_received_event_has_exactly_azures_shape() {
    let world = World::start().await;
    let mut client = world.client().await;
    client.publish("1").await;
    let response = client.call("POST", &receive("billing", 1), &[], "").await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    let token = response.json()["value"][0]["brokerProperties"]["lockToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let expected = json!({"value": [{
        "brokerProperties": {"lockToken": token, "deliveryCount": 1},
        "event": {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": {"n": 1}},
    }]});
    assert_eq!(response.json(), expected);
    let start =
        format!(r#"{{"value":[{{"brokerProperties":{{"lockToken":"{token}","deliveryCount":1}},"event":{{"#);
    assert!(response.text().starts_with(&start), "{}", response.text());
}

#[tokio::test]
async fn every_subscription_gets_every_event_and_each_settles_on_its_own() {
    let world = World::start().await;
    let mut client = world.client().await;
    client.publish("1").await;
    let billing = client.receive("billing", 10).await;
    let audit = client.receive("audit", 10).await;
    assert_eq!((billing.len(), audit.len()), (1, 1));
    let settled = client.settle("billing", "acknowledge", &[&billing[0]]).await;
    assert_eq!(
        settled,
        json!({"succeededLockTokens": [billing[0]], "failedLockTokens": []})
    );
    let settled = client.settle("audit", "acknowledge", &[&audit[0]]).await;
    assert_eq!(settled["succeededLockTokens"], json!([audit[0]]));
}

#[tokio::test]
async fn tokens_that_cannot_be_settled_are_listed_in_the_shape_of_the_version() {
    let world = World::start().await;
    let mut client = world.client().await;
    client.publish("1").await;
    let lost = client.receive("billing", 1).await.remove(0);
    client.settle("billing", "acknowledge", &[&lost]).await;
    let body = tokens(&["!", &lost]);
    let nested = json!({"succeededLockTokens": [], "failedLockTokens": [
        {"lockToken": "!", "error": {"code": "BadToken", "message": "Cannot decode lockToken"}},
        {"lockToken": lost, "error": {"code": "TokenLost", "message": "Token has expired."}},
    ]});
    let flat = json!({"succeededLockTokens": [], "failedLockTokens": [
        {"lockToken": "!", "errorCode": "BadToken", "errorDescription": "Cannot decode lockToken"},
        {"lockToken": lost, "errorCode": "TokenLost", "errorDescription": "Token has expired."},
    ]});
    for action in ["acknowledge", "release", "reject", "renewLock"] {
        for (version, expected) in [
            ("?api-version=2023-06-01-preview", &flat),
            ("?api-version=2023-10-01-preview", &nested),
            ("?api-version=2023-11-01", &nested),
            ("?api-version=2024-06-01", &nested),
            ("?api-version=2030-01-01", &nested),
            ("", &nested),
        ] {
            let target = format!("/topics/orders/eventsubscriptions/billing:{action}{version}");
            let response = client.call("POST", &target, &[JSON], &body).await;
            assert_eq!(
                (response.status, &response.json()),
                (200, expected),
                "{action} {version}"
            );
        }
    }
}

#[tokio::test]
async fn release_gives_back_at_once_or_after_the_delay_and_counts_deliveries() {
    let world = World::start().await;
    let mut client = world.client().await;
    client.publish("1").await;
    let first = client.receive("billing", 1).await.remove(0);
    let released = client.settle("billing", "release", &[&first]).await;
    assert_eq!(released["succeededLockTokens"], json!([first]));
    let response = client.call("POST", &receive("billing", 1), &[], "").await;
    assert_eq!(
        response.json()["value"][0]["brokerProperties"]["deliveryCount"],
        2
    );
    let second = response.json()["value"][0]["brokerProperties"]["lockToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let target = format!("{}&releaseDelayInSeconds=3600", path("billing", "release"));
    let response = client.call("POST", &target, &[JSON], tokens(&[&second])).await;
    assert_eq!(response.json()["succeededLockTokens"], json!([second]));
    client.publish("2").await;
    let response = client.call("POST", &receive("billing", 10), &[], "").await;
    let json = response.json();
    let ids: Vec<_> = json["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["event"]["id"])
        .collect();
    assert_eq!(ids, ["2"], "the first one waits for an hour");
}

#[tokio::test]
async fn a_renewed_lock_keeps_its_token() {
    let world = World::start().await;
    let mut client = world.client().await;
    client.publish("1").await;
    let token = client.receive("billing", 1).await.remove(0);
    assert_eq!(
        client.settle("billing", "renewLock", &[&token]).await["succeededLockTokens"],
        json!([token])
    );
    assert_eq!(
        client.settle("billing", "acknowledge", &[&token]).await["succeededLockTokens"],
        json!([token])
    );
}

#[tokio::test]
async fn a_long_poll_is_answered_as_soon_as_there_is_an_event() {
    let world = World::start().await;
    let mut receiver = world.client().await;
    let mut publisher = world.client().await;
    receiver
        .send(receiver.request("POST", &receive("billing", 10), &[], ""))
        .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let published = Instant::now();
    publisher.publish("1").await;
    let response = receiver.response().await;
    assert_eq!(response.json()["value"].as_array().unwrap().len(), 1);
    assert!(published.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_long_poll_without_events_ends_with_an_empty_list() {
    let world = World::start().await;
    let mut client = world.client().await;
    let asked = Instant::now();
    let response = client.call("POST", &receive("billing", 10), &[], "").await;
    assert_eq!((response.status, response.text()), (200, r#"{"value":[]}"#));
    assert!(
        asked.elapsed() >= Duration::from_millis(9_900),
        "{:?}",
        asked.elapsed()
    );
}

#[tokio::test]
async fn events_chosen_for_a_client_that_left_go_to_the_next_one() {
    let world = World::start().await;
    let mut gone: Client = world.client().await;
    // A body means nothing to receive, but it must not hide that the client left.
    gone.send(gone.request("POST", &receive("billing", 10), &[JSON], "x".repeat(200_000)))
        .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(gone);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut client = world.client().await;
    client.publish("1").await;
    assert_eq!(client.receive("billing", 10).await.len(), 1);
}

#[tokio::test]
async fn parameters_out_of_range_are_refused_in_azures_words() {
    let world = World::start().await;
    let mut client = world.client().await;
    for (query, code, message) in [
        (
            "maxEvents=-1",
            "BadRequest",
            "Error parsing query parameters: invalid digit found in string",
        ),
        (
            "maxEvents=ten",
            "BadRequest",
            "Error parsing query parameters: invalid digit found in string",
        ),
        (
            "maxEvents=0",
            "ArgumentInvalid",
            "Invalid maxEvents parameter: it must be from 1 to 100",
        ),
        (
            "maxEvents=101",
            "ArgumentInvalid",
            "Invalid maxEvents parameter: it must be from 1 to 100",
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
    ] {
        let target = format!("/topics/orders/eventsubscriptions/billing:receive?{query}");
        let response = client.call("POST", &target, &[], "").await;
        assert_eq!(
            (response.status, response.code().as_str()),
            (400, code),
            "{query}"
        );
        assert_eq!(response.message(), message, "{query}");
    }
    for delay in ["1", "11", "3601", "-1"] {
        let target = format!("{}&releaseDelayInSeconds={delay}", path("billing", "release"));
        let response = client.call("POST", &target, &[JSON], tokens(&["a"])).await;
        assert_eq!(response.status, 400, "{delay}");
    }
}

#[tokio::test]
async fn a_list_of_tokens_that_is_none_or_too_long_is_refused() {
    let world = World::start().await;
    let mut client = world.client().await;
    for body in ["", "[]", "{}", r#"{"lockTokens":[1]}"#] {
        let response = client
            .call("POST", &path("billing", "acknowledge"), &[JSON], body)
            .await;
        assert_eq!(
            (response.status, response.code().as_str()),
            (400, "BadRequest"),
            "{body}"
        );
    }
    let many = vec!["t"; 1_001];
    let response = client
        .call("POST", &path("billing", "acknowledge"), &[JSON], tokens(&many))
        .await;
    assert_eq!(response.status, 400);
    assert!(
        response.message().contains("at most 1000"),
        "{}",
        response.message()
    );
    assert_eq!(
        client.settle("billing", "acknowledge", &many[..1_000]).await["failedLockTokens"]
            .as_array()
            .unwrap()
            .len(),
        1_000
    );
}
