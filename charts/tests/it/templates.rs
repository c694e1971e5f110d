//! GitOps tools render a chart again and again, without a cluster: the result must follow from the values alone.

use crate::files::{path, read};
use crate::helm;

/// Functions of templates whose result is another one each time, or depends on the cluster.
const UNSTEADY: [&str; 14] = [
    "lookup",
    "randAlpha",
    "randAscii",
    "randNumeric",
    "randBytes",
    "randInt",
    "uuidv4",
    "genCA",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSignedCert",
    "htpasswd",
    "now",
    "getHostByName",
];

#[test]
fn no_template_asks_the_cluster_the_clock_or_chance() {
    for file in templates() {
        let text = read(&file);
        for action in text.split("{{").skip(1) {
            let action = action.split("}}").next().unwrap_or_default();
            if action.trim_start_matches(['-', ' ']).starts_with("/*") {
                continue;
            }
            let mut words = action.split(|c: char| !c.is_ascii_alphanumeric());
            assert!(!words.any(|word| UNSTEADY.contains(&word)), "{file}: {action}");
        }
    }
}

#[test]
fn there_are_no_hooks() {
    for file in templates() {
        assert!(!read(&file).contains("helm.sh/hook"), "{file}");
    }
}

#[test]
fn an_upgrade_renders_what_an_installation_renders() {
    let arguments = ["template", "weft", "weft", "--namespace", "weft-system"];
    let upgrade = [&arguments[..], &["--is-upgrade"]].concat();
    assert_eq!(helm::call(&upgrade), helm::render(&[]));
}

fn templates() -> Vec<String> {
    let mut files = Vec::new();
    for folder in ["charts/weft/templates", "charts/weft/templates/crds"] {
        for entry in std::fs::read_dir(path(folder)).expect("the folder is there") {
            let name = entry.expect("the folder can be read").file_name();
            files.push(format!("{folder}/{}", name.to_string_lossy()));
        }
    }
    files.retain(|file| path(file).is_file());
    assert!(files.len() > 8, "{files:?}");
    files
}
