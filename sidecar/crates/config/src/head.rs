//! The head: whose document it is, which revision, the settings of the whole Namespace.

use serde::{Deserialize, Serialize};

use crate::{Digest, SHARD_COUNT};

/// The small first piece of a document. It is written last, and so makes a new revision visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// [`FORMAT`](crate::FORMAT) of the writer.
    pub format: u32,
    /// The Namespace that this document configures.
    pub namespace: NamespaceIdentity,
    /// Grows with every change of the document and never goes back. A reader keeps the higher one.
    pub revision: u64,
    /// What holds for the whole Namespace.
    pub settings: Settings,
    /// Digest of each shard's bytes, by index.
    pub shards: [Digest; SHARD_COUNT],
}

impl Head {
    /// Whether `bytes` are exactly the shard `index` that this head was written with.
    pub fn vouches_for(&self, index: usize, bytes: &[u8]) -> bool {
        self.shards
            .get(index)
            .is_some_and(|digest| *digest == Digest::of(bytes))
    }
}

/// Which Namespace resource a document belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceIdentity {
    /// `metadata.name`, a DNS label of at most 40 characters.
    pub name: String,
    /// `metadata.uid`, a UUID in hyphenated lower case. A log written under another uid is not this
    /// Namespace's data.
    pub uid: String,
}

/// What holds for the whole Namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Room for the log, in bytes: `storage.persistentVolume.size` or `storage.ephemeral.sizeLimit`, 10 GiB if
    /// neither is set. At least 32 MiB, at most 64 TiB. When it is full, publishing is refused.
    pub storage_capacity_bytes: u64,
    /// What happens to the data of a topic or subscription that is no longer in the document.
    pub deletion_policy: DeletionPolicy,
    /// Under [`DeletionPolicy::Delete`]: seconds between disappearance and deletion, zero included.
    /// 24 hours if the user says nothing.
    pub deletion_grace_seconds: u64,
    /// Every rule there is, `RootManageSharedAccessKey` included (always the first). The keys are in
    /// [`Secrets`](crate::Secrets) under the same name.
    pub authorization_rules: Vec<AuthorizationRule>,
}

/// What happens to the data of an entity that has disappeared from the document. Its door is closed at
/// once in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// Kept until someone purges it.
    Retain,
    /// Deleted after the grace period.
    Delete,
}

/// A named pair of access keys and what they allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationRule {
    /// Unique in the document, ignoring case.
    pub name: String,
    /// Never empty, without repetitions. `Manage` implies the other two, listed or not.
    pub rights: Vec<Right>,
}

/// A right that a rule grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Right {
    /// Publish.
    Send,
    /// Receive and settle.
    Listen,
    /// Everything, administration included.
    Manage,
}
