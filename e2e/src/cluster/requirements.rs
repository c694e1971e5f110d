//! What a machine must have for a cluster of its own.

use std::path::PathBuf;

use anyhow::bail;

/// The tools, and Debian's package of each.
const TOOLS: [(&str, &str); 10] = [
    ("apt-get", "apt"),
    ("cargo", "rustup (not packaged)"),
    ("dpkg-deb", "dpkg"),
    ("go", "Go 1.26 or newer from go.dev"),
    ("ip", "iproute2"),
    ("mount", "mount"),
    ("nft", "nftables"),
    ("nsenter", "util-linux"),
    ("python3", "python3-venv"),
    ("unshare", "util-linux"),
];

/// Names everything that is missing at once.
///
/// # Errors
/// When something is.
pub(super) fn check() -> anyhow::Result<()> {
    let mut missing = Vec::new();
    if !cfg!(target_os = "linux") {
        missing.push("Linux: its nodes are namespaces of this machine".to_owned());
    } else if !rustix::process::geteuid().is_root() {
        missing.push("root: its nodes have network, mount and process namespaces of their own".to_owned());
    }
    for (tool, package) in TOOLS {
        if find(tool).is_none() {
            missing.push(format!("{tool}, from {package}"));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "a cluster on this machine needs what is missing here:\n  - {}\n\
         Or name a running cluster in KUBECONFIG; e2e/README.md says how to load the images into it.",
        missing.join("\n  - ")
    )
}

/// Where a tool is, by PATH and then where an administrator's tools lie.
pub(crate) fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(tool))
        .find(|file| file.is_file())
}
