use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::plain;

/// What has become of the resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct Status {
    /// The `metadata.generation` that the conditions speak of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Accepted`: the spec makes sense and its references resolve. `Programmed`: every broker pod has applied it.
    /// `Ready`: the next publish or receive succeeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// The types of condition.
pub mod condition {
    /// The spec makes sense and its references resolve.
    pub const ACCEPTED: &str = "Accepted";
    /// Every broker pod has applied it.
    pub const PROGRAMMED: &str = "Programmed";
    /// The next publish or receive succeeds.
    pub const READY: &str = "Ready";
    /// On a Namespace: what consumers save survives the loss of the disk.
    pub const CHECKPOINTS_COPIED: &str = "CheckpointsCopied";
    /// On a Namespace: its log began anew on an empty disk, and the events from before are gone.
    pub const DATA_LOST: &str = "DataLost";
    /// On a Namespace with issuers outside of the cluster: all of them say their keys.
    pub const ISSUERS_REACHED: &str = "IssuersReached";
    /// On a Namespace: its pods run an older version than the operator would give them, and wait for approval.
    pub const UPGRADE_AVAILABLE: &str = "UpgradeAvailable";
}
