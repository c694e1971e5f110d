use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{self, validations};
use crate::schema::plain;
use crate::shared::{AuthorizationRule, Status};

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
    status = "Status",
    derive = "PartialEq",
    derive = "Default",
    doc = "One isolated event plane: an endpoint, its access keys and its storage. Topics refer to it.",
    validation = rules::NAMESPACE_NAME,
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rules::GRACE_ONLY_WITH_DELETE])))]
pub struct NamespaceSpec {
    /// Where events are kept until they are settled or expire. A persistent volume of 10Gi if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// Access keys beside those of `RootManageSharedAccessKey`, which always exist and allow everything. At most
    /// 12 rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 12))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::AUTHORIZATION_RULES_UNIQUE])))]
    pub authorization_rules: Option<Vec<AuthorizationRule>>,
    /// What happens to the events of a Topic or EventSubscription that is deleted: `Delete` removes them after
    /// `deletionGracePeriod`, `Retain` keeps them until someone runs `weft data purge`. `Delete` if absent.
    /// Clients are refused at once in either case, and a new resource of the same name starts empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// How long the events of a deleted Topic or EventSubscription are still kept, as an ISO 8601 duration such as
    /// `P1D` or `PT12H`; zero is allowed. 24 hours if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::DURATION])))]
    pub deletion_grace_period: Option<String>,
}

/// Where events are kept: exactly one of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rules::ONE_STORAGE])))]
pub struct Storage {
    /// A volume that outlives the pod. Events survive restarts and rescheduling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume: Option<PersistentVolume>,
    /// The pod's own disk. Events survive a crash of the process, not the loss of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral: Option<Ephemeral>,
}

/// A volume that outlives the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolume {
    /// Size of the volume and of the event log on it, such as `10Gi`; from 32Mi to 64Ti. When the log is full,
    /// publishing is refused while receiving and settling go on. Local mode keeps to the same size.
    #[schemars(length(max = 24))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::STORAGE_SIZE])))]
    pub size: String,
}

/// The pod's own disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ephemeral {
    /// Most that the event log takes of the pod's disk, such as `1Gi`; from 32Mi to 64Ti. When the log is full,
    /// publishing is refused while receiving and settling go on. Local mode keeps to the same size.
    #[schemars(length(max = 24))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::STORAGE_SIZE])))]
    pub size_limit: String,
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
