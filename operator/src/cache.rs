//! Everything the operator knows of the cluster, kept up to date by watches.
//!
//! Our own kinds in full (but slim, see [`resource`]); of Kubernetes' kinds only objects that we made, by the
//! label `app.kubernetes.io/managed-by=weft-operator`, and Secrets that users offer, by `weft.dev/usable=true`. Objects
//! of others are never sent to us, so their number costs nothing. Either the whole cluster is watched or a list of
//! Kubernetes namespaces, each on its own, so that a Role in each is enough.

mod catch_up;
mod child;
mod resource;
mod secret;
mod store;
mod watch;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crds::v1alpha1::{EventSubscription, Hub, Namespace, Topic};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client};
use runtime::TaskScope;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use catch_up::catch_up;
pub use child::{Child, as_cached};
pub use resource::{Resource, SeenCondition, SeenStatus, WeftKind, fingerprint};
pub use secret::{EntitySecret, OurSecret, wanted_content};
pub use store::{Change, Key, Store, Versioned};

use crate::metrics::Metrics;
use crate::object::{ChildKind, is_owned_by};
use watch::Feed;

/// Longest that one read outside of a watch may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Selects what we made.
const OURS: &str = "app.kubernetes.io/managed-by=weft-operator";
/// Selects our pods, which the StatefulSet's controller makes.
const OUR_PODS: &str =
    "app.kubernetes.io/name=weft,app.kubernetes.io/component=sidecar,weft.dev/namespace-uid";
/// Selects what users offer.
const OFFERED: &str = "weft.dev/usable=true";

/// Which part of the cluster is looked after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Cluster,
    /// These Kubernetes namespaces.
    Namespaces(Vec<String>),
}

impl Extent {
    /// The namespaces in the list, or everything if it is empty.
    pub fn of(namespaces: &[String]) -> Self {
        if namespaces.is_empty() {
            return Self::Cluster;
        }
        let mut namespaces = namespaces.to_vec();
        namespaces.sort();
        namespaces.dedup();
        Self::Namespaces(namespaces)
    }

    /// One `Api` for everything, or one for each namespace.
    pub fn apis<K>(&self, client: &Client) -> Vec<(Option<String>, Api<K>)>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self {
            Self::Cluster => vec![(None, Api::all(client.clone()))],
            Self::Namespaces(names) => {
                let api = |name: &String| (Some(name.clone()), Api::namespaced(client.clone(), name));
                names.iter().map(api).collect()
            }
        }
    }
}

/// Every cache. The stores are public: whoever reads them sees what is known right now.
#[derive(Default)]
#[expect(missing_docs, reason = "the types say it")]
pub struct Caches {
    pub namespaces: Arc<Store<Resource<Namespace>>>,
    pub topics: Arc<Store<Resource<Topic>>>,
    pub event_subscriptions: Arc<Store<Resource<EventSubscription>>>,
    pub hubs: Arc<Store<Resource<Hub>>>,
    pub service_accounts: Arc<Store<Child<ServiceAccount>>>,
    pub roles: Arc<Store<Child<Role>>>,
    pub role_bindings: Arc<Store<Child<RoleBinding>>>,
    pub config_maps: Arc<Store<Child<ConfigMap>>>,
    pub secrets: Arc<Store<OurSecret>>,
    pub services: Arc<Store<Child<Service>>>,
    pub network_policies: Arc<Store<Child<NetworkPolicy>>>,
    pub pod_disruption_budgets: Arc<Store<Child<PodDisruptionBudget>>>,
    pub claims: Arc<Store<Child<PersistentVolumeClaim>>>,
    pub stateful_sets: Arc<Store<Child<StatefulSet>>>,
    pub pods: Arc<Store<Child<Pod>>>,
    pub offered_secrets: Arc<Store<Child<Secret>>>,
}

/// An object of ours as the cache has it.
#[derive(Debug)]
pub struct Live {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub version: u64,
    /// Its owners.
    pub owners: Vec<OwnerReference>,
    /// The labels, the annotations and all the rest, as JSON; of Secrets of one entity there is only a digest.
    pub content: Content,
}

/// See [`Live::content`].
#[derive(Debug)]
pub enum Content {
    /// All of it.
    Value(Value),
    /// What it comes down to.
    Digest(config::Digest),
}

/// Calls `$use` with the store of `$kind`; Secrets apart, which are cached in two shapes.
macro_rules! with_store {
    ($caches:expr, $kind:expr, $store:ident => $use:expr, secrets => $secrets:expr) => {
        match $kind {
            ChildKind::ServiceAccount => {
                let $store = &$caches.service_accounts;
                $use
            }
            ChildKind::Role => {
                let $store = &$caches.roles;
                $use
            }
            ChildKind::RoleBinding => {
                let $store = &$caches.role_bindings;
                $use
            }
            ChildKind::ConfigMap => {
                let $store = &$caches.config_maps;
                $use
            }
            ChildKind::Service => {
                let $store = &$caches.services;
                $use
            }
            ChildKind::NetworkPolicy => {
                let $store = &$caches.network_policies;
                $use
            }
            ChildKind::PodDisruptionBudget => {
                let $store = &$caches.pod_disruption_budgets;
                $use
            }
            ChildKind::PersistentVolumeClaim => {
                let $store = &$caches.claims;
                $use
            }
            ChildKind::StatefulSet => {
                let $store = &$caches.stateful_sets;
                $use
            }
            ChildKind::Secret => $secrets,
        }
    };
}

