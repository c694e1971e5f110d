//! Objects of Kubernetes' own kinds, ready to be applied.

use std::collections::BTreeMap;

use config::Digest;
use crds::v1alpha1;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::ApiResource;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::Value;

use crate::annotations;
use crate::in_effect;
use crate::labels::{self, Component};

/// The kinds of objects that a Namespace consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "these are Kubernetes' own words")]
pub enum ChildKind {
    ServiceAccount,
    Role,
    RoleBinding,
    ConfigMap,
    Secret,
    Service,
    NetworkPolicy,
    PodDisruptionBudget,
    PersistentVolumeClaim,
    StatefulSet,
}

impl ChildKind {
    /// Every kind, in the order in which objects are applied: what a pod needs comes before the pod.
    pub const ALL: [Self; 10] = [
        Self::ServiceAccount,
        Self::Role,
        Self::RoleBinding,
        Self::ConfigMap,
        Self::Secret,
        Self::Service,
        Self::NetworkPolicy,
        Self::PodDisruptionBudget,
        Self::PersistentVolumeClaim,
        Self::StatefulSet,
    ];

    /// The kind as it stands in an object.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::Role => "Role",
            Self::RoleBinding => "RoleBinding",
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
            Self::Service => "Service",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::StatefulSet => "StatefulSet",
        }
    }

    /// The kind called `kind`, if it is one of these.
    pub fn from_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == kind)
    }

    /// Where the API server has objects of this kind.
    pub fn api_resource(self) -> ApiResource {
        match self {
            Self::ServiceAccount => ApiResource::erase::<ServiceAccount>(&()),
            Self::Role => ApiResource::erase::<Role>(&()),
            Self::RoleBinding => ApiResource::erase::<RoleBinding>(&()),
            Self::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
            Self::Secret => ApiResource::erase::<Secret>(&()),
            Self::Service => ApiResource::erase::<Service>(&()),
            Self::NetworkPolicy => ApiResource::erase::<NetworkPolicy>(&()),
            Self::PodDisruptionBudget => ApiResource::erase::<PodDisruptionBudget>(&()),
            Self::PersistentVolumeClaim => ApiResource::erase::<PersistentVolumeClaim>(&()),
            Self::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
        }
    }
}

/// A type whose objects can be children of a Namespace.
pub trait Child: Resource<DynamicType = ()> + Serialize {
    /// Its kind.
    const KIND: ChildKind;
}

macro_rules! children {
    ($($kind:ident),*) => {
        $(impl Child for $kind {
            const KIND: ChildKind = ChildKind::$kind;
        })*
    };
}

children!(
    ServiceAccount,
    Role,
    RoleBinding,
    ConfigMap,
    Secret,
    Service,
    NetworkPolicy,
    PodDisruptionBudget,
    PersistentVolumeClaim,
    StatefulSet
);

/// An object as we want it, with nothing left for Kubernetes to refuse. `Debug` shows no content: it may be a Secret.
#[derive(Clone, PartialEq)]
pub struct Prepared {
    /// What it is.
    pub kind: ChildKind,
    /// The Kubernetes namespace that it belongs into.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The whole object, in the spelling in which the API server stores it.
    pub value: Value,
}

impl Prepared {
    /// Takes an object as it is to be applied. It is annotated with a digest of the *paths* of its fields, so that
    /// [`in_effect`](crate::in_effect::in_effect) notices a field that is no longer wanted; values do not enter the
    /// digest.
    pub fn new<K: Child>(object: &K) -> Self {
        let mut prepared = Self {
            kind: K::KIND,
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            value: serde_json::to_value(object).expect("objects of Kubernetes consist of JSON types"),
        };
        prepared.annotate();
        prepared
    }

    /// The same object with `change` made to it.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.value);
        self.annotate();
        self
    }

    /// The uid of the object that owns this one, by which it is told from a stranger's object of the same name.
    pub fn owner_uid(&self) -> Option<&str> {
        self.value.pointer("/metadata/ownerReferences/0/uid")?.as_str()
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.value["metadata"]["annotations"][key].as_str()
    }

    fn annotate(&mut self) {
        let annotation = &mut self.value["metadata"]["annotations"][annotations::FIELDS];
        *annotation = Value::Null;
        let digest = in_effect::fields_digest(&self.value);
        self.value["metadata"]["annotations"][annotations::FIELDS] = Value::from(digest.to_string());
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.kind.as_str(), self.namespace, self.name)
    }
}

/// The Namespace resource that children belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`: the Kubernetes namespace of the resource and of its children.
    pub kubernetes_namespace: String,
    /// `metadata.uid`.
    pub uid: String,
}

impl Owner {
    /// Who `namespace` is; `None` for an object that no API server has seen.
    pub fn of(namespace: &v1alpha1::Namespace) -> Option<Self> {
        Some(Self {
            name: namespace.metadata.name.clone()?,
            kubernetes_namespace: namespace.metadata.namespace.clone()?,
            uid: namespace.metadata.uid.clone()?,
        })
    }

    /// What makes the garbage collector delete a child after its Namespace.
    pub fn reference(&self) -> OwnerReference {
        reference(crds::Kind::Namespace, &self.name, &self.uid)
    }

    /// The metadata of a child called `name` that goes with its Namespace.
    pub(crate) fn child(&self, name: String, component: Component) -> ObjectMeta {
        ObjectMeta {
            labels: Some(labels::child(self, component)),
            owner_references: Some(vec![self.reference()]),
            ..self.survivor(name, component)
        }
    }

    /// The metadata of a child called `name` that stays when its Namespace goes.
    pub(crate) fn survivor(&self, name: String, component: Component) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: Some(self.kubernetes_namespace.clone()),
            labels: Some(labels::survivor(self, component)),
            annotations: Some(BTreeMap::new()),
            ..ObjectMeta::default()
        }
    }
}

/// A reference to an owner of one of our kinds. It does not block the owner's deletion: that would take a right on the
/// owner's finalizers.
pub(crate) fn reference(kind: crds::Kind, name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: crds::API_VERSION.to_owned(),
        kind: kind.as_str().to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

/// Whether an object belongs to the owner with this uid. One that does not is a stranger's and is never touched.
pub fn is_owned_by(metadata: &ObjectMeta, uid: &str) -> bool {
    metadata
        .owner_references
        .iter()
        .flatten()
        .any(|reference| reference.uid == uid)
}

/// The digest of text by which two versions of something are told apart.
pub(crate) fn digest_of(value: &impl Serialize) -> Digest {
    let value = serde_json::to_value(value).expect("settings consist of JSON types");
    Digest::of(value.to_string().as_bytes())
}
