//! A Kubernetes API server in memory: what a client of single objects needs, and the faults that it has to bear.
//!
//! It lists, watches, gets and merge-patches namespaced objects of the core group, by name. It knows no schema, no users
//! and no rights.

mod respond;
mod store;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use runtime::{TaskScope, accept_one};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use store::Store;

/// A running server. It stops with its scope.
#[derive(Clone, Debug)]
pub struct ApiServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    store: Mutex<Store>,
    /// The store changed, or everybody has to go.
    changed: Notify,
    requests: Mutex<Vec<Request>>,
    failing: Mutex<Option<u16>>,
}

/// A request that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// As on the wire.
    pub method: String,
    /// With the query.
    pub target: String,
}

impl ApiServer {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start(scope: &TaskScope) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound port has an address");
        let server = Self {
            address,
            shared: Arc::default(),
        };
        scope.spawn(
            "api server",
            accept(listener, server.shared.clone(), scope.clone()),
        );
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A kubeconfig that leads here.
    pub fn kubeconfig(&self) -> String {
        kubeconfig(self.address)
    }

    /// Creates or replaces an object of `resource`, say `configmaps`; its name and namespace are in its metadata.
    pub fn put(&self, resource: &str, object: Value) {
        self.shared.store.lock().put(resource, object);
        self.shared.changed.notify_waiters();
    }

    /// Deletes an object.
    pub fn remove(&self, resource: &str, name: &str) {
        self.shared.store.lock().remove(resource, name);
        self.shared.changed.notify_waiters();
    }

    /// An object as it is now.
    pub fn get(&self, resource: &str, name: &str) -> Option<Value> {
        self.shared.store.lock().get(resource, name)
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().clone()
    }

    /// Answers every request with this status and cuts all watches; `None` ends it.
    pub fn fail_with(&self, status: Option<u16>) {
        *self.shared.failing.lock() = status;
        self.shared.changed.notify_waiters();
    }
}

/// A kubeconfig that leads to `address`, whether or not anybody listens there.
pub fn kubeconfig(address: SocketAddr) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters: [{{name: test, cluster: {{server: \"http://{address}\"}}}}]\n\
         contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n\
         users: [{{name: test, user: {{}}}}]\n"
    )
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, scope: TaskScope) {
    loop {
        tokio::select! {
            () = scope.cancelled() => return,
            (stream, _) = accept_one(&listener) => {
                scope.spawn("api connection", serve(stream, shared.clone(), scope.clone()));
            }
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, scope: TaskScope) {
    let service = service_fn(async |request| Ok::<_, Infallible>(respond::respond(&shared, request).await));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = scope.cancelled() => {}
        // A client that goes away is none of a test's business.
        _ = connection => {}
    }
}
