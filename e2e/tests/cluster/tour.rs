//! The five-minute tour: the quickstart's manifests, and its program on Azure's own SDK, unmodified.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crds::v1alpha1::{EventSubscription, Namespace, Topic};
use e2e::{
    clients::Sdk,
    cluster::Space,
    eventgrid::{Settlement, event},
    toolbox,
};

use crate::{fixture, harness};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn the_quickstart_becomes_ready_and_its_program_runs_in_a_pod_and_on_the_host() {
    let _together = harness::together();
    let space = quickstart("tour");
    let in_a_pod = space
        .program("tour")
        .python(Sdk::PythonNewest, &program(), &[])
        .expect("an environment")
        .connected_to("shop")
        .variable("EVENTGRID_TOPIC_NAME", "orders")
        .run(SOON)
        .expect("it runs in a pod");
    assert_received(&in_a_pod);
    assert_received(&on_the_host(&space));
}

#[test]
fn a_client_of_the_host_reaches_the_service_by_its_address() {
    let _together = harness::together();
    let space = quickstart("host");
    let mut client = fixture::connect(&space);
    client
        .publish("orders", &[event("first")])
        .expect("a ready topic takes events");
    let received = client.receive("orders", "archive", 10).expect("receive");
    assert_eq!(received[0].id(), "first");
    let tokens = received.iter().map(|delivery| delivery.lock_token.as_str());
    let settled = client
        .settle("orders", "archive", Settlement::Acknowledge, tokens)
        .expect("acknowledge");
    assert_eq!(settled.failed, []);
}

/// The quickstart, applied as a whole and ready.
fn quickstart(name: &str) -> Space {
    let space = Space::create(name).expect("a space");
    let folder = quickstart_folder().display().to_string();
    space
        .kubectl(["apply", "-f", &folder])
        .expect("the manifests are accepted");
    space
        .wait_ready::<Namespace>("shop", SOON)
        .expect("the Namespace becomes ready");
    space
        .wait_ready::<Topic>("orders", SOON)
        .expect("the Topic becomes ready");
    for subscription in ["billing", "archive"] {
        space
            .wait_ready::<EventSubscription>(subscription, SOON)
            .expect("the EventSubscription becomes ready");
    }
    space
}

/// As a person at a laptop would: a forwarded port, and the settings of the Secret.
fn on_the_host(space: &Space) -> String {
    let forward = space.port_forward("svc/shop", 443).expect("kubectl port-forward");
    let settings = space.settings("shop").expect("the Secret for programs");
    let authorities = space.authorities("shop").expect("whom to trust");
    let trusted = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(trusted.path(), authorities).expect("write the authority");
    let environment = BTreeMap::from([
        (
            "EVENTGRID_ENDPOINT",
            format!("https://localhost:{}", forward.port()),
        ),
        ("EVENTGRID_KEY", settings["EVENTGRID_KEY"].clone()),
        ("REQUESTS_CA_BUNDLE", trusted.path().display().to_string()),
        ("NO_PROXY", "localhost".to_owned()),
    ]);
    let python = toolbox::python("newest").expect("an environment");
    let output = Command::new(python)
        .arg(program())
        .envs(environment)
        .output()
        .expect("run it");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

fn assert_received(said: &str) {
    assert!(said.contains("published 2 events to orders"), "{said}");
    assert!(
        said.contains("'country': 'FR'") && said.contains(": acknowledged"),
        "{said}"
    );
    assert!(!said.contains("'US'") && !said.contains("lost"), "{said}");
}

fn quickstart_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quickstart")
}

fn program() -> PathBuf {
    quickstart_folder().join("publish_receive.py")
}
