//! Starting, stopping and starting again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sidecar::{Configuration, Error, Settings};
use tokio::sync::watch;

use crate::client::page;
use crate::plane::{KEYS, Plane, certificates, configuration, set_certificate, topic};

fn orders() -> Configuration {
    configuration(vec![topic(1, "orders")])
}

/// One thread: nothing but what is awaited here can have run when `open` returns.
#[tokio::test]
async fn it_is_not_ready_before_an_event_went_through() {
    let plane = Plane::open(Arc::new(tempfile::tempdir().unwrap()), orders()).await;
    assert!(plane.sidecar.ready().now_or_never().is_none());
    plane.sidecar.ready().await.unwrap();
    let operations = plane.operations();
    let page = tokio::task::spawn_blocking(move || page(operations, "/readyz"));
    assert_eq!(page.await.unwrap().0, 200);
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_what_was_not_acknowledged() {
    let plane = Plane::start(orders()).await;
    let client = plane.client();
    for kind in ["first", "second", "third"] {
        assert_eq!(client.publish("orders", kind).0, 200);
    }
    let received = client.receive("orders", "billing");
    let second = received.iter().find(|(kind, _)| kind == "second").unwrap();
    assert_eq!(
        client.acknowledge("orders", "billing", std::slice::from_ref(&second.1)),
        1
    );

    let again = Plane::open(plane.stop().await, orders()).await;
    again.sidecar.ready().await.unwrap();
    let client = again.client();
    let locked: Vec<_> = received
        .iter()
        .filter(|(kind, _)| kind != "second")
        .map(|(_, token)| token.clone())
        .collect();
    assert_eq!(
        client.acknowledge("orders", "billing", &locked),
        2,
        "their locks outlive the restart"
    );
    assert_eq!(client.publish("orders", "fourth").0, 200);
    let left: Vec<_> = client
        .receive("orders", "billing")
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(left, ["fourth"]);
    again.stop().await;
}

/// Ready is what lets clients make room.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_log_starts_again_and_what_it_holds_is_received_and_settled() {
    let mut small = orders();
    small.document.head.settings.storage_capacity_bytes = 4 << 20;
    let plane = Plane::start(small.clone()).await;
    let (client, data) = (plane.client(), "x".repeat(100_000));
    let refusal = (0..100)
        .map(|_| client.publish_data("orders", "placed", &data))
        .find(|(status, _)| *status != 200);
    let (status, body) = refusal.expect("the log has an end");
    assert!(
        status == 429 && body["error"]["code"] == "QuotaExceeded",
        "{status} {body}"
    );

    let again = Plane::open(plane.stop().await, small).await;
    again.sidecar.ready().await.unwrap();
    let client = again.client();
    let tokens: Vec<_> = client
        .receive("orders", "billing")
        .into_iter()
        .map(|(_, token)| token)
        .collect();
    assert_eq!(tokens.len(), 10);
    assert_eq!(client.acknowledge("orders", "billing", &tokens), 10);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_who_waits_and_refuses_who_comes() {
    let plane = Plane::start(orders()).await;
    let (client, http, operations) = (
        plane.client(),
        plane.sidecar.addresses().http.unwrap(),
        plane.operations(),
    );
    let waiter = std::thread::spawn(move || client.receive_for("orders", "billing", 60));
    let mut upload = half_of_a_publish(http);
    // Both heads have long arrived when both connections are counted and a moment has passed.
    wait_for(|| {
        page(operations, "/metrics")
            .1
            .contains("\nweft_http_connections 2\n")
    });
    std::thread::sleep(Duration::from_millis(300));

    let clients = tokio::task::spawn_blocking(move || {
        wait_for(|| page(operations, "/readyz").0 == 503);
        assert_eq!(waiter.join().unwrap(), (200, serde_json::json!({"value": []})));
        upload.write_all(SECOND_HALF.as_bytes()).unwrap();
        let mut answer = String::new();
        upload.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    });
    let (_folder, clients) = tokio::join!(plane.stop(), clients);
    clients.unwrap();
    assert!(TcpStream::connect_timeout(&http, Duration::from_secs(1)).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named_with_the_fix() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        https: Some(address),
        ..Settings::new(folder.path().join("data"))
    };
    let error = start_error(settings, orders()).await;
    assert!(matches!(error, Error::Bind { door: "https", .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(&format!("https port {}", address.port())) && text.contains("choose other"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_another_namespace_is_not_served() {
    let folder = Plane::start(orders()).await.stop().await;
    let mut foreign = orders();
    foreign.document.head.namespace.uid = "00000000-0000-4000-8000-00000000000b".into();
    let error = start_error(Settings::new(folder.path().join("data")), foreign).await;
    assert!(matches!(error, Error::ForeignData { .. }), "{error}");
    let rightful = Plane::open(folder, orders()).await;
    rightful.sidecar.ready().await.unwrap();
    rightful.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_configuration_that_does_not_fit_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut broken = orders();
    broken.document.head.format = 99;
    let error = start_error(Settings::new(folder.path().join("data")), broken).await;
    assert!(error.to_string().contains("format 99"), "{error}");
}

async fn start_error(settings: Settings, mut configuration: Configuration) -> Error {
    set_certificate(&mut configuration, &certificates());
    let (_sender, receiver) = watch::channel(Arc::new(configuration));
    sidecar::start(settings, receiver)
        .await
        .expect_err("it does not start")
}

const FIRST_HALF: &str = "{\"specversion\":\"1.0\",\"id\":\"1\",";
const SECOND_HALF: &str = "\"source\":\"/test\",\"type\":\"placed\"}";

/// The head and the first half of the body of a publish to `orders`.
fn half_of_a_publish(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /topics/orders:publish?api-version=2024-06-01 HTTP/1.1\r\nhost: {address}\r\n\
         authorization: SharedAccessKey {}\r\ncontent-type: application/cloudevents+json\r\n\
         content-length: {}\r\n\r\n{FIRST_HALF}",
        KEYS[0],
        FIRST_HALF.len() + SECOND_HALF.len(),
    )
    .unwrap();
    stream
}

fn wait_for(condition: impl Fn() -> bool) {
    for _ in 0..3000 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited for 30 s in vain");
}
