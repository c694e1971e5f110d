//! The document, whole.

use std::fmt;

use crate::{FORMAT, Head, Hub, SHARD_COUNT, Shard, Topic};

/// Everything a sidecar needs to know about its Namespace, but for the secrets. It does not travel in this
/// shape, so it is not serialisable: see [`Head`] and [`Shard`].
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Identity, revision, settings.
    pub head: Head,
    /// Every topic of every shard, in the order of the shards.
    pub topics: Vec<Topic>,
    /// Every event hub of every shard, in the order of the shards.
    pub hubs: Vec<Hub>,
}

impl Document {
    /// Puts the pieces together. Whether a shard belongs to this head is decided by its bytes, with
    /// [`Head::vouches_for`], before they are parsed.
    ///
    /// # Errors
    /// The pieces are not one document: a foreign [`FORMAT`], a shard missing, twice or out of range. Keep the last
    /// good document.
    pub fn assemble(head: Head, mut shards: Vec<Shard>) -> Result<Self, AssembleError> {
        let formats = std::iter::once(head.format).chain(shards.iter().map(|shard| shard.format));
        if let Some(found) = formats.into_iter().find(|format| *format != FORMAT) {
            return Err(AssembleError::Format { found });
        }
        shards.sort_by_key(|shard| shard.index);
        if !shards.iter().map(|shard| shard.index).eq(0..SHARD_COUNT) {
            return Err(AssembleError::Shards {
                found: shards.iter().map(|shard| shard.index).collect(),
            });
        }
        let (mut topics, mut hubs) = (Vec::new(), Vec::new());
        for shard in shards {
            topics.extend(shard.topics);
            hubs.extend(shard.hubs);
        }
        Ok(Self { head, topics, hubs })
    }
}

/// Why pieces are not one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssembleError {
    /// A piece was written in a format that this reader does not know.
    Format {
        /// The piece's format.
        found: u32,
    },
    /// The shards are not exactly one of each.
    Shards {
        /// The indices that are there, sorted.
        found: Vec<usize>,
    },
}

impl fmt::Display for AssembleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format { found } => {
                write!(
                    f,
                    "the configuration has format {found}, this program reads format {FORMAT}"
                )
            }
            Self::Shards { found } => {
                write!(
                    f,
                    "the configuration needs the shards 0 to {}, found {found:?}",
                    SHARD_COUNT - 1
                )
            }
        }
    }
}

impl std::error::Error for AssembleError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, DeletionPolicy, Digest, NamespaceIdentity, Settings};

    fn head() -> Head {
        Head {
            format: FORMAT,
            namespace: NamespaceIdentity {
                name: "shop".into(),
                uid: "u".into(),
            },
            revision: 7,
            settings: Settings {
                storage_capacity_bytes: 10 << 30,
                deletion_policy: DeletionPolicy::Delete,
                deletion_grace_seconds: 86_400,
                authorization_rules: vec![],
                disable_local_auth: false,
                issuers: vec![],
                checkpoint: Checkpoint::ConfigMap,
            },
            shards: std::array::from_fn(|index| Digest::of(index.to_string().as_bytes())),
        }
    }

    fn shards() -> Vec<Shard> {
        (0..SHARD_COUNT)
            .rev()
            .map(|index| Shard {
                format: FORMAT,
                index,
                topics: vec![],
                hubs: vec![],
            })
            .collect()
    }

    #[test]
    fn a_head_and_its_sixteen_shards_are_a_document_in_any_order() {
        assert_eq!(
            Document::assemble(head(), shards()),
            Ok(Document {
                head: head(),
                topics: vec![],
                hubs: vec![],
            })
        );
    }

    #[test]
    fn a_missing_or_repeated_shard_is_refused() {
        let missing = shards().split_off(1);
        assert!(matches!(
            Document::assemble(head(), missing),
            Err(AssembleError::Shards { .. })
        ));
        let mut repeated = shards();
        repeated[0].index = 3;
        assert!(matches!(
            Document::assemble(head(), repeated),
            Err(AssembleError::Shards { .. })
        ));
    }

    #[test]
    fn a_piece_in_another_format_is_refused() {
        let mut foreign = shards();
        foreign[4].format = 2;
        assert_eq!(
            Document::assemble(head(), foreign),
            Err(AssembleError::Format { found: 2 })
        );
    }

    #[test]
    fn a_head_vouches_for_the_exact_bytes_only() {
        assert!(head().vouches_for(5, b"5"));
        assert!(!head().vouches_for(5, b"6"));
        assert!(!head().vouches_for(16, b"16"));
    }

    #[test]
    fn the_json_of_a_head_is_what_other_versions_expect() {
        let mut head = head();
        head.shards = [Digest::of(b""); SHARD_COUNT];
        let digests = vec!["\"6c62272e07bb014262b821756295c58d\""; SHARD_COUNT].join(",");
        let json = format!(
            r#"{{"format":1,"namespace":{{"name":"shop","uid":"u"}},"revision":7,"settings":{{"storageCapacityBytes":10737418240,"deletionPolicy":"Delete","deletionGraceSeconds":86400,"authorizationRules":[]}},"shards":[{digests}]}}"#
        );
        assert_eq!(serde_json::to_string(&head).unwrap(), json);
        let newer = json.replacen("\"revision\"", "\"addedLater\":1,\"revision\"", 1);
        assert_eq!(serde_json::from_str::<Head>(&newer).unwrap(), head);
    }
}
