//! Bearer tokens over AMQP: at `$cbs`, in requests to `$management`, and for as long as links are open.

use std::time::Duration;

use amqp::performative::{DeliveryState, Detach, Outcome, SaslCode};
use amqp::{Condition, Value};
use front::Limits;
use tokio::net::TcpStream;

use super::peer::{Peer, encoded, jwt};
use super::{NEVER, PARTITION, event, root, token};
use crate::issuer::{Issuer, WEB, bad_tokens, claims, now};
use crate::world::{SENDER, World};

const HUB: &str = "hubs.weft.dev/telemetry-hub";
const AUDIENCE: &str = "sb://localhost/telemetry";

/// How long a right may outlive its role.
const SOON: Duration = Duration::from_secs(6);

fn status(answer: &amqp::message::Message) -> (i32, String) {
    let status = match answer.application_property("status-code") {
        Some(Value::Int(status)) => *status,
        other => panic!("{other:?}"),
    };
    let told = answer.application_property("status-description").unwrap();
    (status, told.as_str().unwrap().to_owned())
}

/// Who has put a token of that ServiceAccount for the hub.
async fn web(world: &World) -> Peer {
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    let answer = peer
        .put_jwt(cbs, AUDIENCE, &world.identity.issuer.token(WEB))
        .await;
    assert_eq!(status(&answer), (202, "Accepted".to_owned()));
    peer
}

/// The next detach, within the time that a withdrawal may take.
async fn detached(peer: &mut Peer) -> amqp::Error {
    let detach: Result<_, Detach> = tokio::time::timeout(SOON, peer.settled()).await.expect("in time");
    detach.unwrap_err().error.expect("a reason")
}

#[tokio::test]
async fn a_token_opens_the_links_that_its_roles_allow() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", HUB);
    world.identity.roles.give(WEB, "receive", HUB);
    let mut peer = web(&world).await;
    let link = peer
        .attach_sender("telemetry/Partitions/0", vec![])
        .await
        .unwrap();
    peer.send(link, 0, &encoded(&event("one"))).await;
    let state = peer.settled().await.unwrap().state;
    assert_eq!(state, Some(DeliveryState::Outcome(Outcome::Accepted)));
    let receiver = peer
        .attach_receiver(PARTITION, None, vec![], vec![])
        .await
        .unwrap();
    peer.give(receiver, 1).await;
    peer.delivered().await;
}

