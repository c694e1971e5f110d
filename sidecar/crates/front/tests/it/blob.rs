//! The checkpoint store: what `BlobCheckpointStore` of each SDK sends, and what it reads in the answers.

#[path = "blob/addresses.rs"]
mod addresses;
#[path = "blob/blobs.rs"]
mod blobs;
#[path = "blob/claims.rs"]
mod claims;
#[path = "blob/credentials.rs"]
mod credentials;
#[path = "blob/lists.rs"]
mod lists;
#[path = "blob/refusals.rs"]
mod refusals;
#[path = "blob/signing.rs"]
mod signing;

use std::net::SocketAddr;

use front::{Limits, Listener};
use storage::memory::Store;

use crate::client::{Client, Response};
use crate::world::{ROOT, World};

/// A Namespace with a blob door.
pub(crate) struct Blobs {
    pub(crate) world: World,
    pub(crate) address: SocketAddr,
}

/// What every SDK sends.
pub(crate) const VERSION: &str = "x-ms-version: 2019-07-07";
/// A blob is written as a whole.
pub(crate) const BLOCK: &str = "x-ms-blob-type: BlockBlob";
/// Only if there is none.
pub(crate) const IF_NONE: &str = "if-none-match: *";

pub(crate) const OWNERSHIP: &str = "/checkpoints-of-shop/localhost/telemetry/$default/ownership/0";
pub(crate) const CHECKPOINT: &str = "/checkpoints-of-shop/localhost/telemetry/$default/checkpoint/0";
pub(crate) const LIST: &str = "/checkpoints-of-shop?restype=container&comp=list";

impl Blobs {
    pub(crate) async fn start() -> Self {
        Self::over(&Store::unbounded()).await
    }

    pub(crate) async fn over(store: &Store) -> Self {
        let world = World::over(store, Limits::default()).await;
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_address().unwrap();
        world.door.open_blob(listener, &world.doors);
        Self { world, address }
    }

    /// A client that may do everything.
    pub(crate) async fn client(&self) -> Client {
        self.stranger().await.with_key(ROOT)
    }

    /// A client without a credential.
    pub(crate) async fn stranger(&self) -> Client {
        Client::connect(self.address).await
    }
}

impl Client {
    /// Writes a blob and returns its ETag as the header has it.
    pub(crate) async fn put_blob(&mut self, target: &str, headers: &[&str], body: &str) -> String {
        let headers: Vec<&str> = [VERSION, BLOCK].iter().chain(headers).copied().collect();
        let response = self.call("PUT", target, &headers, body).await;
        assert_eq!(response.status, 201, "{target}: {response:?}");
        response.header("etag").expect("an ETag").to_owned()
    }

    pub(crate) async fn get(&mut self, target: &str) -> Response {
        self.call("GET", target, &[VERSION], "").await
    }

    /// A HEAD request, whose answer has the length of a body and no body.
    pub(crate) async fn head_of(&mut self, target: &str) -> Response {
        self.send(self.request("HEAD", target, &[VERSION], "")).await;
        self.head().await
    }
}

impl Response {
    /// The storage service's code, which header and body must agree on.
    pub(crate) fn storage_code(&self) -> &str {
        let code = self.header("x-ms-error-code").unwrap_or_default();
        if !self.body.is_empty() {
            let element = format!("<Error><Code>{code}</Code><Message>");
            assert!(self.text().contains(&element), "{self:?}");
        }
        code
    }
}

/// What stands between the first `<name>` and `</name>`.
pub(crate) fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// What stands between each `<name>` and `</name>`.
pub(crate) fn elements<'x>(xml: &'x str, name: &str) -> Vec<&'x str> {
    let open = format!("<{name}>");
    let close = format!("</{name}>");
    xml.split(&open)
        .skip(1)
        .filter_map(|rest| rest.split_once(&close))
        .map(|(text, _)| text)
        .collect()
}
