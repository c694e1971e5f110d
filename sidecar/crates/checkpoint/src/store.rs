//! The port: what a place for the copy has to do.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Which log the copy belongs to. Written as JSON by every store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// How often a log began on an empty disk before this one; 0 for the first.
    pub incarnation: u64,
    /// Identity of the log that holds the claim.
    pub log: Uuid,
    /// Whose events are in that log: the uid of a Namespace. A Namespace may adopt the data of another one, whose log has
    /// nothing to do with the one before.
    pub data: String,
    /// The log began although there had been another: the events until then are lost.
    pub lost: bool,
}

/// Everything that a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The claim in effect; `None` in a place that nobody used yet.
    pub claim: Option<Claim>,
    /// Index and bytes of the newest version of each page that was ever saved, in any order. What was saved under a later
    /// claim is newer, whatever incarnation that is of.
    pub pages: Vec<(usize, Bytes)>,
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It does not answer, or not in time: worth another try.
    #[error("it does not answer: {0}")]
    Unavailable(String),
    /// It answers and says no, which only a person can mend: permissions, a missing bucket, an object that
    /// was deleted.
    #[error("it refuses: {0}")]
    Refused(String),
    /// What it holds was not written by us.
    #[error("what it holds cannot be read: {0}")]
    Damaged(String),
    /// Somebody else wrote meanwhile: look at it again.
    #[error("it was written to by somebody else at the same time")]
    Conflict,
    /// Another log has claimed it since. This one must not write any more.
    #[error("another log has taken it over; only one pod may serve a Namespace")]
    Fenced,
}

/// A place for the copy: sixteen pages and a claim.
///
/// Every implementation has to pass [`conformance`](crate::conformance). Calls are bounded in time by the
/// implementation; pages are saved concurrently, one page never twice at the same time.
pub trait CheckpointStore: Send + Sync + 'static {
    /// Where it is, in words for the log: `ConfigMaps shop-checkpoints-00…15`, `s3://bucket/prefix`.
    fn name(&self) -> String;

    /// The least time between two writes of one page.
    fn pause(&self) -> Duration;

    /// The largest page that it takes.
    fn page_bytes_max(&self) -> usize;

    /// Everything it holds. A page that cannot be read at all is left out and logged.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the claim cannot be read: without it nobody knows what may be numbered.
    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>>;

    /// Puts `next` in the place of `former`. Of the same data, the incarnation of `next` is not lower; of other data it may
    /// be anything.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the claim in effect is not `former`.
    fn claim<'a>(
        &'a self,
        former: Option<&'a Claim>,
        next: &'a Claim,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Replaces a page. Whoever holds `claim` is the only one to call it.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if another claim is in effect, [`StoreError::Conflict`] if none is.
    fn save<'a>(
        &'a self,
        claim: &'a Claim,
        page: usize,
        bytes: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}
