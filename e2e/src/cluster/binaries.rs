//! The programs of a cluster: built and downloaded at first need, kept under
//! `~/.cache/weft/cluster-VERSION-KEY/bin`, where KEY changes with whatever they are made from.

mod daemons;
mod debs;
mod helm;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use super::{progress::Progress, settings::cache_folder};

pub use daemons::{COREDNS_VERSION, KUBERNETES_VERSION};

/// Where they are.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Makes those that are missing. Minutes at first, nothing later.
    ///
    /// # Errors
    /// When something cannot be downloaded or built.
    pub fn prepare(progress: Progress) -> anyhow::Result<Self> {
        let cache = cache_folder()?;
        let _turn = turn(&cache)?;
        let folder = cache.join(format!("cluster-{KUBERNETES_VERSION}-{}", key()?));
        let binaries = Self {
            folder: folder.join("bin"),
        };
        fs::create_dir_all(&binaries.folder).context("create the folder of the programs")?;
        once(&folder, "debs", || {
            progress.say("downloading etcd, containerd, runc and the network plugins …");
            debs::unpack(&folder.join("debs"), &binaries.folder)
        })?;
        once(&folder, "daemons", || {
            progress.say(format!(
                "building Kubernetes {KUBERNETES_VERSION} and CoreDNS {COREDNS_VERSION}, minutes at first …"
            ));
            daemons::build(&binaries.folder)
        })?;
        Ok(binaries)
    }

    /// The folder to put in PATH.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Helm's path; built at first need.
    ///
    /// # Errors
    /// When it does not build.
    pub fn helm(progress: Progress) -> anyhow::Result<PathBuf> {
        let cache = cache_folder()?;
        let _turn = turn(&cache)?;
        helm::prepare(&cache, progress)
    }
}

/// Two programs at the same time would write the same files. The lock goes with the file.
fn turn(cache: &Path) -> anyhow::Result<File> {
    fs::create_dir_all(cache).with_context(|| format!("create {}", cache.display()))?;
    let lock = File::create(cache.join("cluster.lock")).context("create the lock")?;
    flock(&lock, FlockOperation::LockExclusive).context("wait for whoever else builds a cluster")?;
    Ok(lock)
}

/// Does a step unless its mark says that it was done to its end.
fn once(folder: &Path, step: &str, make: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mark = folder.join(format!(".{step}"));
    if mark.is_file() {
        return Ok(());
    }
    make()?;
    fs::write(&mark, b"").with_context(|| format!("mark {} as done", mark.display()))
}

/// Eight hexadecimal digits of everything that the programs are made from.
fn key() -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    hash.update(debs::recipe()?);
    hash.update(daemons::recipe()?);
    let digest = hash.finalize();
    Ok(digest[..4].iter().map(|byte| format!("{byte:02x}")).collect())
}
