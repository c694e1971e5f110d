//! Bearer tokens at the doors of HTTP.

use std::time::Duration;

use front::Limits;
use model::Timestamp;
use runtime::Clock;

use crate::client::{Client, Response};
use crate::issuer::{Issuer, WEB, bad_tokens, now};
use crate::world::{STRUCTURED, World, event, receive};

const TOPIC: &str = "topics.weft.dev/orders-topic";
const SUBSCRIPTION: &str = "eventsubscriptions.weft.dev/orders-billing";
const HUB: &str = "hubs.weft.dev/telemetry-hub";
const NAMESPACE: &str = "eventnamespaces.weft.dev/shop";

async fn call(world: &World, token: &str, method: &str, target: &str, body: &str) -> Response {
    let authorization = format!("authorization: Bearer {token}");
    let mut client = Client::connect(world.address).await;
    client
        .call(method, target, &[&authorization, STRUCTURED], body)
        .await
}

async fn publish(world: &World, token: &str) -> Response {
    call(world, token, "POST", "/topics/orders:publish", &event("1")).await
}

async fn send(world: &World, token: &str) -> Response {
    call(world, token, "POST", "/telemetry/messages", "x").await
}

#[tokio::test]
async fn a_role_opens_every_route_that_it_is_meant_for() {
    let world = World::start().await;
    let token = world.identity.issuer.token(WEB);
    let roles = &world.identity.roles;
    roles.give(WEB, "send", TOPIC);
    roles.give(WEB, "receive", SUBSCRIPTION);
    roles.give(WEB, "send", HUB);
    assert_eq!(publish(&world, &token).await.status, 200);
    assert_eq!(
        call(&world, &token, "POST", &receive("billing", 1), "")
            .await
            .status,
        200
    );
    assert_eq!(send(&world, &token).await.status, 201);
    // Not for what it was not bound to.
    assert_eq!(
        call(&world, &token, "POST", &receive("audit", 1), "")
            .await
            .status,
        403
    );
    assert_eq!(
        call(&world, &token, "GET", "/$weft/v1/streams", "").await.status,
        403
    );
}

