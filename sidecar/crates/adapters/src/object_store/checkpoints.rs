//! The copy of checkpoints in an object store.
//!
//! Every version of a page is an object of its own that is created and never replaced: that is what all
//! object stores can do alike, atomically. The greatest name is the newest; the last two are kept, so that a
//! reader who saw the one before still finds it. Claims are counted and never deleted: that there is one with
//! the next number is how the former owner finds out. Each begins a new term, which the names of its pages begin with: what
//! somebody else left, or saves late, never hides them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use checkpoint::{CheckpointStore, Claim, PAGES, StoreError, Stored};
use futures_util::future::{BoxFuture, join_all, try_join};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::location::{self, LocationError};
use super::names::{self, Generation, Name};

/// The least time between two writes of one page: requests cost money.
const PAUSE: Duration = Duration::from_secs(10);
const PAGE_BYTES_MAX: usize = 4 << 20;

/// The most that is read of an object.
const OBJECT_BYTES_MAX: u64 = 16 << 20;

/// How long a call may take, with all its requests and tries.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many objects are read at the same time.
const AT_ONCE: usize = 8;

/// How often a look at everything begins anew because an object was replaced meanwhile.
const TRIES: usize = 3;

/// So many versions of a page are kept.
const KEPT: usize = 2;

/// So many are deleted at most with each new one, at the same time: what a store kept that did not let us delete must
/// not keep the next one from being written.
const DELETED_AT_ONCE: usize = 4;

/// How long they may take.
const DELETE_PATIENCE: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub struct ObjectCheckpoints {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    name: String,
    /// The versions of each page that may exist, in their order; `None` of those that have to be looked for.
    generations: Mutex<[Option<Vec<Generation>>; PAGES]>,
    /// The newest claim that was seen.
    latest: Mutex<Option<Numbered>>,
    /// That something could not be deleted was said.
    has_warned: AtomicBool,
}

/// A claim and the number of its object.
#[derive(Clone, Debug)]
struct Numbered {
    number: u64,
    written: Written,
}

/// What the object of a claim says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    /// What is saved under this claim is newer than all of a lower term.
    term: u64,
    #[serde(flatten)]
    claim: Claim,
}

/// The newest of everything there is.
#[derive(Debug, Default)]
struct Newest {
    /// Number of the claim.
    claim: Option<u64>,
    pages: [Option<Generation>; PAGES],
}

impl Newest {
    fn of(names: Vec<Name>) -> Self {
        let mut newest = Self::default();
        for name in names {
            match name {
                Name::Claim(number) => newest.claim = newest.claim.max(Some(number)),
                Name::Page(page, generation) => {
                    newest.pages[page] = newest.pages[page].max(Some(generation));
                }
            }
        }
        newest
    }

    /// The highest term of a page.
    fn term(&self) -> Option<u64> {
        let newest = self.pages.iter().flatten().max();
        newest.map(|generation| generation.term)
    }
}

impl ObjectCheckpoints {
    /// Opens `folder` under `url`: `s3://BUCKET/PATH`, `az://CONTAINER/PATH`, `gs://BUCKET/PATH` or
    /// `file:///PATH`. No two Namespaces may share a folder. It does not connect yet.
    ///
    /// `options` are credentials and whatever else the store needs, by the names that the `object_store`
    /// crate gives them (`aws_access_key_id`, `aws_endpoint`, `azure_storage_account_key`,
    /// `google_service_account_key`, `allow_http`), and `ca.crt` with certificates that the endpoint may be
    /// proven by.
    ///
    /// # Errors
    /// URL or options cannot be used.
    pub fn open(url: &str, folder: &str, options: &BTreeMap<String, String>) -> Result<Self, LocationError> {
        let (store, path) = location::open(url, options)?;
        let prefix = Path::parse(folder)?.parts().fold(path, Path::join);
        Ok(Self {
            store,
            prefix,
            name: format!("{}/{folder}", url.trim_end_matches('/')),
            generations: Mutex::default(),
            latest: Mutex::default(),
            has_warned: AtomicBool::new(false),
        })
    }

    /// In a folder of this machine, which need not exist yet. No two Namespaces may share it.
    ///
    /// # Errors
    /// Its path is relative, or no text.
    pub fn in_folder(folder: &std::path::Path) -> Result<Self, LocationError> {
        let (store, prefix) = location::folder(folder)?;
        Ok(Self {
            store,
            prefix,
            name: folder.display().to_string(),
            generations: Mutex::default(),
            latest: Mutex::default(),
            has_warned: AtomicBool::new(false),
        })
    }

    async fn load_all(&self) -> Result<Stored, StoreError> {
        let mut tries = 1;
        loop {
            match self.try_load().await {
                // It was replaced, and deleted as too old, since it was listed.
                Err(Error::NotFound { .. }) if tries < TRIES => tries += 1,
                outcome => return outcome.map_err(failed)?,
            }
        }
    }

