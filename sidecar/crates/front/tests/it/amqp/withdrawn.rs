//! Rights that go while links are open.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use amqp::performative::{DeliveryState, Outcome};
use amqp::{Condition, Performative, Value};
use tokio::net::TcpStream;

use super::peer::{Peer, encoded, jwt, token};
use super::{NEVER, PARTITION, event, root};
use crate::issuer::{WEB, now};
use crate::world::{LISTENER, ROOT, SENDER, World};

const HUB: &str = "hubs.weft.dev/telemetry-hub";
const AUDIENCE: &str = "sb://localhost/telemetry";

/// Puts a SAS token without waiting for the answer.
async fn put(peer: &mut Peer, audience: &str, sas: String) {
    let mut properties = jwt(audience);
    properties[1].1 = Value::String("servicebus.windows.net:sastoken".to_owned());
    peer.ask_later(0, &properties, Value::String(sas)).await;
}

/// The handle of the link that ends next, and why; within `patience`.
async fn ended(peer: &mut Peer, patience: Duration) -> (u32, amqp::Error) {
    let ended = async {
        loop {
            if let Performative::Detach(detach) = peer.heard().await.0 {
                return (detach.handle, detach.error.expect("a reason"));
            }
        }
    };
    tokio::time::timeout(patience, ended).await.expect("in time")
}

#[tokio::test]
async fn a_token_without_rights_in_place_of_another_ends_its_links_at_once() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", HUB);
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    let bearer = world.identity.issuer.token(WEB);
    peer.put_jwt(cbs, AUDIENCE, &bearer).await;
    let link = peer.attach_sender("telemetry", vec![]).await.unwrap();
    let other = world.identity.issuer.token("system:serviceaccount:shop:other");
    peer.ask_later(cbs, &jwt(AUDIENCE), Value::String(other)).await;
    let (handle, error) = ended(&mut peer, Duration::from_secs(1)).await;
    assert_eq!(handle, link);
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
    assert!(error.description.contains("may not `send` on"), "{error}");
}

#[tokio::test]
async fn a_sas_token_with_fewer_rights_in_place_of_another_ends_the_links_that_it_does_not_allow() {
    let world = World::start().await;
    let mut peer = root(&world).await;
    let link = peer.attach_sender("telemetry", vec![]).await.unwrap();
    peer.attach_receiver(PARTITION, None, vec![], vec![])
        .await
        .unwrap();
    let listener = token("listener", LISTENER, "sb://localhost/", NEVER);
    put(&mut peer, "sb://localhost/", listener).await;
    let (handle, error) = ended(&mut peer, Duration::from_secs(1)).await;
    assert_eq!(handle, link, "the receiver stays");
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
}

#[tokio::test]
async fn a_link_that_two_tokens_allow_ends_with_the_second_of_them() {
    let world = World::start().await;
    let mut peer = root(&world).await;
    let sender = token("sender", SENDER, AUDIENCE, NEVER);
    peer.put(0, AUDIENCE, &sender).await;
    let link = peer
        .attach_sender("telemetry/Partitions/0", vec![])
        .await
        .unwrap();
    let listener = |resource| token("listener", LISTENER, resource, NEVER);
    peer.put(0, "sb://localhost/", &listener("sb://localhost/")).await;
    peer.send(link, 0, &encoded(&event("still there"))).await;
    let state = peer.settled().await.unwrap().state;
    assert_eq!(state, Some(DeliveryState::Outcome(Outcome::Accepted)));
    put(&mut peer, AUDIENCE, listener(AUDIENCE)).await;
    let (handle, error) = ended(&mut peer, Duration::from_secs(1)).await;
    assert_eq!(handle, link);
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
    assert!(
        error.description.contains("`listener` lacks the right Send"),
        "{error}"
    );
}

#[tokio::test]
async fn a_link_outlives_its_token_if_another_one_allows_it() {
    let world = World::start().await;
    let mut peer = Peer::connect(world.amqp).await;
    let cbs = peer.node("$cbs").await;
    let publisher = "sb://localhost/telemetry/publishers/one";
    // A minute is granted to clocks that differ.
    let brief = |resource, seconds| token("sender", SENDER, resource, now() - 60 + seconds);
    peer.put(cbs, AUDIENCE, &brief(AUDIENCE, 2)).await;
    let first = peer
        .attach_sender("telemetry/publishers/one", vec![])
        .await
        .unwrap();
    let second = peer
        .attach_sender("telemetry/publishers/two", vec![])
        .await
        .unwrap();
    peer.put(cbs, publisher, &brief(publisher, 5)).await;
    for expected in [second, first] {
        let (handle, error) = ended(&mut peer, Duration::from_secs(5)).await;
        assert_eq!(handle, expected);
        assert!(error.description.contains("expired"), "{error}");
    }
}

#[tokio::test]
async fn many_links_end_with_their_token_and_others_have_their_turn_in_between() {
    let world = Arc::new(World::start().await);
    let mut peer = root(&world).await;
    let mut links = Vec::new();
    for _ in 0..200 {
        links.push(peer.attach_sender("telemetry", vec![]).await.unwrap());
    }
    let listener = token("listener", LISTENER, "sb://localhost/", NEVER);
    put(&mut peer, "sb://localhost/", listener).await;
    let seen = world.scope.spawn("other", links_seen(Arc::clone(&world)));
    let mut gone = Vec::new();
    for _ in &links {
        gone.push(ended(&mut peer, Duration::from_secs(5)).await.0);
    }
    gone.sort_unstable();
    assert_eq!(gone, links);
    let seen = seen.await.unwrap();
    assert!(seen.len() > 3, "{seen:?}");
}

/// How many links there were whenever this task had its turn, until only those to `$cbs` are left.
async fn links_seen(world: Arc<World>) -> BTreeSet<u64> {
    let mut seen = BTreeSet::new();
    std::future::poll_fn(move |cx| {
        let links = world.metric("weft_amqp_links").unwrap() as u64;
        seen.insert(links);
        if links == 2 {
            return Poll::Ready(std::mem::take(&mut seen));
        }
        // At once, and not when nothing else is to be done.
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

#[tokio::test]
async fn switching_local_auth_off_ends_the_links_that_keys_opened_and_no_others() {
    let world = World::start().await;
    world.identity.roles.give(WEB, "send", HUB);
    let mut sas = root(&world).await;
    let mut plain = Peer::over(TcpStream::connect(world.amqp).await.unwrap());
    let response = format!("\0RootManageSharedAccessKey\0{ROOT}");
    plain.authenticate("PLAIN", response.as_bytes()).await;
    plain.open().await;
    let mut web = Peer::connect(world.amqp).await;
    let cbs = web.node("$cbs").await;
    let bearer = world.identity.issuer.token(WEB);
    web.put_jwt(cbs, AUDIENCE, &bearer).await;
    for peer in [&mut sas, &mut plain, &mut web] {
        peer.attach_sender("telemetry", vec![]).await.unwrap();
    }
    world.disable_local_auth();
    for peer in [&mut sas, &mut plain] {
        let (_, error) = ended(peer, Duration::from_secs(7)).await;
        assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
        assert!(error.description.contains("disableLocalAuth"), "{error}");
    }
    let still = tokio::time::timeout(Duration::from_secs(6), web.settled()).await;
    assert!(still.is_err(), "{still:?}");
}
