//! Looking at hubs.

use std::time::Duration;

use auth::Permit;
use broker::{ReceiverOptions, StartPosition};
use bytes::Bytes;
use front::Limits;
use serde_json::{Value, json};

use crate::client::Client;
use crate::world::{LISTENER, SENDER, World};

const HUBS: &str = "/$weft/v1/hubs";
const EVENTS: &str = "/$weft/v1/hubs/telemetry/partitions/0/events";

async fn send(world: &World, path: &str, headers: &[&str], body: impl AsRef<[u8]>) {
    let mut client = Client::connect(world.address).await.with_key(SENDER);
    let path = format!("/telemetry/{path}messages");
    let response = client.call("POST", &path, headers, body).await;
    assert_eq!(response.status, 201, "{response:?}");
}

async fn get(world: &World, path: &str) -> Value {
    let mut client = Client::connect(world.address).await.with_key(LISTENER);
    let response = client.call("GET", path, &[], "").await;
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

async fn events(world: &World, query: &str) -> Vec<Value> {
    let list = get(world, &format!("{EVENTS}{query}")).await;
    list["value"].as_array().unwrap().clone()
}

async fn refused(world: &World, path: &str) -> (u16, String) {
    let mut client = Client::connect(world.address).await.with_key(LISTENER);
    let response = client.call("GET", path, &[], "").await;
    let message = response.json()["error"]["message"].as_str().unwrap().to_owned();
    (response.status, message)
}

async fn tail(world: &World, query: &str) -> Client {
    let mut client = Client::connect(world.address).await.with_key(LISTENER);
    let path = format!("{HUBS}/telemetry/tail{query}");
    client.send(client.request("GET", &path, &[], "")).await;
    client
}

fn sequences(events: &[Value]) -> Vec<u64> {
    let number = |event: &Value| event["sequenceNumber"].as_u64().unwrap();
    events.iter().map(number).collect()
}

#[tokio::test]
async fn hubs_are_listed_and_one_shows_its_partitions_and_who_reads_them() {
    let world = World::start().await;
    send(&world, "partitions/1/", &[], "one").await;
    send(&world, "partitions/1/", &[], "two").await;
    let list = get(&world, HUBS).await;
    let summary = &list["value"][0];
    assert_eq!(
        (&summary["name"], &summary["partitionCount"], &summary["events"]),
        (&json!("Telemetry"), &json!(2), &json!(2))
    );

    let partition = world.broker.hub("telemetry").unwrap().partition(1).unwrap();
    let options = ReceiverOptions::default();
    let permit = Permit::internal();
    let receiver = partition.receive(&permit, "dashboards", StartPosition::Earliest, options);
    let _receiver = receiver.unwrap();
    let hub = get(&world, &format!("{HUBS}/TELEMETRY")).await;
    assert_eq!(hub["createdAt"], summary["createdAt"]);
    assert_eq!(
        hub["partitions"][0],
        json!({"id": "0", "beginSequenceNumber": 0, "lastSequenceNumber": -1, "isEmpty": true})
    );
    let written = &hub["partitions"][1];
    assert_eq!(
        (&written["lastSequenceNumber"], &written["isEmpty"]),
        (&json!(1), &json!(false))
    );
    assert!(written["lastOffset"].is_string());
    assert!(written["lastEnqueuedTime"].as_str().unwrap().ends_with('Z'));
    assert_eq!(
        hub["consumerGroups"],
        json!([
            {"name": "$Default", "receivers": 0, "partitions": []},
            {"name": "dashboards", "receivers": 1, "lag": 2,
             "partitions": [{"id": "1", "receivers": 1, "lag": 2}]},
        ])
    );
}

#[tokio::test]
async fn an_event_is_shown_with_what_its_sender_wrote() {
    let world = World::start().await;
    let headers = [
        "content-type: application/json",
        "brokerproperties: {\"PartitionKey\":\"k\"}",
        "alert: Strong Wind",
    ];
    send(&world, "partitions/0/", &headers, "{\"n\":1.10}").await;
    send(&world, "partitions/0/", &[], b"\xff").await;
    let events = events(&world, "").await;
    assert_eq!(
        (&events[0]["partition"], &events[0]["sequenceNumber"]),
        (&json!("0"), &json!(0))
    );
    assert!(events[0]["offset"].is_string() && events[0]["enqueuedTime"].is_string());
    assert_eq!(events[0]["partitionKey"], "k");
    assert_eq!(
        events[0]["properties"],
        json!({"contentType": "application/json"})
    );
    assert_eq!(
        events[0]["applicationProperties"],
        json!({"alert": "Strong Wind"})
    );
    assert_eq!(events[0]["body"], "{\"n\":1.10}");
    assert_eq!(events[1]["bodyBase64"], "/w==");
}

#[tokio::test]
async fn a_peek_begins_where_it_is_told_and_takes_nothing() {
    let world = World::start().await;
    for n in 0..5 {
        send(&world, "partitions/0/", &[], format!("event {n}")).await;
    }
    let all = events(&world, "").await;
    assert_eq!(sequences(&all), [0, 1, 2, 3, 4]);
    let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    let offset = text(&all[3], "offset");
    let time = text(&all[0], "enqueuedTime").replace(':', "%3A");
    for (query, expected) in [
        ("?limit=2", vec![0, 1]),
        ("?fromSequenceNumber=3", vec![3, 4]),
        ("?fromSequenceNumber=3&limit=1", vec![3]),
        ("?fromSequenceNumber=5", vec![]),
        (&format!("?fromOffset={offset}"), vec![3, 4]),
        (&format!("?fromTime={time}"), vec![0, 1, 2, 3, 4]),
        ("?fromTime=9999-01-01T00:00:00Z", vec![]),
        ("?last=2", vec![3, 4]),
        ("?last=0", vec![]),
        ("?last=99", vec![0, 1, 2, 3, 4]),
    ] {
        assert_eq!(sequences(&events(&world, query).await), expected, "{query}");
    }
    let empty = get(&world, &EVENTS.replace("partitions/0", "partitions/1")).await;
    assert_eq!(empty, json!({"value": []}));
}

#[tokio::test]
async fn a_peek_that_makes_no_sense_is_told_why() {
    let world = World::start().await;
    for (query, message) in [
        ("limit=0", "it must be from 1 to 100"),
        ("limit=101", "it must be from 1 to 100"),
        ("last=-1", "Invalid last parameter: it must be a number"),
        ("fromOffset=x", "Invalid fromOffset parameter"),
        ("fromTime=soon", "a date and time as in 2026-01-31T12:00:00Z"),
        ("last=1&fromOffset=1", "Only one of"),
        (
            "fromSequenceNumber=1",
            "No event has the sequence number 1 yet; that of the last one is -1",
        ),
        (
            "fromOffset=1",
            "No event has the offset 1 yet: there never was an event",
        ),
    ] {
        let (status, said) = refused(&world, &format!("{EVENTS}?{query}")).await;
        assert!(
            status == 400 && said.contains(message),
            "{query}: {status} {said}"
        );
    }
    for (path, message) in [
        ("nosuch", "Hub 'nosuch' is not found"),
        ("nosuch/tail", "Hub 'nosuch' is not found"),
        (
            "telemetry/partitions/2/events",
            "Hub 'Telemetry' has the partitions 0 to 1, and none named '2'",
        ),
        ("telemetry/tail?partition=x", "and none named 'x'"),
    ] {
        let (status, said) = refused(&world, &format!("{HUBS}/{path}")).await;
        assert!(status == 404 && said.contains(message), "{path}: {status} {said}");
    }
}

#[tokio::test]
async fn whoever_may_only_send_may_not_look() {
    let world = World::start().await;
    let mut sender = Client::connect(world.address).await.with_key(SENDER);
    for path in [
        "",
        "/telemetry",
        "/telemetry/tail",
        "/telemetry/partitions/0/events",
    ] {
        let response = sender.call("GET", &format!("{HUBS}{path}"), &[], "").await;
        assert_eq!(response.status, 403, "{path}");
    }
    let response = sender.call("POST", HUBS, &[], "").await;
    assert_eq!((response.status, response.header("allow")), (405, Some("GET")));
}

#[tokio::test]
async fn a_tail_shows_what_is_sent_from_now_on_until_the_door_closes() {
    let world = World::start().await;
    send(&world, "partitions/0/", &[], "before").await;
    let (mut all, mut one) = (tail(&world, "").await, tail(&world, "?partition=1").await);
    for client in [&mut all, &mut one] {
        let head = client.head().await;
        assert_eq!(
            (head.status, head.header("content-type")),
            (200, Some("application/x-ndjson"))
        );
    }
    for (partition, body) in [(0, "a"), (1, "b"), (0, "c")] {
        send(&world, &format!("partitions/{partition}/"), &[], body).await;
        let line = all.chunk().await.unwrap().unwrap();
        assert_eq!(line.last(), Some(&b'\n'));
        let event: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(
            (&event["partition"], &event["body"]),
            (&json!(partition.to_string()), &json!(body))
        );
    }
    let line = one.chunk().await.unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&line).unwrap()["body"], "b");
    assert!(world.doors.shutdown(Duration::from_secs(5)).await.is_empty());
    assert_eq!(all.chunk().await, Some(None), "the stream ends as it should");
    assert_eq!(one.chunk().await, Some(None));
}

#[tokio::test]
async fn tails_of_hubs_and_topics_share_their_limit() {
    let limits = Limits {
        tails: 1,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut first = super::tail(&world, "orders").await;
    assert_eq!(first.head().await.status, 200);
    let response = tail(&world, "").await.response().await;
    assert_eq!(
        (response.status, response.header("retry-after")),
        (503, Some("1"))
    );
}

#[tokio::test]
async fn an_event_that_a_newer_version_wrote_does_not_stop_a_peek() {
    let world = World::start().await;
    let partition = world.broker.hub("telemetry").unwrap().partition(0).unwrap();
    let foreign = [Bytes::from_static(&[250, 1])];
    let appended = partition.append(&Permit::internal(), &foreign, None).unwrap();
    appended.durable().await;
    send(&world, "partitions/0/", &[], "readable").await;
    let events = events(&world, "").await;
    assert!(
        events[0]["unreadable"]
            .as_str()
            .unwrap()
            .contains("newer version")
    );
    assert_eq!(events[1]["body"], "readable");
}