    async fn try_load(&self) -> Result<Result<Stored, StoreError>, Error> {
        let newest = Newest::of(self.list(&self.prefix).await?);
        let pages = newest
            .pages
            .into_iter()
            .enumerate()
            .filter_map(|(page, generation)| generation.map(|generation| (page, generation)));
        let pages: Vec<(usize, Bytes)> = stream::iter(pages)
            .map(async |(page, generation)| {
                let path = names::page(&self.prefix, page, generation);
                self.get(&path).await.map(|bytes| (page, bytes))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let written = match newest.claim {
            Some(number) => self.read_claim(number).await?,
            None => Ok(None),
        };
        Ok(written.map(|written| Stored {
            claim: written.map(|written| written.claim),
            pages,
        }))
    }

    /// Under the number after the newest one: of two who do so at the same time one creates it.
    async fn put_claim(&self, former: Option<&Claim>, next: &Claim) -> Result<(), StoreError> {
        // Pages as well: where claims were deleted, they tell which terms there were.
        let newest = Newest::of(self.list(&self.prefix).await.map_err(failed)?);
        let latest = self.note_latest(newest.claim).await?;
        if latest.as_ref().map(|latest| &latest.written.claim) != former {
            return Err(StoreError::Conflict);
        }
        let term = latest.as_ref().map(|latest| latest.written.term);
        let next = Numbered {
            number: latest.map_or(0, |latest| latest.number + 1),
            written: Written {
                term: term.max(newest.term()).map_or(0, |term| term + 1),
                claim: next.clone(),
            },
        };
        self.create_claim(&next).await?;
        *self.latest.lock() = Some(next);
        Ok(())
    }

    async fn create_claim(&self, next: &Numbered) -> Result<(), StoreError> {
        let Numbered { number, written } = next;
        let bytes = serde_json::to_vec(written).map_err(|error| StoreError::Refused(error.to_string()))?;
        match self
            .create(&names::claim(&self.prefix, *number), bytes.into())
            .await
        {
            Ok(()) => Ok(()),
            // A try of ours may have come through although it seemed to fail.
            Err(Error::AlreadyExists { .. }) => match self.read_claim(*number).await.map_err(failed)?? {
                Some(present) if present == *written => Ok(()),
                _ => Err(StoreError::Conflict),
            },
            Err(error) => Err(failed(error)),
        }
    }

    /// The newest claim, by a look at all of them.
    async fn latest_claim(&self) -> Result<Option<Numbered>, StoreError> {
        let folder = names::claim_folder(&self.prefix);
        let names = self.list(&folder).await.map_err(failed)?;
        self.note_latest(Newest::of(names).claim).await
    }

    /// Reads the claim that was found to be the newest one, and remembers it.
    async fn note_latest(&self, number: Option<u64>) -> Result<Option<Numbered>, StoreError> {
        let latest = match number {
            Some(number) => {
                let written = self.read_claim(number).await.map_err(failed)??;
                written.map(|written| Numbered { number, written })
            }
            None => None,
        };
        self.latest.lock().clone_from(&latest);
        Ok(latest)
    }

    async fn save_page(&self, claim: &Claim, page: usize, bytes: Bytes) -> Result<(), StoreError> {
        let term = self.must_hold(claim).await?;
        let mut present = self.present(page).await?;
        let mut next = match present.last() {
            Some(last) if last.term == term => last.next(),
            _ => Generation::first(term),
        };
        loop {
            match self
                .create(&names::page(&self.prefix, page, next), bytes.clone())
                .await
            {
                Ok(()) => break,
                // A try of ours came through although it seemed to fail.
                Err(Error::AlreadyExists { .. }) => {
                    present.push(next);
                    next = next.next();
                }
                Err(error) => return Err(failed(error)),
            }
        }
        present.push(next);
        let superfluous = present.len().saturating_sub(KEPT).min(DELETED_AT_ONCE);
        let superfluous: Vec<_> = present.drain(..superfluous).collect();
        self.generations.lock()[page] = Some(present);
        self.delete(page, superfluous).await;
        Ok(())
    }

    /// That the claim is in effect: it is there, and the next is not. Says its term.
    async fn must_hold(&self, claim: &Claim) -> Result<u64, StoreError> {
        let seen = self.latest.lock().clone();
        if let Some(Numbered { number, written }) = seen.filter(|seen| seen.written.claim == *claim) {
            let (present, later) = try_join(self.read_claim(number), self.read_claim(number + 1))
                .await
                .map_err(failed)?;
            if present?.as_ref() == Some(&written) && later?.is_none() {
                return Ok(written.term);
            }
        }
        match self.latest_claim().await? {
            Some(latest) if latest.written.claim == *claim => Ok(latest.written.term),
            Some(_) => Err(StoreError::Fenced),
            None => Err(StoreError::Conflict),
        }
    }

    /// The claim of this number, if there is one.
    async fn read_claim(&self, number: u64) -> Result<Result<Option<Written>, StoreError>, Error> {
        let path = names::claim(&self.prefix, number);
        let bytes = match self.get(&path).await {
            Ok(bytes) => bytes,
            Err(Error::NotFound { .. }) => return Ok(Ok(None)),
            Err(error) => return Err(error),
        };
        let written = serde_json::from_slice(&bytes);
        let damaged = |error| StoreError::Damaged(format!("{path} is not what Weft writes: {error}"));
        Ok(written.map(Some).map_err(damaged))
    }

    /// The versions of a page, in their order.
    async fn present(&self, page: usize) -> Result<Vec<Generation>, StoreError> {
        if let Some(known) = self.generations.lock()[page].take() {
            return Ok(known);
        }
        let folder = names::page_folder(&self.prefix, page);
        let names = self.list(&folder).await.map_err(failed)?;
        let mut present: Vec<_> = names
            .into_iter()
            .filter_map(|name| match name {
                Name::Page(_, generation) => Some(generation),
                Name::Claim(_) => None,
            })
            .collect();
        present.sort_unstable();
        Ok(present)
    }

    async fn list(&self, folder: &Path) -> Result<Vec<Name>, Error> {
        let objects = self.store.list(Some(folder));
        objects
            .try_filter_map(async |object| Ok(names::parse(&self.prefix, &object.location)))
            .try_collect()
            .await
    }

    async fn get(&self, path: &Path) -> Result<Bytes, Error> {
        let object = self.store.get(path).await?;
        if object.meta.size > OBJECT_BYTES_MAX {
            return Err(Error::Generic {
                store: "checkpoints",
                source: format!("{path} has {} bytes, more than Weft writes", object.meta.size).into(),
            });
        }
        object.bytes().await
    }

    async fn create(&self, path: &Path, bytes: Bytes) -> Result<(), Error> {
        let created = self
            .store
            .put_opts(path, bytes.into(), PutMode::Create.into())
            .await;
        match created {
            Ok(_) => Ok(()),
            // Some say it this way.
            Err(Error::Precondition { path, source }) => Err(Error::AlreadyExists { path, source }),
            Err(error) => Err(error),
        }
    }

    /// Those that stay are found when the page is looked for the next time.
    async fn delete(&self, page: usize, generations: Vec<Generation>) {
        let deletions = generations.into_iter().map(async |generation| {
            let path = names::page(&self.prefix, page, generation);
            match self.store.delete(&path).await {
                Ok(()) | Err(Error::NotFound { .. }) => None,
                Err(error) => Some(error.to_string()),
            }
        });
        let outcomes = tokio::time::timeout(DELETE_PATIENCE, join_all(deletions)).await;
        let too_late = || vec![Some(format!("no answer within {} s", DELETE_PATIENCE.as_secs()))];
        let failure = outcomes
            .unwrap_or_else(|_| too_late())
            .into_iter()
            .flatten()
            .next();
        if let Some(failure) = failure
            && !self.has_warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                "old checkpoints in {} cannot be deleted, which is why it grows: {failure}",
                self.name
            );
        }
    }
}

