//! Against a real HTTPS server.

use std::convert::Infallible;
use std::net::SocketAddr;

use auth::{Issuer, Mapping};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(20);
/// Long enough for some tries.
const SHORT_HICCUP: Duration = Duration::from_secs(2);

/// What is answered at a path: status, `location`, body.
type Answers = Arc<Mutex<Vec<(String, u16, Option<String>, Bytes)>>>;

/// An issuer on loopback, whose certificate nobody knows.
struct Server {
    address: SocketAddr,
    certificate: String,
    answers: Answers,
    asked: Arc<Mutex<Vec<String>>>,
    scope: TaskScope,
}

impl Server {
    async fn start() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            certificate: made.cert.pem(),
            answers: Answers::default(),
            asked: Arc::default(),
            scope: TaskScope::root(),
        };
        let (answers, asked) = (server.answers.clone(), server.asked.clone());
        let (acceptor, scope) = (TlsAcceptor::from(Arc::new(config)), server.scope.clone());
        server.scope.spawn("accept", async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, answers, asked) = (acceptor.clone(), answers.clone(), asked.clone());
                scope.spawn("connection", async move {
                    // A client that does not trust us ends it here.
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(move |request: Request<Incoming>| {
                        asked.lock().push(request.uri().path().to_owned());
                        let response = respond(&answers, request.uri().path());
                        async move { Ok::<_, Infallible>(response) }
                    });
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    fn set(&self, path: &str, status: u16, location: Option<String>, body: impl Into<Bytes>) {
        let mut answers = self.answers.lock();
        answers.retain(|(present, ..)| present != path);
        answers.push((path.to_owned(), status, location, body.into()));
    }

    fn publish(&self, ids: &[&str]) {
        let metadata = json!({"issuer": self.url(), "jwks_uri": format!("{}/keys", self.url())});
        self.set(METADATA, 200, None, metadata.to_string());
        self.set("/keys", 200, None, keys(ids).to_string());
    }

    fn issuer(&self) -> config::Issuer {
        config::Issuer {
            url: self.url(),
            audiences: vec!["weft".into()],
            prefix: "corp:".into(),
            username_claim: Some("email".into()),
            groups_claim: None,
            certificate_authority_pem: Some(self.certificate.clone()),
        }
    }

    /// It answers nobody any more.
    fn go_away(&self) {
        self.set(METADATA, 503, None, "");
    }

    fn count(&self, path: &str) -> usize {
        self.asked.lock().iter().filter(|asked| *asked == path).count()
    }
}

const METADATA: &str = "/.well-known/openid-configuration";

fn respond(answers: &Answers, path: &str) -> Response<Full<Bytes>> {
    let answers = answers.lock();
    let found = answers.iter().find(|(present, ..)| present == path);
    let (status, location, body) = found.map_or((404, None, Bytes::new()), |(_, status, location, body)| {
        (*status, location.clone(), body.clone())
    });
    let mut response = Response::builder().status(status);
    if let Some(location) = location {
        response = response.header("location", location);
    }
    response.body(Full::new(body)).unwrap()
}

fn keys(ids: &[&str]) -> Value {
    let key = |id: &&str| json!({"kty": "RSA", "kid": id, "alg": "RS256", "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9", "e": "AQAB"});
    json!({"keys": ids.iter().map(key).collect::<Vec<_>>()})
}

fn start(
    wanted: watch::Receiver<Vec<config::Issuer>>,
    folder: &TempDir,
    wants_keys: &Arc<Notify>,
    scope: &TaskScope,
) -> watch::Receiver<Issuers> {
    follow(wanted, folder, wants_keys, scope).issuers
}

fn follow(
    wanted: watch::Receiver<Vec<config::Issuer>>,
    folder: &TempDir,
    wants_keys: &Arc<Notify>,
    scope: &TaskScope,
) -> Following {
    let folder = folder.path().to_owned();
    Discovery::start_with(SHORT_HICCUP, wanted, folder, wants_keys.clone(), scope)
}

async fn refusal(issuer: &config::Issuer) -> String {
    let client = Client::new(issuer).unwrap();
    let answer = timeout(TIMEOUT, client.keys(&issuer.url)).await.unwrap();
    answer.expect_err("it is refused")
}

fn ids(issuers: &Issuers) -> Vec<String> {
    let keys = issuers.known.iter().flat_map(|issuer| issuer.keys.keys.clone());
    keys.filter_map(|key| key.common.key_id).collect()
}

async fn wait_for(issuers: &mut watch::Receiver<Issuers>, expected: &[&str]) {
    let fits = issuers.wait_for(|issuers| ids(issuers) == expected);
    timeout(TIMEOUT, fits).await.expect("it comes").unwrap();
}

#[tokio::test]
async fn an_issuer_is_trusted_with_the_keys_that_it_publishes() {
    let server = Server::start().await;
    server.publish(&["a"]);
    let (_wanted, wanted) = watch::channel(vec![server.issuer()]);
    let wants_keys = Arc::new(Notify::new());
    let folder = tempfile::tempdir().unwrap();
    let mut issuers = start(wanted, &folder, &wants_keys, &server.scope);
    assert_eq!(issuers.borrow().awaited, [server.url()], "from the first moment");
    wait_for(&mut issuers, &["a"]).await;
    let issuer = issuers.borrow().known[0].clone();
    assert!(issuers.borrow().awaited.is_empty());
    assert_eq!(issuer.url, server.url());
    assert_eq!(
        issuer.mapping,
        Mapping::Claims {
            prefix: "corp:".into(),
            username: "email".into(),
            groups: Some("groups".into()),
        }
    );
    // A token with a key that is not known.
    server.publish(&["a", "b"]);
    wants_keys.notify_waiters();
    wants_keys.notify_one();
    wait_for(&mut issuers, &["a", "b"]).await;
}

#[tokio::test]
async fn the_issuers_are_those_that_are_wanted_now() {
    let (one, other) = (Server::start().await, Server::start().await);
    one.publish(&["a"]);
    other.publish(&["b"]);
    let scope = TaskScope::root();
    let (change, wanted) = watch::channel(vec![one.issuer()]);
    let folder = tempfile::tempdir().unwrap();
    let mut issuers = start(wanted, &folder, &Arc::default(), &scope);
    wait_for(&mut issuers, &["a"]).await;
    change.send_replace(vec![one.issuer(), other.issuer()]);
    wait_for(&mut issuers, &["a", "b"]).await;
    change.send_replace(vec![other.issuer()]);
    wait_for(&mut issuers, &["b"]).await;
    let renamed = config::Issuer {
        prefix: "b:".into(),
        ..other.issuer()
    };
    change.send_replace(vec![renamed]);
    let has_prefix = |issuers: &Issuers| matches!(issuers.known.as_slice(), [Issuer { mapping: Mapping::Claims { prefix, .. }, .. }] if prefix == "b:");
    timeout(TIMEOUT, issuers.wait_for(has_prefix))
        .await
        .unwrap()
        .unwrap();
    assert!(scope.shutdown(PATIENCE).await.is_empty());
}

#[tokio::test]
async fn keys_stay_known_while_the_issuer_does_not_answer() {
    let server = Server::start().await;
    server.publish(&["a"]);
    let (_wanted, wanted) = watch::channel(vec![server.issuer()]);
    let wants_keys = Arc::new(Notify::new());
    let folder = tempfile::tempdir().unwrap();
    let mut issuers = start(wanted, &folder, &wants_keys, &server.scope);
    wait_for(&mut issuers, &["a"]).await;
    server.go_away();
    let asked = server.count(METADATA);
    wants_keys.notify_one();
    let asks_again = async {
        while server.count(METADATA) == asked {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TIMEOUT, asks_again).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(ids(&issuers.borrow()), ["a"]);
}

#[tokio::test]
async fn who_does_not_say_its_keys_is_told_when_it_is_no_hiccup_and_until_it_does() {
    let (good, bad) = (Server::start().await, Server::start().await);
    good.publish(&["a"]);
    bad.go_away();
    let folder = tempfile::tempdir().unwrap();
    let (change, wanted) = watch::channel(Vec::new());
    let wants_keys = Arc::new(Notify::new());
    let Following { mut troubles, .. } = follow(wanted, &folder, &wants_keys, &good.scope);
    assert_eq!(*troubles.borrow_and_update(), None, "none is wanted");
    change.send_replace(vec![good.issuer()]);
    wait_until(&mut troubles, |told| *told == Some(Vec::new())).await;
    let began = Instant::now();
    change.send_replace(vec![good.issuer(), bad.issuer()]);
    wait_until(&mut troubles, Option::is_none).await;
    wait_until(&mut troubles, Option::is_some).await;
    assert!(began.elapsed() >= SHORT_HICCUP, "{:?}", began.elapsed());
    let told = troubles.borrow().clone().unwrap();
    let [trouble] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!((&trouble.url, trouble.has_keys), (&bad.url(), false));
    assert!(trouble.reason.contains("503"), "{trouble:?}");
    bad.publish(&["b"]);
    wants_keys.notify_waiters();
    wants_keys.notify_one();
    wait_until(&mut troubles, |told| *told == Some(Vec::new())).await;
}

#[tokio::test]
async fn an_issuer_that_cannot_be_asked_is_told_at_once() {
    let server = Server::start().await;
    let broken = config::Issuer {
        certificate_authority_pem: Some("rubbish".to_owned()),
        ..server.issuer()
    };
    let (_wanted, wanted) = watch::channel(vec![broken]);
    let folder = tempfile::tempdir().unwrap();
    let Following { mut troubles, .. } = follow(wanted, &folder, &Arc::default(), &server.scope);
    wait_until(&mut troubles, Option::is_some).await;
    let told = troubles.borrow().clone().unwrap();
    let [trouble] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert!(!trouble.is_asked_again, "{trouble:?}");
}

type Told = Option<Vec<Trouble>>;

async fn wait_until(troubles: &mut watch::Receiver<Told>, fits: impl FnMut(&Told) -> bool) {
    let told = timeout(TIMEOUT, troubles.wait_for(fits)).await;
    told.expect("it is told").unwrap();
}

/// A folder with the keys of this issuer, and nobody who follows it any more.
async fn folder_of(server: &Server) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let scope = TaskScope::root();
    let (_wanted, wanted) = watch::channel(vec![server.issuer()]);
    let mut issuers = start(wanted, &folder, &Arc::default(), &scope);
    wait_for(&mut issuers, &["a"]).await;
    // They are kept a moment after they are given out.
    let is_kept = async {
        while kept::load(folder.path()).is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, is_kept).await.unwrap();
    assert!(scope.shutdown(TIMEOUT).await.is_empty());
    folder
}

#[tokio::test]
async fn a_restart_while_the_issuer_is_away_knows_its_keys() {
    let server = Server::start().await;
    server.publish(&["a"]);
    let folder = folder_of(&server).await;
    server.go_away();
    let (change, wanted) = watch::channel(vec![server.issuer()]);
    let wants_keys = Arc::new(Notify::new());
    let mut issuers = start(wanted, &folder, &wants_keys, &server.scope);
    assert_eq!(ids(&issuers.borrow()), ["a"], "at once");
    server.publish(&["b"]);
    wants_keys.notify_one();
    wait_for(&mut issuers, &["b"]).await;
    // What is not wanted any more is not kept either.
    change.send_replace(Vec::new());
    let is_forgotten = async {
        while !kept::load(folder.path()).is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, is_forgotten).await.unwrap();
}

#[tokio::test]
async fn keys_that_were_kept_of_another_or_under_another_authority_are_not_used() {
    let server = Server::start().await;
    let moved = config::Issuer {
        url: format!("{}/tenant", server.url()),
        ..server.issuer()
    };
    let elsewhere = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let vouched = config::Issuer {
        certificate_authority_pem: Some(elsewhere.cert.pem()),
        ..server.issuer()
    };
    for issuer in [moved, vouched] {
        server.publish(&["a"]);
        let folder = folder_of(&server).await;
        server.go_away();
        let url = issuer.url.clone();
        let (_wanted, wanted) = watch::channel(vec![issuer]);
        let scope = TaskScope::root();
        let issuers = start(wanted, &folder, &Arc::default(), &scope);
        assert_eq!(issuers.borrow().known, []);
        assert_eq!(issuers.borrow().awaited, [url]);
        assert!(scope.shutdown(TIMEOUT).await.is_empty());
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_replaced() {
    let server = Server::start().await;
    server.publish(&["a"]);
    for damaged in ["[{\"url\":", "{}", ""] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(kept::FILE), damaged).unwrap();
        let (_wanted, wanted) = watch::channel(vec![server.issuer()]);
        let mut issuers = start(wanted, &folder, &Arc::default(), &server.scope);
        wait_for(&mut issuers, &["a"]).await;
        let is_replaced = async {
            while kept::load(folder.path()).is_empty() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(TIMEOUT, is_replaced).await.unwrap();
    }
}

#[tokio::test]
async fn another_audience_or_prefix_does_not_cost_the_keys() {
    let server = Server::start().await;
    server.publish(&["a"]);
    let (change, wanted) = watch::channel(vec![server.issuer()]);
    let folder = tempfile::tempdir().unwrap();
    let mut issuers = start(wanted, &folder, &Arc::default(), &server.scope);
    wait_for(&mut issuers, &["a"]).await;
    server.go_away();
    let audiences = vec!["weft".to_owned(), "events".to_owned()];
    let changed = config::Issuer {
        audiences: audiences.clone(),
        prefix: "new:".into(),
        ..server.issuer()
    };
    change.send_replace(vec![changed]);
    timeout(TIMEOUT, issuers.changed()).await.unwrap().unwrap();
    let issuers = issuers.borrow().clone();
    assert_eq!(ids(&issuers), ["a"]);
    assert_eq!(issuers.known[0].audiences, audiences);
    assert_eq!(issuers.awaited, [""; 0]);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let server = Server::start().await;
    server.publish(&["a"]);
    let refused = refusal(&config::Issuer {
        certificate_authority_pem: None,
        ..server.issuer()
    })
    .await;
    assert!(refused.to_lowercase().contains("certificate"), "{refused}");
    assert_eq!(server.count(METADATA), 0);
    let no_certificate = config::Issuer {
        certificate_authority_pem: Some("rubbish".into()),
        ..server.issuer()
    };
    assert!(Client::new(&no_certificate).is_err());
}

#[tokio::test]
async fn what_is_not_https_is_not_asked() {
    let server = Server::start().await;
    let plain = config::Issuer {
        url: format!("http://localhost:{}", server.address.port()),
        ..server.issuer()
    };
    refusal(&plain).await;
    // Nor where an issuer says that its keys are.
    let metadata = json!({"issuer": server.url(), "jwks_uri": "http://localhost/keys"});
    server.set(METADATA, 200, None, metadata.to_string());
    let refused = refusal(&server.issuer()).await;
    assert!(refused.contains("http://localhost/keys"), "{refused}");
}

#[tokio::test]
async fn redirects_are_refused() {
    let server = Server::start().await;
    server.publish(&["a"]);
    server.set(METADATA, 302, Some(format!("{}/elsewhere", server.url())), "");
    let refused = refusal(&server.issuer()).await;
    assert!(refused.contains("redirects"), "{refused}");
    assert_eq!(server.count("/elsewhere"), 0);
}

#[tokio::test]
async fn an_answer_about_another_issuer_is_refused() {
    let server = Server::start().await;
    server.publish(&["a"]);
    let metadata =
        json!({"issuer": format!("{}/", server.url()), "jwks_uri": format!("{}/keys", server.url())});
    server.set(METADATA, 200, None, metadata.to_string());
    let refused = refusal(&server.issuer()).await;
    assert!(refused.contains("character by character"), "{refused}");
}

#[tokio::test]
async fn an_answer_without_end_is_refused() {
    let server = Server::start().await;
    server.publish(&["a"]);
    server.set("/keys", 200, None, vec![b' '; (1 << 20) + 1]);
    let refused = refusal(&server.issuer()).await;
    assert!(refused.contains("more than 1048576 bytes"), "{refused}");
}
