//! The API server is gone for a while: brokers serve, also those that are killed meanwhile; then everything converges.

use std::{thread, time::Duration};

use anyhow::{Context as _, ensure};
use crds::v1alpha1::{EventSubscription, Namespace, Topic};
use e2e::{
    cluster::{Door, Node, Space, until},
    eventgrid::event,
};

use crate::{
    fixture::{self, Connect, Prober, SOON},
    harness,
};

const API_SERVER: &str = "kube-apiserver";

/// The API server is stopped until this is dropped.
pub(crate) struct Outage(Node);

impl Outage {
    pub(crate) fn begin(space: &Space) -> Self {
        let node = space.cluster().machine().and_then(|machine| machine.node(0));
        let node = node.expect("node 0 has the control plane");
        node.kill_daemon(API_SERVER).expect("the API server is killed");
        Self(node)
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        let started = self.0.restart_daemon(API_SERVER);
        if !thread::panicking() {
            started.expect("the API server starts again");
        }
    }
}

#[test]
fn a_broker_that_is_killed_while_the_api_server_is_away_comes_back_and_serves() {
    let _alone = harness::alone();
    let space = fixture::shop("outage");
    let mut client = fixture::connect(&space);
    fixture::publish(&mut client, &["before"]);
    let door = space.door("shop").expect("a door");
    let container = space.container_id("shop-0").expect("a container");
    let undisturbed = fixture::shop("outage-calm");
    fixture::connect(&undisturbed);
    let calm = undisturbed.door("shop").expect("a door");
    let prober = Prober::start(
        "of a broker that nobody kills",
        "orders",
        Connect::EachTime,
        move || calm.open(),
    );

    let outage = Outage::begin(&space);
    assert!(
        space.get::<Topic>("orders").is_err(),
        "the API server has to be gone for this to mean something"
    );
    outage.0.kill_container(&container).expect("the broker is killed");
    publish_when_it_is_back(&door, "meanwhile");
    let mut client = door.open().expect("a connection");
    let mut received = Vec::new();
    until("both events to come", SOON, || {
        received.extend(fixture::take(&mut client));
        ensure!(received.len() >= 2, "{received:?}");
        Ok(())
    })
    .expect("both come");
    assert_eq!(received, ["before", "meanwhile"]);
    prober.wait_for(50);
    drop(outage);

    until("the API server to be back", SOON, || {
        space.get::<Topic>("orders").map(drop)
    })
    .expect("it is back");
    space
        .apply(
            "apiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {name: returns}\n\
             spec: {namespaceRef: {name: shop}}",
        )
        .expect("a Topic applied afterwards");
    space
        .wait_ready::<Topic>("returns", SOON)
        .expect("it becomes ready");
    client
        .publish("returns", &[event("afterwards")])
        .expect("Ready is a promise");
    fixture::wait_for_shop(&space);
    until("the kubelet to report the restart", SOON, || {
        let restarts = fixture::life(&space, "shop")?.restarts;
        ensure!(restarts > 0, "it says {restarts}");
        Ok(())
    })
    .expect("it reports what it did meanwhile");
    assert_eq!(
        fixture::life(&space, "shop").expect("it runs").restarts,
        1,
        "killed once, and not restarted for want of an API server"
    );
    prober.end_without_failure();
}

#[test]
fn what_changed_during_the_outage_of_the_operator_is_brought_about_afterwards() {
    let _alone = harness::alone();
    let space = fixture::shop("missed");
    let operator = fixture::Operator::installed();
    let stopped = operator.stop();
    space.delete::<EventSubscription>("billing").expect("deleted");
    space
        .apply(
            "apiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {name: missed}\n\
             spec: {namespaceRef: {name: shop}}",
        )
        .expect("a Topic that nobody sees");
    drop(stopped);
    space.wait_ready::<Topic>("missed", SOON).expect("it is seen");
    let mut client = fixture::connect(&space);
    client
        .publish("missed", &[event("seen")])
        .expect("Ready is a promise");
    until("the deleted subscription's door to close", SOON, || {
        let error = client
            .receive("orders", "billing", 1)
            .err()
            .context("it still answers")?;
        ensure!(format!("{error:#}").contains("404"), "{error:#}");
        Ok(())
    })
    .expect("it closes");
    space.wait_ready::<Namespace>("shop", SOON).expect("all is well");
}

fn publish_when_it_is_back(door: &Door, id: &str) {
    until(
        "the broker to serve without an API server",
        Duration::from_secs(30),
        || door.open()?.publish("orders", &[event(id)]),
    )
    .expect("it serves");
}
