//! What a pod says about the configuration that it was given.

use serde::{Deserialize, Serialize};

use crate::{Digest, SHARD_COUNT};

/// How many refused entities a report spells out; there is no more room than that for people to read.
pub const REFUSED_LISTED: usize = 500;

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
