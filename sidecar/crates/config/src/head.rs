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
    /// `true`: nothing that is made from an access key is accepted, only bearer tokens. A reader from before there was
    /// this field goes on accepting keys, which its [`PodReport`](crate::PodReport) tells.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_local_auth: bool,
    /// Whose bearer tokens are accepted beside those of the cluster's own ServiceAccounts. At most 16, each with a URL
    /// of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<Issuer>,
    /// Where the copy of positions lies that a pod with an empty disk starts from.
    #[serde(default, skip_serializing_if = "Checkpoint::is_config_map")]
    pub checkpoint: Checkpoint,
}

/// Absent and `false` are the same in JSON, so that a document without the field keeps its bytes.
fn is_false(value: &bool) -> bool {
    !value
}

/// An OpenID Connect issuer outside of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Issuer {
    /// What `iss` is, character by character, and under which `/.well-known/openid-configuration` says where the keys
    /// are. `https:` always, without query and fragment.
    pub url: String,
    /// `aud` holds one of them. Never empty.
    pub audiences: Vec<String>,
    /// Stands before every user name and group that is read from a token. Never empty, and does not begin with
    /// `system:`, so that no token from outside can name what the cluster itself vouches for.
    pub prefix: String,
    /// The claim that names the user; `sub` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_claim: Option<String>,
    /// The claim that lists the groups; `groups` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_claim: Option<String>,
    /// Certificates that the issuer's endpoint may be proven by, PEM; the system's roots if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority_pem: Option<String>,
}

/// Where the copy of positions lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Checkpoint {
    /// In the ConfigMaps [`objects::checkpoints`](crate::objects::checkpoints), which are there in any case. In local
    /// mode: a folder beside the log.
    #[default]
    ConfigMap,
    /// In an object store.
    ObjectStore {
        /// Bucket or container, and a path in it: `s3://`, `az://`, `azure://` or `gs://`; in local mode also `file://`.
        /// The credentials are [`Secrets::object_store`](crate::Secrets::object_store).
        url: String,
    },
}

impl Checkpoint {
    /// Whether it is the ConfigMaps, which is what a document without the field says.
    fn is_config_map(&self) -> bool {
        *self == Self::ConfigMap
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"{"storageCapacityBytes":1,"deletionPolicy":"Retain","deletionGraceSeconds":0,"authorizationRules":[]}"#;

    fn settings() -> Settings {
        Settings {
            storage_capacity_bytes: 1,
            deletion_policy: DeletionPolicy::Retain,
            deletion_grace_seconds: 0,
            authorization_rules: vec![],
            disable_local_auth: false,
            issuers: vec![],
            checkpoint: Checkpoint::ConfigMap,
        }
    }

    #[test]
    fn settings_that_use_nothing_new_are_what_they_were_before() {
        assert_eq!(serde_json::to_string(&settings()).unwrap(), OLD);
        assert_eq!(serde_json::from_str::<Settings>(OLD).unwrap(), settings());
    }

    #[test]
    fn the_json_of_identity_and_checkpoint_is_what_other_versions_expect() {
        let settings = Settings {
            disable_local_auth: true,
            issuers: vec![Issuer {
                url: "https://login.example.com/tenant".into(),
                audiences: vec!["weft".into()],
                prefix: "corp:".into(),
                username_claim: Some("email".into()),
                groups_claim: None,
                certificate_authority_pem: None,
            }],
            checkpoint: Checkpoint::ObjectStore {
                url: "s3://bucket/shop".into(),
            },
            ..settings()
        };
        let added = r#""disableLocalAuth":true,"issuers":[{"url":"https://login.example.com/tenant","audiences":["weft"],"prefix":"corp:","usernameClaim":"email"}],"checkpoint":{"objectStore":{"url":"s3://bucket/shop"}}}"#;
        let json = OLD.replace('}', &format!(",{added}"));
        assert_eq!(serde_json::to_string(&settings).unwrap(), json);
        assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), settings);
    }
}
