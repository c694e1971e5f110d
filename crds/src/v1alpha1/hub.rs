use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{self, validations};
use crate::schema::plain;
use crate::shared::Reference;

mod status;

pub use status::{ConsumerGroupStatus, HubStatus, PartitionStatus};

/// An event hub in a Namespace: producers send events to its partitions, each consumer group reads all of them at its
/// own pace.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "weft.dev",
    version = "v1alpha1",
    kind = "Hub",
    plural = "hubs",
    shortname = "evhub",
    category = "weft",
    namespaced,
    status = "HubStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "An event hub in a Namespace: producers send events to its partitions, each consumer group reads all of them at its own pace.",
    validation = rules::NAME_RESERVED,
    printcolumn(name = "Namespace", type_ = "string", json_path = ".spec.namespaceRef.name"),
    printcolumn(name = "Azure name", type_ = "string", json_path = ".spec.azureName", priority = 1),
    printcolumn(name = "Lag", type_ = "integer", json_path = ".status.lag"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rules::AZURE_NAME_IMMUTABLE])))]
pub struct HubSpec {
    /// The Namespace that the hub is in. Immutable.
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::REFERENCE_IMMUTABLE])))]
    pub namespace_ref: Reference,
    /// The name that clients use, where Kubernetes cannot spell it (`Telemetry_V2`): at most 256 of
    /// `A-Z a-z 0-9 . _ -`, first and last a letter or digit, compared ignoring case, unique among the hubs of the
    /// Namespace. `metadata.name` if absent. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[
        rules::HUB_AZURE_NAME, rules::AZURE_NAME_RESERVED])))]
    pub azure_name: Option<String>,
    /// An event hub as Azure Event Hubs has them. `eventHub: {}` takes every default.
    pub event_hub: EventHub,
}

/// An event hub: partitions that keep events for a time, and consumer groups that read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
#[schemars(extend("x-kubernetes-validations" = validations(&[
    rules::PARTITIONS_NEVER_SHRINK, rules::SIZE_OF_PARTITIONS])))]
pub struct EventHub {
    /// How many partitions it has: 1 to 1024. 4 if absent. It can grow and never shrink; events with a key may go to
    /// another partition after it grew.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub partition_count: Option<i32>,
    /// For how long, and how many, events are kept. 24 hours, whatever their size, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_retention: Option<MessageRetention>,
    /// Consumer groups beside `$Default`, which always exists and is not listed. At most 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub consumer_groups: Option<Vec<ConsumerGroup>>,
}

/// When the oldest events of a partition go. Whichever bound is met first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct MessageRetention {
    /// For how many hours an event is kept, from sending: 1 to 2160, which is 90 days. 24 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2160))]
    pub time_in_hours: Option<i32>,
    /// How many bytes of events the hub keeps, all partitions together; each has an equal share, of at least 1 MiB.
    /// 1048576 to 70368744177664, which are 1 MiB and 64 TiB. As many as the Namespace's storage has room for if
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1_048_576_i64, max = 70_368_744_177_664_i64))]
    pub size_in_bytes: Option<i64>,
}

/// A consumer group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerGroup {
    /// Name of the group, unique in the hub ignoring case: at most 50 of `A-Z a-z 0-9 . _ -`, first and last a letter
    /// or digit.
    #[schemars(length(min = 1, max = 50))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[
        rules::CONSUMER_GROUP_NAME, rules::CONSUMER_GROUP_RESERVED])))]
    pub name: String,
}
