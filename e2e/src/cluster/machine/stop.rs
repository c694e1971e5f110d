//! Takes a cluster away, however far it had come.

use std::{fs, time::Duration};

use anyhow::Context;

use super::{Node, Process, cgroups, network, shared_folders};
use crate::cluster::{settings::Settings, wait};

/// Removes every process, link, route, cgroup and file of the cluster of this name. Nothing to do is fine.
///
/// # Errors
/// When something does not go away; calling again goes on from there.
pub fn down(settings: &Settings) -> anyhow::Result<()> {
    // As it was started, whatever the environment says today.
    let settings = settings.running()?.unwrap_or_else(|| settings.clone());
    let state = settings.state_folder()?;
    if let Some(caretaker) = Process::from_file(&state.join("caretaker.process")) {
        caretaker.kill().context("stop the caretaker")?;
    }
    for number in 0..settings.nodes {
        Node::new(&settings, number)?.power_off()?;
    }
    network::remove(&settings)?;
    cgroups::remove(&settings)?;
    if state.exists() {
        // The last mounts go with their namespace, a moment after its last process.
        wait::until("the cluster's files to be free", Duration::from_secs(10), || {
            fs::remove_dir_all(&state).with_context(|| format!("remove {}", state.display()))
        })?;
    }
    shared_folders::remove();
    Ok(())
}
