//! A document in the pieces in which it travels: the head's JSON, and sixteen shards, each the gzip of its JSON.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use config::{AssembleError, Document, FORMAT, Head, SHARD_COUNT, Shard};
use flate2::read::GzDecoder;
use serde::de::DeserializeOwned;

/// The longest JSON of a shard that is read. An object of Kubernetes holds 1 MiB, which is more than this only if
/// somebody wants to fill our memory.
const SHARD_BYTES_MAX: u64 = 64 << 20;

/// A head and all its shards. That each shard has the digest that the head names was checked.
#[derive(Clone, Debug)]
pub(crate) struct Pieces {
    pub(crate) head: Head,
    pub(crate) head_json: Arc<[u8]>,
    pub(crate) shards: [Arc<[u8]>; SHARD_COUNT],
}

/// Why a piece cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PieceError {
    #[error(
        "the configuration has format {found}, this version reads format {FORMAT}; upgrade the data plane"
    )]
    Format { found: u32 },
    #[error("{piece} is not what the operator writes: {cause}")]
    Json { piece: String, cause: serde_json::Error },
    #[error("shard {index:02} cannot be decompressed: {cause}")]
    Gzip { index: usize, cause: std::io::Error },
    #[error("shard {index:02} is longer than {SHARD_BYTES_MAX} bytes")]
    Oversize { index: usize },
    #[error("shard {index:02} is not the one that the head names")]
    Mismatch { index: usize },
    #[error(transparent)]
    Assemble(#[from] AssembleError),
}

impl Pieces {
    pub(crate) fn revision(&self) -> u64 {
        self.head.revision
    }

    /// Puts pieces together that came from one place at one time.
    pub(crate) fn verify(head_json: Vec<u8>, shards: [Arc<[u8]>; SHARD_COUNT]) -> Result<Self, PieceError> {
        let head = read_head(&head_json, &mut Unknown::new())?;
        for (index, shard) in shards.iter().enumerate() {
            verify_shard(&head, index, shard)?;
        }
        Ok(Self {
            head,
            head_json: head_json.into(),
            shards,
        })
    }

    /// Reads the whole document. What did not change since `previous` is taken from there, for most changes touch one
    /// shard of sixteen.
    pub(crate) fn assemble(
        &self,
        previous: Option<(&Document, &Lengths)>,
        unknown: &mut Unknown,
    ) -> Result<(Document, Lengths), PieceError> {
        let mut lengths = [Length::default(); SHARD_COUNT];
        let mut shards = Vec::with_capacity(SHARD_COUNT);
        for (index, length) in lengths.iter_mut().enumerate() {
            let known =
                previous.filter(|(document, _)| document.head.shards[index] == self.head.shards[index]);
            let shard = match known {
                Some((document, lengths)) => lengths.shard_of(document, index),
                None => self.read_shard(index, unknown)?,
            };
            *length = Length::of(&shard);
            shards.push(shard);
        }
        let document = Document::assemble(self.head.clone(), shards)?;
        Ok((document, Lengths(lengths)))
    }

    fn read_shard(&self, index: usize, unknown: &mut Unknown) -> Result<Shard, PieceError> {
        let json = decompress(index, &self.shards[index])?;
        let shard: Shard = read(&format!("shard {index:02}"), &json, unknown)?;
        if shard.format == FORMAT && shard.index != index {
            return Err(PieceError::Mismatch { index });
        }
        Ok(shard)
    }
}

/// How much of a document came from each shard.
#[derive(Clone, Debug)]
pub(crate) struct Lengths([Length; SHARD_COUNT]);

#[derive(Clone, Copy, Debug, Default)]
struct Length {
    topics: usize,
    hubs: usize,
}

impl Length {
    fn of(shard: &Shard) -> Self {
        Self {
            topics: shard.topics.len(),
            hubs: shard.hubs.len(),
        }
    }
}

impl Lengths {
    fn shard_of(&self, document: &Document, index: usize) -> Shard {
        let before = &self.0[..index];
        let topics: usize = before.iter().map(|length| length.topics).sum();
        let hubs: usize = before.iter().map(|length| length.hubs).sum();
        let length = self.0[index];
        Shard {
            format: FORMAT,
            index,
            topics: document.topics[topics..topics + length.topics].to_vec(),
            hubs: document.hubs[hubs..hubs + length.hubs].to_vec(),
        }
    }
}

/// Reads a head of our format. Of another format nothing but its number can be relied on.
pub(crate) fn read_head(json: &[u8], unknown: &mut Unknown) -> Result<Head, PieceError> {
    #[derive(serde::Deserialize)]
    struct Version {
        format: u32,
    }
    let Version { format } = read("the head", json, &mut Unknown::new())?;
    if format != FORMAT {
        return Err(PieceError::Format { found: format });
    }
    read("the head", json, unknown)
}

/// Whether `gzip` is the shard that `head` names.
pub(crate) fn verify_shard(head: &Head, index: usize, gzip: &[u8]) -> Result<(), PieceError> {
    let json = decompress(index, gzip)?;
    if head.vouches_for(index, &json) {
        Ok(())
    } else {
        Err(PieceError::Mismatch { index })
    }
}