impl Caches {
    /// An object of ours.
    pub fn live(&self, kind: ChildKind, namespace: &str, name: &str) -> Option<Live> {
        with_store!(self, kind, store => {
            let child = store.get(namespace, name)?;
            Some(Live {
                uid: child.uid().to_owned(),
                version: child.version(),
                owners: child.object.metadata.owner_references.clone().unwrap_or_default(),
                content: Content::Value(child.value()),
            })
        }, secrets => {
            let secret = self.secrets.get(namespace, name)?;
            Some(match &*secret {
                OurSecret::Whole(child) => Live {
                    uid: child.uid().to_owned(),
                    version: child.version(),
                    owners: child.object.metadata.owner_references.clone().unwrap_or_default(),
                    content: Content::Value(child.value()),
                },
                OurSecret::Entity(entity) => Live {
                    uid: entity.uid.to_string(),
                    version: secret.version(),
                    owners: vec![entity.owner()],
                    content: Content::Digest(entity.content),
                },
            })
        })
    }

    /// Name and uid of every object of a kind in a Kubernetes namespace that a Namespace with the uid `owner` owns.
    pub fn owned(&self, kind: ChildKind, namespace: &str, owner: &str) -> Vec<(String, String)> {
        with_store!(self, kind, store => {
            store.pick(namespace, |name, child| {
                let is_owned = is_owned_by(&child.object.metadata, owner);
                is_owned.then(|| (name.to_owned(), child.uid().to_owned()))
            })
        }, secrets => {
            self.secrets.pick(namespace, |name, secret| {
                let is_owned = is_owned_by(&secret.whole()?.metadata, owner);
                is_owned.then(|| (name.to_owned(), secret.uid().to_owned()))
            })
        })
    }

    /// Takes the answer to a write, so that what we wrote is known before a watch tells of it.
    pub fn wrote(&self, kind: ChildKind, namespace: &str, name: &str, answer: Value) {
        let key = Key::new(namespace, name);
        let parsed = match kind {
            ChildKind::ServiceAccount => put(&self.service_accounts, key, answer, Child::keep),
            ChildKind::Role => put(&self.roles, key, answer, Child::keep),
            ChildKind::RoleBinding => put(&self.role_bindings, key, answer, Child::keep),
            ChildKind::ConfigMap => put(&self.config_maps, key, answer, Child::keep_config_map),
            ChildKind::Secret => put(&self.secrets, key, answer, OurSecret::keep),
            ChildKind::Service => put(&self.services, key, answer, Child::keep),
            ChildKind::NetworkPolicy => put(&self.network_policies, key, answer, Child::keep),
            ChildKind::PodDisruptionBudget => put(&self.pod_disruption_budgets, key, answer, Child::keep),
            ChildKind::PersistentVolumeClaim => put(&self.claims, key, answer, Child::keep),
            ChildKind::StatefulSet => put(&self.stateful_sets, key, answer, Child::keep),
        };
        if let Err(error) = parsed {
            tracing::debug!(kind = kind.as_str(), name, %error, "the answer to a write is not such an object");
        }
    }

    /// Whether one of our resources in a Kubernetes namespace has that uid.
    pub fn knows(&self, namespace: &str, uid: &str) -> bool {
        fn knows<K: kube::Resource>(store: &Store<Resource<K>>, namespace: &str, uid: &str) -> bool {
            store.of(namespace).iter().any(|object| object.uid() == uid)
        }
        knows(&self.namespaces, namespace, uid)
            || knows(&self.topics, namespace, uid)
            || knows(&self.event_subscriptions, namespace, uid)
            || knows(&self.hubs, namespace, uid)
    }

    /// Kubernetes namespaces in which there is anything of ours.
    pub fn planes(&self) -> std::collections::BTreeSet<Box<str>> {
        let mut planes = std::collections::BTreeSet::new();
        planes.extend(self.namespaces.namespaces());
        planes.extend(self.topics.namespaces());
        planes.extend(self.event_subscriptions.namespaces());
        planes.extend(self.hubs.namespaces());
        planes.extend(self.claims.namespaces());
        planes
    }
}

fn put<K: DeserializeOwned, T: Versioned>(
    store: &Store<T>,
    key: Key,
    answer: Value,
    keep: fn(K) -> T,
) -> Result<(), serde_json::Error> {
    store.put(key, keep(serde_json::from_value(answer)?));
    Ok(())
}

