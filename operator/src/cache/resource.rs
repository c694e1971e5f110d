//! Our kinds, as far as plan and status need them.
//!
//! There may be ten thousand of them, so what is kept is small: the spec, the metadata that decides something, and of
//! the status only a fingerprint of each condition.

use config::Digest;
use crds::shared::Status;
use crds::v1alpha1::{EventSubscription, Hub, HubStatus, Namespace, NamespaceStatus, Topic};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

use super::store::Versioned;
use super::version_of;
use crate::status::Lags;

/// One of our kinds: what its status consists of.
pub trait WeftKind: kube::Resource<DynamicType = ()> {
    /// Which kind it is.
    const KIND: crds::Kind;
    /// Takes the status out of the object.
    fn take_status(&mut self) -> SeenStatus;
}

impl WeftKind for Namespace {
    const KIND: crds::Kind = crds::Kind::Namespace;

    fn take_status(&mut self) -> SeenStatus {
        let NamespaceStatus {
            observed_generation,
            endpoint,
            conditions,
        } = self.status.take().unwrap_or_default();
        SeenStatus::new(observed_generation, endpoint.as_deref(), &conditions)
    }
}

macro_rules! child_kinds {
    ($($kind:ident),*) => {
        $(impl WeftKind for $kind {
            const KIND: crds::Kind = crds::Kind::$kind;

            fn take_status(&mut self) -> SeenStatus {
                let Status { observed_generation, conditions } = self.status.take().unwrap_or_default();
                SeenStatus::new(observed_generation, None, &conditions)
            }
        })*
    };
}

child_kinds!(Topic, EventSubscription);

impl WeftKind for Hub {
    const KIND: crds::Kind = crds::Kind::Hub;

    fn take_status(&mut self) -> SeenStatus {
        let status = self.status.take().unwrap_or_default();
        SeenStatus {
            lags: Lags::in_status(&status).fingerprint(),
            ..SeenStatus::new(status.observed_generation, None, &status.conditions)
        }
    }
}

/// A cached object of one of our kinds.
#[derive(Clone, Debug)]
pub struct Resource<K> {
    /// The object, without its status and without metadata that decides nothing.
    pub object: K,
    /// Its status.
    pub status: SeenStatus,
    version: u64,
}

impl<K: WeftKind> Resource<K> {
    /// Keeps of `object` what is needed.
    pub fn keep(mut object: K) -> Self {
        let version = version_of(object.meta());
        let status = object.take_status();
        slim(object.meta_mut());
        Self {
            object,
            status,
            version,
        }
    }
}

impl<K: kube::Resource> Versioned for Resource<K> {
    fn uid(&self) -> &str {
        self.object.meta().uid.as_deref().unwrap_or_default()
    }

    fn version(&self) -> u64 {
        self.version
    }
}

fn slim(metadata: &mut ObjectMeta) {
    let all = std::mem::take(metadata);
    let annotations = all.annotations.unwrap_or_default();
    let ours: std::collections::BTreeMap<_, _> = annotations
        .into_iter()
        .filter(|(key, _)| key.starts_with(crds::annotation::PREFIX))
        .collect();
    *metadata = ObjectMeta {
        name: all.name,
        namespace: all.namespace,
        uid: all.uid,
        generation: all.generation,
        creation_timestamp: all.creation_timestamp,
        deletion_timestamp: all.deletion_timestamp,
        annotations: (!ours.is_empty()).then_some(ours),
        ..ObjectMeta::default()
    };
}

/// A status that was read, as far as it matters for whether another one has to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenStatus {
    /// `status.observedGeneration`.
    pub observed_generation: Option<i64>,
    /// Fingerprint of `status.endpoint`.
    pub endpoint: Option<u64>,
    /// Fingerprint of what is said of consumers; `None` if nothing is.
    pub lags: Option<u64>,
    /// Every condition, in the order in which they stand.
    pub conditions: Box<[SeenCondition]>,
}

/// A condition that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenCondition {
    /// Fingerprint of its type.
    pub kind: u64,
    /// `True`, `False`, or neither.
    pub status: Option<bool>,
    /// Fingerprint of status, reason and message.
    pub content: u64,
    /// Its own `observedGeneration`.
    pub observed_generation: Option<i64>,
    /// Since when its status has been what it is.
    pub since: Timestamp,
}

impl SeenStatus {
    fn new(observed_generation: Option<i64>, endpoint: Option<&str>, conditions: &[Condition]) -> Self {
        Self {
            observed_generation,
            endpoint: endpoint.map(|text| fingerprint(&[text])),
            lags: None,
            conditions: conditions.iter().map(SeenCondition::of).collect(),
        }
    }

