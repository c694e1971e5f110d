//! Everything that is known of one Kubernetes namespace, at one moment.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use config::{PodReport, objects};
use crds::v1alpha1::{EventSubscription, Hub, Namespace, Topic};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Secret};

use crate::cache::{Caches, Child, OurSecret, Resource, SeenStatus, Versioned};
use crate::labels;
use crate::names;
use crate::object::{Owner, is_owned_by};

/// What there is of our kinds, and the volumes.
pub(super) struct Snapshot {
    pub(super) namespaces: Vec<Arc<Resource<Namespace>>>,
    pub(super) topics: Vec<Arc<Resource<Topic>>>,
    pub(super) event_subscriptions: Vec<Arc<Resource<EventSubscription>>>,
    pub(super) hubs: Vec<Arc<Resource<Hub>>>,
    pub(super) claims: Vec<Arc<Child<PersistentVolumeClaim>>>,
}

impl Snapshot {
    /// As the caches have it now.
    pub(super) fn take(caches: &Caches, plane: &str) -> Self {
        Self {
            namespaces: caches.namespaces.of(plane),
            topics: caches.topics.of(plane),
            event_subscriptions: caches.event_subscriptions.of(plane),
            hubs: caches.hubs.of(plane),
            claims: caches.claims.of(plane),
        }
    }

    /// Whether there is nothing to look after.
    pub(super) fn is_empty(&self) -> bool {
        self.namespaces.is_empty()
            && self.topics.is_empty()
            && self.event_subscriptions.is_empty()
            && self.hubs.is_empty()
            && self.claims.is_empty()
    }

    /// Uids of the Namespaces that are not being deleted.
    pub(super) fn living(&self) -> BTreeSet<&str> {
        let living = self
            .namespaces
            .iter()
            .filter(|one| one.object.metadata.deletion_timestamp.is_none());
        living.map(|one| one.uid()).collect()
    }

    /// The status of every object, by uid.
    pub(super) fn statuses(&self) -> HashMap<&str, &SeenStatus> {
        let namespaces = self.namespaces.iter().map(|one| (one.uid(), &one.status));
        let topics = self.topics.iter().map(|one| (one.uid(), &one.status));
        let subscriptions = self
            .event_subscriptions
            .iter()
            .map(|one| (one.uid(), &one.status));
        let hubs = self.hubs.iter().map(|one| (one.uid(), &one.status));
        let children = topics.chain(subscriptions).chain(hubs);
        namespaces.chain(children).collect()
    }

    /// The Namespace with that uid.
    pub(super) fn namespace(&self, uid: &str) -> Option<&Arc<Resource<Namespace>>> {
        self.namespaces.iter().find(|one| one.uid() == uid)
    }
}

/// What there is of one Namespace's own objects, as far as decisions depend on them.
pub(super) struct Surroundings {
    pub(super) owner: Owner,
    pub(super) stateful_set: Option<Arc<Child<StatefulSet>>>,
    pub(super) pods: Vec<Arc<Child<Pod>>>,
    pub(super) authorities: Option<Arc<OurSecret>>,
    pub(super) secrets: Option<Arc<OurSecret>>,
    pub(super) connection: Option<Arc<OurSecret>>,
    pub(super) offered: Option<Arc<Child<Secret>>>,
    pub(super) store_credentials: Option<Arc<Child<Secret>>>,
    pub(super) report: Option<PodReport>,
}

impl Surroundings {
    /// As the caches have it now.
    pub(super) fn take(caches: &Caches, namespace: &Namespace) -> Option<Self> {
        let owner = Owner::of(namespace)?;
        let (plane, name) = (owner.kubernetes_namespace.as_str(), owner.name.as_str());
        let secret = |name: &str| {
            caches
                .secrets
                .get(plane, name)
                .filter(|secret| is_ours(secret, &owner))
        };
        let offered = namespace
            .spec
            .tls
            .as_ref()
            .and_then(|tls| tls.secret_ref.as_ref());
        let store = super::decide::store_credentials(namespace);
        let stateful_set = caches.stateful_sets.get(plane, &names::main(name));
        Some(Self {
            stateful_set: stateful_set.filter(|one| is_owned_by(&one.object.metadata, &owner.uid)),
            pods: pods(caches, &owner),
            authorities: secret(&names::ca(name)),
            secrets: secret(&objects::secrets(name)),
            connection: secret(&names::connection(name)),
            offered: offered.and_then(|secret| caches.offered_secrets.get(plane, &secret.name)),
            store_credentials: store.and_then(|secret| caches.offered_secrets.get(plane, &secret.name)),
            report: report(caches, &owner),
            owner,
        })
    }

    /// The pod that runs or is about to.
    pub(super) fn running_pod(&self) -> Option<&Pod> {
        let mut pods = self.pods.iter().map(|pod| &pod.object);
        pods.rfind(|pod| pod.metadata.deletion_timestamp.is_none())
    }

    /// Whether the report is of the pod that runs.
    pub(super) fn report_is_current(&self) -> bool {
        let running = self.running_pod().and_then(|pod| pod.metadata.uid.as_deref());
        self.report
            .as_ref()
            .is_some_and(|report| Some(report.pod_uid.as_str()) == running)
    }
}

fn is_ours(secret: &OurSecret, owner: &Owner) -> bool {
    secret
        .whole()
        .is_some_and(|secret| is_owned_by(&secret.metadata, &owner.uid))
}

pub(super) fn pods(caches: &Caches, owner: &Owner) -> Vec<Arc<Child<Pod>>> {
    let all = caches.pods.of(&owner.kubernetes_namespace);
    all.into_iter()
        .filter(|pod| {
            let labels = pod.object.metadata.labels.as_ref();
            labels
                .and_then(|labels| labels.get(labels::NAMESPACE_UID))
                .is_some_and(|uid| *uid == owner.uid)
        })
        .collect()
}

fn report(caches: &Caches, owner: &Owner) -> Option<PodReport> {
    let config_map = caches
        .config_maps
        .get(&owner.kubernetes_namespace, &names::report(&owner.name))?;
    if !is_owned_by(&config_map.object.metadata, &owner.uid) {
        return None;
    }
    let json = config_map.object.data.as_ref()?.get(objects::REPORT_KEY)?;
    // An unreadable report is none: the pod writes another one, or a newer operator reads it. No operator has ever counted
    // that far either.
    let report: Option<PodReport> = serde_json::from_str(json).ok();
    report.filter(|report| report.revision.max(report.secrets_revision) < HIGHEST_REVISION)
}

/// Ours follow those that pods report, and must have somewhere to go.
const HIGHEST_REVISION: u64 = 1 << 53;
