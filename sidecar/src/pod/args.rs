//! What the operator says when it starts a pod.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use adapters::kubernetes::{Access, LOG_FILTER, Pod};
use clap::{Parser, ValueEnum};
use config::objects;
use runtime::telemetry;

use super::report::Author;
use crate::Settings;

/// A stop waits for this many groups of tasks, one after the other.
const GROUPS: u32 = 6;

/// The data plane of one Namespace, in a pod.
#[derive(Debug, Parser)]
#[command(name = "weft-sidecar", version, about)]
pub struct Args {
    /// Name of the Namespace.
    #[arg(long, value_name = "NAME")]
    pub(super) name: String,

    /// The Kubernetes namespace that it is in.
    #[arg(long, value_name = "NAME")]
    kubernetes_namespace: String,

    /// `metadata.uid` of the Namespace. What was left behind by another one is not read.
    #[arg(long, value_name = "UID")]
    namespace_uid: String,

    /// Name of this pod; it reports to the ConfigMap NAME-report.
    #[arg(long, value_name = "NAME")]
    pod: String,

    /// `metadata.uid` of this pod.
    #[arg(long, value_name = "UID")]
    pod_uid: String,

    /// The volume: the log, and the configuration that was last in effect.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,

    /// Where the configuration is mounted: `head.json` and `00.json.gz` to `15.json.gz`.
    #[arg(long, value_name = "DIR")]
    config_dir: PathBuf,

    /// Where the secrets are mounted: `secrets.json` and `revision`.
    #[arg(long, value_name = "DIR")]
    secrets_dir: PathBuf,

    /// Opens the ports without TLS as well.
    #[arg(long)]
    plaintext: bool,

    /// The address to listen on. By default all of them, IPv6 included where there is any.
    #[arg(long, value_name = "ADDR")]
    listen: Option<IpAddr>,

    /// The port with TLS.
    #[arg(long, value_name = "PORT", default_value_t = objects::HTTPS_PORT)]
    https_port: u16,

    /// The port without TLS.
    #[arg(long, value_name = "PORT", default_value_t = objects::HTTP_PORT)]
    http_port: u16,

    /// The port for AMQP with TLS.
    #[arg(long, value_name = "PORT", default_value_t = objects::AMQPS_PORT)]
    amqps_port: u16,

    /// The port for AMQP without TLS.
    #[arg(long, value_name = "PORT", default_value_t = objects::AMQP_PORT)]
    amqp_port: u16,

    /// The port for checkpoints, with TLS.
    #[arg(long, value_name = "PORT", default_value_t = objects::BLOB_PORT)]
    blob_port: u16,

    /// The port for health, readiness and metrics.
    #[arg(long, value_name = "PORT", default_value_t = objects::OPERATIONS_PORT)]
    operations_port: u16,

    /// How long a stop may take. Kubernetes kills the pod after its `terminationGracePeriodSeconds`; this must be less.
    #[arg(long, value_name = "SECONDS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(5..))]
    stop_within: u64,

    /// Finds the API server outside of a cluster. Without it, the pod's service account is used.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// What is logged, say `info,storage=debug`.
    #[arg(long, value_name = "FILTER", env = "WEFT_LOG", default_value = "info")]
    log: String,

    /// How log lines look.
    #[arg(long, value_enum, env = "WEFT_LOG_FORMAT", default_value_t)]
    log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// One readable line per event.
    #[default]
    Text,
    /// One JSON object per event.
    Json,
}

impl Args {
    pub(super) fn log_format(&self) -> telemetry::Format {
        match self.log_format {
            LogFormat::Text => telemetry::Format::Text,
            LogFormat::Json => telemetry::Format::Json,
        }
    }

    pub(super) fn log_filter(&self) -> String {
        format!("{LOG_FILTER},{}", self.log)
    }

    pub(super) fn settings(&self) -> Settings {
        let listen = self.listen.unwrap_or_else(any_address);
        let at = |port| Some(SocketAddr::new(listen, port));
        Settings {
            https: at(self.https_port),
            http: at(self.http_port).filter(|_| self.plaintext),
            amqps: at(self.amqps_port),
            amqp: at(self.amqp_port).filter(|_| self.plaintext),
            blob: at(self.blob_port),
            operations: at(self.operations_port),
            checkpoint_path: Some(format!("{}/{}", self.kubernetes_namespace, self.name)),
            drain: Duration::from_secs(self.stop_within) / GROUPS,
            ..Settings::new(&self.data_dir)
        }
    }

    pub(super) fn pod(&self) -> Pod {
        Pod {
            kubernetes_namespace: self.kubernetes_namespace.clone(),
            namespace: self.name.clone(),
            namespace_uid: self.namespace_uid.clone(),
            pod: self.pod.clone(),
            config_dir: self.config_dir.clone(),
            secrets_dir: self.secrets_dir.clone(),
            data_dir: self.data_dir.clone(),
        }
    }

    pub(super) fn access(&self) -> Access {
        match &self.kubeconfig {
            Some(path) => Access::Kubeconfig(path.clone()),
            None => Access::InCluster,
        }
    }

    pub(super) fn author(&self) -> Author {
        Author {
            namespace: self.name.clone(),
            namespace_uid: self.namespace_uid.clone(),
            pod_uid: self.pod_uid.clone(),
        }
    }
}

/// `::` takes IPv4 as well, except where the system has no IPv6 at all.
fn any_address() -> IpAddr {
    let v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    match TcpListener::bind((v6, 0)) {
        Ok(_) => v6,
        Err(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn args(more: &[&str]) -> Args {
        let usual = "weft-sidecar --name shop --kubernetes-namespace team --namespace-uid n --pod shop-0 --pod-uid p \
                     --data-dir /var/lib/weft --config-dir /etc/weft/config --secrets-dir /etc/weft/secrets";
        Args::parse_from(usual.split_whitespace().chain(more.iter().copied()))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_port_without_tls_is_opened_only_on_demand() {
        let settings = args(&["--listen", "127.0.0.1"]).settings();
        assert_eq!(settings.https, Some("127.0.0.1:8443".parse().unwrap()));
        assert_eq!(settings.operations, Some("127.0.0.1:9464".parse().unwrap()));
        assert_eq!(settings.http, None);
        let settings = args(&["--listen", "127.0.0.1", "--plaintext"]).settings();
        assert_eq!(settings.http, Some("127.0.0.1:8080".parse().unwrap()));
    }

    #[test]
    fn all_groups_together_stop_within_what_was_said() {
        let settings = args(&["--stop-within", "30"]).settings();
        assert_eq!(settings.drain * GROUPS, Duration::from_secs(30));
    }

    #[test]
    fn the_users_filter_comes_after_ours() {
        assert!(args(&["--log", "debug"]).log_filter().ends_with("=off,debug"));
    }
}