    /// A status as it is written.
    ///
    /// # Errors
    /// It is not one of ours.
    pub fn read(status: &serde_json::Value) -> Result<Self, serde_json::Error> {
        let NamespaceStatus {
            observed_generation,
            endpoint,
            conditions,
        } = NamespaceStatus::deserialize(status)?;
        Ok(Self {
            lags: Lags::in_status(&HubStatus::deserialize(status)?).fingerprint(),
            ..Self::new(observed_generation, endpoint.as_deref(), &conditions)
        })
    }

    /// Whether `other` says the same, be it since another moment.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        self.observed_generation == other.observed_generation
            && self.endpoint == other.endpoint
            && self.lags == other.lags
            && self.conditions.len() == other.conditions.len()
            && self.conditions.iter().zip(&other.conditions).all(|(one, other)| {
                (one.kind, one.content, one.observed_generation)
                    == (other.kind, other.content, other.observed_generation)
            })
    }

    /// The condition of that type.
    pub fn condition(&self, kind: &str) -> Option<&SeenCondition> {
        let kind = fingerprint(&[kind]);
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether the condition of that type says `True` about the generation `generation`.
    pub fn is_true(&self, kind: &str, generation: Option<i64>) -> bool {
        let condition = self.condition(kind);
        condition.is_some_and(|condition| {
            condition.status == Some(true) && condition.observed_generation == generation
        })
    }
}

impl SeenCondition {
    /// What is remembered of a condition.
    pub fn of(condition: &Condition) -> Self {
        Self {
            kind: fingerprint(&[&condition.type_]),
            status: match condition.status.as_str() {
                "True" => Some(true),
                "False" => Some(false),
                _ => None,
            },
            content: fingerprint(&[&condition.status, &condition.reason, &condition.message]),
            observed_generation: condition.observed_generation,
            since: condition.last_transition_time.0,
        }
    }
}

/// A number that tells texts apart.
pub fn fingerprint(texts: &[&str]) -> u64 {
    let mut joined = Vec::with_capacity(texts.iter().map(|text| text.len() + 1).sum());
    for text in texts {
        joined.extend_from_slice(text.as_bytes());
        joined.push(0);
    }
    let digest = Digest::of(&joined).to_u128();
    u64::try_from((digest ^ (digest >> 64)) & u128::from(u64::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn topic() -> Topic {
        serde_json::from_value(json!({
            "apiVersion": "weft.dev/v1alpha1", "kind": "Topic",
            "metadata": {
                "name": "orders", "namespace": "shop", "uid": "u", "generation": 3, "resourceVersion": "17",
                "labels": {"team": "blue"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "weft.dev/adopt-data": "old"},
            },
            "spec": {"namespaceRef": {"name": "shop"}},
            "status": {"observedGeneration": 3, "conditions": [{
                "type": "Accepted", "status": "True", "reason": "Accepted", "message": "fine",
                "observedGeneration": 3, "lastTransitionTime": "2026-01-01T00:00:00Z",
            }]},
        }))
        .unwrap()
    }

    #[test]
    fn what_decides_nothing_is_not_kept() {
        let kept = Resource::keep(topic());
        assert_eq!(kept.version(), 17);
        assert_eq!(kept.object.metadata.labels, None);
        assert_eq!(kept.object.metadata.annotations.as_ref().unwrap().len(), 1);
        assert_eq!(kept.object.status, None);
    }

    #[test]
    fn of_a_condition_enough_is_kept_to_notice_any_difference() {
        let kept = Resource::keep(topic());
        assert!(kept.status.is_true("Accepted", Some(3)));
        assert!(!kept.status.is_true("Accepted", Some(4)));
        assert!(!kept.status.is_true("Ready", Some(3)));
        let mut other = topic();
        other.status.as_mut().unwrap().conditions[0].message = "better".into();
        assert_ne!(Resource::keep(other).status, kept.status);
    }

    #[test]
    fn the_same_since_another_moment_says_the_same() {
        let one = Resource::keep(topic()).status;
        let status = |change: &dyn Fn(&mut Condition)| {
            let mut other = topic();
            change(&mut other.status.as_mut().unwrap().conditions[0]);
            Resource::keep(other).status
        };
        let later = status(&|said| said.last_transition_time.0 = Timestamp::from_second(10).unwrap());
        assert_ne!(one, later);
        assert!(one.says_the_same_as(&later));
        let others = [
            status(&|said| said.message = "better".into()),
            status(&|said| said.observed_generation = Some(4)),
            status(&|said| said.type_ = "Ready".into()),
            SeenStatus::default(),
        ];
        assert!(others.iter().all(|other| !one.says_the_same_as(other)));
    }
}
