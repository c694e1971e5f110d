//! Children that somebody edits or deletes.

use std::time::{Duration, Instant};

use anyhow::Context;
use crds::v1alpha1::{Namespace, Topic};
use e2e::cluster::Space;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, WatchEvent},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};

use super::{
    AT_MOST, NAMESPACE, Stage, objects,
    samples::{Samples, readable},
    timed,
    watching::Watching,
};
use crate::table::Row;

const ROUNDS: usize = 4;
const AIM: Duration = Duration::from_secs(1);

/// Group, version, kind, name.
type Child = (&'static str, &'static str, &'static str, &'static str);

const SERVICE: Child = ("", "v1", "Service", "bench");
const POLICY: Child = ("networking.k8s.io", "v1", "NetworkPolicy", "bench");
const BUDGET: Child = ("policy", "v1", "PodDisruptionBudget", "bench");
const ROLE: Child = ("rbac.authorization.k8s.io", "v1", "Role", "bench");
const BINDING: Child = ("rbac.authorization.k8s.io", "v1", "RoleBinding", "bench");
const TRUST: Child = ("", "v1", "ConfigMap", "bench-trust");
const SHARD: Child = ("", "v1", "ConfigMap", "bench-config-07");
const CONNECTION: Child = ("", "v1", "Secret", "bench-connection");
const OF_TOPIC: Child = ("", "v1", "Secret", "topic.orders-connection");

pub(super) fn run(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let space = Space::create("bench-drift")?;
    space.apply(&format!(
        "{}\n---\n{}",
        objects::namespace(),
        objects::topic("orders")
    ))?;
    space.wait_ready::<Namespace>(NAMESPACE, AT_MOST)?;
    space.wait_ready::<Topic>("orders", AT_MOST)?;
    let (mut edited, mut deleted) = (Samples::default(), Samples::default());
    for round in 0..ROUNDS {
        for (child, edit) in edits() {
            edited.add(repaired(stage, &space, child, Some(&edit))?);
        }
        for child in [
            SERVICE, POLICY, BUDGET, ROLE, BINDING, TRUST, SHARD, CONNECTION, OF_TOPIC,
        ] {
            deleted.add(repaired(stage, &space, child, None)?);
        }
        stage.say(format!(
            "{}/{ROUNDS}: edited p50 {}, deleted p50 {}",
            round + 1,
            readable(edited.percentile(50)),
            readable(deleted.percentile(50))
        ));
    }
    stage.leave(space)?;
    Ok(vec![
        row("an edited child is repaired, p99", &edited),
        row("a deleted child is there again, p99", &deleted),
    ])
}

fn row(what: &str, times: &Samples) -> Row {
    timed(
        &format!("drift: {what}"),
        format!(
            "{}, p50 {} ({} samples)",
            readable(times.percentile(99)),
            readable(times.percentile(50)),
            times.count()
        ),
        times.percentile(99),
        AIM,
    )
}

/// What somebody might do to a child.
fn edits() -> [(Child, Value); 7] {
    [
        (
            SERVICE,
            json!({"spec": {"selector": {"app.kubernetes.io/instance": "other"}}}),
        ),
        (POLICY, json!({"spec": {"policyTypes": ["Ingress"]}})),
        (BUDGET, json!({"spec": {"maxUnavailable": 0}})),
        (ROLE, json!({"rules": []})),
        (BINDING, json!({"subjects": []})),
        (TRUST, json!({"data": {"ca.crt": "something else"}})),
        (
            CONNECTION,
            json!({"data": {"EVENTGRID_KEY": "c29tZXRoaW5nIGVsc2U="}}),
        ),
    ]
}

/// Edits a child, or deletes it, and waits until it is what it was.
fn repaired(stage: &Stage, space: &Space, child: Child, edit: Option<&Value>) -> anyhow::Result<Duration> {
    let (group, version, kind, name) = child;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let api: Api<DynamicObject> = Api::namespaced_with(stage.cluster.client(), space.name(), &resource);
    let before = stage
        .cluster
        .block_on(api.get(name))
        .with_context(|| format!("get {kind} {name}"))?;
    let wanted = essence(&before)?;
    let mut watching = Watching::begin(&stage.cluster, &api, Some(name))?;
    let start = Instant::now();
    stage.cluster.block_on(async {
        match edit {
            Some(edit) => api
                .patch(name, &PatchParams::default(), &Patch::Merge(edit))
                .await
                .map(drop),
            None => api.delete(name, &DeleteParams::default()).await.map(drop),
        }
    })?;
    let mut last = Value::Null;
    watching
        .until(Duration::from_secs(15), |event| {
            let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else {
                return None;
            };
            let now = essence(object).ok()?;
            let as_before = now == wanted;
            last = now;
            as_before.then_some(())
        })
        .with_context(|| {
            format!("{kind} {name} was not repaired; edit {edit:?}; wanted {wanted}, is {last}")
        })?;
    Ok(start.elapsed())
}

/// What the operator answers for: not what the API server fills in.
fn essence(object: &DynamicObject) -> anyhow::Result<Value> {
    let mut value = serde_json::to_value(object).context("read an object")?;
    let metadata = json!({
        "labels": value["metadata"]["labels"],
        "annotations": value["metadata"]["annotations"],
        "ownerReferences": value["metadata"]["ownerReferences"],
    });
    value["metadata"] = metadata;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("status");
    }
    if let Some(spec) = value["spec"].as_object_mut() {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    Ok(value)
}
