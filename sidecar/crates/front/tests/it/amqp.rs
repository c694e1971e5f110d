//! AMQP: producers and consumers of event hubs, over real sockets.

#[path = "amqp/bearer.rs"]
mod bearer;
#[path = "amqp/peer.rs"]
mod peer;
#[path = "amqp/strangers.rs"]
mod strangers;
#[path = "amqp/withdrawn.rs"]
mod withdrawn;

use std::time::Duration;

use amqp::message::{BATCH_FORMAT, Batch, Body, Message};
use amqp::performative::{DeliveryState, Outcome, SaslCode};
use amqp::{Condition, Fields, Symbol, Value};
use bytes::{Bytes, BytesMut};
use front::Limits;
use tokio::net::TcpStream;

use crate::client::Client;
use crate::world::{LISTENER, ROOT, SENDER, World};
use peer::{Peer, encoded, token};

const NEVER: i64 = 4_102_444_800;
const PARTITION: &str = "telemetry/ConsumerGroups/$Default/Partitions/0";

async fn peer(world: &World, rule: &str, key: &str) -> Peer {
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    let answer = peer
        .put(
            cbs,
            "sb://localhost/",
            &token(rule, key, "sb://localhost/", NEVER),
        )
        .await;
    assert_eq!(answer.application_property("status-code"), Some(&Value::Int(202)));
    assert_eq!(answer.application_property("error-condition"), None);
    peer
}

async fn root(world: &World) -> Peer {
    peer(world, "RootManageSharedAccessKey", ROOT).await
}

fn event(body: &str) -> Message {
    Message {
        body: Body::Data(vec![Bytes::copy_from_slice(body.as_bytes())]),
        ..Message::default()
    }
}