fn decompress(index: usize, gzip: &[u8]) -> Result<Vec<u8>, PieceError> {
    let mut json = Vec::new();
    GzDecoder::new(gzip)
        .take(SHARD_BYTES_MAX + 1)
        .read_to_end(&mut json)
        .map_err(|cause| PieceError::Gzip { index, cause })?;
    if json.len() as u64 > SHARD_BYTES_MAX {
        return Err(PieceError::Oversize { index });
    }
    Ok(json)
}

/// Fields that this version does not know, with `*` for a place in a list. Operator and data plane are upgraded apart, so
/// they are passed over, but not in silence.
pub(crate) type Unknown = BTreeSet<String>;

pub(crate) fn read<T: DeserializeOwned>(
    piece: &str,
    json: &[u8],
    unknown: &mut Unknown,
) -> Result<T, PieceError> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = serde_ignored::deserialize(&mut deserializer, |path| {
        unknown.insert(without_places(&path.to_string()));
    });
    let whole = value.and_then(|value| deserializer.end().map(|()| value));
    whole.map_err(|cause| PieceError::Json {
        piece: piece.to_owned(),
        cause,
    })
}

fn without_places(path: &str) -> String {
    let is_place = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = path
        .split('.')
        .map(|part| if is_place(part) { "*" } else { part });
    parts.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use config::Digest;

    use super::super::testing::{document_pieces, document_pieces_with, gzip, hub, topic};
    use super::*;

    fn assemble(pieces: &Pieces) -> Result<Document, PieceError> {
        pieces
            .assemble(None, &mut Unknown::new())
            .map(|(document, _)| document)
    }

    #[test]
    fn pieces_that_fit_become_a_document() {
        let pieces = document_pieces(7, &[topic(1, "orders"), topic(2, "invoices")]);
        let document = assemble(&pieces).unwrap();
        assert_eq!(document.head.revision, 7);
        let names: Vec<_> = document.topics.iter().map(|topic| topic.name.as_str()).collect();
        assert_eq!(names, ["orders", "invoices"]);
    }

    #[test]
    fn what_did_not_change_comes_from_the_document_before() {
        let unknown = &mut Unknown::new();
        let hubs = [hub(1, "telemetry"), hub(3, "clicks")];
        let before = document_pieces_with(7, &[topic(1, "orders"), topic(2, "invoices")], &hubs);
        let (document, lengths) = before.assemble(None, unknown).unwrap();
        let mut after = document_pieces_with(8, &[topic(1, "orders"), topic(2, "bills")], &hubs);
        // Whoever read it again would fail.
        after.shards[1] = Arc::from(&b"not a shard"[..]);
        let (next, lengths) = after.assemble(Some((&document, &lengths)), unknown).unwrap();
        let names: Vec<_> = next.topics.iter().map(|topic| topic.name.as_str()).collect();
        assert_eq!(names, ["orders", "bills"]);
        assert_eq!(next.hubs, hubs);
        assert_eq!(lengths.shard_of(&next, 2).topics[0].name, "bills");
        assert!(lengths.shard_of(&next, 3).topics.is_empty());
        assert_eq!(lengths.shard_of(&next, 3).hubs, hubs[1..]);
    }

    #[test]
    fn a_shard_that_the_head_does_not_name_is_refused() {
        let pieces = document_pieces(7, &[topic(1, "orders")]);
        let other = document_pieces(8, &[topic(1, "bills")]);
        let mut shards = pieces.shards.clone();
        shards[1] = other.shards[1].clone();
        let refusal = Pieces::verify(pieces.head_json.to_vec(), shards).unwrap_err();
        assert!(matches!(refusal, PieceError::Mismatch { index: 1 }), "{refusal}");
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = gzip(&vec![b' '; SHARD_BYTES_MAX as usize + 1]);
        assert!(bomb.len() < 1 << 20);
        assert!(matches!(
            decompress(3, &bomb),
            Err(PieceError::Oversize { index: 3 })
        ));
        let cut = &gzip(b"{}")[..8];
        assert!(matches!(
            decompress(3, cut),
            Err(PieceError::Gzip { index: 3, .. })
        ));
    }

    #[test]
    fn of_a_foreign_format_nothing_else_is_read() {
        let refusal = read_head(br#"{"format":2,"all":"else differs"}"#, &mut Unknown::new()).unwrap_err();
        assert!(refusal.to_string().contains("format 2"), "{refusal}");
        let refusal = read_head(b"{", &mut Unknown::new()).unwrap_err();
        assert!(refusal.to_string().starts_with("the head is not"), "{refusal}");
    }

    #[test]
    fn fields_that_are_not_known_are_named() {
        let mut pieces = document_pieces(7, &[topic(1, "orders"), topic(17, "invoices")]);
        let json = decompress(1, &pieces.shards[1]).unwrap();
        let newer = String::from_utf8(json)
            .unwrap()
            .replace("\"name\"", "\"later\":1,\"name\"");
        pieces.head.shards[1] = Digest::of(newer.as_bytes());
        pieces.shards[1] = gzip(newer.as_bytes()).into();
        let mut unknown = Unknown::new();
        pieces.assemble(None, &mut unknown).unwrap();
        assert_eq!(unknown, Unknown::from(["topics.*.later".to_owned()]));
    }
}
