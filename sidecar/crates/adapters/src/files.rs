//! Small files on the volume that are replaced as a whole.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Replaces a file: its content is on the disk before its name is.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside: PathBuf = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

/// The JSON in the file of that name, if it is there and can be read: for what can be fetched anew.
pub(crate) fn load<T: DeserializeOwned>(folder: &Path, name: &str) -> Option<T> {
    let path = folder.join(name);
    let json = match fs::read(&path) {
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

/// Keeps `value` under that name. After a crash at any moment either it is there or what was there before.
pub(crate) fn store(folder: &Path, name: &str, value: &impl Serialize) -> io::Result<()> {
    replace(&folder.join(name), &serde_json::to_vec(value)?)?;
    File::open(folder)?.sync_all()
}