#[tokio::test]
async fn every_name_of_the_token_type_and_every_audience_of_a_hub_will_do() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "receive", HUB);
    let bearer = Value::String(world.identity.issuer.token(WEB));
    for (kind, audience) in [
        ("jwt", "sb://localhost/telemetry/$management"),
        (
            "amqp:jwt",
            "amqps://localhost:5671/Telemetry/ConsumerGroups/$Default/Partitions/0",
        ),
    ] {
        let mut peer = Peer::connect(world.amqp).await;
        let cbs = peer.node("$cbs").await;
        let mut properties = jwt(audience);
        properties[1].1 = Value::String(kind.to_owned());
        let answer = peer.ask(cbs, &properties, bearer.clone()).await;
        assert_eq!(status(&answer).0, 202, "{audience}");
        peer.attach_receiver(PARTITION, None, vec![], vec![])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn without_a_role_each_link_is_told_the_verb_and_the_object_that_it_lacks() {
    let world = World::start().await;
    let mut nobody = web(&world).await;
    let error = nobody.attach_sender("telemetry", vec![]).await.unwrap_err();
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
    assert!(
        error.description.contains(
            "`system:serviceaccount:shop:web` may not `send` on hubs.weft.dev/telemetry-hub or \
             eventnamespaces.weft.dev/shop: bind a role"
        ),
        "{error}"
    );
    let refused = nobody.attach_receiver(PARTITION, None, vec![], vec![]).await;
    let error = refused.unwrap_err();
    assert!(error.description.contains("may not `receive` on hubs"), "{error}");
    // The wrong role.
    world
        .identity
        .roles
        .give(WEB, "receive", "hubs.weft.dev/other-hub");
    world
        .identity
        .roles
        .give("system:serviceaccount:shop:other", "send", HUB);
    let mut peer = web(&world).await;
    let error = peer.attach_sender("telemetry", vec![]).await.unwrap_err();
    assert!(error.description.contains("may not `send` on"), "{error}");
}

#[tokio::test]
async fn a_role_for_one_direction_is_none_for_the_other() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", HUB);
    let mut peer = web(&world).await;
    peer.attach_sender("telemetry", vec![]).await.unwrap();
    let refused = peer.attach_receiver(PARTITION, None, vec![], vec![]).await;
    let error = refused.unwrap_err();
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
    assert!(
        error.description.contains("'Listen' claim(s) are required"),
        "{error}"
    );
    assert!(error.description.contains("may not `receive` on"), "{error}");
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_401_in_words_that_help() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", HUB);
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    let mut bad = bad_tokens(&world.identity.issuer);
    let old = world.identity.issuer.token(WEB);
    world.identity.issuer.rotate();
    world.authorizer.trust(world.identity.issuer.published());
    bad.push(("a rotated-out key", old, "publishes", "signature"));
    for (what, bearer, hint, _) in bad {
        let answer = peer.put_jwt(cbs, AUDIENCE, &bearer).await;
        let (status, told) = status(&answer);
        // But for the key, all of it would be good: that is looked at first.
        let signature = told.starts_with("InvalidSignature: ") && told.contains("signature");
        assert_eq!(status, 401, "{what}");
        assert!(told.contains(hint) || signature, "{what}: {told}");
        assert!(!told.contains(&bearer), "{what}");
        assert_eq!(
            answer.application_property("error-condition"),
            Some(&Value::Symbol(Condition::UNAUTHORIZED_ACCESS.0)),
            "{what}"
        );
        peer.attach_sender("telemetry", vec![]).await.unwrap_err();
    }
}

#[tokio::test]
async fn the_code_before_the_colon_is_azures() {
    let world = World::start().await;
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    let codes = [
        ("audience", "InvalidAudience: "),
        ("unknown_issuer", "InvalidIssuer: "),
        ("algorithm", "InvalidSignature: "),
        ("expired", "ExpiredToken: "),
        ("not_yet_valid", "TokenNotYetValid: "),
        ("signature", "InvalidSignature: "),
        ("malformed", "MalformedToken: "),
    ];
    for (what, bearer, _, reason) in bad_tokens(&world.identity.issuer) {
        let (_, told) = status(&peer.put_jwt(cbs, AUDIENCE, &bearer).await);
        let (_, code) = codes.iter().find(|(known, _)| *known == reason).unwrap();
        assert!(told.starts_with(code), "{what}: {told}");
    }
}

#[tokio::test]
async fn a_role_that_is_withdrawn_ends_the_links_that_it_allowed() {
    let world = World::start().await;
    let roles = &world.identity.roles;
    roles.give(WEB, "send", HUB);
    roles.give(WEB, "receive", HUB);
    let mut sender = web(&world).await;
    sender.attach_sender("telemetry", vec![]).await.unwrap();
    let mut receiver = web(&world).await;
    receiver
        .attach_receiver(PARTITION, None, vec![], vec![])
        .await
        .unwrap();
    let withdrawn = std::time::UNIX_EPOCH.elapsed().unwrap();
    roles.withdraw_all();
    roles.give(WEB, "receive", HUB);
    let error = detached(&mut sender).await;
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
    assert!(
        error
            .description
            .contains("may not `send` on hubs.weft.dev/telemetry-hub or eventnamespaces.weft.dev/shop"),
        "{error}"
    );
    assert!(std::time::UNIX_EPOCH.elapsed().unwrap() - withdrawn < SOON);
    assert!(receiver.is_quiet().await, "its right is still there");
    // With the last role the token is good for nothing at all.
    roles.withdraw_all();
    let error = detached(&mut receiver).await;
    assert!(error.description.contains("may not `receive` on hubs"), "{error}");
    // Who comes back is told the same.
    let refused = receiver.attach_receiver(PARTITION, None, vec![], vec![]).await;
    assert!(
        refused
            .unwrap_err()
            .description
            .contains("may not `receive` on hubs")
    );
    roles.give(WEB, "receive", HUB);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut again = web(&world).await;
    again
        .attach_receiver(PARTITION, None, vec![], vec![])
        .await
        .unwrap();
}

