//! The command line.

use std::net::SocketAddr;

use clap::{Parser, ValueEnum};
use runtime::telemetry;

/// Turns Namespaces, Topics, EventSubscriptions and Hubs of `weft.dev` into running, configured brokers.
#[derive(Debug, Parser)]
#[command(name = "weft-operator", version)]
pub struct Args {
    /// Image of weft-sidecar that new and upgraded brokers run.
    #[arg(long, env = "WEFT_SIDECAR_IMAGE")]
    pub image: String,

    /// Version that upgrades of brokers are announced and approved as; this program's own if absent. For images of your
    /// own making: brokers are asked to upgrade when this or the image changes.
    #[arg(long, env = "WEFT_RELEASE_VERSION", default_value = env!("CARGO_PKG_VERSION"))]
    pub release_version: String,

    /// Kubernetes namespaces to look after, separated by commas; all of them if absent. With a list, no request leaves
    /// these namespaces, so that a Role in each is enough.
    #[arg(
        long,
        env = "WEFT_WATCH_NAMESPACES",
        value_delimiter = ',',
        value_name = "NAMES"
    )]
    pub watch_namespaces: Vec<String>,

    /// DNS domain of the cluster, for the names in certificates.
    #[arg(long, env = "WEFT_CLUSTER_DOMAIN", default_value = "cluster.local")]
    pub cluster_domain: String,

    /// Kubernetes namespace of the Lease `weft-operator`, by which several operators agree on one that acts. The one
    /// this program runs in if absent.
    #[arg(long, env = "WEFT_LEASE_NAMESPACE")]
    pub lease_namespace: Option<String>,

    /// Who this operator is among several: its pod's name. Two that run at the same time must differ.
    #[arg(long, env = "WEFT_IDENTITY")]
    pub identity: String,

    /// Where /healthz, /readyz and /metrics are answered.
    #[arg(long, default_value = "0.0.0.0:9464", value_name = "ADDRESS")]
    pub listen_operations: SocketAddr,

    /// How log lines look.
    #[arg(long, env = "WEFT_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// What is logged: a level, or a list of directives such as `info,operator=debug`.
    #[arg(long, env = "WEFT_LOG_LEVEL", default_value = "info", value_name = "FILTER")]
    pub log_level: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One readable line per event.
    Text,
    /// One JSON object per event.
    #[default]
    Json,
}

/// The client library logs every failed request as an error of its own. Requests fail in the life of a cluster; whoever
/// made one knows whether that matters and says so.
const QUIET: &str = "kube_client=off,kube_runtime=off,tower=off";

impl Args {
    /// Sends the process's logs to standard error.
    ///
    /// # Errors
    /// As [`telemetry::init`].
    pub fn init_logs(&self) -> Result<(), telemetry::Error> {
        let format = match self.log_format {
            LogFormat::Text => telemetry::Format::Text,
            LogFormat::Json => telemetry::Format::Json,
        };
        telemetry::init(format, &format!("{QUIET},{}", self.log_level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_separated_by_commas() {
        let line = "weft-operator --image i:1 --identity me --watch-namespaces shop,store";
        let args = Args::parse_from(line.split(' '));
        assert_eq!(args.watch_namespaces, ["shop", "store"]);
        assert_eq!(args.listen_operations.port(), 9464);
    }
}
