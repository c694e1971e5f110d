//! HTTPS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use front::{Certificate, Limits, Listener, tls};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::Client;
use crate::world::{PUBLISH, ROOT, STRUCTURED, World, event, receive};

struct Pem {
    chain: String,
    key: String,
    der: CertificateDer<'static>,
}

fn self_signed() -> Pem {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    Pem {
        chain: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
        der: made.cert.der().clone(),
    }
}

async fn open(world: &World, pem: &Pem) -> (SocketAddr, Certificate) {
    let certificate = Certificate::from_pem(pem.chain.as_bytes(), pem.key.as_bytes()).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_address().unwrap();
    world.door.open_tls(listener, &certificate, &world.doors);
    (address, certificate)
}

/// A client that speaks TLS, and what must be kept for as long as it does.
pub(crate) async fn client(world: &World) -> (Client, Certificate) {
    let pem = self_signed();
    let (address, certificate) = open(world, &pem).await;
    let stream = connect(address, &pem, rustls::ALL_VERSIONS).await.unwrap();
    (Client::over(stream), certificate)
}

/// The same of the blob door.
pub(crate) async fn blob_client(world: &World) -> (Client, Certificate) {
    let pem = self_signed();
    let certificate = Certificate::from_pem(pem.chain.as_bytes(), pem.key.as_bytes()).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_address().unwrap();
    world.door.open_blob_tls(listener, &certificate, &world.doors);
    let stream = connect(address, &pem, rustls::ALL_VERSIONS).await.unwrap();
    (Client::over(stream), certificate)
}

async fn connect(
    address: SocketAddr,
    trusted: &Pem,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, TcpStream::connect(address).await?)
        .await
}

#[tokio::test]
async fn both_tls_versions_are_spoken_and_agree_on_http_1() {
    let world = World::start().await;
    let pem = self_signed();
    let (address, _certificate) = open(&world, &pem).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = connect(address, &pem, &[version]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        let mut client = Client::over(stream).with_key(ROOT);
        client.publish("1").await;
        assert_eq!(client.receive("billing", 1).await.len(), 1);
    }
}

#[tokio::test]
async fn a_certificate_is_replaced_without_closing_anything() {
    let world = World::start().await;
    let (old, new) = (self_signed(), self_signed());
    let (address, certificate) = open(&world, &old).await;
    let mut early = Client::over(connect(address, &old, rustls::ALL_VERSIONS).await.unwrap()).with_key(ROOT);
    early.publish("1").await;
    certificate
        .replace(new.chain.as_bytes(), new.key.as_bytes())
        .unwrap();
    assert!(connect(address, &old, rustls::ALL_VERSIONS).await.is_err());
    let mut late = Client::over(connect(address, &new, rustls::ALL_VERSIONS).await.unwrap()).with_key(ROOT);
    late.publish("2").await;
    early.publish("3").await;
}

#[tokio::test]
async fn a_bad_certificate_is_refused_and_the_old_one_stays() {
    let world = World::start().await;
    let (old, other) = (self_signed(), self_signed());
    let (address, certificate) = open(&world, &old).await;
    let replace = |chain: &str, key: &str| certificate.replace(chain.as_bytes(), key.as_bytes()).unwrap_err();
    assert!(matches!(replace("", &old.key), tls::Error::Empty));
    assert!(matches!(replace(&old.chain, "junk"), tls::Error::Key(_)));
    assert!(matches!(replace(&old.chain, &other.key), tls::Error::Mismatch(_)));
    connect(address, &old, rustls::ALL_VERSIONS).await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_never_comes_is_closed_after_its_time() {
    let limits = Limits {
        handshake_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let (address, _certificate) = open(&world, &self_signed()).await;
    let mut silent = Client::connect(address).await;
    assert!(silent.is_closed().await);
    let mut plain = Client::connect(address).await;
    plain.send("POST / HTTP/1.1\r\n\r\n").await;
    while plain.try_response().await.is_some() {}
    assert_eq!(
        world.metric(r#"weft_http_refused_total{limit="handshake"}"#),
        Some(2.0)
    );
}

#[tokio::test]
async fn an_https_long_poll_ends_with_the_door() {
    let world = World::start().await;
    let pem = self_signed();
    let (address, _certificate) = open(&world, &pem).await;
    let mut client = Client::over(connect(address, &pem, rustls::ALL_VERSIONS).await.unwrap()).with_key(ROOT);
    let published = client.call("POST", PUBLISH, &[STRUCTURED], event("1")).await;
    assert_eq!(published.status, 200);
    client
        .send(client.request("POST", &receive("audit", 1), &[], ""))
        .await;
    assert_eq!(client.response().await.status, 200);
    client
        .send(client.request("POST", &receive("audit", 1), &[], ""))
        .await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(world.doors.shutdown(Duration::from_secs(10)).await.is_empty());
    assert_eq!(client.response().await.text(), r#"{"value":[]}"#);
}

#[tokio::test]
async fn an_https_connection_that_has_rested_serves_the_next_request_and_is_closed_with_manners() {
    let limits = Limits {
        idle_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let pem = self_signed();
    let (address, _certificate) = open(&world, &pem).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut client = Client::over(connect(address, &pem, &[version]).await.unwrap()).with_key(ROOT);
        tokio::time::sleep(Duration::from_millis(100)).await;
        for id in ["1", "2"] {
            client.publish(id).await;
            tokio::time::sleep(Duration::from_millis(1_300)).await;
        }
        // rustls takes an end without TLS's own goodbye for an error.
        assert!(client.is_closed().await);
    }
}
