//! A shard: the topics of a Namespace whose uids hash to one of sixteen numbers.

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
    /// Uid of the topic in this document that takes the dead letters; without it they are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_topic: Option<String>,
}
