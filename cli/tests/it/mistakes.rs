//! Each kind of mistake, with the whole message that a user reads.
//!
//! `golden/NAME.yaml` is run, `golden/NAME.txt` is what it says; `UPDATE_GOLDEN=1 cargo test -p cli` renews the texts.

use std::fs;
use std::path::Path;

use crate::home::Home;

#[test]
fn every_mistake_gives_file_line_field_rule_and_fix() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut names: Vec<_> = fs::read_dir(&golden)
        .unwrap()
        .filter_map(|entry| {
            Some(
                entry
                    .unwrap()
                    .file_name()
                    .to_str()?
                    .strip_suffix(".yaml")?
                    .to_owned(),
            )
        })
        .collect();
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        let manifest = fs::read_to_string(golden.join(format!("{name}.yaml"))).unwrap();
        let home = Home::with(&[(&format!("{name}.yaml"), &manifest)]);
        let said = home.run(&["dev", "manifests"]);
        assert_eq!(
            (said.code, said.stdout.as_str()),
            (3, ""),
            "{name}: {}",
            said.stderr
        );
        assert!(
            !home.data().join("state.json").exists(),
            "{name}: a set with a mistake gives no uid"
        );
        let expected = golden.join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected, &said.stderr).unwrap();
        }
        assert_eq!(said.stderr, fs::read_to_string(&expected).unwrap(), "{name}");
    }
}
