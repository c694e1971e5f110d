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
use serde_json::Value;

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
        let before = declared(&space);
        let said = space.kubectl(arguments("apply")).expect("applied again");
        let after = declared(&space);
        let pairs = before.iter().zip(&after);
        let written: Vec<_> = pairs.filter(|(before, after)| before != after).collect();
        assert!(
            written.is_empty() && before.len() == after.len(),
            "applying again wrote something: {said}{written:#?}"
        );
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

/// Every object of ours, as whoever applies it sees it.
fn declared(space: &Space) -> Vec<Value> {
    let mut objects = declared_of::<Namespace>(space);
    objects.extend(declared_of::<Topic>(space));
    objects.extend(declared_of::<EventSubscription>(space));
    objects.extend(declared_of::<Hub>(space));
    objects
}

fn declared_of<K: Kind + Serialize>(space: &Space) -> Vec<Value> {
    let objects = space.list::<K>().expect("listed");
    objects.iter().map(without_status).collect()
}

/// The operator writes a status when it likes, and with it the version.
fn without_status<K: Kind + Serialize>(object: &K) -> Value {
    let mut object = serde_json::to_value(object).expect("an object is JSON");
    object["status"] = Value::Null;
    object["metadata"]["resourceVersion"] = Value::Null;
    let fields = object["metadata"]["managedFields"].as_array_mut();
    fields
        .expect("the API server says who wrote what")
        .retain(|entry| entry["subresource"] != "status");
    object
}

fn kubectl(space: &Space, arguments: &[&str]) -> Output {
    assert!(Cluster::shared().kubectl().is_ok(), "kubectl is there");
    let mut kubectl = space
        .kubectl_command(arguments.iter().copied())
        .expect("kubectl is there");
    kubectl.output().expect("kubectl runs")
}
