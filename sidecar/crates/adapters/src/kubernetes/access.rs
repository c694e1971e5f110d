//! The way to the API server.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::reach::chain;

/// How long the API server keeps a watch open before we ask again. A connection that died without a word is found out
/// within this time, too.
pub(super) const WATCH_SECONDS: u32 = 120;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Directives for the log that go before the user's: the Kubernetes client reports every failed request as an error, and
/// an API server that is away for a while is none. What there is to say about it, this crate says itself.
pub const LOG_FILTER: &str = "kube_client::client=off,kube_client::client::tls=warn,kube_runtime=off";

/// How the API server is found, and who we are to it.
#[derive(Clone, Debug)]
pub enum Access {
    /// As every pod does it: the environment says where it is, the service account's token and authority lie in the file
    /// system and are read again when they are rotated.
    InCluster,
    /// Outside of a cluster.
    Kubeconfig(PathBuf),
}

impl Access {
    /// Does not connect yet.
    pub(super) async fn client(&self) -> Result<Client, String> {
        let mut config = match self {
            Self::InCluster => Config::incluster().map_err(|error| chain(&error))?,
            Self::Kubeconfig(path) => {
                let file = Kubeconfig::read_from(path).map_err(|error| chain(&error))?;
                let options = KubeConfigOptions::default();
                let config = Config::from_custom_kubeconfig(file, &options).await;
                config.map_err(|error| chain(&error))?
            }
        };
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // Longer than a watch may be silent.
        config.read_timeout = Some(Duration::from_secs(u64::from(WATCH_SECONDS) + 10));
        config.reset_reader_on_write = true;
        // Its tries would hide for minutes that the API server is not there.
        config.default_retry = false;
        Client::try_from(config).map_err(|error| chain(&error))
    }
}
