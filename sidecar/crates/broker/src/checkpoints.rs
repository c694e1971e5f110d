//! Where consumers of hubs keep their positions: blobs in containers, as `BlobCheckpointStore` of the Azure SDKs wants them.
//!
//! ```text
//! Checkpoints ─► lock ─► Store: decides against the newest state ─► steps, appended to the log in the order of decisions
//!                     └► answered once the group commit that has them is durable
//! ```
//! A whole blob is one step, and a step says how things are after it. So there is no other place for blobs than memory, the
//! journal and the snapshots. What blobs say is known to [`lags`] alone.

mod conditions;
mod content;
mod copy;
mod error;
mod etag;
mod image;
mod journal;
mod keeper;
mod lags;
mod metrics;
mod names;
mod shared;
mod store;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use auth::{Listen, Manage, Permit, Send};
use bytes::Bytes;
use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};
use storage::Log;
use tokio::sync::oneshot;

pub use self::conditions::{Conditions, Tags};
pub use self::content::{
    BODY_BYTES_MAX, Blob, CONTENT_TYPE_BYTES_MAX, Container, Content, Listed, METADATA_BYTES_MAX, Metadata,
    Page, Written,
};
pub use self::error::CheckpointError;
pub use self::etag::{ETag, NotAnETag};
pub(crate) use self::image::Image;
pub(crate) use self::journal::STEPS;
use self::keeper::Keeper;
pub use self::lags::Lag;
pub(crate) use self::lags::{Lags, register as register_lags};
use self::shared::Shared;
use self::store::Groups;
pub use self::store::{BLOBS_MAX, CONTAINERS_MAX};
use crate::snapshots::{FirstSnapshot, Growth, Snapshots};

/// The containers and blobs of the Namespace. Cheap to clone.
///
/// A container exists as soon as it is used. Whatever is answered, a refusal included, rests on durable state only.
#[derive(Clone)]
pub struct Checkpoints(Arc<Shared>);

impl fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checkpoints")
    }
}

impl Checkpoints {
    /// Creates a container.
    ///
    /// # Cancel safety
    /// If this does not resolve, the container may be created or not.
    ///
    /// # Errors
    /// InvalidContainerName, ContainerAlreadyExists (also if it was only used), TooManyContainers, Full, Busy, Unavailable,
    /// Closed.
    pub async fn create_container(
        &self,
        _permit: &Permit<Send>,
        name: &str,
    ) -> Result<Container, CheckpointError> {
        names::check_container(name)?;
        self.0
            .change(|store, now| store.create_container(name, now))
            .await
    }

    /// Deletes a container with all its blobs.
    ///
    /// # Cancel safety
    /// If this does not resolve, the container may be deleted or not.
    ///
    /// # Errors
    /// InvalidContainerName, ContainerNotFound if it was never used, Full, Busy, Unavailable, Closed.
    pub async fn delete_container(
        &self,
        _permit: &Permit<Manage>,
        name: &str,
    ) -> Result<(), CheckpointError> {
        names::check_container(name)?;
        self.0
            .change(|store, now| store.delete_container(name, now))
            .await
    }

    /// The container of that name. One that was never used exists, too, with the version of this process's start; to ask
    /// creates nothing.
    ///
    /// # Errors
    /// InvalidContainerName.
    pub async fn container(
        &self,
        _permit: &Permit<Listen>,
        name: &str,
    ) -> Result<Container, CheckpointError> {
        names::check_container(name)?;
        Ok(self.0.look(|store| store.container(name)).await)
    }

