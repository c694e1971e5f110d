//! Files of the repository.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A file or folder, by its path from the root of the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The documents of a YAML text; those that hold nothing are left out.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    all.into_iter().filter(|document| !document.is_null()).collect()
}

/// Compares a file with what it should hold, or writes it.
#[expect(
    clippy::disallowed_methods,
    reason = "UPDATE_GOLDEN is how golden files are renewed"
)]
pub(crate) fn agree(name: &str, wanted: &str) {
    let file = path(name);
    if std::env::var("UPDATE_GOLDEN").is_ok() {
        std::fs::write(&file, wanted).expect("golden files can be written");
    }
    let stored = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        stored == wanted,
        "{name} is out of date: UPDATE_GOLDEN=1 cargo test -p charts"
    );
}
