//! Dead letters in an object store: files that are written once and never looked at again.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use object_store::path::{Path, PathPart};
use object_store::{Attribute, Attributes, ObjectStore, PutOptions};

use super::location::{self, LocationError};

/// How long a write may take, with all its requests and tries.
const PATIENCE: Duration = Duration::from_secs(60);

const JSON: &str = "application/json";

/// A place for dead letters.
pub trait Letters: Debug + Send + Sync + 'static {
    /// For logs: the URL without credentials.
    fn name(&self) -> &str;

    /// Writes the JSON file at `path` below the place. Whatever a part of the path contains, it stays one part. A file
    /// that is there is replaced. Durable when it returns.
    ///
    /// # Errors
    /// It may be there or not.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the file there or not; it is never torn.
    fn put<'a>(&'a self, path: &'a [String], content: Bytes) -> BoxFuture<'a, Result<(), PutError>>;
}

/// Why a file was not written, in the words of the store. Whoever owns the store can mend most of it, so that it is worth
/// another try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PutError(pub String);

/// See [`Letters`].
#[derive(Debug)]
pub struct ObjectLetters {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    name: String,
    /// Folders have no types of contents.
    takes_types: bool,
}

impl ObjectLetters {
    /// Opens `url`: `s3://BUCKET/PATH`, `az://CONTAINER/PATH`, `gs://BUCKET/PATH` or `file:///PATH`. It does not connect
    /// yet. `options` as in [`ObjectCheckpoints::open`](super::ObjectCheckpoints::open).
    ///
    /// # Errors
    /// URL or options cannot be used.
    pub fn open(url: &str, options: &BTreeMap<String, String>) -> Result<Self, LocationError> {
        let (store, prefix) = location::open(url, options)?;
        Ok(Self {
            store,
            prefix,
            name: url.trim_end_matches('/').to_owned(),
            takes_types: !url.starts_with("file:"),
        })
    }

    async fn write(&self, path: &[String], content: Bytes) -> Result<(), PutError> {
        let parts = path.iter().map(|part| PathPart::from(part.as_str()));
        let path = parts.fold(self.prefix.clone(), Path::join);
        let mut attributes = Attributes::new();
        if self.takes_types {
            attributes.insert(Attribute::ContentType, JSON.into());
        }
        let options = PutOptions {
            attributes,
            ..PutOptions::default()
        };
        let written = self.store.put_opts(&path, content.into(), options).await;
        written.map(drop).map_err(|error| PutError(error.to_string()))
    }
}

impl Letters for ObjectLetters {
    fn name(&self) -> &str {
        &self.name
    }

    fn put<'a>(&'a self, path: &'a [String], content: Bytes) -> BoxFuture<'a, Result<(), PutError>> {
        Box::pin(async move {
            let written = tokio::time::timeout(PATIENCE, self.write(path, content)).await;
            let too_late = || PutError(format!("no answer within {} s", PATIENCE.as_secs()));
            written.unwrap_or_else(|_| Err(too_late()))
        })
    }
}
