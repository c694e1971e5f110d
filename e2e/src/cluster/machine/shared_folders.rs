//! Folders that a node binds its own over, so they have to exist on the machine. Those that did not are removed in the
//! end, if they are empty.

use std::{fs, path::Path};

use anyhow::Context;

const FOLDERS: [&str; 2] = ["/var/lib/cni", "/var/lib/kubelet"];

pub(super) fn create() -> anyhow::Result<()> {
    for folder in FOLDERS {
        fs::create_dir_all(folder).with_context(|| format!("create {folder}"))?;
    }
    Ok(())
}

/// An empty folder of that name is of no use to a machine either way.
pub(super) fn remove() {
    for folder in FOLDERS.map(Path::new) {
        let _ = fs::remove_dir(folder);
    }
}
