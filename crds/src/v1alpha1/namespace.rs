use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{self, validations};
use crate::schema::plain;
use crate::shared::AuthorizationRule;

mod checkpoint;
mod identity;
mod pod_template;
mod service;
mod status;
mod storage;
mod tls;

pub use checkpoint::{Checkpoint, ConfigMapCheckpoint, ObjectStoreCheckpoint};
pub use identity::{Identity, Issuer};
pub use pod_template::{ImagePullSecret, Opaque, PodMetadata, PodSpec, PodTemplate, Resources};
pub use service::{Service, ServiceType};
pub use status::NamespaceStatus;
pub use storage::{Ephemeral, PersistentVolume, Storage};
pub use tls::{SecretReference, Tls};

/// One isolated event plane: an endpoint, its access keys and its storage.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "weft.dev",
    version = "v1alpha1",
    kind = "Namespace",
    singular = "eventnamespace",
    plural = "eventnamespaces",
    shortname = "evns",
    category = "weft",
    namespaced,
    status = "NamespaceStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "One isolated event plane: an endpoint, its access keys and its storage. Topics and Hubs refer to it.",
    validation = rules::NAMESPACE_NAME,
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".status.endpoint"),
    printcolumn(name = "Upgrade", type_ = "string", json_path = r#".status.conditions[?(@.type=="UpgradeAvailable")].status"#, priority = 1),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
#[schemars(extend("x-kubernetes-validations" = validations(&[
    rules::GRACE_ONLY_WITH_DELETE, rules::STORAGE_KIND_IMMUTABLE, rules::STORAGE_CLASS_IMMUTABLE,
    rules::VOLUME_NEVER_SHRINKS])))]
pub struct NamespaceSpec {
    /// Where events are kept until they are settled or expire. A persistent volume of 10Gi if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// How the endpoint proves who it is, and whether it can be reached without TLS. A certificate of Weft's own
    /// authority and no port without TLS if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// The Service in front of the pods, which has the Namespace's name. Reachable within the cluster if absent. Has
    /// no meaning in local mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Access keys beside those of `RootManageSharedAccessKey`, which always exist and allow everything. At most
    /// 12 rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 12))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::AUTHORIZATION_RULES_UNIQUE])))]
    pub authorization_rules: Option<Vec<AuthorizationRule>>,
    /// `true`: nothing that is made from an access key is accepted at any door, only bearer tokens. Connection Secrets
    /// then hold no keys. `false` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_local_auth: Option<bool>,
    /// Whose bearer tokens are accepted beside those of the cluster's own ServiceAccounts. In local mode there are only
    /// the tokens that `weft dev` makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Where a copy of positions lies (checkpoints of consumers, sequence numbers, never events), from which a pod goes
    /// on that finds its disk empty. In ConfigMaps if absent. A change takes effect when the pod restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// What happens to the events of a Topic, EventSubscription or Hub that is deleted: `Delete` removes them after
    /// `deletionGracePeriod`, `Retain` keeps them until someone runs `weft data purge`. `Delete` if absent.
    /// Clients are refused at once in either case, and a new resource of the same name starts empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// How long the events of a deleted Topic, EventSubscription or Hub are still kept, as an ISO 8601 duration such as
    /// `P1D` or `PT12H`; zero is allowed. 24 hours if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::DURATION])))]
    pub deletion_grace_period: Option<String>,
    /// What happens when a new version of the operator brings a new version of the broker: with `Manual` the pods go
    /// on as they are, the condition `UpgradeAvailable` says so, and the annotation `weft.dev/approve-upgrade: VERSION`
    /// lets the upgrade go; with `Automatic` it goes at once. An upgrade restarts the pod. `Manual` if absent. Has no
    /// meaning in local mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade_policy: Option<UpgradePolicy>,
    /// What you add to the broker's pods: labels, annotations, where they run, what they may use. Has no meaning in
    /// local mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<PodTemplate>,
    /// `true`: everything goes on as it is, and no change of this Namespace, its Topics, its EventSubscriptions and its
    /// Hubs takes effect until it is `false` or absent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
}

/// What happens to the events of an entity that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(
    missing_docs,
    reason = "a documented variant would split the schema's enum; NamespaceSpec::deletion_policy says it"
)]
pub enum DeletionPolicy {
    Retain,
    Delete,
}

/// What happens when there is a new version of the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(
    missing_docs,
    reason = "a documented variant would split the schema's enum; NamespaceSpec::upgrade_policy says it"
)]
pub enum UpgradePolicy {
    #[default]
    Manual,
    Automatic,
}
