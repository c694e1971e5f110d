use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::plain;

/// What has become of the Namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct NamespaceStatus {
    /// The `metadata.generation` that the conditions speak of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The URL under which programs in the cluster reach the Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// `Accepted`: the spec makes sense and its references resolve. `Programmed`: every broker pod has applied it.
    /// `Ready`: the next publish or receive succeeds. `UpgradeAvailable`: the pods run an older version than the
    /// operator's, and wait for your word. `DataLost`: the log began anew on an empty disk, and its events from before are
    /// gone. `CheckpointsCopied`: what consumers save gets into the copy that survives the disk.
    /// `IssuersReached`: the issuers outside of the cluster say the keys of their tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
