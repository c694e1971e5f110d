//! What was applied is what is there: tools that compare the two, as `kubectl diff` and GitOps controllers do, find no
//! difference, and applying again changes nothing.

use std::{
    path::{Path, PathBuf},
    process::Output,
};

use crds::v1alpha1::{EventSubscription, Hub, Namespace, Topic};
use e2e::cluster::{Cluster, Kind, Space};
use kube::ResourceExt as _;
use serde::Serialize;

use crate::{fixture::SOON, harness};

#[test]
fn examples_applied_by_the_client_show_no_difference() {
    let _together = harness::together();
    check("diff-client", &[]);
}

#[test]
fn examples_applied_by_the_server_show_no_difference() {
    let _together = harness::together();
    check("diff-server", &["--server-side"]);
}

fn check(prefix: &str, mode: &[&str]) {
    for example in examples() {
        let space = Space::create(prefix).expect("a space");
        let folder = example.display().to_string();
        let arguments = |verb: &'static str| [&[verb, "-f", folder.as_str()], mode].concat();
        space
            .kubectl(arguments("apply"))
            .unwrap_or_else(|error| panic!("apply {folder}: {error:#}"));
        wait_until_ready(&space);
        let output = kubectl(&space, &arguments("diff"));
        assert!(
            output.status.success(),
            "{folder} differs from what is there:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let before = versions(&space);
        let said = space.kubectl(arguments("apply")).expect("applied again");
        assert_eq!(versions(&space), before, "applying again wrote something: {said}");
    }
}

/// Every folder of `examples/` with a manifest in it.
fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let entries = std::fs::read_dir(folder).expect("the examples are there");
    let examples: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    assert!(examples.len() > 1, "{examples:?}");
    examples
}

fn wait_until_ready(space: &Space) {
    ready::<Namespace>(space);
    ready::<Topic>(space);
    ready::<EventSubscription>(space);
    ready::<Hub>(space);
}

fn ready<K: Kind + Serialize>(space: &Space) {
    for object in space.list::<K>().expect("listed") {
        space
            .wait_ready::<K>(&object.name_any(), SOON)
            .expect("an example becomes ready");
    }
}

fn versions(space: &Space) -> Vec<(String, Option<String>)> {
    let mut versions = versions_of::<Namespace>(space);
    versions.extend(versions_of::<Topic>(space));
    versions.extend(versions_of::<EventSubscription>(space));
    versions.extend(versions_of::<Hub>(space));
    versions
}

fn versions_of<K: Kind>(space: &Space) -> Vec<(String, Option<String>)> {
    let objects = space.list::<K>().expect("listed");
    objects
        .iter()
        .map(|one| (one.name_any(), one.resource_version()))
        .collect()
}

fn kubectl(space: &Space, arguments: &[&str]) -> Output {
    assert!(Cluster::shared().kubectl().is_ok(), "kubectl is there");
    let mut kubectl = space
        .kubectl_command(arguments.iter().copied())
        .expect("kubectl is there");
    kubectl.output().expect("kubectl runs")
}
