//! The file in which the last good keys are kept: JSON, nothing secret.

use std::io;
use std::path::Path;

use super::found::Known;
use crate::files;

/// In the folder that was given.
pub(super) const FILE: &str = "issuer-keys.json";

/// What is kept, if it can be read. It is fetched anew in any case.
pub(super) fn load(folder: &Path) -> Vec<Known> {
    files::load(folder, FILE).unwrap_or_default()
}

/// Keeps `known`. After a crash at any moment either it is there or what was there before.
pub(super) fn store(folder: &Path, known: &[Known]) -> io::Result<()> {
    files::store(folder, FILE, &known)
}
