//! Stopping with manners.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::Client;
use crate::world::{BATCH, PUBLISH, ROOT, World, event, receive};

const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_long_poll_is_answered_at_once_with_no_events_and_the_connection_closes() {
    let world = World::start().await;
    let mut receiver = world.client().await;
    receiver
        .send(receiver.request("POST", &receive("billing", 10), &[], ""))
        .await;
    let mut idle = world.client().await;
    idle.publish("1").await;
    // That event went to the receiver; it asks again and waits.
    assert_eq!(receiver.response().await.status, 200);
    receiver
        .send(receiver.request("POST", &receive("billing", 10), &[], ""))
        .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begin = Instant::now();
    assert!(
        world.doors.shutdown(DEADLINE).await.is_empty(),
        "nobody missed the deadline"
    );
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    let response = receiver.response().await;
    assert_eq!((response.status, response.text()), (200, r#"{"value":[]}"#));
    assert_eq!(response.header("connection"), Some("close"));
    assert!(receiver.is_closed().await);
    assert!(idle.is_closed().await);
    assert!(
        TcpStream::connect(world.address).await.is_err(),
        "nothing listens any more"
    );
}

#[tokio::test]
async fn a_request_in_flight_is_finished() {
    let world = World::start().await;
    let mut client = Client::connect(world.address).await;
    let body = format!("[{}]", event("1"));
    let length = body.len();
    client
        .send(format!(
            "POST {PUBLISH} HTTP/1.1\r\naeg-sas-key: {ROOT}\r\n{BATCH}\r\ncontent-length: {length}\r\n\r\n"
        ))
        .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let doors = world.doors.clone();
    let stopping = world
        .scope
        .spawn("stop", async move { doors.shutdown(DEADLINE).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    client.send(body).await;
    let response = client.response().await;
    assert_eq!(
        (response.status, response.header("connection")),
        (200, Some("close"))
    );
    assert!(stopping.await.unwrap().is_empty());
}

#[tokio::test]
async fn what_misses_the_deadline_is_named() {
    let world = World::start().await;
    let mut client = Client::connect(world.address).await;
    client
        .send(format!(
            "POST {PUBLISH} HTTP/1.1\r\naeg-sas-key: {ROOT}\r\n{BATCH}\r\ncontent-length: 100\r\n\r\n"
        ))
        .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(
        world.doors.shutdown(Duration::from_millis(200)).await,
        ["http connection"]
    );
}
