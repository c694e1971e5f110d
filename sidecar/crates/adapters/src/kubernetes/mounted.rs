//! Configuration and secrets as the kubelet lays them into the pod's file system.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{SHARD_COUNT, objects};

use super::mirror::{Keys, read_keys};
use super::pieces::{PieceError, Pieces, Unknown, read_head};

/// The kubelet replaces a folder as a whole: each generation is a folder of its own, and this link names the present
/// one. Reading through it once gives files that belong together.
const GENERATION: &str = "..data";

/// Reading fails at most this often because a generation is replaced underneath.
const TRIES: usize = 3;

/// Why there is nothing to be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MountError {
    #[error("read {}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
    #[error(transparent)]
    Piece(#[from] PieceError),
    #[error("{0}")]
    Keys(String),
}

/// The document in `folder`.
pub(crate) fn document(folder: &Path) -> Result<Pieces, MountError> {
    read_whole(folder, |folder| {
        let head = read(&folder.join(objects::HEAD_KEY))?;
        let mut shards: [Arc<[u8]>; SHARD_COUNT] = Default::default();
        for (index, shard) in shards.iter_mut().enumerate() {
            *shard = read(&folder.join(objects::shard_file(index)))?.into();
        }
        Ok(Pieces::verify(head, shards)?)
    })
}

/// The revision of the document in `folder`, without reading all of it.
pub(crate) fn revision(folder: &Path) -> Result<u64, MountError> {
    let head = read(&folder.join(objects::HEAD_KEY))?;
    Ok(read_head(&head, &mut Unknown::new())?.revision)
}

/// The secrets in `folder`.
pub(crate) fn keys(folder: &Path) -> Result<Keys, MountError> {
    read_whole(folder, |folder| {
        let revision = read(&folder.join(objects::SECRETS_REVISION_KEY))?;
        let json = read(&folder.join(objects::SECRETS_KEY))?;
        read_keys(Some(&revision), Some(&json), &mut Unknown::new()).map_err(MountError::Keys)
    })
}

fn read_whole<T>(
    folder: &Path,
    mut read: impl FnMut(&Path) -> Result<T, MountError>,
) -> Result<T, MountError> {
    let mut tries = TRIES;
    loop {
        let generation = fs::canonicalize(folder.join(GENERATION)).unwrap_or_else(|_| folder.to_owned());
        match read(&generation) {
            Err(MountError::Io { .. }) if tries > 1 && !generation.exists() => tries -= 1,
            outcome => return outcome,
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, MountError> {
    fs::read(path).map_err(|cause| MountError::Io {
        path: path.to_owned(),
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{document_pieces, secrets, topic};
    use super::*;

    fn write(folder: &Path, pieces: &Pieces) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("head.json"), &pieces.head_json).unwrap();
        for (index, shard) in pieces.shards.iter().enumerate() {
            fs::write(folder.join(format!("{index:02}.json.gz")), shard).unwrap();
        }
    }

    #[test]
    fn files_that_lie_there_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let pieces = document_pieces(7, &[topic(1, "orders")]);
        write(folder.path(), &pieces);
        assert_eq!(document(folder.path()).unwrap().head, pieces.head);
    }

    #[test]
    fn a_generation_is_read_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (
            document_pieces(7, &[topic(1, "orders")]),
            document_pieces(8, &[topic(1, "bills")]),
        );
        write(&folder.path().join("..1"), &old);
        write(&folder.path().join("..2"), &new);
        std::os::unix::fs::symlink("..2", folder.path().join("..data")).unwrap();
        // A file that still belongs to the generation before must not be mixed in.
        fs::write(folder.path().join("01.json.gz"), &old.shards[1]).unwrap();
        assert_eq!(document(folder.path()).unwrap().revision(), 8);
    }

    #[test]
    fn a_mixture_is_refused_and_a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &document_pieces(7, &[topic(1, "orders")]));
        let other = document_pieces(8, &[topic(1, "bills")]);
        fs::write(folder.path().join("01.json.gz"), &other.shards[1]).unwrap();
        assert!(matches!(document(folder.path()), Err(MountError::Piece(_))));
        fs::remove_file(folder.path().join("09.json.gz")).unwrap();
        let missing = document(folder.path()).unwrap_err().to_string();
        assert!(missing.contains("09.json.gz"), "{missing}");
    }

    #[test]
    fn secrets_are_two_files() {
        let folder = tempfile::tempdir().unwrap();
        assert!(keys(folder.path()).is_err());
        fs::write(folder.path().join("revision"), "5").unwrap();
        fs::write(
            folder.path().join("secrets.json"),
            serde_json::to_vec(&secrets("k")).unwrap(),
        )
        .unwrap();
        let keys = keys(folder.path()).unwrap();
        assert_eq!((keys.revision, keys.secrets), (5, secrets("k")));
    }
}
