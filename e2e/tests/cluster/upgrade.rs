//! The operator is killed, upgraded, uninstalled and installed again while programs publish: they notice nothing. A
//! broker is upgraded when its user says so, and nothing acknowledged is lost.

use std::time::Duration;

use anyhow::ensure;
use crds::v1alpha1::{Namespace, Topic};
use e2e::{
    cluster::{Cluster, Space, images::Weft, install, until},
    eventgrid::event,
};
use k8s_openapi::api::core::v1::Pod;

use crate::{
    fixture::{self, Connect, Life, Load, Operator, Prober, SHOP, SOON},
    harness,
};

const NEXT: &str = "99.0.0";

/// Whatever a test did to the operator, it is as installed when this is dropped.
struct Restored {
    cluster: Cluster,
    images: Weft,
}

impl Restored {
    fn at_the_end() -> Self {
        let cluster = Cluster::shared().clone();
        let images = cluster.images().expect("the images are known");
        Self { cluster, images }
    }

    fn install(&self) -> anyhow::Result<()> {
        self.cluster.install(install::NAMESPACE, &self.images, &[])
    }

    /// `helm upgrade` to an operator that brings `sidecar` as version [`NEXT`].
    fn upgrade(&self, sidecar: &str) {
        let (_, tag) = sidecar.rsplit_once(':').expect("an image has a tag");
        let settings = [
            format!("image.sidecar.tag={tag}"),
            format!("image.sidecar.version={NEXT}"),
        ];
        let settings = settings.each_ref().map(String::as_str);
        self.cluster
            .install(install::NAMESPACE, &self.images, &settings)
            .expect("the release can be upgraded");
        Operator::installed().wait_until_ready();
    }

    /// The image that the next version brings: the same program under another name.
    fn next_sidecar(&self) -> String {
        let (repository, _) = self.images.sidecar.rsplit_once(':').expect("an image has a tag");
        let next = format!("{repository}:{NEXT}");
        let machine = self.cluster.machine().expect("a machine");
        for node in machine.nodes().expect("nodes") {
            node.ctr(&["images", "tag", "--force", &self.images.sidecar, &next])
                .expect("another name for the image");
        }
        next
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        let installed = self.install();
        if !std::thread::panicking() {
            installed.expect("the operator is as it was");
            Operator::installed().wait_until_ready();
        }
    }
}

#[test]
fn the_operator_is_killed_upgraded_uninstalled_and_reinstalled_and_no_publish_fails() {
    let _alone = harness::alone();
    let restored = Restored::at_the_end();
    let operator = Operator::installed();
    let space = fixture::shop("operator");
    fixture::connect(&space);
    let door = space.door("shop").expect("a door");
    let prober = Prober::start(
        "while the operator comes and goes",
        "orders",
        Connect::EachTime,
        move || door.open(),
    );
    prober.wait_for(30);
    let before = fixture::life(&space, "shop").expect("it runs");

    operator.kill();
    operator.wait_until_ready();
    applies(&space, "killed");

    restored.upgrade(&restored.next_sidecar());
    let told = space
        .wait_for::<Namespace>("shop", "UpgradeAvailable", "True", SOON)
        .expect("an upgrade is announced");
    assert_eq!(told.reason, "ApprovalNeeded");
    assert!(
        told.message.contains(NEXT) && told.message.contains("weft.dev/approve-upgrade"),
        "{}",
        told.message
    );
    applies(&space, "upgraded");

    restored
        .cluster
        .uninstall(install::NAMESPACE)
        .expect("uninstalled");
    until("the operator to be gone", SOON, || {
        ensure!(operator.pods().is_empty(), "its pods are there");
        Ok(())
    })
    .expect("it goes");
    prober.wait_for(100);
    restored.install().expect("installed again");
    operator.wait_until_ready();
    applies(&space, "reinstalled");
    space
        .wait_for::<Namespace>("shop", "UpgradeAvailable", "False", SOON)
        .expect("the broker is what this operator brings");
    fixture::wait_for_shop(&space);

    prober.end_without_failure();
    let after = fixture::life(&space, "shop").expect("it runs");
    assert_eq!(after, before, "the broker's pod is the one of before");
}

#[test]
fn a_broker_is_upgraded_when_its_user_says_so_and_nothing_acknowledged_is_lost() {
    let _alone = harness::alone();
    let restored = Restored::at_the_end();
    let next = restored.next_sidecar();
    let automatic = Space::create("upgrade-auto").expect("a space");
    let manifests = SHOP.replacen("spec: {storage", "spec: {upgradePolicy: Automatic, storage", 1);
    automatic.apply(&manifests).expect("the manifests are accepted");
    fixture::wait_for_shop(&automatic);
    let space = fixture::shop("upgrade");
    fixture::connect(&space);
    let load = Load::new(space.door("shop").expect("a door"));
    load.during(|load| {
        load.wait_for(20, SOON);
        let before = fixture::life(&space, "shop").expect("it runs");
        restored.upgrade(&next);
        space
            .wait_for::<Namespace>("shop", "UpgradeAvailable", "True", SOON)
            .expect("an upgrade is announced");
        wait_for_image(&automatic, &next).expect("whoever wants it so is upgraded at once");
        load.wait_for(20, SOON);
        assert_eq!(
            fixture::life(&space, "shop").expect("it runs"),
            before,
            "nobody has approved yet"
        );

        load.take_longest_gap();
        space
            .annotate::<Namespace>("shop", "weft.dev/approve-upgrade", NEXT)
            .expect("approved");
        wait_for_image(&space, &next).expect("the pod runs the next version");
        load.wait_for(20, SOON);
        let gap = load.take_longest_gap();
        println!("an upgrade of the broker is a gap of {gap:?}");
        assert!(gap < Duration::from_secs(15), "a gap of seconds, not of {gap:?}");
        let Life { restarts, .. } = fixture::life(&space, "shop").expect("it runs");
        assert_eq!(restarts, 0, "the new pod starts at once");
        let done = until("the upgrade to be over", SOON, || {
            let done = space.wait_for::<Namespace>("shop", "UpgradeAvailable", "False", SOON)?;
            ensure!(done.reason == "UpToDate", "{done:?}");
            Ok(())
        });
        done.expect("it is up to date");
        let events = space.kubectl(["get", "events", "--output", "jsonpath={.items[*].reason}"]);
        let events = events.expect("events");
        assert!(events.split(' ').any(|reason| reason == "Upgrading"), "{events}");
    });
    fixture::wait_for_shop(&space);
    drop(restored);
    fixture::drain(&load);
}

/// What is applied now becomes ready and keeps its promise.
fn applies(space: &Space, topic: &str) {
    space
        .apply(&format!(
            "apiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {{name: {topic}}}\n\
             spec: {{namespaceRef: {{name: shop}}}}"
        ))
        .expect("a Topic");
    space.wait_ready::<Topic>(topic, SOON).expect("it becomes ready");
    fixture::connect(space)
        .publish(topic, &[event("first")])
        .expect("Ready is a promise");
}

fn wait_for_image(space: &Space, image: &str) -> anyhow::Result<()> {
    until(&format!("a ready pod with {image}"), SOON, || {
        let pod: Pod = space.broker("shop")?;
        let containers = pod.spec.map(|spec| spec.containers).unwrap_or_default();
        let images: Vec<_> = containers.into_iter().filter_map(|one| one.image).collect();
        ensure!(images == [image], "it has {images:?}");
        fixture::life(space, "shop").map(drop)
    })
}
