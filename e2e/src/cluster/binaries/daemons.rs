//! Kubernetes' daemons, kubectl, CoreDNS and `pause`, from the Go module in `e2e/cluster`.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use crate::cluster::command;

/// As in `e2e/cluster/go.mod`.
pub const KUBERNETES_VERSION: &str = "v1.36.3";
/// As in `e2e/cluster/go.mod`.
pub const COREDNS_VERSION: &str = "v1.14.7";

const NAMES: [&str; 5] = [
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
];
const SOURCES: [&str; 6] = [
    "go.mod",
    "go.sum",
    "daemons/main.go",
    "coredns/main.go",
    "kubectl/main.go",
    "pause/main.go",
];

/// What they are made from.
pub(super) fn recipe() -> anyhow::Result<Vec<u8>> {
    let mut recipe = linker_flags().into_bytes();
    for source in SOURCES {
        let file = module().join(source);
        recipe.extend(fs::read(&file).with_context(|| format!("read {}", file.display()))?);
    }
    Ok(recipe)
}

/// Builds all of them into `folder`.
pub(super) fn build(folder: &Path) -> anyhow::Result<()> {
    let mut go = Command::new("go");
    go.current_dir(module()).env("CGO_ENABLED", "0");
    go.args(["build", "-mod=readonly", "-trimpath", "-ldflags", &linker_flags(), "-o"])
        .arg(folder.join("")) // The slash at the end makes it a folder to Go.
        .args(["./daemons", "./coredns", "./kubectl", "./pause"]);
    command::run(&mut go).context("build the programs of the cluster")?;
    for name in NAMES {
        let link = folder.join(name);
        if !link.exists() {
            symlink("daemons", &link).with_context(|| format!("link {}", link.display()))?;
        }
    }
    Ok(())
}

/// Without these the daemons call themselves v0.0.0-master and refuse each other.
fn linker_flags() -> String {
    let number = KUBERNETES_VERSION.trim_start_matches('v');
    let mut parts = number.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let values = [
        ("gitVersion", KUBERNETES_VERSION),
        ("gitMajor", major),
        ("gitMinor", minor),
        ("gitTreeState", "clean"),
        ("buildDate", "1970-01-01T00:00:00Z"),
    ];
    let settings = values.map(|(name, value)| format!(" -X k8s.io/component-base/version.{name}={value}"));
    format!("-s -w{}", settings.concat())
}

fn module() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_the_go_module() {
        let module = fs::read_to_string(module().join("go.mod")).expect("read go.mod");
        assert!(module.contains(&format!("\tk8s.io/kubernetes {KUBERNETES_VERSION}\n")));
        assert!(module.contains(&format!("\tgithub.com/coredns/coredns {COREDNS_VERSION}\n")));
    }
}
