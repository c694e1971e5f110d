use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{self, validations};
use crate::schema::plain;

/// Where events are kept: exactly one of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rules::ONE_STORAGE])))]
pub struct Storage {
    /// A volume that outlives the pod. Events survive restarts and rescheduling. Cannot be exchanged for `ephemeral`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume: Option<PersistentVolume>,
    /// The pod's own disk. Events survive a crash of the process, not the loss of the pod. Cannot be exchanged for
    /// `persistentVolume`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral: Option<Ephemeral>,
}

/// A volume that outlives the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct PersistentVolume {
    /// Size of the volume and of the event log on it, such as `10Gi`; from 32Mi to 64Ti. It can grow, where the
    /// storage class allows it, and never shrink. When the log is full, publishing is refused while receiving and
    /// settling go on. Local mode keeps to the same size.
    #[schemars(length(max = 24))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::STORAGE_SIZE])))]
    pub size: String,
    /// The StorageClass that makes the volume: the cluster's default if absent; empty for a volume that was made by
    /// hand and has no class. Immutable. Has no meaning in local mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::STORAGE_CLASS_NAME])))]
    pub storage_class_name: Option<String>,
}

/// The pod's own disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ephemeral {
    /// Most that the event log takes of the pod's disk, such as `1Gi`; from 32Mi to 64Ti. A change replaces the pod,
    /// and its events go with it. When the log is full, publishing is refused while receiving and settling go on.
    /// Local mode keeps to the same size.
    #[schemars(length(max = 24))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::STORAGE_SIZE])))]
    pub size_limit: String,
}