#[tokio::test]
async fn an_issuer_that_is_not_trusted_any_more_takes_its_links_along() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", HUB);
    let mut peer = web(&world).await;
    peer.attach_sender("telemetry", vec![]).await.unwrap();
    world.authorizer.trust(auth::Issuers::default());
    let error = detached(&mut peer).await;
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
    assert!(error.description.contains("issuer"), "{error}");
}

#[tokio::test]
async fn a_key_that_its_issuer_has_given_up_takes_its_links_along() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", HUB);
    let mut peer = web(&world).await;
    peer.attach_sender("telemetry", vec![]).await.unwrap();
    world.identity.issuer.rotate();
    world.authorizer.trust(world.identity.issuer.published());
    let error = detached(&mut peer).await;
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
    assert!(error.description.contains("matches no key"), "{error}");
    let error = peer.attach_sender("telemetry", vec![]).await.unwrap_err();
    assert!(error.description.contains("matches no key"), "{error}");
    let mut renewed = web(&world).await;
    renewed.attach_sender("telemetry", vec![]).await.unwrap();
}

#[tokio::test]
async fn a_token_whose_issuer_s_keys_are_not_known_yet_is_for_later() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", HUB);
    world.authorizer.trust(Issuer::awaited());
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    let bearer = world.identity.issuer.token(WEB);
    let answer = peer.put_jwt(cbs, AUDIENCE, &bearer).await;
    assert_eq!(status(&answer).0, 503);
    assert_eq!(
        answer.application_property("error-condition"),
        Some(&Value::Symbol(amqp::Symbol::from_static(
            "com.microsoft:server-busy"
        )))
    );
    world.authorizer.trust(world.identity.issuer.published());
    let answer = peer.put_jwt(cbs, AUDIENCE, &bearer).await;
    assert_eq!(status(&answer).0, 202);
    peer.attach_sender("telemetry", vec![]).await.unwrap();
}

#[tokio::test]
async fn links_end_with_the_token_that_allowed_them() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", HUB);
    let mut claims = claims(WEB);
    // A minute is granted to clocks that differ.
    claims["exp"] = serde_json::json!(now() - 58);
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    let answer = peer
        .put_jwt(cbs, AUDIENCE, &world.identity.issuer.sign(&claims))
        .await;
    assert_eq!(status(&answer).0, 202, "{answer:?}");
    peer.attach_sender("telemetry", vec![]).await.unwrap();
    let error = detached(&mut peer).await;
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
    assert!(error.description.contains("expired"), "{error}");
}

#[tokio::test]
async fn a_new_token_for_the_same_hub_keeps_the_links() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", HUB);
    let mut claims = claims(WEB);
    claims["exp"] = serde_json::json!(now() - 58);
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    peer.put_jwt(cbs, AUDIENCE, &world.identity.issuer.sign(&claims))
        .await;
    let link = peer.attach_sender("telemetry", vec![]).await.unwrap();
    peer.put_jwt(cbs, AUDIENCE, &world.identity.issuer.token(WEB))
        .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    peer.send(link, 0, &encoded(&event("on"))).await;
    let state = peer.settled().await.unwrap().state;
    assert_eq!(state, Some(DeliveryState::Outcome(Outcome::Accepted)));
}

