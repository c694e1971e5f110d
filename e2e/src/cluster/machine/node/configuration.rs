//! The files that a node's daemons read.

use std::fs;

use anyhow::Context;
use serde_json::json;

use super::Node;
use crate::cluster::{
    images,
    machine::{cgroups, control_plane, pki::Pki},
};

pub(super) fn write(node: &Node, pki: &Pki) -> anyhow::Result<()> {
    for folder in ["daemons", "log", "cni", "kubelet", "containerd", "network"] {
        fs::create_dir_all(node.folder.join(folder)).context("create a folder of the node")?;
    }
    let name = node.name();
    let certificate = format!("kubelet-{name}");
    if !pki.file(&format!("{certificate}.crt")).is_file() {
        let names = [node.address(), name.clone()];
        pki.issue(
            &certificate,
            &format!("system:node:{name}"),
            Some("system:nodes"),
            &names,
        )?;
    }
    let server = control_plane::server(&node.settings);
    pki.kubeconfig(&certificate, &server, &node.folder.join("kubelet.kubeconfig"))?;
    let files = [
        ("containerd.toml", containerd(node)),
        ("network/pods.conflist", network(node)),
        ("kubelet.json", kubelet(node, pki)?),
        // Nobody serves names there: within the cluster only its own are known.
        (
            "resolv.conf",
            format!("nameserver {}\n", node.settings.network.host()),
        ),
    ];
    for (file, text) in files {
        let path = node.folder.join(file);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// For containerd 1.7. Its socket and state are at their usual places, which the node has for itself.
fn containerd(node: &Node) -> String {
    let cri = r#"plugins."io.containerd.grpc.v1.cri""#;
    let root = node.folder.display();
    let bin = node.state.join("bin");
    let bin = bin.display();
    let pause = images::PAUSE;
    format!(
        r#"version = 2
root = "{root}/containerd"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]
[plugins."io.containerd.internal.v1.opt"]
  path = "{root}/containerd/opt"
[{cri}]
  sandbox_image = "{pause}"
  # Without the capability CAP_SYS_RESOURCE the kernel refuses to lower it.
  restrict_oom_score_adj = true
[{cri}.cni]
  bin_dir = "{bin}/cni"
  conf_dir = "{root}/network"
[{cri}.containerd]
  snapshotter = "overlayfs"
[{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
  BinaryName = "{bin}/runc"
  SystemdCgroup = false
"#
    )
}

fn network(node: &Node) -> String {
    let pods = node.settings.network.pods_of(node.number);
    let bridge = json!({
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": true,
        // A pod may reach itself through its own Service.
        "hairpinMode": true,
        "ipam": {
            "type": "host-local",
            "dataDir": "/var/lib/cni/networks",
            "ranges": [[{"subnet": pods}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    });
    json!({"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}).to_string()
}

fn kubelet(node: &Node, pki: &Pki) -> anyhow::Result<String> {
    let certificate = |ending: &str| pki.file(&format!("kubelet-{}.{ending}", node.name()));
    let configuration = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address(),
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki.file("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": certificate("crt"),
        "tlsPrivateKeyFile": certificate("key"),
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroups::root(&node.settings, node.number),
        // Since 1.35 it refuses version 1 of cgroups unless told otherwise.
        "failCgroupV1": false,
        "failSwapOn": false,
        "makeIPTablesUtilChains": false,
        "clusterDNS": [node.settings.network.dns_service()],
        "clusterDomain": "cluster.local",
        "resolvConf": node.folder.join("resolv.conf"),
        "nodeStatusUpdateFrequency": "2s",
        "kubeAPIQPS": 1000,
        "kubeAPIBurst": 1000,
        "eventRecordQPS": 0,
        "serializeImagePulls": false,
        // What is killed comes back in seconds, the twentieth time too.
        "crashLoopBackOff": {"maxContainerRestartPeriod": "2s"},
        // Images came by hand and cannot be fetched again.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
    });
    serde_json::to_string_pretty(&configuration).context("write the kubelet's configuration")
}

impl Node {
    pub(in crate::cluster::machine) fn start_kubelet(&self) -> anyhow::Result<()> {
        let file = |name: &str| self.folder.join(name).display().to_string();
        self.start_daemon(
            "kubelet",
            &[
                format!("--config={}", file("kubelet.json")),
                format!("--kubeconfig={}", file("kubelet.kubeconfig")),
                format!("--hostname-override={}", self.name()),
                format!("--node-ip={}", self.address()),
            ],
        )
    }

    /// Only once the node is registered: asked before, it waits for seconds until it asks again.
    pub(in crate::cluster::machine) fn start_proxy(&self) -> anyhow::Result<()> {
        let kubeconfig = self.state.join("proxy.kubeconfig");
        self.start_daemon(
            "kube-proxy",
            &[
                format!("--kubeconfig={}", kubeconfig.display()),
                format!("--hostname-override={}", self.name()),
                "--proxy-mode=nftables".to_owned(),
                format!("--cluster-cidr={}", self.settings.network.pods()),
                // Connection tracking of the machine stays as it is.
                "--conntrack-max-per-core=0".to_owned(),
                "--conntrack-tcp-timeout-established=0".to_owned(),
                "--conntrack-tcp-timeout-close-wait=0".to_owned(),
            ],
        )
    }
}
