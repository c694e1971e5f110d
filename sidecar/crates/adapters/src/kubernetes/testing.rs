//! Documents for tests.

use std::io::Write;
use std::sync::Arc;

use config::{
    AccessKeys, DeletionPolicy, Digest, FORMAT, Head, Hub, NamespaceIdentity, SHARD_COUNT, Secrets, Settings,
    Shard, Topic,
};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::pieces::Pieces;

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn topic(number: u32, name: &str) -> Topic {
    Topic {
        uid: format!("00000000-0000-4000-8000-{number:012}"),
        name: name.into(),
        resource_name: name.into(),
        retention_seconds: 86_400,
        dead_letter_target: false,
        subscriptions: Vec::new(),
    }
}

pub(crate) fn hub(number: u32, name: &str) -> Hub {
    Hub {
        uid: format!("00000000-0000-4000-8001-{number:012}"),
        name: name.into(),
        resource_name: name.into(),
        partition_count: 4,
        retention_seconds: 86_400,
        retention_bytes: None,
        consumer_groups: Vec::new(),
    }
}

/// The topic with number N is in shard N mod 16.
pub(crate) fn document_pieces(revision: u64, topics: &[Topic]) -> Pieces {
    document_pieces_with(revision, topics, &[])
}

/// The same with hubs, which go to shards as topics do.
pub(crate) fn document_pieces_with(revision: u64, topics: &[Topic], hubs: &[Hub]) -> Pieces {
    let is_in = |uid: &str, index: usize| uid[24..].parse::<usize>().unwrap() % SHARD_COUNT == index;
    let shards: Vec<Vec<u8>> = (0..SHARD_COUNT)
        .map(|index| {
            let topics = topics.iter().filter(|topic| is_in(&topic.uid, index));
            let hubs = hubs.iter().filter(|hub| is_in(&hub.uid, index));
            let shard = Shard {
                format: FORMAT,
                index,
                topics: topics.cloned().collect(),
                hubs: hubs.cloned().collect(),
            };
            serde_json::to_vec(&shard).unwrap()
        })
        .collect();
    let head = Head {
        format: FORMAT,
        namespace: NamespaceIdentity {
            name: "shop".into(),
            uid: "00000000-0000-4000-8000-00000000000a".into(),
        },
        revision,
        settings: Settings {
            storage_capacity_bytes: 256 << 20,
            deletion_policy: DeletionPolicy::Delete,
            deletion_grace_seconds: 86_400,
            authorization_rules: Vec::new(),
            disable_local_auth: false,
            issuers: Vec::new(),
            checkpoint: config::Checkpoint::ConfigMap,
        },
        shards: std::array::from_fn(|index| Digest::of(&shards[index])),
    };
    let head_json = serde_json::to_vec(&head).unwrap();
    let shards: [Arc<[u8]>; SHARD_COUNT] = std::array::from_fn(|index| gzip(&shards[index]).into());
    Pieces::verify(head_json, shards).unwrap()
}

pub(crate) fn secrets(key: &str) -> Secrets {
    Secrets {
        rules: vec![AccessKeys {
            name: "RootManageSharedAccessKey".into(),
            primary_key: key.into(),
            secondary_key: key.into(),
        }],
        certificate_pem: String::new(),
        private_key_pem: String::new(),
        object_store: std::collections::BTreeMap::new(),
        dead_letter_stores: std::collections::BTreeMap::new(),
    }
}
