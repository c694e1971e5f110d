//! What the scenarios share: a plane to work on, load, the operator as something that can be taken away, and trouble.

mod children;
mod fault_proxy;
mod host_operator;
mod load;
mod operator;
mod prober;

use std::time::Duration;

use crds::v1alpha1::{EventSubscription, Namespace, Topic};
use e2e::{
    EventGrid,
    cluster::{Space, until},
    eventgrid::{Delivery, Settlement, event},
    manifests::NAMESPACE,
};
use k8s_openapi::api::core::v1::Pod;

pub(crate) use self::{
    children::{children, normalised},
    fault_proxy::FaultProxy,
    host_operator::HostOperator,
    load::{Load, drain},
    operator::Operator,
    prober::{Connect, Prober},
};

/// Within this everything becomes ready on a machine that does other things, too.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// Within this everything that is deleted is gone.
pub(crate) const GONE: Duration = Duration::from_secs(30);

/// A Namespace with one Topic and one EventSubscription, on a volume.
pub(crate) const SHOP: &str = "
apiVersion: weft.dev/v1alpha1
kind: Namespace
metadata: {name: shop}
spec: {storage: {persistentVolume: {size: 1Gi}}}
---
apiVersion: weft.dev/v1alpha1
kind: Topic
metadata: {name: orders}
spec: {namespaceRef: {name: shop}}
---
apiVersion: weft.dev/v1alpha1
kind: EventSubscription
metadata: {name: billing}
spec: {topicRef: {name: orders}, queue: {}}
";

/// A space in which [`SHOP`] is ready.
pub(crate) fn shop(prefix: &str) -> Space {
    let space = Space::create(prefix).expect("a space");
    space.apply(SHOP).expect("the manifests are accepted");
    wait_for_shop(&space);
    space
}

/// Waits until every part of [`SHOP`] is ready.
pub(crate) fn wait_for_shop(space: &Space) {
    space
        .wait_ready::<Namespace>(NAMESPACE, SOON)
        .expect("the Namespace becomes ready");
    space
        .wait_ready::<Topic>("orders", SOON)
        .expect("the Topic becomes ready");
    space
        .wait_ready::<EventSubscription>("billing", SOON)
        .expect("the EventSubscription becomes ready");
}

/// A connection to the Namespace `shop`. A brand-new Service takes the cluster's proxy up to a second.
pub(crate) fn connect(space: &Space) -> EventGrid {
    until("the Service to lead to the pod", SOON, || {
        space.event_grid(NAMESPACE)
    })
    .expect("a connection")
}

/// Publishes events with these ids to `orders`.
pub(crate) fn publish(client: &mut EventGrid, ids: &[&str]) {
    let events: Vec<_> = ids.iter().map(|id| event(id)).collect();
    client
        .publish("orders", &events)
        .expect("the events are accepted");
}

/// Takes all that `billing` has at once and acknowledges it; waits ten seconds if there is nothing.
pub(crate) fn take(client: &mut EventGrid) -> Vec<String> {
    let deliveries = client.receive("orders", "billing", 100).expect("received");
    let ids = deliveries.iter().map(|delivery| delivery.id().to_owned());
    let ids = ids.collect();
    acknowledge(client, &deliveries);
    ids
}

fn acknowledge(client: &mut EventGrid, deliveries: &[Delivery]) {
    let tokens: Vec<_> = deliveries
        .iter()
        .map(|delivery| delivery.lock_token.as_str())
        .collect();
    if tokens.is_empty() {
        return;
    }
    let settled = client.settle("orders", "billing", Settlement::Acknowledge, tokens);
    assert_eq!(settled.expect("settled").failed, []);
}

/// Which pod of the broker runs, and how often its container was started again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) pod_uid: String,
    pub(crate) restarts: i32,
}

/// The broker's life, if its container is ready.
pub(crate) fn life(space: &Space, namespace: &str) -> anyhow::Result<Life> {
    use anyhow::{Context as _, ensure};
    let pod: Pod = space.broker(namespace)?;
    ensure!(
        pod.metadata.deletion_timestamp.is_none(),
        "the pod is being deleted"
    );
    let statuses = pod.status.and_then(|status| status.container_statuses);
    let status = statuses.and_then(|statuses| statuses.into_iter().next());
    let status = status.context("the container is not there yet")?;
    ensure!(status.ready, "the container is not ready: {:?}", status.state);
    Ok(Life {
        pod_uid: pod.metadata.uid.context("a pod has a uid")?,
        restarts: status.restart_count,
    })
}
