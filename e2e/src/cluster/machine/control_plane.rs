//! etcd and Kubernetes' own controllers, on node 0.

use anyhow::Context;

use super::{Pki, node::Node};
use crate::cluster::settings::Settings;

/// In the order in which they start.
pub const CONTROL_PLANE: [&str; 4] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
];

const PORT: u16 = 6443;
const ETCD: &str = "http://127.0.0.1:2379";
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// Where the API server is, for everybody.
pub(super) fn server(settings: &Settings) -> String {
    format!("https://{}:{PORT}", settings.network.node(0))
}

/// Certificates and kubeconfigs of those who run once per cluster.
pub(super) fn write_credentials(settings: &Settings, pki: &Pki) -> anyhow::Result<()> {
    let network = settings.network;
    let mut names = vec![
        "127.0.0.1".to_owned(),
        network.node(0),
        // A test may serve in front of the API server on the host.
        network.host(),
        network.kubernetes_service(),
        "localhost".to_owned(),
    ];
    names.extend(
        [
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ]
        .map(str::to_owned),
    );
    pki.issue("apiserver", "kube-apiserver", None, &names)?;
    let masters = Some("system:masters");
    pki.issue("apiserver-kubelet", "kube-apiserver-kubelet-client", masters, &[])?;
    let state = settings.state_folder()?;
    for (file, user, group) in [
        ("admin", "kubernetes-admin", masters),
        ("controller-manager", "system:kube-controller-manager", None),
        ("scheduler", "system:kube-scheduler", None),
        ("proxy", "system:kube-proxy", None),
    ] {
        pki.issue(file, user, group, &[])?;
        pki.kubeconfig(file, &server(settings), &state.join(format!("{file}.kubeconfig")))?;
    }
    Ok(())
}

/// etcd and the API server, which wait for each other by themselves.
pub(super) fn start_store(node: &Node, pki: &Pki) -> anyhow::Result<()> {
    let state = node.settings().state_folder()?;
    let peers = "http://127.0.0.1:2380";
    node.start_daemon(
        "etcd",
        &[
            format!("--data-dir={}", state.join("etcd").display()),
            // The machine may lose a test cluster when it loses power.
            "--unsafe-no-fsync".to_owned(),
            format!("--listen-client-urls={ETCD}"),
            format!("--advertise-client-urls={ETCD}"),
            format!("--listen-peer-urls={peers}"),
            format!("--initial-advertise-peer-urls={peers}"),
            format!("--initial-cluster=default={peers}"),
        ],
    )?;
    node.start_daemon("kube-apiserver", &api_server(node.settings(), pki)?)
}

fn api_server(settings: &Settings, pki: &Pki) -> anyhow::Result<Vec<String>> {
    let network = settings.network;
    let file = |name: &str| pki.file(name).display().to_string();
    let flags = [
        ("etcd-servers", ETCD.to_owned()),
        ("bind-address", "0.0.0.0".to_owned()),
        ("advertise-address", network.node(0)),
        ("secure-port", PORT.to_string()),
        ("service-cluster-ip-range", network.services()),
        ("authorization-mode", "Node,RBAC".to_owned()),
        ("enable-admission-plugins", "NodeRestriction".to_owned()),
        ("allow-privileged", "true".to_owned()),
        // Pods of a dead node are replaced after seconds instead of minutes.
        ("default-not-ready-toleration-seconds", "5".to_owned()),
        ("default-unreachable-toleration-seconds", "5".to_owned()),
        ("client-ca-file", file("ca.crt")),
        ("tls-cert-file", file("apiserver.crt")),
        ("tls-private-key-file", file("apiserver.key")),
        ("kubelet-client-certificate", file("apiserver-kubelet.crt")),
        ("kubelet-client-key", file("apiserver-kubelet.key")),
        ("kubelet-certificate-authority", file("ca.crt")),
        // By default it dials a node by its name, which nobody resolves here.
        ("kubelet-preferred-address-types", "InternalIP".to_owned()),
        ("service-account-issuer", ISSUER.to_owned()),
        ("service-account-signing-key-file", file("tokens.key")),
        ("service-account-key-file", file("tokens.pub")),
    ];
    Ok(flags.map(|(name, value)| format!("--{name}={value}")).to_vec())
}

/// The controllers and the scheduler; they want a ready API server.
pub(super) fn start_controllers(node: &Node, pki: &Pki) -> anyhow::Result<()> {
    let state = node.settings().state_folder()?;
    let file = |name: &str| pki.file(name).display().to_string();
    let kubeconfig = |name: &str| format!("--kubeconfig={}", state.join(name).display());
    let manager = [
        kubeconfig("controller-manager.kubeconfig"),
        "--leader-elect=false".to_owned(),
        "--use-service-account-credentials=true".to_owned(),
        // At the default of 20 a second its dozens of controllers take seconds to begin.
        "--kube-api-qps=1000".to_owned(),
        "--kube-api-burst=1000".to_owned(),
        format!("--service-account-private-key-file={}", file("tokens.key")),
        format!("--root-ca-file={}", file("ca.crt")),
        format!("--cluster-signing-cert-file={}", file("ca.crt")),
        format!("--cluster-signing-key-file={}", file("ca.key")),
        "--node-monitor-grace-period=20s".to_owned(),
    ];
    node.start_daemon("kube-controller-manager", &manager)
        .context("start the controllers")?;
    let scheduler = [
        kubeconfig("scheduler.kubeconfig"),
        "--leader-elect=false".to_owned(),
        "--kube-api-qps=1000".to_owned(),
        "--kube-api-burst=1000".to_owned(),
    ];
    node.start_daemon("kube-scheduler", &scheduler)
        .context("start the scheduler")
}
