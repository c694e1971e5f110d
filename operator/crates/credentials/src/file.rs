//! Files that are either old or new, never half.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Only the owner may read it: keys.
const PRIVATE: u32 = 0o600;
/// Everybody may read it: certificates.
const PUBLIC: u32 = 0o644;

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{operation} {}: {cause}", path.display())]
pub struct Error {
    operation: &'static str,
    path: PathBuf,
    cause: io::Error,
}

/// Replaces the file at `path` by one that only its owner may read (mode 0600). After a crash it holds either what it
/// held before or all of `text`.
///
/// # Errors
/// When the folder of `path` does not exist, or cannot be written.
pub fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text.as_bytes(), PRIVATE)
}

/// The same for what everybody may read (mode 0644). A file that already holds `content` is left alone, so that
/// programs which watch it do not wake up.
pub(crate) fn write_public(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Error> {
    let content = content.as_ref();
    if found(path, fs::read(path))?.as_deref() == Some(content) {
        return Ok(());
    }
    write(path, content, PUBLIC)
}

/// The file's text, or `None` if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, Error> {
    found(path, fs::read_to_string(path))
}

fn found<T>(path: &Path, read: io::Result<T>) -> Result<Option<T>, Error> {
    match read {
        Ok(content) => Ok(Some(content)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error {
            operation: "read",
            path: path.to_owned(),
            cause,
        }),
    }
}

/// Creates a folder that only its owner may enter, with its parents. One that exists is left as it is.
pub(crate) fn create_private_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|cause| Error {
            operation: "create folder",
            path: path.to_owned(),
            cause,
        })
}

fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    replace(path, &temporary, content, mode).map_err(|cause| Error {
        operation: "write",
        path: path.to_owned(),
        cause,
    })
}

fn replace(path: &Path, temporary: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    // Left over from a crash: its mode may be another one, so it is not reused.
    match fs::remove_file(temporary) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_private_file_is_readable_by_its_owner_alone_even_where_an_open_one_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        fs::write(&path, "old").unwrap();
        fs::write(folder.path().join("keys.json.new"), "left over").unwrap();
        write_private(&path, "new").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("new"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_names_what_was_tried_and_the_path() {
        let error = write_private(Path::new("/nonexistent/keys.json"), "x")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("write /nonexistent/keys.json: "), "{error}");
    }

    #[test]
    fn a_public_file_that_has_not_changed_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle.pem");
        write_public(&path, "same").unwrap();
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        write_public(&path, "same").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
    }
}
