//! A cluster on this machine: nodes are namespaces (network, mounts, processes, names) around a process that does
//! nothing, and the real daemons run in them. Killing that one process ends a node with all that is in it.
//!
//! The host gets a bridge, routes and cgroups, all called after the cluster, and takes them away with it. It reaches
//! pods and Services through the bridge, and pods reach the host on the bridge's own address.

mod cgroups;
mod control_plane;
mod names;
mod network;
mod node;
mod pki;
mod process;
mod shared_folders;
mod start;
mod stop;

use std::path::PathBuf;

use anyhow::Context;
use k8s_openapi::api::core::v1::Pod;

use super::settings::Settings;

pub use control_plane::CONTROL_PLANE;
pub use node::Node;
pub use pki::Pki;
pub(crate) use process::Process;
pub use start::up;
pub use stop::down;

/// A running cluster of this machine, for what only its owner may do: stop daemons, kill processes, power off.
#[derive(Debug, Clone)]
pub struct Machine {
    settings: Settings,
    state: PathBuf,
}

impl Machine {
    /// The one that `up` started with these settings' name.
    ///
    /// # Errors
    /// When there is none.
    pub fn running(settings: &Settings) -> anyhow::Result<Self> {
        let settings = settings
            .running()?
            .with_context(|| format!("no cluster `{}` is up: cargo run -p e2e -- up", settings.name))?;
        let state = settings.state_folder()?;
        Ok(Self { settings, state })
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Node 0 has the control plane.
    pub fn node(&self, number: u8) -> anyhow::Result<Node> {
        Node::new(&self.settings, number)
    }

    /// The one that a pod runs on.
    pub fn node_of(&self, pod: &Pod) -> anyhow::Result<Node> {
        let name = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let name = name.context("the pod runs nowhere yet")?;
        let node = self.nodes()?.into_iter().find(|node| node.name() == name);
        node.with_context(|| format!("find the node {name}"))
    }

    pub fn nodes(&self) -> anyhow::Result<Vec<Node>> {
        (0..self.settings.nodes).map(|number| self.node(number)).collect()
    }

    /// The cluster's authority, to make certificates that its pods trust.
    pub fn pki(&self) -> anyhow::Result<Pki> {
        Pki::load(self.state.join("pki"))
    }

    /// A folder that every node sees, for what pods are given by hostPath.
    pub fn state_folder(&self) -> &std::path::Path {
        &self.state
    }

    /// Whether its API server's process is there; says nothing about its health.
    pub fn is_alive(&self) -> bool {
        self.node(0)
            .is_ok_and(|node| node.is_on() && node.is_running("kube-apiserver"))
    }
}