#[tokio::test]
async fn a_role_on_the_namespace_is_good_for_all_that_is_in_it() {
    let world = World::start().await;
    let token = world.identity.issuer.token(WEB);
    for verb in ["send", "receive", "manage"] {
        world.identity.roles.give(WEB, verb, NAMESPACE);
    }
    assert_eq!(publish(&world, &token).await.status, 200);
    assert_eq!(send(&world, &token).await.status, 201);
    for (method, target) in [
        ("POST", receive("audit", 1)),
        ("GET", "/$weft/v1/streams".to_owned()),
        ("GET", "/$weft/v1/hubs/telemetry".to_owned()),
        ("GET", "/$weft/v1/topics/orders/dead-letters".to_owned()),
    ] {
        let response = call(&world, &token, method, &target, "").await;
        assert_eq!(response.status, 200, "{target}: {response:?}");
    }
    let redrive = "/$weft/v1/topics/returns/dead-letters:redrive";
    let response = call(&world, &token, "POST", redrive, r#"{"all":true}"#).await;
    assert_eq!(response.status, 200, "{response:?}");
}

#[tokio::test]
async fn no_role_and_the_wrong_role_are_403_and_name_verb_and_object() {
    let world = World::start().await;
    let token = world.identity.issuer.token(WEB);
    world.identity.roles.give(WEB, "receive", TOPIC);
    let response = publish(&world, &token).await;
    assert_eq!((response.status, response.code().as_str()), (403, "Forbidden"));
    assert_eq!(
        response.message(),
        "`system:serviceaccount:shop:web` may not `send` on topics.weft.dev/orders-topic or \
         eventnamespaces.weft.dev/shop: bind a role that has the verb, such as eventgrid-data-sender"
    );
    let response = send(&world, &token).await;
    assert_eq!(response.status, 403);
    assert!(
        response.text().starts_with(
            "<Error><Code>403</Code><Detail>`system:serviceaccount:shop:web` may not `send` on \
             hubs.weft.dev/telemetry-hub or"
        ),
        "{}",
        response.text()
    );
    assert_eq!(
        world.metric(r#"weft_identity_bearer_refused_total{reason="verb"}"#),
        Some(2.0)
    );
}

#[tokio::test]
async fn who_may_nothing_does_not_learn_what_exists() {
    let world = World::start().await;
    let token = world.identity.issuer.token(WEB);
    for target in ["/topics/nothing:publish", "/topics/orders:publish"] {
        assert_eq!(
            call(&world, &token, "POST", target, &event("1")).await.status,
            403,
            "{target}"
        );
    }
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_401_with_a_challenge_and_never_repeated() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", NAMESPACE);
    for (what, token, hint, reason) in bad_tokens(&world.identity.issuer) {
        let response = publish(&world, &token).await;
        assert_eq!(
            (response.status, response.code().as_str()),
            (401, "Unauthorized"),
            "{what}"
        );
        assert!(
            response.message().contains(hint),
            "{what}: {}",
            response.message()
        );
        assert!(!response.text().contains(&token), "{what}");
        let challenge = response.header("www-authenticate");
        assert_eq!(challenge, Some("Bearer error=\"invalid_token\""), "{what}");
        let response = send(&world, &token).await;
        assert_eq!(response.status, 401, "{what}");
        assert!(
            response.text().starts_with("<Error><Code>401</Code><Detail>"),
            "{what}: {}",
            response.text()
        );
        let refused = world.metric(&format!(
            r#"weft_identity_bearer_refused_total{{reason="{reason}"}}"#
        ));
        assert!(
            refused.is_some_and(|refused| refused >= 2.0),
            "{what}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_key_that_its_issuer_has_given_up_is_good_for_nothing() {
    let world = World::start().await;
    let issuer = &world.identity.issuer;
    world.identity.roles.give(WEB, "send", NAMESPACE);
    let old = issuer.token(WEB);
    assert_eq!(publish(&world, &old).await.status, 200);
    issuer.rotate();
    world.authorizer.trust(issuer.published());
    let response = publish(&world, &old).await;
    assert_eq!(response.status, 401);
    assert!(response.message().contains("publishes"), "{}", response.message());
    assert_eq!(publish(&world, &issuer.token(WEB)).await.status, 200);
}

#[tokio::test]
async fn a_token_whose_issuer_s_keys_are_not_known_yet_is_for_later() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", NAMESPACE);
    world.authorizer.trust(Issuer::awaited());
    let token = world.identity.issuer.token(WEB);
    let response = publish(&world, &token).await;
    assert_eq!((response.status, response.code().as_str()), (503, "ServerBusy"));
    assert_eq!(response.header("retry-after"), Some("3"));
    assert_eq!(send(&world, &token).await.status, 503);
    assert_eq!(
        world.metric(r#"weft_identity_bearer_refused_total{reason="unavailable"}"#),
        Some(2.0)
    );
    world.authorizer.trust(world.identity.issuer.published());
    assert_eq!(publish(&world, &token).await.status, 200);
}

#[tokio::test]
async fn a_door_without_an_issuer_says_so() {
    let world = World::start().await;
    world.authorizer.trust(auth::Issuers::default());
    let response = publish(&world, &world.identity.issuer.token(WEB)).await;
    assert_eq!(response.status, 401);
    assert!(response.message().contains("issuer"), "{}", response.message());
}

#[tokio::test]
async fn both_schemes_are_offered_to_who_shows_nothing() {
    let world = World::start().await;
    let mut client = Client::connect(world.address).await;
    let response = client
        .call("POST", "/topics/orders:publish", &[STRUCTURED], event("1"))
        .await;
    assert_eq!(response.status, 401);
    let challenges: Vec<&str> = response
        .head
        .lines()
        .filter_map(|line| line.strip_prefix("www-authenticate: "))
        .collect();
    assert_eq!(challenges, ["SharedAccessKey", "Bearer"]);
    assert!(response.message().contains("Bearer"), "{}", response.message());
}

#[tokio::test]
async fn rights_come_and_go_within_seconds() {
    let clock = Clock::manual(Timestamp::from_micros(now() * 1_000_000));
    let world = World::at(clock.clone(), Limits::default()).await;
    let token = world.identity.issuer.token(WEB);
    assert_eq!(publish(&world, &token).await.status, 403);
    world.identity.roles.give(WEB, "send", TOPIC);
    clock.advance(Duration::from_secs(4));
    assert_eq!(publish(&world, &token).await.status, 200);
    world.identity.roles.withdraw_all();
    clock.advance(Duration::from_secs(6));
    assert_eq!(publish(&world, &token).await.status, 403);
}

#[tokio::test]
async fn rights_that_were_seen_outlive_an_api_server_that_is_away_and_others_are_503() {
    let clock = Clock::manual(Timestamp::from_micros(now() * 1_000_000));
    let world = World::at(clock.clone(), Limits::default()).await;
    let token = world.identity.issuer.token(WEB);
    let roles = &world.identity.roles;
    roles.give(WEB, "send", TOPIC);
    roles.give(WEB, "send", HUB);
    assert_eq!(publish(&world, &token).await.status, 200);
    roles.set_away(true);
    clock.advance(Duration::from_secs(9 * 60));
    assert_eq!(publish(&world, &token).await.status, 200);
    // Never asked before.
    let response = send(&world, &token).await;
    assert_eq!(response.status, 503);
    assert_eq!(response.header("retry-after"), Some("3"));
    assert!(response.text().contains("try again"), "{}", response.text());
    clock.advance(Duration::from_secs(2 * 60));
    let response = publish(&world, &token).await;
    assert_eq!((response.status, response.code().as_str()), (503, "ServerBusy"));
    roles.set_away(false);
    clock.advance(Duration::from_secs(10));
    assert_eq!(publish(&world, &token).await.status, 200);
    assert_eq!(send(&world, &token).await.status, 201);
}

#[tokio::test]
async fn a_tail_ends_with_the_right_to_it() {
    let world = World::start().await;
    let token = world.identity.issuer.token(WEB);
    world.identity.roles.give(WEB, "receive", NAMESPACE);
    let authorization = format!("authorization: Bearer {token}");
    let mut tails = Vec::new();
    for target in ["/$weft/v1/topics/orders/tail", "/$weft/v1/hubs/telemetry/tail"] {
        let mut client = Client::connect(world.address).await;
        client
            .send(client.request("GET", target, &[&authorization], ""))
            .await;
        assert_eq!(client.head().await.status, 200, "{target}");
        tails.push(client);
    }
    world.identity.roles.withdraw_all();
    for mut tail in tails {
        let end = tokio::time::timeout(Duration::from_secs(7), tail.chunk()).await;
        assert_eq!(end.expect("in time"), Some(None));
    }
}

#[tokio::test]
async fn what_was_decided_is_not_asked_again_with_every_request() {
    let clock = Clock::manual(Timestamp::from_micros(now() * 1_000_000));
    let world = World::at(clock, Limits::default()).await;
    let token = world.identity.issuer.token(WEB);
    world.identity.roles.give(WEB, "send", TOPIC);
    for _ in 0..20 {
        assert_eq!(publish(&world, &token).await.status, 200);
    }
    assert_eq!(world.identity.roles.reviews(), 1);
}

#[tokio::test]
async fn without_local_auth_keys_are_refused_and_tokens_are_not() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", NAMESPACE);
    world.disable_local_auth();
    let mut client = world.client().await;
    let response = client
        .call("POST", "/topics/orders:publish", &[STRUCTURED], event("1"))
        .await;
    assert_eq!(response.status, 401);
    assert_eq!(response.header("www-authenticate"), Some("Bearer"));
    assert!(
        response.message().contains("disableLocalAuth"),
        "{}",
        response.message()
    );
    assert_eq!(
        publish(&world, &world.identity.issuer.token(WEB)).await.status,
        200
    );
}

#[tokio::test]
async fn a_tail_that_a_key_opened_ends_when_local_auth_is_switched_off() {
    let world = World::start().await;
    let mut tails = Vec::new();
    for target in ["/$weft/v1/topics/orders/tail", "/$weft/v1/hubs/telemetry/tail"] {
        let mut client = world.client().await;
        client.send(client.request("GET", target, &[], "")).await;
        assert_eq!(client.head().await.status, 200, "{target}");
        tails.push(client);
    }
    world.disable_local_auth();
    for mut tail in tails {
        let end = tokio::time::timeout(Duration::from_secs(7), tail.chunk()).await;
        assert_eq!(end.expect("in time"), Some(None));
    }
}
