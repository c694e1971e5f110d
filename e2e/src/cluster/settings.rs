//! Which cluster: its name, its addresses, its folders.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

/// Longest name: the bridge and the nodes' links are called after it, and Linux allows 15 characters.
const NAME_LENGTH_MAX: usize = 11;

/// What is free to choose about a cluster of this machine. Another name and another network give a second one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Settings {
    /// Name of the cluster's bridge, cgroups and folder.
    #[arg(long, env = "WEFT_E2E_NAME", default_value = "weft-e2e")]
    pub name: String,
    /// Where its addresses begin: of 10.201, nodes get 10.201.0.0/24, pods 10.202.0.0/16, Services 10.203.0.0/16.
    #[arg(long, env = "WEFT_E2E_NETWORK", default_value = "10.201", value_parser = Network::parse)]
    pub network: Network,
    /// How many nodes.
    #[arg(long, env = "WEFT_E2E_NODES", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub nodes: u8,
}

impl Settings {
    /// What the environment says, or the defaults.
    pub fn from_environment() -> anyhow::Result<Self> {
        #[derive(clap::Parser)]
        struct Environment {
            #[command(flatten)]
            settings: Settings,
        }
        let environment = <Environment as clap::Parser>::try_parse_from(["e2e"])?;
        environment.settings.checked()
    }

    /// Refuses names that Linux would.
    pub fn checked(self) -> anyhow::Result<Self> {
        let letters = self
            .name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        ensure!(
            letters && !self.name.is_empty() && self.name.len() <= NAME_LENGTH_MAX,
            "the cluster's name `{}` is not 1 to {NAME_LENGTH_MAX} of a-z, 0-9 and -",
            self.name
        );
        Ok(self)
    }

    /// The folder of everything that this cluster writes; `down` removes it.
    pub fn state_folder(&self) -> anyhow::Result<PathBuf> {
        Ok(cache_folder()?.join("run").join(&self.name))
    }

    /// The kubeconfig of its administrator.
    pub fn kubeconfig(&self) -> anyhow::Result<PathBuf> {
        Ok(self.state_folder()?.join("admin.kubeconfig"))
    }

    /// What `up` wrote down of the cluster of this name, if there is one.
    pub fn running(&self) -> anyhow::Result<Option<Self>> {
        let file = self.state_folder()?.join("settings.json");
        match fs::read(&file) {
            Ok(text) => Ok(Some(
                serde_json::from_slice(&text).with_context(|| format!("read {}", file.display()))?,
            )),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {}", file.display())),
        }
    }

    /// Writes them down for [`running`](Self::running).
    pub fn save(&self) -> anyhow::Result<()> {
        let folder = self.state_folder()?;
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        fs::write(folder.join("settings.json"), serde_json::to_vec_pretty(self)?)
            .context("write the settings")
    }

    /// The node's place in the files: `STATE/n0`.
    pub fn node_folder(&self, node: u8) -> anyhow::Result<PathBuf> {
        Ok(self.state_folder()?.join(format!("n{node}")))
    }
}

/// `A.B`: the first two octets of the nodes' addresses. Pods follow at `A.(B+1)`, Services at `A.(B+2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    first: u8,
    second: u8,
}

impl Network {
    fn parse(text: &str) -> Result<Self, String> {
        let octets: Option<(u8, u8)> = text
            .split_once('.')
            .and_then(|(first, second)| Some((first.parse().ok()?, second.parse().ok()?)));
        match octets {
            Some((first, second)) if second <= 253 => Ok(Self { first, second }),
            _ => Err("write two octets, for example 10.201, the second at most 253".to_owned()),
        }
    }

    /// The host's address on the bridge; pods reach here what a test serves.
    pub fn host(self) -> String {
        format!("{}.{}.0.1", self.first, self.second)
    }

    pub fn node(self, node: u8) -> String {
        format!("{}.{}.0.{}", self.first, self.second, u16::from(node) + 2)
    }

    pub fn pods(self) -> String {
        format!("{}.{}.0.0/16", self.first, self.second + 1)
    }

    pub fn pods_of(self, node: u8) -> String {
        format!("{}.{}.{node}.0/24", self.first, self.second + 1)
    }

    pub fn services(self) -> String {
        format!("{}.{}.0.0/16", self.first, self.second + 2)
    }

    /// The ClusterIP of the API server.
    pub fn kubernetes_service(self) -> String {
        format!("{}.{}.0.1", self.first, self.second + 2)
    }

    /// The ClusterIP of CoreDNS.
    pub fn dns_service(self) -> String {
        format!("{}.{}.0.10", self.first, self.second + 2)
    }

    /// What every address of the cluster begins with.
    pub(super) fn prefixes(self) -> [String; 3] {
        [0, 1, 2].map(|step| format!("{}.{}.", self.first, self.second + step))
    }
}

/// `~/.cache/weft`.
pub(crate) fn cache_folder() -> anyhow::Result<PathBuf> {
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    Ok(Path::new(&home).join(".cache/weft"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ranges_lie_side_by_side() {
        let network = Network::parse("10.201").expect("it parses");
        assert_eq!(network.node(0), "10.201.0.2");
        assert_eq!(network.pods_of(1), "10.202.1.0/24");
        assert_eq!(network.services(), "10.203.0.0/16");
        assert!(Network::parse("10.254").is_err());
    }
}
