//! Objects that we made, of kinds of which a Namespace has a few.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::api::core::v1::{ConfigMap, Container, Pod, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::store::Versioned;
use super::version_of;
use crate::labels::{self, Component};
use crate::object::{ChildKind, Prepared};

/// Values of ConfigMaps longer than this are kept as a digest: bundles of certificates are only ever compared.
const LONGEST_KEPT: usize = 16 * 1024;
/// Values that the operator reads, however long they are.
const READ: [&str; 2] = [config::objects::HEAD_KEY, config::objects::REPORT_KEY];

/// A cached object of one of Kubernetes' own kinds. `Debug` shows no content: it may be a Secret.
#[derive(Clone)]
pub struct Child<K> {
    /// The object, without what only other field managers want to know.
    pub object: K,
    version: u64,
}

impl<K: Resource> Child<K> {
    /// Keeps an object.
    pub fn keep(mut object: K) -> Self {
        let version = version_of(object.meta());
        object.meta_mut().managed_fields = None;
        Self { object, version }
    }
}

impl Child<Pod> {
    /// Keeps of a pod how it is and what it runs, not what else it consists of.
    pub fn keep_pod(mut pod: Pod) -> Self {
        pod.spec = pod.spec.map(|spec| PodSpec {
            containers: spec.containers.into_iter().map(keep_container).collect(),
            ..PodSpec::default()
        });
        pod.status = pod.status.map(|status| PodStatus {
            conditions: status.conditions,
            container_statuses: status.container_statuses,
            phase: status.phase,
            reason: status.reason,
            message: status.message,
            ..PodStatus::default()
        });
        Self::keep(pod)
    }
}

fn keep_container(container: Container) -> Container {
    Container {
        name: container.name,
        image: container.image,
        ..Container::default()
    }
}

impl Child<ConfigMap> {
    /// Keeps a ConfigMap with digests in the place of its long values, and nothing of a broker's copy of positions.
    pub fn keep_config_map(mut object: ConfigMap) -> Self {
        if labels::is_of(object.metadata.labels.as_ref(), Component::Checkpoint) {
            (object.data, object.binary_data) = (None, None);
        }
        for (key, value) in object.data.iter_mut().flatten() {
            if value.len() > LONGEST_KEPT && !READ.contains(&key.as_str()) {
                *value = shortened(value.as_bytes());
            }
        }
        for value in object.binary_data.iter_mut().flat_map(|data| data.values_mut()) {
            value.0 = shortened(&value.0).into_bytes();
        }
        Self::keep(object)
    }
}

/// A wanted object in the shape in which live ones are cached, so that the two can be compared.
pub fn as_cached(wanted: &Prepared) -> Cow<'_, Value> {
    if wanted.kind != ChildKind::ConfigMap {
        return Cow::Borrowed(&wanted.value);
    }
    let shortened = ConfigMap::deserialize(&wanted.value)
        .map(Child::keep_config_map)
        .and_then(|config_map| serde_json::to_value(config_map.object));
    shortened.map_or(Cow::Borrowed(&wanted.value), Cow::Owned)
}

fn shortened(bytes: &[u8]) -> String {
    format!("digest:{}", config::Digest::of(bytes))
}

impl<K: Serialize> Child<K> {
    /// The object as JSON.
    pub fn value(&self) -> Value {
        serde_json::to_value(&self.object).unwrap_or(Value::Null)
    }
}

impl<K: Resource> Versioned for Child<K> {
    fn uid(&self) -> &str {
        self.object.meta().uid.as_deref().unwrap_or_default()
    }

    fn version(&self) -> u64 {
        self.version
    }

    /// A broker writes its copy of positions as often as every ten seconds, and nothing follows from it.
    fn is_news_after(&self, earlier: &Self) -> bool {
        let (now, before) = (self.object.meta(), earlier.object.meta());
        let facts = |meta: &ObjectMeta| {
            let (labels, annotations) = (meta.labels.clone(), meta.annotations.clone());
            (
                labels,
                annotations,
                meta.owner_references.clone(),
                meta.deletion_timestamp.clone(),
            )
        };
        !labels::is_of(now.labels.as_ref(), Component::Checkpoint) || facts(now) != facts(before)
    }
}

impl<K: Resource<DynamicType = ()>> fmt::Debug for Child<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.object.namespace().unwrap_or_default();
        write!(f, "{} {namespace}/{}", K::kind(&()), self.object.name_any())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::store::{Change, Key, Store};
    use super::*;

    fn config_map(component: &str, version: u64, page: &str, label: &str) -> Child<ConfigMap> {
        let object = json!({
            "metadata": {
                "name": "shop-checkpoints-00", "namespace": "apps", "uid": "u", "resourceVersion": version.to_string(),
                "labels": {"app.kubernetes.io/component": component, "team": label},
            },
            "binaryData": {"page.json.gz": page},
        });
        Child::keep_config_map(serde_json::from_value(object).unwrap())
    }

    #[test]
    fn what_a_broker_writes_into_its_copy_is_nobodys_news() {
        let key = || Key::new("apps", "shop-checkpoints-00");
        for (component, expected) in [("checkpoint", Change::Nothing), ("configuration", Change::News)] {
            let store = Store::default();
            store.put(key(), config_map(component, 7, "AAAA", "a"));
            assert_eq!(store.put(key(), config_map(component, 8, "BBBB", "a")), expected);
            assert_eq!(store.get("apps", "shop-checkpoints-00").unwrap().version(), 8);
            let relabelled = config_map(component, 9, "BBBB", "b");
            assert_eq!(store.put(key(), relabelled), Change::News);
        }
    }
}
