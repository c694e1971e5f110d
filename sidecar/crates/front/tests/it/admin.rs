//! The questions of the CLI.

#[path = "admin/hubs.rs"]
mod hubs;

use std::time::Duration;

use broker::{DeletionConfig, DeletionPolicy};
use front::Limits;
use serde_json::{Value, json};

use crate::client::Client;
use crate::world::{LISTENER, ORDERS, World};

async fn tail(world: &World, topic: &str) -> Client {
    let mut client = Client::connect(world.address).await.with_key(LISTENER);
    client
        .send(client.request("GET", &format!("/$weft/v1/topics/{topic}/tail"), &[], ""))
        .await;
    client
}

#[tokio::test]
async fn a_tail_shows_events_as_they_are_published_until_the_door_closes() {
    let world = World::start().await;
    let mut tail = tail(&world, "orders").await;
    let head = tail.head().await;
    assert_eq!(
        (head.status, head.header("content-type")),
        (200, Some("application/x-ndjson"))
    );
    let mut publisher = world.client().await;
    for id in ["1", "2"] {
        publisher.publish(id).await;
        let line = tail.chunk().await.unwrap().unwrap();
        assert_eq!(line.last(), Some(&b'\n'));
        let line: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(line["event"]["id"], id);
    }
    assert!(world.doors.shutdown(Duration::from_secs(5)).await.is_empty());
    assert_eq!(tail.chunk().await, Some(None), "the stream ends as it should");
}

#[tokio::test]
async fn a_tail_of_a_missing_topic_is_404_and_one_too_many_503() {
    let world = World::with(Limits {
        tails: 1,
        ..Limits::default()
    })
    .await;
    assert_eq!(tail(&world, "nosuch").await.response().await.status, 404);
    let mut first = tail(&world, "orders").await;
    assert_eq!(first.head().await.status, 200);
    let response = tail(&world, "orders").await.response().await;
    assert_eq!(
        (response.status, response.header("retry-after")),
        (503, Some("1"))
    );
    drop(first);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(tail(&world, "orders").await.head().await.status, 200);
}

#[tokio::test]
async fn dead_letters_are_listed_shown_and_given_back() {
    let world = World::start().await;
    let mut client = world.client().await;
    client.publish("1").await;
    client.publish("2").await;
    let tokens = client.receive("audit", 10).await;
    let tokens: Vec<_> = tokens.iter().map(String::as_str).collect();
    assert_eq!(
        client.settle("audit", "reject", &tokens).await["succeededLockTokens"],
        json!(tokens)
    );

    let path = "/$weft/v1/topics/returns/dead-letters";
    let list = client.call("GET", path, &[], "").await.json();
    let letters = list["value"].as_array().unwrap();
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0]["event"]["id"], "1");
    assert_eq!(letters[0]["event"]["deadletterreason"], "Rejected");
    assert_eq!(
        letters[0]["event"]["deadlettersource"],
        "topics/Orders/eventsubscriptions/audit"
    );
    let sequence = letters[0]["sequence"].as_u64().unwrap();
    let page = client
        .call("GET", &format!("{path}?limit=1"), &[], "")
        .await
        .json();
    assert_eq!(page["value"], json!([letters[0]]));
    let page = client
        .call("GET", &format!("{path}?limit=1&after={sequence}"), &[], "")
        .await
        .json();
    assert_eq!(page["value"], json!([letters[1]]));
    assert_eq!(
        client
            .call("GET", &format!("{path}/{sequence}"), &[], "")
            .await
            .json(),
        letters[0]
    );
    assert_eq!(
        client
            .call("GET", &format!("{path}/999999"), &[], "")
            .await
            .status,
        404
    );
    for query in ["limit=0", "limit=101", "limit=x", "after=x"] {
        assert_eq!(
            client
                .call("GET", &format!("{path}?{query}"), &[], "")
                .await
                .status,
            400,
            "{query}"
        );
    }

    let redrive = format!("{path}:redrive");
    let body = json!({"sequences": [sequence, 999_999]}).to_string();
    let answer = client.call("POST", &redrive, &[], body).await.json();
    assert_eq!(answer["redriven"], json!([sequence]));
    assert_eq!(answer["failed"][0]["sequence"], 999_999);
    assert_eq!(answer["failed"][0]["error"]["code"], "NotFound");
    let answer = client.call("POST", &redrive, &[], r#"{"all":true}"#).await.json();
    assert_eq!(answer["redriven"], json!([letters[1]["sequence"]]));
    assert_eq!(client.receive("audit", 10).await.len(), 2);
    assert_eq!(client.call("POST", &redrive, &[], "{}").await.status, 400);
}

#[tokio::test]
async fn streams_are_listed_and_purged_only_when_they_are_closed() {
    let world = World::start().await;
    let mut client = world.client().await;
    client.publish("1").await;
    let uid = model::Uid::from_u128(ORDERS).to_string();
    let list = client.call("GET", "/$weft/v1/streams", &[], "").await.json();
    let orders = list["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|stream| stream["uid"] == uid.as_str())
        .unwrap()
        .clone();
    assert_eq!(
        (&orders["name"], &orders["state"], &orders["events"]),
        (&json!("Orders"), &json!("Open"), &json!(1))
    );
    let kinds = list["value"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|stream| (&stream["name"], &stream["kind"])).collect();
    assert!(kinds.contains(&(&json!("Orders"), &json!("Topic"))), "{kinds:?}");
    assert!(kinds.contains(&(&json!("Telemetry"), &json!("Hub"))), "{kinds:?}");
    assert!(orders["bytes"].as_u64().unwrap() > 50 && orders.get("since").is_none());
    let purge = format!("/$weft/v1/streams/{uid}:purge");
    assert_eq!(client.call("POST", &purge, &[], "").await.status, 400);

    let keep = DeletionConfig {
        policy: DeletionPolicy::Retain,
        grace: Duration::ZERO,
    };
    world.broker.configure(vec![], vec![], keep).await.unwrap();
    let list = client.call("GET", "/$weft/v1/streams", &[], "").await.json();
    let orders = list["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|stream| stream["uid"] == uid.as_str())
        .unwrap()
        .clone();
    assert_eq!(orders["state"], "Closed");
    assert!(orders["since"].as_str().unwrap().ends_with('Z'));
    assert_eq!(client.call("POST", &purge, &[], "").await.text(), "{}");
    assert_eq!(client.call("POST", &purge, &[], "").await.status, 404);
    let mut listener = Client::connect(world.address).await.with_key(LISTENER);
    assert_eq!(listener.call("POST", &purge, &[], "").await.status, 403);
}
