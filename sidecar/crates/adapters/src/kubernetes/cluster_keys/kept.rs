//! The file in which the last good keys are kept: JSON, nothing secret.

use std::io;
use std::path::Path;

use auth::JwkSet;
use serde::{Deserialize, Serialize};

use crate::kubernetes::kept::replace;

/// In the folder that was given.
pub(super) const FILE: &str = "cluster-keys.json";

/// Who signs, and with what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) issuer: String,
    pub(super) keys: JwkSet,
}

/// What is kept, if it can be read. It is fetched anew in any case.
pub(super) fn load(folder: &Path) -> Option<Kept> {
    let path = folder.join(FILE);
    let json = match std::fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!("read {}: {error}", path.display());
            return None;
        }
    };
    let kept = serde_json::from_slice(&json);
    kept.inspect_err(|error| tracing::warn!("{} cannot be used: {error}", path.display()))
        .ok()
}

/// Keeps `kept`. After a crash at any moment either it is there or what was there before.
pub(super) fn store(folder: &Path, kept: &Kept) -> io::Result<()> {
    replace(&folder.join(FILE), &serde_json::to_vec(kept)?)?;
    std::fs::File::open(folder)?.sync_all()
}
