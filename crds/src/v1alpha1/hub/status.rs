use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::plain;

/// What has become of the Hub, and how far its consumers are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct HubStatus {
    /// The `metadata.generation` that the conditions speak of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How many events the consumer group that is furthest behind has still before it, all partitions together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<i64>,
    /// The consumer groups that keep checkpoints in the Namespace; of more than 2000 of all its Hubs, those that are
    /// furthest behind. Written at most every ten seconds, and only while something changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1001))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub consumer_groups: Vec<ConsumerGroupStatus>,
    /// `Accepted`: the spec makes sense and its references resolve. `Programmed`: every broker pod has applied it.
    /// `Ready`: the next send or receive succeeds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// How far a consumer group is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerGroupStatus {
    /// Its name, as its checkpoints spell it.
    pub name: String,
    /// How many events it has still before it, all partitions together, whether they are listed or not.
    pub lag: i64,
    /// The partitions that it has a checkpoint of, as far as they fit: 500 of all groups of the Namespace together, in the
    /// order of hub, group and partition.
    #[schemars(length(max = 1024))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub partitions: Vec<PartitionStatus>,
}

/// How far a consumer group is in a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct PartitionStatus {
    /// The partition, as clients call it.
    pub id: String,
    /// Sequence number of the event that it has got to, where its checkpoint names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<i64>,
    /// How many events were sent after it.
    pub lag: i64,
}
