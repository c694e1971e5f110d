//! The file in which the last good keys are kept: JSON, nothing secret.

use std::io;
use std::path::Path;

use auth::JwkSet;
use serde::{Deserialize, Serialize};

use crate::files;

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
    files::load(folder, FILE)
}

/// Keeps `kept`. After a crash at any moment either it is there or what was there before.
pub(super) fn store(folder: &Path, kept: &Kept) -> io::Result<()> {
    files::store(folder, FILE, kept)
}
