//! Rights that go while links are open.

use std::time::Duration;

use amqp::{Condition, Performative, Value};
use tokio::net::TcpStream;

use super::peer::{Peer, jwt, token};
use super::{NEVER, PARTITION, root};
use crate::issuer::WEB;
use crate::world::{LISTENER, ROOT, World};

const HUB: &str = "hubs.weft.dev/telemetry-hub";
const AUDIENCE: &str = "sb://localhost/telemetry";

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
    let mut properties = jwt("sb://localhost/");
    properties[1].1 = Value::String("servicebus.windows.net:sastoken".to_owned());
    peer.ask_later(0, &properties, Value::String(listener)).await;
    let (handle, error) = ended(&mut peer, Duration::from_secs(1)).await;
    assert_eq!(handle, link, "the receiver stays");
    assert_eq!(error.condition, Condition::UNAUTHORIZED_ACCESS);
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