#[tokio::test]
async fn links_outlive_an_api_server_that_is_away_and_new_tokens_are_told_to_try_again() {
    let world = World::start().await;
    let roles = &world.identity.roles;
    roles.give(WEB, "send", HUB);
    let mut peer = web(&world).await;
    let link = peer.attach_sender("telemetry", vec![]).await.unwrap();
    roles.set_away(true);
    let other = world.identity.issuer.token("system:serviceaccount:shop:other");
    let mut late = Peer::connect(world.amqp).await;
    let cbs = late.node("$cbs").await;
    let answer = late.put_jwt(cbs, AUDIENCE, &other).await;
    let (code, told) = status(&answer);
    assert_eq!(code, 503);
    assert!(told.contains("try again"), "{told}");
    assert!(
        !told.contains("API server"),
        "what is inside the cluster is for the log: {told}"
    );
    let condition = answer.application_property("error-condition").unwrap();
    assert_eq!(
        condition,
        &Value::Symbol("com.microsoft:server-busy".to_owned().into())
    );
    // Two looks at the rights later.
    tokio::time::sleep(Duration::from_secs(11)).await;
    peer.send(link, 0, &encoded(&event("still there"))).await;
    let state = peer.settled().await.unwrap().state;
    assert_eq!(state, Some(DeliveryState::Outcome(Outcome::Accepted)));
}

#[tokio::test]
async fn a_token_that_takes_long_to_look_at_holds_up_only_the_answers_behind_it() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "receive", HUB);
    let mut peer = root(&world).await;
    let link = peer.attach_sender("telemetry", vec![]).await.unwrap();
    let cbs = peer.node("$cbs").await;
    let management = peer.node("$management").await;
    let slow = world.identity.roles.hold().await;
    let bearer = Value::String(world.identity.issuer.token(WEB));
    let first = peer.ask_later(cbs, &jwt(AUDIENCE), bearer).await;
    let sas = token("sender", SENDER, "sb://localhost/", NEVER);
    let mut properties = jwt("sb://localhost/");
    properties[1].1 = Value::String("servicebus.windows.net:sastoken".to_owned());
    let second = peer.ask_later(cbs, &properties, Value::String(sas)).await;
    let early = tokio::time::timeout(Duration::from_millis(200), peer.delivered()).await;
    assert!(early.is_err(), "the second answer waits for the first: {early:?}");
    // Everything else goes on.
    let text = |text: &str| Value::String(text.to_owned());
    let read = [
        ("operation", text("READ")),
        ("name", text("telemetry")),
        ("type", text("com.microsoft:eventhub")),
    ];
    assert_eq!(status(&peer.ask(management, &read, Value::Null).await).0, 200);
    peer.send(link, 0, &encoded(&event("one"))).await;
    peer.settled().await.unwrap();
    drop(slow);
    for expected in [first, second] {
        let answer = peer.delivered().await.message;
        assert_eq!(status(&answer).0, 202);
        assert_eq!(answer.properties.unwrap().correlation_id, Some(expected));
    }
}

#[tokio::test]
async fn many_tokens_at_once_are_answered_in_their_order() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "receive", HUB);
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    let slow = world.identity.roles.hold().await;
    let mut asked = Vec::new();
    for number in 0..100 {
        let audience = format!("{AUDIENCE}/ConsumerGroups/$Default/Partitions/{number}");
        let bearer = Value::String(world.identity.issuer.token(WEB));
        asked.push(peer.ask_later(cbs, &jwt(&audience), bearer).await);
    }
    drop(slow);
    for expected in asked {
        let answer = peer.delivered().await.message;
        assert_eq!(status(&answer).0, 202);
        assert_eq!(answer.properties.unwrap().correlation_id, Some(expected));
    }
    assert_eq!(world.metric("weft_http_in_flight_bodies_bytes"), Some(0.0));
}

