//! The objects of three Namespaces, as files. `UPDATE_GOLDEN=1 cargo test -p operator` renews them; read the diff: what
//! changes in a pod template is what an upgrade changes for users.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::fixture::{CASES, Fixture};

#[test]
fn rendered_objects_are_what_the_golden_files_say() {
    for case in CASES {
        let objects: Vec<Value> = Fixture::new(case)
            .objects()
            .into_iter()
            .map(|object| object.value)
            .collect();
        let text = serde_json::to_string_pretty(&objects).unwrap() + "\n";
        agree(&file(&format!("{case}.json")), &text);
    }
}

/// A file in `tests/golden`.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn agree(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, text).unwrap();
    }
    let golden = fs::read_to_string(path).unwrap_or_default();
    let difference = golden.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        golden == text,
        "{} differs, first in {difference:?}; UPDATE_GOLDEN=1 renews it",
        path.display()
    );
}
