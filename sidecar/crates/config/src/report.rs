//! What a pod says about the configuration that it was given.

use serde::{Deserialize, Serialize};

use crate::{Digest, SHARD_COUNT};

/// How many refused entities a report spells out; there is no more room than that for people to read.
pub const REFUSED_LISTED: usize = 500;
/// How many consumer groups a report tells the lag of; more would not fit into the object beside the refused.
pub const GROUPS_LISTED: usize = 2000;
/// How many partitions of consumer groups it tells the lag of.
pub const LAGS_LISTED: usize = 500;

/// Written by a pod into a ConfigMap of its own, once its doors are open and after every change; read by the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodReport {
    /// [`FORMAT`](crate::FORMAT) of the writer.
    pub format: u32,
    /// `metadata.uid` of the pod. A report of another pod than the one that runs is history.
    pub pod_uid: String,
    /// Version of the program that wrote it.
    pub version: String,
    /// Uid of the Namespace that it serves.
    pub namespace_uid: String,
    /// Whether it serves event hubs. A writer from before there were any applies the digest of a shard with hubs all
    /// the same, so that the digest alone does not tell.
    #[serde(default)]
    pub serves_hubs: bool,
    /// Whether this version writes dead letters to object stores: one that does not know them drops such letters.
    #[serde(default)]
    pub stores_dead_letters: bool,
    /// Revision of the document in effect.
    pub revision: u64,
    /// Digest of each shard in effect, by index.
    pub shards: [Digest; SHARD_COUNT],
    /// Revision of the secrets in effect.
    pub secrets_revision: u64,
    /// Entities of that revision that do not fit, at most [`REFUSED_LISTED`] of them.
    pub refused: Vec<Refused>,
    /// Why a newer document or newer secrets are not in effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// What takes effect only when the pod restarts, in words for the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_restart: Vec<String>,
    /// How often the Namespace's log began on an empty disk, less one. Absent in reports of writers from before it was
    /// counted: those accept no bearer token, go on accepting access keys whatever the settings say, and keep no
    /// checkpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<u64>,
    /// What was lost when this incarnation began on an empty disk, in words for the user; absent if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_lost: Option<String>,
    /// What consumers save does not get into its copy outside the disk, in words for the user; absent if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_trouble: Option<String>,
    /// How it goes with the issuers of bearer tokens outside of the cluster; absent if none is trusted, as long as it
    /// is not known of all of them, and in reports of writers from before it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuers: Option<IssuersReport>,
    /// How far consumer groups are behind in all their partitions together, in the order of hub and group. Of more than
    /// [`GROUPS_LISTED`], those that are furthest behind. A writer lets ten seconds pass between two reports that differ in
    /// nothing but this and `lags`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupLag>,
    /// The same by partition, as far as it fits: the first [`LAGS_LISTED`] in the order of hub, group and partition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lags: Vec<Lag>,
}

/// How it goes with the issuers of bearer tokens outside of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuersReport {
    /// Which of them does not say its keys, why, and what that means, in words for the user; absent if all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// How far a consumer group is behind in a hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupLag {
    /// `metadata.uid` of the hub.
    pub hub_uid: String,
    /// The consumer group, as the checkpoint spells it.
    pub group: String,
    /// How many events were sent after its checkpoints, all partitions together.
    pub lag: u64,
}

/// How far the checkpoint of a consumer group is behind the end of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lag {
    /// `metadata.uid` of the hub.
    pub hub_uid: String,
    /// The consumer group, as the checkpoint spells it.
    pub group: String,
    /// Index of the partition.
    pub partition: u32,
    /// Sequence number that the group has got to; absent if its checkpoint names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<i64>,
    /// How many events were sent after it.
    pub lag: u64,
}

/// An entity that is not served as it stands in the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// Its `metadata.uid`.
    pub uid: String,
    /// What does not fit, and what to do about it.
    pub reason: String,
}

/// Why something newer is not in effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Revision of the document that does not fit.
    pub revision: u64,
    /// What does not fit, and what to do about it.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> PodReport {
        PodReport {
            format: 1,
            pod_uid: "p".into(),
            version: "0.1.0".into(),
            namespace_uid: "u".into(),
            serves_hubs: true,
            stores_dead_letters: true,
            revision: 7,
            shards: [Digest::of(b""); SHARD_COUNT],
            secrets_revision: 2,
            refused: vec![],
            problem: None,
            pending_restart: vec![],
            incarnation: None,
            data_lost: None,
            copy_trouble: None,
            issuers: None,
            groups: vec![],
            lags: vec![],
        }
    }

    fn json(added: &str) -> String {
        let digests = vec!["\"6c62272e07bb014262b821756295c58d\""; SHARD_COUNT].join(",");
        format!(
            r#"{{"format":1,"podUid":"p","version":"0.1.0","namespaceUid":"u","servesHubs":true,"storesDeadLetters":true,"revision":7,"shards":[{digests}],"secretsRevision":2,"refused":[]{added}}}"#
        )
    }

    #[test]
    fn a_report_from_before_there_were_incarnations_is_still_read() {
        assert_eq!(serde_json::from_str::<PodReport>(&json("")).unwrap(), report());
        assert_eq!(serde_json::to_string(&report()).unwrap(), json(""));
    }

    #[test]
    fn the_json_of_a_report_is_what_other_versions_expect() {
        let report = PodReport {
            incarnation: Some(1),
            data_lost: Some("the disk was empty".into()),
            copy_trouble: Some("it refuses".into()),
            issuers: Some(IssuersReport {
                trouble: Some("one is away".into()),
            }),
            groups: vec![GroupLag {
                hub_uid: "h".into(),
                group: "$Default".into(),
                lag: 5,
            }],
            lags: vec![Lag {
                hub_uid: "h".into(),
                group: "$Default".into(),
                partition: 3,
                sequence_number: Some(41),
                lag: 2,
            }],
            ..report()
        };
        let added = r#","incarnation":1,"dataLost":"the disk was empty","copyTrouble":"it refuses","issuers":{"trouble":"one is away"},"groups":[{"hubUid":"h","group":"$Default","lag":5}],"lags":[{"hubUid":"h","group":"$Default","partition":3,"sequenceNumber":41,"lag":2}]"#;
        assert_eq!(serde_json::to_string(&report).unwrap(), json(added));
        assert_eq!(serde_json::from_str::<PodReport>(&json(added)).unwrap(), report);
    }
}
