//! The documents that a sidecar gets.

use config::{Digest, Document, FORMAT, Head, Hub, NamespaceIdentity, SHARD_COUNT, Settings, Topic};
use serde::Serialize;

use crate::decision::Place;

/// Everything a Namespace's document says, but for its revision: two configurations are equal if and only if a sidecar
/// need not be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The Kubernetes namespace that the Namespace is in; empty if it has none.
    pub kubernetes_namespace: String,
    /// `metadata.uid` of the Namespace.
    pub object_uid: String,
    /// Whose document it is. Its uid is that of the data: the Namespace's own, unless it has adopted other data.
    pub namespace: NamespaceIdentity,
    /// What holds for the whole Namespace.
    pub settings: Settings,
    /// The accepted topics, in the order of their uids, each with its accepted subscriptions in theirs.
    pub topics: Vec<Topic>,
    /// The accepted hubs, in the order of their uids.
    pub hubs: Vec<Hub>,
}

/// A document in the shape in which it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Pieces {
    /// To be written last.
    pub head: Head,
    /// The JSON of each [`Shard`](config::Shard), by index; the head has its digest.
    pub shards: [Vec<u8>; SHARD_COUNT],
}

/// A document could not be written as JSON. With finite numbers, which is all that a manifest can hold, this does not
/// happen.
#[derive(Debug, thiserror::Error)]
#[error("write shard {shard} of the configuration")]
pub struct EncodeError {
    shard: usize,
    source: serde_json::Error,
}

impl Configuration {
    pub(crate) fn place(&self) -> Place {
        Place {
            namespace: self.namespace.name.clone(),
            uid: self.namespace.uid.clone(),
            shard: None,
        }
    }

    /// The document in pieces. Equal configurations give equal bytes.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn pieces(&self, revision: u64) -> Result<Pieces, EncodeError> {
        let mut shards: [Vec<u8>; SHARD_COUNT] = Default::default();
        for (shard, bytes) in self.shards().iter().zip(&mut shards) {
            *bytes = serde_json::to_vec(shard).map_err(|source| EncodeError {
                shard: shard.index,
                source,
            })?;
        }
        let digests = std::array::from_fn(|index| Digest::of(&shards[index]));
        Ok(Pieces {
            head: self.head(revision, digests),
            shards,
        })
    }

    /// The document in one piece, for a sidecar in the same process.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn document(&self, revision: u64) -> Result<Document, EncodeError> {
        let head = self.pieces(revision)?.head;
        let shards = self.shards();
        let topics = shards.iter().flat_map(|shard| &shard.topics);
        let hubs = shards.iter().flat_map(|shard| &shard.hubs);
        Ok(Document {
            head,
            topics: topics.copied().cloned().collect(),
            hubs: hubs.copied().cloned().collect(),
        })
    }

    fn head(&self, revision: u64, shards: [Digest; SHARD_COUNT]) -> Head {
        Head {
            format: FORMAT,
            namespace: self.namespace.clone(),
            revision,
            settings: self.settings.clone(),
            shards,
        }
    }

    fn shards(&self) -> Vec<ShardOf<'_>> {
        let mut shards: Vec<ShardOf<'_>> = (0..SHARD_COUNT)
            .map(|index| ShardOf {
                format: FORMAT,
                index,
                topics: Vec::new(),
                hubs: Vec::new(),
            })
            .collect();
        for topic in &self.topics {
            shards[shard_of(&topic.uid)].topics.push(topic);
        }
        for hub in &self.hubs {
            shards[shard_of(&hub.uid)].hubs.push(hub);
        }
        shards
    }
}

/// A [`Shard`](config::Shard) that borrows what is in it: there may be thousands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShardOf<'a> {
    format: u32,
    index: usize,
    topics: Vec<&'a Topic>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hubs: Vec<&'a Hub>,
}

/// The shard of a topic (and of its subscriptions) or of a hub: it depends on the uid alone, so that a change of one of
/// them changes one shard.
pub fn shard_of(uid: &str) -> usize {
    let hash = Digest::of(uid.as_bytes()).to_u128();
    // FNV's high half has seen every byte; its lowest bits have seen only the lowest bits of each.
    let mixed = (hash >> 64) ^ hash;
    usize::try_from((mixed >> 8) % SHARD_COUNT as u128).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_spread_over_the_shards() {
        let mut counts = [0_u32; SHARD_COUNT];
        for number in 0..16_000_u128 {
            // A multiplication by an odd number stands in for random uids.
            let uid = uuid::Uuid::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
            counts[shard_of(&uid.to_string())] += 1;
        }
        assert!(
            counts.iter().all(|count| (800..1_200).contains(count)),
            "{counts:?}"
        );
    }
}
