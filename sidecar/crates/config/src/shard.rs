//! A shard: the topics and event hubs of a Namespace whose uids hash to one of sixteen numbers.

use serde::{Deserialize, Serialize};

use crate::Filter;

/// One of the [`SHARD_COUNT`](crate::SHARD_COUNT) pieces with the entities of a Namespace. A topic and all
/// its subscriptions are in the same shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shard {
    /// [`FORMAT`](crate::FORMAT) of the writer.
    pub format: u32,
    /// Which shard this is, from 0.
    pub index: usize,
    /// In the order of their uids, so that equal content has equal bytes.
    pub topics: Vec<Topic>,
    /// In the order of their uids. Absent if there are none: such a shard has the bytes that it had before there were
    /// hubs. A reader from that time serves the topics and knows nothing of the hubs, which its
    /// [`PodReport`](crate::PodReport) tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hubs: Vec<Hub>,
}

/// A namespace topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Topic {
    /// `metadata.uid`, a UUID in hyphenated lower case: the identity of the data. A new uid is an empty topic.
    pub uid: String,
    /// The name that clients use: `azureName`, else the resource's name. Unique in the document, ignoring
    /// case; 3 to 50 of `A-Z a-z 0-9 -`.
    pub name: String,
    /// `metadata.name`, under which the topic is reported back.
    pub resource_name: String,
    /// How long an event is kept at most, in seconds: 1 to 7 days.
    pub retention_seconds: u64,
    /// Whether some subscription of this Namespace dead-letters to this topic.
    pub dead_letter_target: bool,
    /// In the order of their uids.
    pub subscriptions: Vec<Subscription>,
}

/// An event subscription with queue (pull) delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// `metadata.uid`, a UUID in hyphenated lower case: the identity of the delivery state.
    pub uid: String,
    /// The name that clients use: `azureName`, else the resource's name. Unique in its topic, ignoring
    /// case; 3 to 50 of `A-Z a-z 0-9 -`.
    pub name: String,
    /// `metadata.name`, under which the subscription is reported back.
    pub resource_name: String,
    /// How long a receiver holds an event before it is offered again, in seconds: 60 to 300.
    pub lock_duration_seconds: u64,
    /// Deliveries of one event before it is dead-lettered or dropped: 1 to 10.
    pub max_delivery_count: u8,
    /// How long after publishing an event is still delivered, in seconds: at least 60, whole minutes, at
    /// most the topic's retention (which it is if the user says nothing).
    pub time_to_live_seconds: u64,
    /// Which events of the topic the subscription receives.
    pub filter: Filter,
    /// Uid of the topic in this document that takes the dead letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_topic: Option<String>,
    /// The object store that takes the dead letters instead. Without either they are dropped. A reader from before there
    /// was this field drops them, which its [`PodReport`](crate::PodReport) tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_store: Option<DeadLetterStore>,
}

/// A place in an object store for the dead letters of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterStore {
    /// Bucket or container, and a path in it: `s3://`, `az://`, `azure://` or `gs://`; in local mode also `file://`.
    /// The credentials are in [`Secrets::dead_letter_stores`](crate::Secrets::dead_letter_stores), as far as somebody gave
    /// some.
    pub url: String,
}

/// An event hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hub {
    /// `metadata.uid`, a UUID in hyphenated lower case: the identity of the data. A new uid is an empty hub.
    pub uid: String,
    /// The name that clients use: `azureName`, else the resource's name. Unique among the hubs of the document,
    /// ignoring case; 1 to 256 of `A-Z a-z 0-9 . _ -`.
    pub name: String,
    /// `metadata.name`, under which the hub is reported back.
    pub resource_name: String,
    /// 1 to 1024. Under one uid it never goes down, unless the data of another hub was adopted.
    pub partition_count: u32,
    /// How long an event is kept, in seconds: 1 hour to 90 days.
    pub retention_seconds: u64,
    /// How many bytes of events the hub keeps, shared equally by its partitions: at least 1 MiB for each. As many as
    /// the log has room for if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_bytes: Option<u64>,
    /// The consumer groups beside `$Default`, which always exists: unique ignoring case, in the order of their names in
    /// lower case; each 1 to 50 of `A-Z a-z 0-9 . _ -`.
    pub consumer_groups: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FORMAT;

    #[test]
    fn a_shard_without_hubs_is_what_it_was_before_there_were_any() {
        let shard = Shard {
            format: FORMAT,
            index: 3,
            topics: vec![],
            hubs: vec![],
        };
        let json = r#"{"format":1,"index":3,"topics":[]}"#;
        assert_eq!(serde_json::to_string(&shard).unwrap(), json);
        assert_eq!(serde_json::from_str::<Shard>(json).unwrap(), shard);
    }

    #[test]
    fn the_json_of_a_subscription_is_what_other_versions_expect() {
        let subscription = Subscription {
            uid: "u".into(),
            name: "Billing".into(),
            resource_name: "billing".into(),
            lock_duration_seconds: 60,
            max_delivery_count: 10,
            time_to_live_seconds: 3600,
            filter: Filter::default(),
            dead_letter_topic: None,
            dead_letter_store: None,
        };
        let json = serde_json::to_string(&subscription).unwrap();
        assert!(!json.contains("deadLetter"), "{json}");
        assert_eq!(serde_json::from_str::<Subscription>(&json).unwrap(), subscription);
        let stored = Subscription {
            dead_letter_store: Some(DeadLetterStore {
                url: "s3://bucket/letters".into(),
            }),
            ..subscription
        };
        let added = r#","deadLetterStore":{"url":"s3://bucket/letters"}}"#;
        let json = format!("{}{added}", json.strip_suffix('}').unwrap());
        assert_eq!(serde_json::to_string(&stored).unwrap(), json);
        assert_eq!(serde_json::from_str::<Subscription>(&json).unwrap(), stored);
    }

    #[test]
    fn the_json_of_a_hub_is_what_other_versions_expect() {
        let hub = Hub {
            uid: "u".into(),
            name: "Telemetry".into(),
            resource_name: "telemetry".into(),
            partition_count: 4,
            retention_seconds: 86_400,
            retention_bytes: None,
            consumer_groups: vec!["dashboards".into()],
        };
        let json = r#"{"uid":"u","name":"Telemetry","resourceName":"telemetry","partitionCount":4,"retentionSeconds":86400,"consumerGroups":["dashboards"]}"#;
        assert_eq!(serde_json::to_string(&hub).unwrap(), json);
        let bounded = json.replace("\"consumerGroups", "\"retentionBytes\":1048576,\"consumerGroups");
        assert_eq!(
            serde_json::from_str::<Hub>(&bounded).unwrap().retention_bytes,
            Some(1 << 20)
        );
    }
}
