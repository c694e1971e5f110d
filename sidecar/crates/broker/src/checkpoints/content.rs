//! Blobs, containers, and what a blob holds.

use std::sync::Arc;

use bytes::Bytes;
use model::Timestamp;

use super::error::CheckpointError;
use super::etag::ETag;

/// A container of blobs. A valid name that was never used is one, too: it exists as soon as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// When it was first used, as a version: what happens to its blobs does not change it.
    pub etag: ETag,
    /// When it was first used.
    pub last_modified: Timestamp,
}

/// One version of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its name in the container.
    pub name: String,
    /// Names this version.
    pub etag: ETag,
    /// When the blob was last written as a whole while there was none of that name.
    pub created: Timestamp,
    /// When this version was made; never less than that of any version before, of whatever.
    pub last_modified: Timestamp,
    /// What it holds.
    pub content: Arc<Content>,
}

/// What a blob holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// At most [`METADATA_BYTES_MAX`], names and values together.
    pub metadata: Metadata,
    /// As it was given; at most [`CONTENT_TYPE_BYTES_MAX`].
    pub content_type: Option<String>,
    /// At most [`BODY_BYTES_MAX`].
    pub body: Bytes,
}

/// Names, in lower case, and values, in the order in which they were given.
pub type Metadata = Vec<(String, String)>;

/// What the body of a blob may be long: 64 KiB. Checkpoint stores leave it empty.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// What names and values of the metadata of a blob may be long together: 8 KiB.
pub const METADATA_BYTES_MAX: usize = 8 << 10;

/// What the content type of a blob may be long: 1 KiB.
pub const CONTENT_TYPE_BYTES_MAX: usize = 1 << 10;

/// What a write made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Names the version that was made.
    pub etag: ETag,
    /// When it was made.
    pub last_modified: Timestamp,
}

/// What a list of blobs shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// A blob of its own.
    Blob(Blob),
    /// All blobs whose names begin with this, which ends with the first delimiter behind the prefix.
    Group(String),
}

/// Some of many things that are listed in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// Those that were asked for, as many as fit.
    pub items: Vec<T>,
    /// If there are more: the name of the last one here, to go on after.
    pub next: Option<String>,
}

impl Content {
    /// Bytes that it takes in memory and in the log, about.
    pub(super) fn bytes(&self) -> usize {
        metadata_bytes(&self.metadata) + self.content_type.as_ref().map_or(0, String::len) + self.body.len()
    }

    pub(super) fn check(&self) -> Result<(), CheckpointError> {
        within("a blob's body", self.body.len(), BODY_BYTES_MAX)?;
        let content_type = self.content_type.as_ref().map_or(0, String::len);
        within("a blob's content type", content_type, CONTENT_TYPE_BYTES_MAX)?;
        check_metadata(&self.metadata)
    }
}

pub(super) fn check_metadata(metadata: &Metadata) -> Result<(), CheckpointError> {
    within("a blob's metadata", metadata_bytes(metadata), METADATA_BYTES_MAX)
}

fn metadata_bytes(metadata: &Metadata) -> usize {
    metadata
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum()
}

fn within(what: &'static str, bytes: usize, limit: usize) -> Result<(), CheckpointError> {
    if bytes > limit {
        return Err(CheckpointError::TooLarge { what, bytes, limit });
    }
    Ok(())
}
