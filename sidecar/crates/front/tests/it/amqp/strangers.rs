//! What a client costs that has shown nothing yet.

use std::time::Duration;

use amqp::message::{Body, Message, MessageId, Properties};
use amqp::{Condition, Performative, Value};
use front::Limits;

use super::peer::{Peer, encoded, jwt, token};
use super::{NEVER, root};
use crate::world::{LISTENER, World};

/// A put of a type of token that nobody knows.
fn unknown(kind: &str) -> [(&'static str, Value); 3] {
    let mut properties = jwt("sb://localhost/telemetry");
    properties[1].1 = Value::String(kind.to_owned());
    properties
}

/// A question about the hub.
fn read_hub() -> [(&'static str, Value); 3] {
    let text = |text: &str| Value::String(text.to_owned());
    [
        ("operation", text("READ")),
        ("name", text("telemetry")),
        ("type", text("com.microsoft:eventhub")),
    ]
}

/// Connections that nobody uses are closed after that time.
fn linkless(allowed: Duration) -> Limits {
    Limits {
        linkless: allowed,
        ..Limits::default()
    }
}

/// Why the connection is closed.
async fn closed(peer: &mut Peer) -> amqp::Error {
    loop {
        match peer.heard().await.0 {
            Performative::Close(close) => return close.error.expect("a reason"),
            Performative::Disposition(_) | Performative::Flow(_) | Performative::Transfer(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_repeats_little_of_its_request() {
    let world = World::start().await;
    let mut peer = Peer::connect(world.amqp).await;
    let (cbs, management) = (peer.node("$cbs").await, peer.node("$management").await);
    let long = "x".repeat(20_000);
    let text = |text: &str| Value::String(text.to_owned());
    let sas = format!(
        "SharedAccessSignature sr=sb%3A%2F%2Fh&sig=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D&se=1&skn={long}"
    );
    let mut signed = jwt("sb://localhost/telemetry");
    signed[1].1 = text("servicebus.windows.net:sastoken");
    let read = [
        ("operation", text("READ")),
        ("name", text(&long)),
        ("type", text("com.microsoft:eventhub")),
    ];
    for (what, node, properties, body) in [
        ("the type", cbs, &unknown(&long), Value::Null),
        ("the type and a token", cbs, &unknown(&long), text("token")),
        ("the rule", cbs, &signed, text(&sas)),
        ("the hub", management, &read, Value::Null),
    ] {
        let answer = peer.ask(node, properties, body).await;
        assert!(answer.application_property("error-condition").is_some(), "{what}");
        let bytes = encoded(&answer).len();
        assert!(bytes < 4_000, "{what}: {bytes}");
    }
}

#[tokio::test]
async fn a_request_with_a_long_id_or_way_back_is_not_read_on() {
    let world = World::start().await;
    let long = "x".repeat(257);
    let with_id = Properties {
        message_id: Some(MessageId::String(long.clone())),
        ..Properties::default()
    };
    let with_way = Properties {
        reply_to: Some(long),
        ..Properties::default()
    };
    for properties in [with_id, with_way] {
        let mut peer = Peer::connect(world.amqp).await;
        let cbs = peer.node("$cbs").await;
        let request = Message {
            properties: Some(properties),
            body: Body::Value(Value::Null),
            ..Message::default()
        };
        peer.send(cbs, 0, &encoded(&request)).await;
        let error = peer.settled().await.unwrap_err().error.unwrap();
        assert!(error.description.contains("256 bytes"), "{error}");
    }
}

#[tokio::test]
async fn answers_that_nobody_takes_end_the_connection_of_a_stranger_soon() {
    let world = World::start().await;
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.attach_sender("$cbs", vec![]).await.unwrap();
    peer.attach_receiver("$cbs", None, vec![], vec![]).await.unwrap();
    for _ in 0..250 {
        peer.ask_later(cbs, &unknown("unknown"), Value::String("token".to_owned()))
            .await;
    }
    let error = closed(&mut peer).await;
    assert_eq!(error.condition, Condition::RESOURCE_LIMIT_EXCEEDED);
    assert!(error.description.contains("answers"), "{error}");
}

#[tokio::test]
async fn who_has_shown_a_token_may_leave_more_answers_waiting() {
    let world = World::start().await;
    let mut peer = root(&world).await;
    let cbs = peer.attach_sender("$cbs", vec![]).await.unwrap();
    let replies = peer.attach_receiver("$cbs", None, vec![], vec![]).await.unwrap();
    let mut asked = Vec::new();
    for _ in 0..200 {
        let body = Value::String("token".to_owned());
        asked.push(peer.ask_later(cbs, &unknown("unknown"), body).await);
    }
    assert!(!asked.is_empty());
    tokio::time::sleep(Duration::from_millis(100)).await;
    peer.give(replies, 200).await;
    for expected in asked {
        let answer = peer.delivered().await.message;
        assert_eq!(answer.properties.unwrap().correlation_id, Some(expected));
    }
}

#[tokio::test]
async fn links_to_nodes_alone_keep_no_connection_open_but_that_of_who_has_shown_a_token() {
    let world = World::with(linkless(Duration::from_millis(500))).await;
    for nodes in [
        &["$cbs"][..],
        &["$management"],
        &["telemetry/$management"],
        &["$cbs", "anything/$management"],
    ] {
        let mut stranger = Peer::connect(world.amqp).await;
        for node in nodes {
            stranger.node(node).await;
        }
        let error = closed(&mut stranger).await;
        assert_eq!(error.condition, Condition::CONNECTION_FORCED, "{nodes:?}");
        assert!(stranger.is_closed().await, "{nodes:?}");
    }
    let mut known = root(&world).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    known.attach_sender("telemetry", vec![]).await.unwrap();
}

#[tokio::test]
async fn a_stranger_wins_no_time_by_asking_or_attaching_again() {
    let world = World::with(linkless(Duration::from_secs(2))).await;
    let mut stranger = Peer::connect(world.amqp).await;
    let management = stranger.node("$management").await;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let answer = stranger.ask(management, &read_hub(), Value::Null).await;
        assert_eq!(answer.application_property("status-code"), Some(&Value::Int(401)));
        stranger.attach_sender("$management", vec![]).await.unwrap();
    }
    let closed = tokio::time::timeout(Duration::from_millis(1_600), closed(&mut stranger)).await;
    assert_eq!(closed.expect("in time").condition, Condition::CONNECTION_FORCED);
}

#[tokio::test]
async fn who_shows_a_token_with_each_request_is_no_stranger() {
    let world = World::with(linkless(Duration::from_secs(1))).await;
    let mut peer = Peer::connect(world.amqp).await;
    let management = peer.node("$management").await;
    let sas = token("listener", LISTENER, "sb://localhost/telemetry", NEVER);
    let mut read = read_hub().to_vec();
    read.push(("security_token", Value::String(sas)));
    for _ in 0..4 {
        let answer = peer.ask(management, &read, Value::Null).await;
        assert_eq!(answer.application_property("status-code"), Some(&Value::Int(200)));
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    let error = closed(&mut peer).await;
    assert_eq!(error.condition, Condition::CONNECTION_FORCED);
}
