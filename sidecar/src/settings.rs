//! What the process around the data plane decides: where data lies, where it listens, how long a stop may take.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use checkpoint::CheckpointStore;
use front::Limits;

use crate::identity::Identity;

/// Settings of one running Namespace. They hold from start to stop; what changes live is in
/// [`Configuration`](crate::Configuration).
#[derive(Clone)]
pub struct Settings {
    /// Folder of this Namespace's log; created if it is not there. One process at a time may use it.
    pub data_dir: PathBuf,
    /// The door without TLS. `None`: there is none. Port 0 takes any free one.
    pub http: Option<SocketAddr>,
    /// The door with TLS. `None`: there is none.
    pub https: Option<SocketAddr>,
    /// AMQP without TLS. `None`: there is none.
    pub amqp: Option<SocketAddr>,
    /// AMQP with TLS. `None`: there is none.
    pub amqps: Option<SocketAddr>,
    /// Checkpoints for clients of Azure Storage, with TLS; containers lie at its root. `None`: only the other doors have
    /// them, at `/checkpoints`.
    pub blob: Option<SocketAddr>,
    /// `/healthz`, `/readyz`, `/metrics`. `None`: nobody can ask.
    pub operations: Option<SocketAddr>,
    /// Whose bearer tokens are believed, and what they allow.
    pub identity: Identity,
    /// Where the copy lies that an empty disk starts from, unless the document names an object store. `None`: in a
    /// folder beside `data_dir`, which has its name and `.checkpoints`.
    pub checkpoints: Option<Arc<dyn CheckpointStore>>,
    /// Where in an object store, below the document's URL: in a cluster `KUBERNETES_NAMESPACE/NAMESPACE`. `None`: under
    /// the Namespace's name.
    pub checkpoint_path: Option<String>,
    /// How long a stop waits for requests in flight, and then for the log. Default 10 s each. What misses it is logged
    /// by name and ends with the process.
    pub drain: Duration,
    /// Bounds of the doors, over all listeners together.
    pub limits: Limits,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Data in `data_dir`, any free ports of 127.0.0.1, default limits.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            data_dir: data_dir.into(),
            http: Some(any),
            https: Some(any),
            amqp: Some(any),
            amqps: Some(any),
            blob: Some(any),
            operations: Some(any),
            identity: Identity::default(),
            checkpoints: None,
            checkpoint_path: None,
            drain: Duration::from_secs(10),
            limits: Limits::default(),
        }
    }
}

/// Where the doors really are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// As [`Settings::http`], with the port that was taken.
    pub http: Option<SocketAddr>,
    /// As [`Settings::https`].
    pub https: Option<SocketAddr>,
    /// As [`Settings::amqp`].
    pub amqp: Option<SocketAddr>,
    /// As [`Settings::amqps`].
    pub amqps: Option<SocketAddr>,
    /// As [`Settings::blob`].
    pub blob: Option<SocketAddr>,
    /// As [`Settings::operations`].
    pub operations: Option<SocketAddr>,
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doors = [
            ("https", self.https),
            ("http", self.http),
            ("amqps", self.amqps),
            ("amqp", self.amqp),
            ("blob", self.blob),
            ("operations", self.operations),
        ];
        let open = doors
            .iter()
            .filter_map(|(door, address)| Some((door, (*address)?)));
        for (index, (door, address)) in open.enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{door} {address}")?;
        }
        Ok(())
    }
}
