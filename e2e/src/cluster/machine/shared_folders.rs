//! Folders that a node binds its own over, so they have to exist on the machine. They are removed in the end, if they are
//! empty and no other cluster needs them.

use std::fs;

use anyhow::Context;

const FOLDERS: [&str; 2] = ["/var/lib/cni", "/var/lib/kubelet"];

pub(super) fn create() -> anyhow::Result<()> {
    for folder in FOLDERS {
        fs::create_dir_all(folder).with_context(|| format!("create {folder}"))?;
    }
    Ok(())
}

/// An empty folder of that name is of no use to a machine. But removing it would take away what is mounted there in
/// another mount namespace, without an error on either side.
pub(super) fn remove() {
    for folder in FOLDERS {
        if !is_mounted_somewhere(folder) {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Whether any process sees something mounted there.
fn is_mounted_somewhere(folder: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut mounts =
        processes.filter_map(|process| fs::read_to_string(process.path().join("mountinfo")).ok());
    // 36 35 98:0 /within/its/file/system /mounted/here …
    mounts.any(|text| text.lines().any(|line| line.split(' ').nth(4) == Some(folder)))
}
