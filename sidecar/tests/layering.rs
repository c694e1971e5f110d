//! Who may depend on whom. The compiler refuses cycles; this refuses the quiet edges, such as `config → broker`.
//!
//! A new edge between our crates is a decision about the architecture: it is made here, in one line of one of the two
//! constants, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate may use in what it ships (normal, build and target dependencies).
const ALLOWED: &[(&str, &[&str])] = &[
    // The words and documents that everybody may read; they see nothing of ours.
    ("model", &[]),
    ("amqp", &[]),
    ("config", &[]),
    ("crds", &[]),
    ("credentials", &[]),
    // The data plane, from the bottom up.
    ("runtime", &["model"]),
    ("storage", &["model", "runtime"]),
    ("auth", &["model"]),
    ("broker", &["auth", "model", "runtime", "storage"]),
    ("checkpoint", &["model", "runtime"]),
    ("front", &["amqp", "auth", "broker", "model", "runtime"]),
    (
        "sidecar",
        &[
            "adapters",
            "auth",
            "broker",
            "checkpoint",
            "config",
            "front",
            "model",
            "runtime",
            "storage",
        ],
    ),
    (
        "adapters",
        &[
            "auth",
            "broker",
            "checkpoint",
            "config",
            "model",
            "runtime",
            "storage",
        ],
    ),
    // The control plane and the tool.
    ("plan", &["config", "crds"]),
    ("operator", &["config", "crds", "credentials", "plan", "runtime"]),
    (
        "cli",
        &["config", "crds", "credentials", "plan", "runtime", "sidecar"],
    ),
    // For tests.
    ("testkit", &["model", "runtime"]),
    // The benchmark's loader encodes frames with our codec before it sends them, to our peers as well.
    ("e2e", &["amqp", "crds", "runtime"]),
    ("charts", &[]),
];

/// What a crate's own tests and benches may use on top. Everybody may use `testkit`.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] = &[
    // A door is tested with a real broker behind it, which needs a log (in memory).
    ("front", &["storage"]),
    // The whole process is tested over HTTPS, with certificates from where the product gets them.
    ("sidecar", &["credentials"]),
    // Health checks are tried on every reason that there is.
    ("charts", &["crds"]),
];

type Edges = BTreeMap<String, BTreeSet<String>>;

#[test]
fn our_crates_depend_only_on_what_the_architecture_allows() {
    let workspace = Workspace::read();
    let quiet: Vec<_> = workspace
        .shipped
        .iter()
        .flat_map(|(from, targets)| targets.iter().map(move |to| (from, to)))
        .filter(|(from, to)| !row(ALLOWED, from).contains(&to.as_str()))
        .map(|(from, to)| format!("{from} → {to}"))
        .collect();
    assert!(
        quiet.is_empty(),
        "edges that nobody allowed (see ALLOWED in this file): {}",
        quiet.join(", ")
    );
}

#[test]
fn tests_reach_only_for_testkit_and_what_is_listed() {
    let workspace = Workspace::read();
    let quiet: Vec<_> = workspace
        .in_tests
        .iter()
        .flat_map(|(from, targets)| targets.iter().map(move |to| (from, to)))
        .filter(|(from, to)| {
            let to = to.as_str();
            to != "testkit" && !row(ALLOWED, from).contains(&to) && !row(ALLOWED_IN_TESTS, from).contains(&to)
        })
        .map(|(from, to)| format!("{from} → {to}"))
        .collect();
    assert!(
        quiet.is_empty(),
        "test edges that nobody allowed: {}",
        quiet.join(", ")
    );
}

#[test]
fn every_crate_has_its_row_and_every_row_its_crate() {
    let members: BTreeSet<_> = Workspace::read().members;
    let rows: BTreeSet<_> = ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(
        members, rows,
        "the workspace (left) and ALLOWED (right) name different crates"
    );
}

struct Workspace {
    members: BTreeSet<String>,
    shipped: Edges,
    in_tests: Edges,
}

impl Workspace {
    fn read() -> Self {
        let metadata = MetadataCommand::new()
            .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
            .no_deps()
            .exec()
            .expect("cargo metadata describes the workspace");
        let members: BTreeSet<String> = metadata
            .packages
            .iter()
            .map(|package| package.name.to_string())
            .collect();
        let (mut shipped, mut in_tests) = (Edges::new(), Edges::new());
        for package in &metadata.packages {
            // A path is what makes a dependency ours; a crate of the same name from a registry has none.
            for dependency in package
                .dependencies
                .iter()
                .filter(|dependency| dependency.path.is_some())
            {
                let edges = match dependency.kind {
                    DependencyKind::Development => &mut in_tests,
                    _ => &mut shipped,
                };
                edges
                    .entry(package.name.to_string())
                    .or_default()
                    .insert(dependency.name.clone());
            }
        }
        Self {
            members,
            shipped,
            in_tests,
        }
    }
}

fn row<'a>(table: &'a [(&str, &'a [&'a str])], name: &str) -> &'a [&'a str] {
    table
        .iter()
        .find(|(row, _)| *row == name)
        .map_or(&[], |(_, targets)| targets)
}