/// `metadata.resourceVersion` as a number.
pub(crate) fn version_of(metadata: &ObjectMeta) -> u64 {
    metadata
        .resource_version
        .as_deref()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Whether every watch has listed what there is.
#[derive(Clone, Debug)]
pub struct Synced(Vec<tokio::sync::watch::Receiver<bool>>);

impl Synced {
    /// Resolves once every watch has listed what there is.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn all(mut self) {
        for one in &mut self.0 {
            if one.wait_for(|synced| *synced).await.is_err() {
                // The watch was stopped before it got that far: so is everything else.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Starts every watch as tasks of a scope.
pub struct Watches<'a> {
    /// With what.
    pub client: &'a Client,
    /// Of what.
    pub extent: &'a Extent,
    /// Where to.
    pub caches: &'a Caches,
    /// Told of every Kubernetes namespace in which something changed.
    pub changed: Arc<dyn Fn(&str) + Send + Sync>,
    /// Where to count.
    pub metrics: &'a Arc<Metrics>,
    /// Whose tasks.
    pub scope: &'a TaskScope,
}

impl Watches<'_> {
    /// Starts them.
    pub fn start(&self) -> Synced {
        let caches = self.caches;
        let mut synced = Vec::new();
        let all = &mut synced;
        self.own(all, "Namespace", &caches.namespaces);
        self.own(all, "Topic", &caches.topics);
        self.own(all, "EventSubscription", &caches.event_subscriptions);
        self.own(all, "Hub", &caches.hubs);
        self.kubernetes(all, "ServiceAccount", OURS, &caches.service_accounts, Child::keep);
        self.kubernetes(all, "Role", OURS, &caches.roles, Child::keep);
        self.kubernetes(all, "RoleBinding", OURS, &caches.role_bindings, Child::keep);
        self.kubernetes(
            all,
            "ConfigMap",
            OURS,
            &caches.config_maps,
            Child::keep_config_map,
        );
        self.kubernetes(all, "Secret", OURS, &caches.secrets, OurSecret::keep);
        self.kubernetes(all, "Service", OURS, &caches.services, Child::keep);
        self.kubernetes(all, "NetworkPolicy", OURS, &caches.network_policies, Child::keep);
        self.kubernetes(
            all,
            "PodDisruptionBudget",
            OURS,
            &caches.pod_disruption_budgets,
            Child::keep,
        );
        self.kubernetes(all, "PersistentVolumeClaim", OURS, &caches.claims, Child::keep);
        self.kubernetes(all, "StatefulSet", OURS, &caches.stateful_sets, Child::keep);
        self.kubernetes(all, "Pod", OUR_PODS, &caches.pods, Child::keep_pod);
        self.kubernetes(
            all,
            "offered Secret",
            OFFERED,
            &caches.offered_secrets,
            Child::keep,
        );
        Synced(synced)
    }

    fn own<K>(
        &self,
        synced: &mut Vec<tokio::sync::watch::Receiver<bool>>,
        kind: &'static str,
        store: &Arc<Store<Resource<K>>>,
    ) where
        K: WeftKind + kube::Resource<Scope = NamespaceResourceScope>,
        K: Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    {
        for (scope, api) in self.extent.apis::<K>(self.client) {
            synced.push(self.spawn(self.feed(api, scope, "", kind, Resource::keep, true, store)));
        }
    }

    fn kubernetes<K, T>(
        &self,
        synced: &mut Vec<tokio::sync::watch::Receiver<bool>>,
        kind: &'static str,
        labels: &'static str,
        store: &Arc<Store<T>>,
        keep: fn(K) -> T,
    ) where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + DeserializeOwned + Debug + Send + Sync + 'static,
        T: Versioned + Send + Sync + 'static,
    {
        for (scope, api) in self.extent.apis::<K>(self.client) {
            synced.push(self.spawn(self.feed(api, scope, labels, kind, keep, false, store)));
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one for each field that differs between the watches"
    )]
    fn feed<K, T>(
        &self,
        api: Api<K>,
        scope: Option<String>,
        labels: &'static str,
        kind: &'static str,
        keep: fn(K) -> T,
        doubtful: bool,
        store: &Arc<Store<T>>,
    ) -> Feed<K, T> {
        Feed {
            api,
            scope,
            labels,
            kind,
            keep,
            doubtful,
            store: store.clone(),
            changed: self.changed.clone(),
            metrics: self.metrics.clone(),
        }
    }

    fn spawn<K, T>(&self, feed: Feed<K, T>) -> tokio::sync::watch::Receiver<bool>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + DeserializeOwned + Debug + Send + Sync + 'static,
        T: Versioned + Send + Sync + 'static,
    {
        let (sender, receiver) = tokio::sync::watch::channel(false);
        self.scope.spawn("watch", feed.run(sender, self.scope.clone()));
        receiver
    }
}
