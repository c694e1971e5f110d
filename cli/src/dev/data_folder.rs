//! The data folder of local mode.
//!
//! ```text
//! DATA/lock               held by the one `weft dev` that runs on it
//! DATA/state.json         uids, ports, what has departed                          0600
//! DATA/issuer.pem         the key that signs the developer's tokens               0600
//! DATA/NAMESPACE.env      the settings that programs need                         0600
//! DATA/NAMESPACE.token    the developer's token for a Namespace                   0600
//! DATA/namespaces/UID/    log/ and credentials/ of one Namespace                  0700
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::failure::{Exit, Failure};

/// The folder, locked for this process.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// The lock goes when the file is closed, however the process ends.
    _lock: File,
}

impl DataFolder {
    /// Creates the folder if need be, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |cause: &dyn std::fmt::Display| {
            Failure::machine(format!("use the data folder {}", path.display()), cause)
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|cause| failed(&cause))?;
        // Absolute, because programs with other working folders read the paths in the .env files.
        let path = fs::canonicalize(path).map_err(|cause| failed(&cause))?;
        let mut lock = open_lock(&path).map_err(|cause| failed(&cause))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(&path, &mut lock)),
            Err(TryLockError::Error(cause)) => return Err(failed(&cause)),
        }
        lock.set_len(0)
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .map_err(|cause| failed(&cause))?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn state_file(&self) -> PathBuf {
        state_file(&self.path)
    }

    pub(crate) fn env_file(&self, namespace: &str) -> PathBuf {
        crate::connection::env_file(&self.path, namespace)
    }

    pub(crate) fn token_file(&self, namespace: &str) -> PathBuf {
        self.path.join(format!("{namespace}.token"))
    }

    pub(crate) fn issuer_file(&self) -> PathBuf {
        self.path.join("issuer.pem")
    }

    /// The folder of one Namespace's data. Another uid is other data, whatever the Namespace's name.
    pub(crate) fn namespace(&self, uid: Uuid) -> PathBuf {
        self.path.join("namespaces").join(uid.to_string())
    }
}

/// What `weft dev` remembers in the folder `data`.
pub(crate) fn state_file(data: &Path) -> PathBuf {
    data.join("state.json")
}

fn open_lock(folder: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join("lock"))
}

fn locked(path: &Path, lock: &mut File) -> Failure {
    let mut holder = String::new();
    let process = match lock.read_to_string(&mut holder) {
        Ok(_) if !holder.is_empty() => format!(" (process {holder})"),
        _ => String::new(),
    };
    Failure::new(
        Exit::Locked,
        format!(
            "another `weft dev`{process} runs on the data folder {}",
            path.display()
        ),
    )
    .with_next("use that one, stop it, or give this one a folder of its own with --data DIR")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_has_one_user_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataFolder::open(dir.path()).unwrap();
        let failure = DataFolder::open(dir.path()).unwrap_err();
        let holder = format!("(process {})", std::process::id());
        assert!(failure.to_string().contains(&holder), "{failure}");
        drop(first);
        DataFolder::open(dir.path()).unwrap();
    }
}
