//! The cgroups that a node's kubelet works in: `/NAME/n0` in every hierarchy.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::cluster::settings::Settings;

/// How long the last processes may take to leave.
const REMOVE_DEADLINE: Duration = Duration::from_secs(10);

/// The controllers that the kubelet asks for, where there is one hierarchy for all.
const CONTROLLERS: &str = "+cpu +cpuset +memory +pids +io";

/// The kubelet's word for it.
pub(super) fn root(settings: &Settings, node: u8) -> String {
    format!("/{}/n{node}", settings.name)
}

/// Makes them; the kubelet insists on finding its root in every hierarchy.
pub(super) fn create(settings: &Settings, node: u8) -> anyhow::Result<()> {
    let (own, of_node) = (settings.name.clone(), format!("n{node}"));
    for hierarchy in hierarchies()? {
        let folder = hierarchy.join(&own);
        let leaf = folder.join(&of_node);
        fs::create_dir_all(&leaf).with_context(|| format!("create the cgroup {}", leaf.display()))?;
        for level in [&hierarchy, &folder, &leaf] {
            let control = level.join("cgroup.subtree_control");
            if control.is_file() {
                // Some controllers may be missing; the kubelet names those that it cannot do without.
                for controller in CONTROLLERS.split(' ') {
                    let _ = fs::write(&control, controller);
                }
            }
        }
    }
    Ok(())
}

/// Removes those of the cluster, once the processes in them have ended.
pub(super) fn remove(settings: &Settings) -> anyhow::Result<()> {
    remove_everywhere(Path::new(&settings.name))
}

/// Removes those of a node that has no more processes. A kubelet that finds the cgroups of containers that are gone
/// looks for each of them for seconds before it does anything else.
pub(super) fn remove_node(settings: &Settings, node: u8) -> anyhow::Result<()> {
    remove_everywhere(&Path::new(&settings.name).join(format!("n{node}")))
}

fn remove_everywhere(cgroup: &Path) -> anyhow::Result<()> {
    let start = Instant::now();
    // Where both versions are mounted, the container runtime makes some in the one that the kubelet does not use.
    let everywhere = [of_type("cgroup")?, of_type("cgroup2")?].concat();
    for hierarchy in everywhere {
        let folder = hierarchy.join(cgroup);
        while folder.exists() {
            remove_tree(&folder);
            if start.elapsed() > REMOVE_DEADLINE {
                bail!("processes are left in the cgroup {}", folder.display());
            }
            if folder.exists() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
    Ok(())
}

/// The ids, as the host counts them, of the processes of a container; its cgroup is called after it.
pub(super) fn processes(settings: &Settings, node: u8, container: &str) -> anyhow::Result<Vec<u32>> {
    let hierarchy = hierarchies()?
        .into_iter()
        .next()
        .context("find a cgroup hierarchy")?;
    let root = hierarchy.join(&settings.name).join(format!("n{node}"));
    let Some(folder) = find(&root, container) else {
        bail!("no container {container} runs on n{node} ({})", root.display());
    };
    let ids = fs::read_to_string(folder.join("cgroup.procs")).context("read the container's processes")?;
    Ok(ids.lines().filter_map(|line| line.parse().ok()).collect())
}

/// Version 1 has a hierarchy per controller, version 2 a single one.
fn hierarchies() -> anyhow::Result<Vec<PathBuf>> {
    let first = of_type("cgroup")?;
    if first.is_empty() {
        return of_type("cgroup2");
    }
    Ok(first)
}

/// Where file systems of a type are mounted.
fn of_type(wanted: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("read the mounts")?;
    let folders = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (folder, kind) = (fields.next()?, fields.next()?);
        (kind == wanted).then(|| PathBuf::from(folder))
    });
    Ok(folders.collect())
}

fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    for child in folders(folder) {
        if child.ends_with(name) {
            return Some(child);
        }
        if let Some(found) = find(&child, name) {
            return Some(found);
        }
    }
    None
}

fn remove_tree(folder: &Path) {
    for child in folders(folder) {
        remove_tree(&child);
    }
    let _ = fs::remove_dir(folder);
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .map(|entries| entries.flatten().collect::<Vec<_>>())
        .unwrap_or_default();
    entries
        .into_iter()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}
