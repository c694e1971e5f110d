//! The pieces of the configuration, as they lie in the cluster.

use std::collections::BTreeMap;
use std::io::Write;

use config::{Digest, Head, objects};
use flate2::{Compression, GzBuilder};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;

use crate::annotations;
use crate::labels::Component;
use crate::object::{Owner, Prepared};

/// In a gzip header: the file came from nobody knows where. A name or a time in it would make equal content differ.
const UNKNOWN_SYSTEM: u8 = 255;

/// The ConfigMap with the head.
pub fn head(owner: &Owner, head: &Head) -> Prepared {
    let json = serde_json::to_string(head).expect("a head consists of JSON types");
    Prepared::new(&ConfigMap {
        metadata: owner.child(objects::head(&owner.name), Component::Configuration),
        data: Some(BTreeMap::from([(objects::HEAD_KEY.to_owned(), json)])),
        ..ConfigMap::default()
    })
}

/// The ConfigMap with the shard `index`, whose JSON is `json`. It is annotated with the digest of that
/// ([`annotations::DIGEST`]), because another version may compress the same JSON to other bytes.
pub fn shard(owner: &Owner, index: usize, json: &[u8]) -> Prepared {
    let mut metadata = owner.child(objects::shard(&owner.name, index), Component::Configuration);
    metadata
        .annotations
        .get_or_insert_default()
        .insert(annotations::DIGEST.to_owned(), Digest::of(json).to_string());
    let data = BTreeMap::from([(objects::SHARD_KEY.to_owned(), ByteString(compress(json)))]);
    Prepared::new(&ConfigMap {
        metadata,
        binary_data: Some(data),
        ..ConfigMap::default()
    })
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new()
        .operating_system(UNKNOWN_SYSTEM)
        .write(Vec::new(), Compression::default());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("writing to a Vec cannot fail")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn a_shard_reads_back_and_its_bytes_depend_on_nothing_else() {
        let json = br#"{"format":1,"index":3,"topics":[]}"#;
        let bytes = compress(json);
        let mut text = Vec::new();
        GzDecoder::new(bytes.as_slice()).read_to_end(&mut text).unwrap();
        assert_eq!(text, json);
        // Magic, method, no flags, no time, no hint, unknown system.
        assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    }
}