/// What is not known to be a refusal may pass: listing has no words of its own for what a server says, and a
/// bucket that is missing can be made.
fn failed(error: Error) -> StoreError {
    let text = error.to_string();
    match error {
        Error::PermissionDenied { .. }
        | Error::Unauthenticated { .. }
        | Error::NotFound { .. }
        | Error::NotSupported { .. }
        | Error::NotImplemented { .. }
        | Error::InvalidPath { .. } => StoreError::Refused(text),
        _ => StoreError::Unavailable(text),
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let too_late = || StoreError::Unavailable(format!("no answer within {} s", PATIENCE.as_secs()));
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    answer.unwrap_or_else(|_| Err(too_late()))
}

impl CheckpointStore for ObjectCheckpoints {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn pause(&self) -> Duration {
        PAUSE
    }

    fn page_bytes_max(&self) -> usize {
        PAGE_BYTES_MAX
    }

    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>> {
        Box::pin(in_time(self.load_all()))
    }

    fn claim<'a>(
        &'a self,
        former: Option<&'a Claim>,
        next: &'a Claim,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(in_time(self.put_claim(former, next)))
    }

    fn save<'a>(
        &'a self,
        claim: &'a Claim,
        page: usize,
        bytes: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(in_time(self.save_page(claim, page, bytes)))
    }
}

#[cfg(test)]
mod tests;
