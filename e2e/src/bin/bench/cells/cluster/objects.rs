//! The objects that cells make, and what became of them.

use std::collections::BTreeMap;

use anyhow::Context;
use crds::v1alpha1::{EventSubscription, Namespace, Topic};
use e2e::cluster::{Kind, Space};
use futures_util::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service},
};
use kube::{
    Resource, ResourceExt as _,
    api::{ListParams, PostParams},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::NAMESPACE;

/// Requests at the same time.
const AT_ONCE: usize = 32;

pub(super) fn namespace() -> String {
    json!({
        "apiVersion": "weft.dev/v1alpha1", "kind": "Namespace", "metadata": {"name": NAMESPACE},
        "spec": {"storage": {"persistentVolume": {"size": "1Gi"}}},
    })
    .to_string()
}

pub(super) fn topic(name: &str) -> Value {
    json!({
        "apiVersion": "weft.dev/v1alpha1", "kind": "Topic", "metadata": {"name": name},
        "spec": {"namespaceRef": {"name": NAMESPACE}},
    })
}

pub(super) fn subscription(topic: &str, name: &str) -> Value {
    json!({
        "apiVersion": "weft.dev/v1alpha1", "kind": "EventSubscription", "metadata": {"name": name},
        "spec": {"topicRef": {"name": topic}, "queue": {}},
    })
}

/// Creates many objects at once.
pub(super) fn create<K>(space: &Space, objects: impl Iterator<Item = Value>) -> anyhow::Result<()>
where
    K: Kind + Serialize,
{
    let api = space.cluster().api::<K>(space.name());
    let parameters = PostParams::default();
    space.cluster().block_on(async {
        futures_util::stream::iter(objects)
            .map(|object| {
                let (api, parameters) = (&api, &parameters);
                async move {
                    let object: K = serde_json::from_value(object).context("read an object")?;
                    api.create(parameters, &object).await.context("create an object")
                }
            })
            .buffer_unordered(AT_ONCE)
            .try_for_each(async |_| Ok(()))
            .await
    })
}

/// The resourceVersions of everything that the operator could write here.
pub(super) fn versions(space: &Space) -> anyhow::Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    collect::<Namespace>(space, &mut all)?;
    collect::<Topic>(space, &mut all)?;
    collect::<EventSubscription>(space, &mut all)?;
    collect::<ConfigMap>(space, &mut all)?;
    collect::<Secret>(space, &mut all)?;
    collect::<Service>(space, &mut all)?;
    collect::<StatefulSet>(space, &mut all)?;
    collect::<PersistentVolumeClaim>(space, &mut all)?;
    Ok(all)
}

fn collect<K: Kind>(space: &Space, all: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
    let api = space.cluster().api::<K>(space.name());
    let list = space
        .cluster()
        .block_on(api.list_metadata(&ListParams::default()))
        .context("list metadata")?;
    for object in list {
        let key = format!("{} {}", <K as Resource>::kind(&()), object.name_any());
        all.insert(key, object.resource_version().unwrap_or_default());
    }
    Ok(())
}

/// Those that differ.
pub(super) fn differing(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let mut differing: Vec<_> = before
        .iter()
        .filter(|(key, version)| after.get(*key) != Some(version))
        .map(|(key, _)| key.clone())
        .collect();
    differing.extend(after.keys().filter(|key| !before.contains_key(*key)).cloned());
    differing
}
