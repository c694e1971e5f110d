//! Keeps what pods have said. The kubelet deletes a pod's log with the pod; another link to the same file stays.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::cluster::machine::Machine;

/// `STATE/logs/NAMESPACE_POD_UID/CONTAINER/N.log`.
pub(in crate::cluster) fn kept_folder(machine: &Machine) -> PathBuf {
    machine.state_folder().join("logs")
}

/// Links every log that is not linked yet.
pub(super) fn keep(machine: &Machine) -> anyhow::Result<()> {
    let kept = kept_folder(machine);
    for node in machine.nodes()? {
        for pod in entries(&node.pod_logs()) {
            for container in entries(&pod) {
                for log in entries(&container) {
                    link(&node.pod_logs(), &log, &kept)?;
                }
            }
        }
    }
    Ok(())
}

fn link(root: &Path, log: &Path, kept: &Path) -> anyhow::Result<()> {
    let target = kept.join(log.strip_prefix(root).context("a log lies below its root")?);
    if target.exists() {
        return Ok(());
    }
    let folder = target.parent().context("a log lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    match fs::hard_link(log, &target) {
        // It went with its pod between the look and the link: a pod that ran for less than a moment.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.with_context(|| format!("link {}", log.display())),
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.path()).collect()
}