fn body(message: &Message) -> String {
    match &message.body {
        Body::Data(sections) => String::from_utf8(sections.concat()).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn batch(bodies: &[&str]) -> Bytes {
    let messages: Vec<Bytes> = bodies.iter().map(|body| encoded(&event(body))).collect();
    let mut out = BytesMut::new();
    Batch::write(&Message::default(), &messages, &mut out);
    out.freeze()
}

fn number(message: &Message, annotation: &str) -> i64 {
    match message.message_annotation(annotation) {
        Some(Value::Long(number) | Value::Timestamp(number)) => *number,
        other => panic!("{annotation}: {other:?}"),
    }
}

fn epoch(epoch: i64) -> Fields {
    vec![(Symbol::from_static("com.microsoft:epoch"), Value::Long(epoch))]
}

fn rejected(state: Option<DeliveryState>) -> amqp::Error {
    match state {
        Some(DeliveryState::Outcome(Outcome::Rejected(Some(error)))) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_producer_sends_is_accepted_and_a_consumer_gets_it_in_order() {
    let world = World::start().await;
    let mut peer = root(&world).await;
    let link = peer
        .attach_sender("amqps://localhost/Telemetry/Partitions/0", vec![])
        .await
        .unwrap();
    let first = peer.send(link, 0, &encoded(&event("one"))).await;
    let settled = peer.settled().await.unwrap();
    assert_eq!((settled.first, settled.settled), (first, true));
    assert_eq!(settled.state, Some(DeliveryState::Outcome(Outcome::Accepted)));
    peer.send(link, BATCH_FORMAT, &batch(&["two", "three"])).await;
    peer.settled().await.unwrap();

    let selector = "amqp.annotation.x-opt-offset > '-1'";
    let receiver = peer
        .attach_receiver(PARTITION, Some(selector), vec![], vec![])
        .await
        .unwrap();
    assert!(peer.is_quiet().await, "nothing comes without credit");
    peer.give(receiver, 10).await;
    for (sequence, expected) in ["one", "two", "three"].into_iter().enumerate() {
        let message = peer.delivered().await.message;
        assert_eq!(body(&message), expected);
        assert_eq!(number(&message, "x-opt-sequence-number"), sequence as i64);
        assert!(
            message
                .message_annotation("x-opt-offset")
                .unwrap()
                .as_str()
                .is_some()
        );
        assert!(number(&message, "x-opt-enqueued-time") > 1_700_000_000_000);
    }
    peer.send(link, 0, &encoded(&event("four"))).await;
    assert_eq!(
        body(&peer.delivered().await.message),
        "four",
        "the tail is followed"
    );
}

#[tokio::test]
async fn credit_bounds_what_is_sent_and_a_drain_uses_it_up() {
    let world = World::start().await;
    let mut peer = root(&world).await;
    let link = peer
        .attach_sender("telemetry/Partitions/0", vec![])
        .await
        .unwrap();
    peer.send(link, BATCH_FORMAT, &batch(&["1", "2", "3"])).await;
    peer.settled().await.unwrap();
    let receiver = peer
        .attach_receiver(PARTITION, None, vec![], vec![])
        .await
        .unwrap();
    peer.give(receiver, 2).await;
    assert_eq!(body(&peer.delivered().await.message), "1");
    assert_eq!(body(&peer.delivered().await.message), "2");
    assert!(peer.is_quiet().await);
    peer.flow(receiver, 2, 5, true).await;
    assert_eq!(body(&peer.delivered().await.message), "3");
    let (performative, _) = peer.heard().await;
    let amqp::Performative::Flow(flow) = performative else {
        panic!("{performative:?}");
    };
    assert_eq!(
        (flow.link_credit, flow.delivery_count, flow.drain),
        (Some(0), Some(7), true)
    );
}

#[tokio::test]
async fn a_key_decides_about_the_partition_and_travels_along() {
    let world = World::start().await;
    let mut peer = root(&world).await;
    let link = peer.attach_sender("telemetry", vec![]).await.unwrap();
    let key = Value::Symbol(Symbol::from_static("x-opt-partition-key"));
    for body in ["a", "b"] {
        let mut message = event(body);
        message.message_annotations = vec![(key.clone(), Value::String("pk1".into()))];
        peer.send(link, 0, &encoded(&message)).await;
        peer.settled().await.unwrap();
    }
    // The hash of `pk1` is odd.
    let address = "telemetry/ConsumerGroups/dashboards/Partitions/1";
    let receiver = peer.attach_receiver(address, None, vec![], vec![]).await.unwrap();
    peer.give(receiver, 10).await;
    for expected in ["a", "b"] {
        let message = peer.delivered().await.message;
        assert_eq!(body(&message), expected);
        assert_eq!(
            message.message_annotation("x-opt-partition-key"),
            Some(&Value::String("pk1".into()))
        );
    }
}

#[tokio::test]
async fn properties_are_told_by_what_was_put_and_by_the_token_in_the_request() {
    let world = World::start().await;
    let text = |text: &str| Value::String(text.to_owned());
    let read = |kind: &str| {
        vec![
            ("operation", text("READ")),
            ("name", text("Telemetry")),
            ("type", text(kind)),
        ]
    };
    let mut with_claims = root(&world).await;
    let node = with_claims.node("$management").await;
    let answer = with_claims
        .ask(node, &read("com.microsoft:eventhub"), Value::Null)
        .await;
    assert_eq!(answer.application_property("status-code"), Some(&Value::Int(200)));
    let Body::Value(Value::Map(pairs)) = answer.body else {
        panic!("{answer:?}");
    };
    let get = |name: &str| {
        let found = pairs.iter().find(|(key, _)| key.as_str() == Some(name));
        found.map(|(_, value)| value.clone()).unwrap()
    };
    assert_eq!(get("partition_count"), Value::Int(2));
    assert_eq!(get("partition_ids"), Value::Array(vec![text("0"), text("1")]));
    let mut bare = Peer::connect(world.amqp).await;
    let node = bare.node("telemetry/$management").await;
    let mut request = read("com.microsoft:partition");
    request.push(("partition", text("1")));
    let refused = bare.ask(node, &request, Value::Null).await;
    assert_eq!(
        refused.application_property("status-code"),
        Some(&Value::Int(401))
    );
    let token = token("listener", LISTENER, "sb://localhost/telemetry", NEVER);
    request.push(("security_token", text(&token)));
    let answer = bare.ask(node, &request, Value::Null).await;
    assert_eq!(answer.application_property("status-code"), Some(&Value::Int(200)));
    let Body::Value(Value::Map(pairs)) = answer.body else {
        panic!("{answer:?}");
    };
    assert!(pairs.contains(&(text("is_partition_empty"), Value::Bool(true))));
    assert!(pairs.contains(&(text("last_enqueued_offset"), text("-1"))));
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_told_which_claim_is_missing() {
    let world = World::start().await;
    let mut nobody = Peer::connect(world.amqp).await;
    let error = nobody.attach_sender("telemetry", vec![]).await.unwrap_err();
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
    let mut sender = peer(&world, "sender", SENDER).await;
    sender.attach_sender("telemetry", vec![]).await.unwrap();
    let error = sender
        .attach_receiver(PARTITION, None, vec![], vec![])
        .await
        .unwrap_err();
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
    assert!(
        error.description.contains("'Listen' claim(s) are required"),
        "{error}"
    );
    assert!(error.description.contains(", Timestamp:"), "{error}");
    let mut listener = peer(&world, "listener", LISTENER).await;
    let error = listener.attach_sender("nothing", vec![]).await.unwrap_err();
    assert_eq!(
        error.condition,
        Condition::UNAUTHORIZED_ACCESS,
        "it does not learn what exists"
    );
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_answered_with_401() {
    let world = World::start().await;
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    for (token, description) in [
        (
            token("sender", ROOT, "sb://localhost/", NEVER),
            "InvalidSignature: The token has an invalid signature.",
        ),
        (
            token("sender", SENDER, "sb://localhost/", 1_000),
            "ExpiredToken: ",
        ),
        (
            token("sender", SENDER, "sb://localhost/other", NEVER),
            "InvalidAudience: ",
        ),
        ("SharedAccessSignature nonsense".to_owned(), "MalformedToken: "),
    ] {
        let answer = peer.put(cbs, "sb://localhost/telemetry", &token).await;
        assert_eq!(answer.application_property("status-code"), Some(&Value::Int(401)));
        let told = answer
            .application_property("status-description")
            .unwrap()
            .as_str()
            .unwrap();
        assert!(told.starts_with(description), "{told}");
        assert_eq!(
            answer.application_property("error-condition"),
            Some(&Value::Symbol(Symbol::from_static("amqp:unauthorized-access")))
        );
    }
}

#[tokio::test]
async fn links_end_with_the_token_that_allowed_them() {
    let world = World::start().await;
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    // A minute is granted to clocks that differ.
    let soon = token("sender", SENDER, "sb://localhost/", now - 58);
    peer.put(cbs, "sb://localhost/telemetry", &soon).await;
    peer.attach_sender("telemetry", vec![]).await.unwrap();
    let detach = peer.settled().await.unwrap_err();
    let error = detach.error.unwrap();
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
    assert!(error.description.contains("expired"), "{error}");
}

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let world = World::start().await;
    let mut peer = root(&world).await;
    let error = peer.attach_sender("nothing", vec![]).await.unwrap_err();
    assert_eq!(error.condition, Condition::NOT_FOUND);
    assert!(
        error
            .description
            .contains("The messaging entity 'sb://localhost/nothing' could not be found")
    );
    for partition in ["2", "-1", "00", "x"] {
        let address = format!("telemetry/Partitions/{partition}");
        let error = peer.attach_sender(&address, vec![]).await.unwrap_err();
        assert_eq!(
            error.condition.0, "com.microsoft:argument-out-of-range",
            "{partition}"
        );
    }
    let group = "telemetry/ConsumerGroups/other/Partitions/0";
    let error = peer
        .attach_receiver(group, None, vec![], vec![])
        .await
        .unwrap_err();
    assert_eq!(error.condition, Condition::NOT_FOUND);
    let bad = "amqp.annotation.x-opt-offset > 'x'";
    let error = peer
        .attach_receiver(PARTITION, Some(bad), vec![], vec![])
        .await
        .unwrap_err();
    assert_eq!(error.condition.0, "com.microsoft:argument-error");
    let beyond = "amqp.annotation.x-opt-sequence-number > '7'";
    let error = peer
        .attach_receiver(PARTITION, Some(beyond), vec![], vec![])
        .await
        .unwrap_err();
    assert!(
        error
            .description
            .contains("The supplied sequence number '7' is invalid."),
        "{error}"
    );
}

#[tokio::test]
async fn a_higher_epoch_takes_the_place_and_the_one_before_is_told() {
    let world = World::start().await;
    let mut first = root(&world).await;
    let mut second = root(&world).await;
    let receiver = first
        .attach_receiver(PARTITION, None, epoch(0), vec![])
        .await
        .unwrap();
    first.give(receiver, 10).await;
    second
        .attach_receiver(PARTITION, None, epoch(1), vec![])
        .await
        .unwrap();
    let error = first.settled().await.unwrap_err().error.unwrap();
    assert_eq!(error.condition, Condition::STOLEN);
    assert!(
        error
            .description
            .starts_with("New receiver 'nil' with higher epoch of '1' is created"),
        "{error}"
    );
    let error = first
        .attach_receiver(PARTITION, None, epoch(0), vec![])
        .await
        .unwrap_err();
    assert_eq!(error.condition, Condition::STOLEN);
    let error = first
        .attach_receiver(PARTITION, None, vec![], vec![])
        .await
        .unwrap_err();
    assert!(
        error.description.contains("non-epoch receiver is not allowed"),
        "{error}"
    );
}

#[tokio::test]
async fn a_receiver_without_credit_hears_that_its_place_was_taken() {
    let world = World::start().await;
    let mut first = root(&world).await;
    first
        .attach_receiver(PARTITION, None, epoch(0), vec![])
        .await
        .unwrap();
    let mut second = root(&world).await;
    second
        .attach_receiver(PARTITION, None, epoch(0), vec![])
        .await
        .unwrap();
    assert_eq!(
        first.settled().await.unwrap_err().error.unwrap().condition,
        Condition::STOLEN
    );
}

#[tokio::test]
async fn a_message_above_the_limit_is_rejected_and_the_link_goes_on() {
    let limits = Limits {
        message: model::ByteCount::kib(4),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut peer = root(&world).await;
    let link = peer.attach_sender("telemetry", vec![]).await.unwrap();
    for size in [5 << 10, 200 << 10] {
        peer.send(link, 0, &encoded(&event(&"x".repeat(size)))).await;
        let error = rejected(peer.settled().await.unwrap().state);
        assert_eq!(error.condition, Condition::MESSAGE_SIZE_EXCEEDED);
        assert!(error.description.contains("(4096 bytes)"), "{error}");
    }
    peer.send(link, 0, b"\x00\x53\x75\xa0").await;
    assert_eq!(
        rejected(peer.settled().await.unwrap().state).condition,
        Condition::DECODE_ERROR
    );
    peer.send(link, 0, &encoded(&event("small"))).await;
    let state = peer.settled().await.unwrap().state;
    assert_eq!(state, Some(DeliveryState::Outcome(Outcome::Accepted)));
}

#[tokio::test]
async fn a_stranger_holds_no_room_with_parts_of_messages() {
    let world = World::start().await;
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    peer.begin_message(cbs, 4).await;
    let (performative, _) = peer.heard().await;
    let amqp::Performative::Close(close) = performative else {
        panic!("{performative:?}");
    };
    assert_eq!(close.error.unwrap().condition, Condition::RESOURCE_LIMIT_EXCEEDED);
    assert_eq!(world.metric("weft_http_in_flight_bodies_bytes"), Some(0.0));
}

#[tokio::test]
async fn a_rule_s_name_and_key_may_be_shown_in_sasl() {
    let world = World::start().await;
    let mut peer = Peer::over(TcpStream::connect(world.amqp).await.unwrap());
    let response = format!("\0sender\0{SENDER}");
    assert_eq!(
        peer.authenticate("PLAIN", response.as_bytes()).await,
        SaslCode::Ok
    );
    peer.open().await;
    peer.attach_sender("telemetry", vec![]).await.unwrap();
    let mut wrong = Peer::over(TcpStream::connect(world.amqp).await.unwrap());
    let response = format!("\0sender\0{ROOT}");
    assert_eq!(
        wrong.authenticate("PLAIN", response.as_bytes()).await,
        SaslCode::Auth
    );
}

#[tokio::test]
async fn runtime_metrics_come_with_each_event_for_those_who_want_them() {
    let world = World::start().await;
    let mut peer = root(&world).await;
    let link = peer
        .attach_sender("telemetry/Partitions/0", vec![])
        .await
        .unwrap();
    peer.send(link, BATCH_FORMAT, &batch(&["1", "2"])).await;
    peer.settled().await.unwrap();
    let wanted = vec![Symbol::from_static(
        "com.microsoft:enable-receiver-runtime-metric",
    )];
    let receiver = peer
        .attach_receiver(PARTITION, None, vec![], wanted)
        .await
        .unwrap();
    peer.give(receiver, 1).await;
    let message = peer.delivered().await.message;
    let last = message
        .delivery_annotations
        .iter()
        .find(|(key, _)| key.as_str() == Some("last_enqueued_sequence_number"));
    assert_eq!(last.unwrap().1, Value::Long(1));
}

#[tokio::test]
async fn events_sent_over_http_come_to_consumers_of_amqp() {
    let world = World::start().await;
    let mut http = Client::connect(world.address).await;
    let token = token("sender", SENDER, "https://localhost/telemetry", NEVER);
    let authorization = format!("authorization: {token}");
    let response = http
        .call(
            "POST",
            "/telemetry/partitions/0/messages?timeout=60&api-version=2014-01",
            &[&authorization, "alert: Strong Wind"],
            "hello",
        )
        .await;
    assert_eq!(response.status, 201, "{response:?}");
    let several = "content-type: application/vnd.microsoft.servicebus.json";
    let items = r#"[{"Body":"a"},{"Body":"b","UserProperties":{"n":1}}]"#;
    let response = http
        .call(
            "POST",
            "/telemetry/partitions/0/messages",
            &[&authorization, several],
            items,
        )
        .await;
    assert_eq!(response.status, 201, "{response:?}");
    let mut peer = root(&world).await;
    let receiver = peer
        .attach_receiver(PARTITION, None, vec![], vec![])
        .await
        .unwrap();
    peer.give(receiver, 10).await;
    let first = peer.delivered().await.message;
    assert_eq!(body(&first), "hello");
    assert_eq!(
        first.application_property("alert"),
        Some(&Value::String("Strong Wind".into()))
    );
    assert_eq!(body(&peer.delivered().await.message), "a");
    assert_eq!(
        peer.delivered().await.message.application_property("n"),
        Some(&Value::Long(1))
    );

    let response = http
        .call("POST", "/nothing/messages", &[&authorization], "x")
        .await;
    assert_eq!(response.status, 403, "{response:?}");
    let response = http.call("POST", "/telemetry/messages", &[], "x").await;
    assert_eq!(response.status, 401);
    assert!(
        response.text().starts_with("<Error><Code>401</Code><Detail>"),
        "{}",
        response.text()
    );
    let response = http
        .call("POST", "/telemetry/partitions/9/messages", &[&authorization], "x")
        .await;
    assert_eq!(response.status, 400, "{response:?}");
}

#[tokio::test]
async fn a_web_socket_carries_the_same_conversation() {
    let world = World::start().await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let request = "GET /$servicebus/websocket HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: AMQPWSB10\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("sec-websocket-protocol: amqpwsb10"), "{head}");
    // RFC 6455, 1.3: the answer to this key.
    assert!(
        head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{head}"
    );
    // A masked binary message with the protocol header of SASL, in two halves.
    for half in [&b"AMQP"[..], &[3, 1, 0, 0]] {
        let mut message = vec![0x82, 0x84, 0, 0, 0, 0];
        message.extend_from_slice(half);
        socket.write_all(&message).await.unwrap();
    }
    let mut answer = [0; 10];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[0], 0x82, "a binary message");
    assert_eq!(&answer[2..], b"AMQP\x03\x01\x00\x00");
}

#[tokio::test]
async fn a_stop_settles_what_was_sent_and_says_goodbye() {
    let world = World::start().await;
    let mut peer = root(&world).await;
    let link = peer.attach_sender("telemetry", vec![]).await.unwrap();
    peer.send(link, 0, &encoded(&event("last"))).await;
    peer.settled().await.unwrap();
    let doors = world.doors.clone();
    let stop = world.scope.spawn(
        "stop",
        async move { doors.shutdown(Duration::from_secs(10)).await },
    );
    loop {
        match peer.heard().await.0 {
            amqp::Performative::Close(close) => {
                assert_eq!(close.error.unwrap().condition, Condition::CONNECTION_FORCED);
                break;
            }
            amqp::Performative::Flow(_) => {}
            other => panic!("{other:?}"),
        }
    }
    peer.say(
        &amqp::Performative::Close(amqp::performative::Close::default()),
        &[],
    )
    .await;
    assert!(peer.is_closed().await);
    assert!(stop.await.unwrap().is_empty());
}
