//! Events go through, for those who may send them.

use crate::plane::{Plane, configuration, topic};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_published_received_and_acknowledged() {
    let plane = Plane::start(configuration(vec![topic(1, "Orders")])).await;
    let client = plane.client();
    assert_eq!(client.publish("orders", "placed").0, 200);
    let received = client.receive("orders", "billing");
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].0, "placed");
    assert_eq!(
        client.acknowledge("orders", "billing", &[received[0].1.clone()]),
        1
    );
    assert_eq!(
        client.acknowledge("orders", "billing", &[received[0].1.clone()]),
        0,
        "it is gone"
    );
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tls_door_is_the_same_door() {
    let plane = Plane::start(configuration(vec![topic(1, "orders")])).await;
    assert_eq!(
        plane.https(plane.certificates()).publish("orders", "placed").0,
        200
    );
    assert_eq!(plane.client().receive("orders", "billing").len(), 1);
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_key_opens_nothing() {
    let plane = Plane::start(configuration(vec![topic(1, "orders")])).await;
    let stranger = plane.client_with("Zm9yZWlnbg==");
    assert_eq!(stranger.publish("orders", "placed").0, 401);
    assert_eq!(stranger.receive_for("orders", "billing", 10).0, 401);
    assert_eq!(stranger.get("/$weft/v1/streams").0, 401);
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topic_that_proved_readiness_is_gone() {
    let plane = Plane::start(configuration(vec![topic(1, "orders")])).await;
    let client = plane.client();
    assert_eq!(client.publish("$probe", "placed").0, 404);
    let (status, streams) = client.get("/$weft/v1/streams");
    assert_eq!(status, 200, "{streams}");
    let text = streams.to_string();
    assert!(text.contains("orders") && !text.contains("probe"), "{text}");
    plane.stop().await;
}