#[tokio::test]
async fn a_request_to_management_may_bring_its_own_token() {
    let world = World::start().await;
    let text = |text: &str| Value::String(text.to_owned());
    let read = |bearer: &str| {
        vec![
            ("operation", text("READ")),
            ("name", text("Telemetry")),
            ("type", text("com.microsoft:eventhub")),
            ("security_token", text(bearer)),
        ]
    };
    let bearer = world.identity.issuer.token(WEB);
    let mut peer = Peer::connect(world.amqp).await;
    let node = peer.node("$management").await;
    let answer = peer.ask(node, &read(&bearer), Value::Null).await;
    let (code, told) = status(&answer);
    assert_eq!(code, 401);
    assert!(
        told.contains("may not `receive` on hubs.weft.dev/telemetry-hub or"),
        "{told}"
    );
    // Python shows its user this one.
    assert_eq!(
        answer.application_property("statusDescription"),
        Some(&Value::String(told))
    );
    let answer = peer.ask(node, &read("a.b.c"), Value::Null).await;
    assert_eq!(status(&answer).0, 401);
    // Any verb will do. A denial is remembered for three seconds.
    world.identity.roles.give(WEB, "send", HUB);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let answer = peer.ask(node, &read(&bearer), Value::Null).await;
    assert_eq!(status(&answer), (200, "OK".to_owned()));
    world.identity.roles.set_away(true);
    let other = world.identity.issuer.token("system:serviceaccount:shop:other");
    let answer = peer.ask(node, &read(&other), Value::Null).await;
    assert_eq!(status(&answer).0, 503);
    // It was for that request only.
    peer.attach_sender("telemetry", vec![]).await.unwrap_err();
}

#[tokio::test]
async fn without_local_auth_neither_sasl_nor_cbs_takes_what_is_made_of_keys() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", HUB);
    world.disable_local_auth();
    let mut plain = Peer::over(TcpStream::connect(world.amqp).await.unwrap());
    let response = format!("\0sender\0{SENDER}");
    assert_eq!(
        plain.authenticate("PLAIN", response.as_bytes()).await,
        SaslCode::Auth
    );
    let mut peer = web(&world).await;
    peer.attach_sender("telemetry", vec![]).await.unwrap();
    let cbs = peer.node("$cbs").await;
    let sas = token("sender", SENDER, "sb://localhost/", NEVER);
    let (code, told) = status(&peer.put(cbs, "sb://localhost/", &sas).await);
    assert_eq!(code, 401);
    assert!(told.starts_with("LocalAuthDisabled: "), "{told}");
}

#[tokio::test]
async fn a_connection_without_a_link_is_closed_after_its_time_and_one_with_a_link_is_not() {
    let limits = Limits {
        linkless: Duration::from_millis(500),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let mut idle = Peer::connect(world.amqp).await;
    let mut busy = root(&world).await;
    let amqp::Performative::Close(close) = idle.heard().await.0 else {
        panic!("something else than a close");
    };
    let error = close.error.unwrap();
    assert_eq!(error.condition, Condition::CONNECTION_FORCED);
    assert!(error.description.contains("500 milliseconds"), "{error}");
    assert!(idle.is_closed().await);
    tokio::time::sleep(Duration::from_millis(700)).await;
    let link = busy.attach_sender("telemetry", vec![]).await.unwrap();
    // Its links to `$cbs` were the first two.
    for handle in [0, 1, link] {
        let detach = Detach {
            handle,
            closed: true,
            error: None,
        };
        busy.say(&amqp::Performative::Detach(detach), &[]).await;
    }
    loop {
        match busy.heard().await.0 {
            amqp::Performative::Close(close) => {
                assert_eq!(close.error.unwrap().condition, Condition::CONNECTION_FORCED);
                break;
            }
            amqp::Performative::Detach(_) | amqp::Performative::Flow(_) => {}
            other => panic!("{other:?}"),
        }
    }
}