    /// The containers that were used, whose names begin with `prefix` and come after `after`; at most `max`, and 5,000.
    pub async fn containers(
        &self,
        _permit: &Permit<Listen>,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Page<Container> {
        self.0.look(|store| store.containers(prefix, after, max)).await
    }

    /// The blobs of a container whose names begin with `prefix` and come after `after`; at most `max`, and 5,000. None of a
    /// container that was never used.
    ///
    /// Blobs that have `delimiter` behind the prefix are shown as one group for each beginning that they share; an empty
    /// delimiter is none. To go on after a group is to go on after all its blobs, if the delimiter is the same.
    ///
    /// # Errors
    /// InvalidContainerName.
    pub async fn list(
        &self,
        _permit: &Permit<Listen>,
        container: &str,
        prefix: &str,
        delimiter: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Page<Listed>, CheckpointError> {
        names::check_container(container)?;
        let groups = Groups { prefix, delimiter };
        let list = self.0.look(|store| store.list(container, groups, after, max));
        Ok(list.await)
    }

    /// One blob.
    ///
    /// # Errors
    /// InvalidContainerName, InvalidBlobName, BlobNotFound.
    pub async fn blob(
        &self,
        _permit: &Permit<Listen>,
        container: &str,
        name: &str,
    ) -> Result<Blob, CheckpointError> {
        check(container, name)?;
        let blob = self.0.look(|store| store.blob(container, name)).await;
        blob.ok_or(CheckpointError::BlobNotFound)
    }

    /// Writes a blob as a whole, whether there was one of that name or not.
    ///
    /// # Cancel safety
    /// If this does not resolve, the blob may be written or not.
    ///
    /// # Errors
    /// InvalidContainerName, InvalidBlobName, TooLarge; BlobAlreadyExists if there had to be none, ConditionNotMet for other
    /// conditions; TooManyContainers, TooManyBlobs, Full, Busy, Unavailable, Closed.
    pub async fn put(
        &self,
        _permit: &Permit<Send>,
        container: &str,
        name: &str,
        content: Content,
        conditions: &Conditions,
    ) -> Result<Written, CheckpointError> {
        check(container, name)?;
        content.check()?;
        let content = Arc::new(content);
        self.0
            .change(|store, now| store.put(container, name, content, conditions, now))
            .await
    }

    /// Replaces the metadata of a blob.
    ///
    /// # Cancel safety
    /// If this does not resolve, the metadata may be replaced or not.
    ///
    /// # Errors
    /// InvalidContainerName, InvalidBlobName, TooLarge, BlobNotFound, ConditionNotMet, Full, Busy, Unavailable, Closed.
    pub async fn set_metadata(
        &self,
        _permit: &Permit<Send>,
        container: &str,
        name: &str,
        metadata: Metadata,
        conditions: &Conditions,
    ) -> Result<Written, CheckpointError> {
        check(container, name)?;
        content::check_metadata(&metadata)?;
        self.0
            .change(|store, now| store.set_metadata(container, name, metadata, conditions, now))
            .await
    }

    /// Deletes a blob.
    ///
    /// # Cancel safety
    /// If this does not resolve, the blob may be deleted or not.
    ///
    /// # Errors
    /// InvalidContainerName, InvalidBlobName, BlobNotFound, ConditionNotMet, Full, Busy, Unavailable, Closed.
    pub async fn delete_blob(
        &self,
        _permit: &Permit<Send>,
        container: &str,
        name: &str,
        conditions: &Conditions,
    ) -> Result<(), CheckpointError> {
        check(container, name)?;
        self.0
            .change(|store, now| store.delete_blob(container, name, conditions, now))
            .await
    }
}

fn check(container: &str, blob: &str) -> Result<(), CheckpointError> {
    names::check_container(container)?;
    names::check_blob(blob)
}

/// Adds what is worth a copy: see [`Broker::saved`](crate::Broker::saved).
pub(crate) fn save(checkpoints: &Checkpoints, entries: &mut BTreeMap<String, Bytes>) {
    copy::save(&checkpoints.0, entries);
}

/// What checkpoints stand on.
pub(crate) struct Ground<'a> {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Clock,
    pub(crate) growth: Arc<Growth>,
    pub(crate) scope: &'a TaskScope,
    pub(crate) registry: &'a Registry,
}

impl Checkpoints {
    /// See [`Broker::has_restored`](crate::Broker::has_restored).
    pub(crate) async fn has_restored(&self) -> bool {
        self.0.first.stored().await
    }
}

/// Begins to look after the blobs of `image`, in `scope`, until the scope is cancelled or the sender is dropped.
pub(crate) fn start(
    ground: Ground<'_>,
    image: Image,
    snapshots: Snapshots,
) -> (Checkpoints, oneshot::Sender<()>) {
    let Ground {
        log,
        clock,
        growth,
        scope,
        registry,
    } = ground;
    let first = FirstSnapshot::new(snapshots.exists());
    if image.is_restored {
        first.want();
    }
    let shared = Arc::new(Shared::new(log, clock, growth, registry, image, first));
    let (holder, held) = oneshot::channel();
    let keeper = Keeper {
        shared: shared.clone(),
        snapshots,
        held,
    };
    scope.spawn("checkpoints", keeper.run(scope.clone()));
    (Checkpoints(shared), holder)
}
