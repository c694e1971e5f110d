//! What a node's namespaces need before its daemons start.

use anyhow::Context;

use super::Node;
use crate::cluster::{command, machine::shared_folders};

/// Settings of the whole machine that the kubelet insists on writing. Files of the node's own lie over them, with the
/// values it wants, so that the machine keeps its own.
const MACHINE_WIDE: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

pub(super) fn run(node: &Node) -> anyhow::Result<()> {
    command::run(
        node.command("sh")?
            .args(["-euc", &script(node)?])
            .stdin(std::process::Stdio::null()),
    )
    .with_context(|| format!("set up {}", node.name()))?;
    Ok(())
}

fn script(node: &Node) -> anyhow::Result<String> {
    let mut lines = vec![
        format!("hostname {}", node.name()),
        // Volumes that are mounted for a pod have to appear in it.
        "mount --make-rshared /".to_owned(),
    ];
    lines.extend(network(node));
    lines.push("mount -t tmpfs -o mode=755 tmpfs /run".to_owned());
    lines.push("mkdir -p /run/lock /run/netns /run/settings".to_owned());
    for (folder, own) in [
        ("/var/log", "log"),
        ("/var/lib/cni", "cni"),
        ("/var/lib/kubelet", "kubelet"),
    ] {
        lines.push(format!("mount --bind {}/{own} {folder}", node.folder.display()));
    }
    lines.push("echo 1 > /proc/sys/net/ipv4/ip_forward".to_owned());
    lines.push("echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables".to_owned());
    for (setting, value) in MACHINE_WIDE {
        let file = format!("/run/settings/{}", setting.replace('/', "_"));
        lines.push(format!("echo {value} > {file}"));
        lines.push(format!("mount --bind {file} /proc/sys/{setting}"));
    }
    shared_folders::create()?;
    Ok(lines.join("\n"))
}

fn network(node: &Node) -> Vec<String> {
    let network = node.settings.network;
    let mut lines = vec![
        "ip link set lo up".to_owned(),
        format!("ip address add {}/24 dev eth0", node.address()),
        "ip link set eth0 up".to_owned(),
        format!("ip route add default via {}", network.host()),
    ];
    let others = (0..node.settings.nodes).filter(|&other| other != node.number);
    lines.extend(others.map(|other| {
        format!(
            "ip route add {} via {}",
            network.pods_of(other),
            network.node(other)
        )
    }));
    lines
}
