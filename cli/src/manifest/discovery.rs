//! Which files are manifests.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// More folders than any set of manifests has; it ends a walk through a whole disk.
const FOLDERS_MAX: usize = 10_000;
/// Folders that hold other people's JSON by the thousand.
const FOREIGN_FOLDERS: [&str; 2] = ["node_modules", "__pycache__"];

/// Finds the manifests below a root.
#[derive(Clone, Debug)]
pub(crate) struct Discovery {
    root: PathBuf,
    /// Never entered: local mode's own data, whose log changes all the time.
    excluded: PathBuf,
}

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In the order of their paths.
    pub(crate) files: BTreeSet<PathBuf>,
}

impl Discovery {
    /// `root` is a folder, or a single file. `excluded` is a folder that need not exist.
    pub(crate) fn new(root: &Path, excluded: &Path) -> Self {
        let excluded = fs::canonicalize(excluded).unwrap_or_else(|_| excluded.to_owned());
        Self {
            root: root.to_owned(),
            excluded,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether a walk would read a visible file of this name.
    pub(crate) fn is_read(&self, path: &Path) -> bool {
        let name = path.file_name().map_or(&b""[..], |name| name.as_encoded_bytes());
        !name.starts_with(b".") && is_manifest(path) || path.file_name() == self.root.file_name()
    }

    /// Walks. `enter` is called for each folder before it is read, so that a watch set there misses nothing.
    /// Hidden files and folders are left out, and links to folders are not followed.
    pub(crate) fn walk(&self, mut enter: impl FnMut(&Path)) -> io::Result<Found> {
        let mut found = Found::default();
        if !fs::metadata(&self.root)?.is_dir() {
            enter(
                self.root
                    .parent()
                    .filter(|path| !path.as_os_str().is_empty())
                    .unwrap_or(Path::new(".")),
            );
            found.files.insert(self.root.clone());
            return Ok(found);
        }
        let mut folders = vec![self.root.clone()];
        let mut visited = 0;
        while let Some(folder) = folders.pop() {
            visited += 1;
            if visited > FOLDERS_MAX {
                return Err(io::Error::other(format!("more than {FOLDERS_MAX} folders")));
            }
            enter(&folder);
            match fs::read_dir(&folder) {
                Ok(entries) => self.sort_out(entries, &mut folders, &mut found),
                // A folder that went away while we were walking holds nothing any more.
                Err(cause) if cause.kind() == io::ErrorKind::NotFound && folder != self.root => {}
                Err(cause) => {
                    return Err(io::Error::new(
                        cause.kind(),
                        format!("{}: {cause}", folder.display()),
                    ));
                }
            }
        }
        Ok(found)
    }

    fn sort_out(&self, entries: fs::ReadDir, folders: &mut Vec<PathBuf>, found: &mut Found) {
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => {
                    let foreign = FOREIGN_FOLDERS.iter().any(|folder| name == *folder);
                    if !foreign && !self.is_excluded(&path) {
                        folders.push(path);
                    }
                }
                Ok(_) if is_manifest(&path) && path.is_file() => {
                    found.files.insert(path);
                }
                _ => {}
            }
        }
    }

    fn is_excluded(&self, folder: &Path) -> bool {
        fs::canonicalize(folder).is_ok_and(|folder| folder == self.excluded)
    }
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| {
            ["yaml", "yml", "json"]
                .iter()
                .any(|known| extension.eq_ignore_ascii_case(known))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_visible_manifests_outside_the_data_folder_are_found() {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "a.yaml",
            "sub/b.yml",
            "sub/c.json",
            "notes.txt",
            ".hidden.yaml",
            ".git/d.yaml",
            "data/e.json",
            "node_modules/x/package.json",
        ] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let mut entered = Vec::new();
        let discovery = Discovery::new(dir.path(), &dir.path().join("data"));
        let found = discovery.walk(|folder| entered.push(folder.to_owned())).unwrap();
        let names: Vec<_> = found
            .files
            .iter()
            .map(|path| path.strip_prefix(dir.path()).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["a.yaml", "sub/b.yml", "sub/c.json"]);
        assert_eq!(entered, [dir.path().to_owned(), dir.path().join("sub")]);
    }

    #[test]
    fn a_single_file_is_a_set_of_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("all.manifest");
        fs::write(&file, "").unwrap();
        let found = Discovery::new(&file, Path::new("nowhere")).walk(|_| {}).unwrap();
        assert_eq!(found.files.into_iter().collect::<Vec<_>>(), [file]);
    }
}
