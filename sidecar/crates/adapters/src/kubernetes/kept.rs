//! The document that was last in effect, kept on the volume.
//!
//! ```text
//! weft-configuration 1\n                                  what this is, and the version of the layout
//! {"namespaceUid":"…","head":"DIGEST","lengths":[…]}\n    whose it is; digest of the head; bytes of head and 16 shards
//! HEAD SHARD…                                             as they travelled
//! ```
//! A restarted pod starts from it when neither the API server nor the kubelet has anything newer. Secrets are not in it.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use config::{Digest, SHARD_COUNT};
use serde::{Deserialize, Serialize};

use super::pieces::{PieceError, Pieces};
use crate::files::replace;

const MAGIC: &str = "weft-configuration 1\n";

/// The file in the folder of the log.
pub(crate) const FILE: &str = "last-configuration";

/// Why there is nothing to start from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptError {
    #[error("nothing is kept yet")]
    Absent,
    /// Revisions of different Namespaces have nothing to do with each other.
    #[error("it was kept for the Namespace with uid {found}")]
    Foreign { found: String },
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is damaged, or was written by another version")]
    Damaged,
    #[error(transparent)]
    Piece(#[from] PieceError),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    namespace_uid: String,
    head: Digest,
    lengths: Vec<usize>,
}

/// The document that was kept in `folder` for the Namespace with this uid.
pub(crate) fn load(folder: &Path, namespace_uid: &str) -> Result<Pieces, KeptError> {
    let bytes = match fs::read(folder.join(FILE)) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Err(KeptError::Absent),
        Err(cause) => return Err(cause.into()),
    };
    let rest = bytes.strip_prefix(MAGIC.as_bytes()).ok_or(KeptError::Damaged)?;
    let end = rest
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or(KeptError::Damaged)?;
    let header: Header = serde_json::from_slice(&rest[..end]).map_err(|_| KeptError::Damaged)?;
    if header.namespace_uid != namespace_uid {
        return Err(KeptError::Foreign {
            found: header.namespace_uid,
        });
    }
    let mut rest = &rest[end + 1..];
    let mut parts = header.lengths.iter().map(|length| {
        let (part, others) = rest.split_at_checked(*length)?;
        rest = others;
        Some(part)
    });
    let mut next = || parts.next().flatten().ok_or(KeptError::Damaged);
    let head = next()?.to_vec();
    if Digest::of(&head) != header.head {
        return Err(KeptError::Damaged);
    }
    let mut shards: [Arc<[u8]>; SHARD_COUNT] = Default::default();
    for shard in &mut shards {
        *shard = next()?.into();
    }
    Ok(Pieces::verify(head, shards)?)
}

/// Keeps `pieces`. After a crash at any moment either they are there or what was there before.
pub(crate) fn store(folder: &Path, namespace_uid: &str, pieces: &Pieces) -> io::Result<()> {
    let parts = || std::iter::once(&pieces.head_json).chain(&pieces.shards);
    let header = Header {
        namespace_uid: namespace_uid.to_owned(),
        head: Digest::of(&pieces.head_json),
        lengths: parts().map(|part| part.len()).collect(),
    };
    let mut bytes = MAGIC.as_bytes().to_vec();
    serde_json::to_writer(&mut bytes, &header)?;
    bytes.push(b'\n');
    for part in parts() {
        bytes.extend_from_slice(part);
    }
    replace(&folder.join(FILE), &bytes)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{document_pieces, topic};
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(load(folder.path(), "u"), Err(KeptError::Absent)));
        for revision in [7, 8] {
            let pieces = document_pieces(revision, &[topic(1, "orders"), topic(2, "bills")]);
            store(folder.path(), "u", &pieces).unwrap();
            let kept = load(folder.path(), "u").unwrap();
            assert_eq!((kept.head, kept.shards), (pieces.head, pieces.shards));
        }
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(files.len(), 1);
    }

    #[test]
    fn another_namespaces_document_is_not_served() {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path(), "old", &document_pieces(700, &[])).unwrap();
        let refusal = load(folder.path(), "new").unwrap_err();
        assert!(
            matches!(refusal, KeptError::Foreign { ref found } if found == "old"),
            "{refusal}"
        );
    }

    #[test]
    fn no_damage_gets_through() {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path(), "u", &document_pieces(7, &[topic(1, "orders")])).unwrap();
        let path = folder.path().join(FILE);
        let good = fs::read(&path).unwrap();
        for cut in 0..good.len() {
            fs::write(&path, &good[..cut]).unwrap();
            assert!(load(folder.path(), "u").is_err(), "cut at {cut}");
        }
        for at in (0..good.len()).step_by(3) {
            let mut bad = good.clone();
            bad[at] ^= 4;
            fs::write(&path, &bad).unwrap();
            // A byte of a gzip's header that nobody looks at may differ: the document does not.
            if let Ok(pieces) = load(folder.path(), "u") {
                let document = pieces.assemble(None, &mut Default::default()).unwrap().0;
                assert_eq!(document.topics, [topic(1, "orders")], "byte {at}");
            }
        }
    }
}
