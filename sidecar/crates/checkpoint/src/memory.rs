//! A store for tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{CheckpointStore, Claim, StoreError, Stored};

/// A copy in memory, with the faults that a test wants. Clones share it, as two pods share a place.
#[derive(Clone, Debug)]
pub struct Memory {
    shared: Arc<Mutex<Shared>>,
    pause: Duration,
    page_bytes_max: usize,
}

#[derive(Debug, Default)]
struct Shared {
    claim: Option<Claim>,
    pages: BTreeMap<usize, Bytes>,
    writes: Vec<(usize, Instant)>,
    failure: Option<StoreError>,
    delay: Duration,
}

impl Default for Memory {
    /// With the measures of the ConfigMaps: 10 s, 64 KiB.
    fn default() -> Self {
        Self {
            shared: Arc::default(),
            pause: Duration::from_secs(10),
            page_bytes_max: 64 << 10,
        }
    }
}

impl Memory {
    /// Takes no page that is larger.
    pub fn with_page_bytes_max(mut self, bytes: usize) -> Self {
        self.page_bytes_max = bytes;
        self
    }

    /// Fails every call with this from now on; `None` ends it.
    pub fn fail_with(&self, failure: Option<StoreError>) {
        self.shared.lock().failure = failure;
    }

    /// Takes this long for every call from now on.
    pub fn delay(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }

    /// Page and time of every write that was taken, in their order.
    pub fn writes(&self) -> Vec<(usize, Instant)> {
        self.shared.lock().writes.clone()
    }

    /// Forgets everything, as if somebody had deleted it.
    pub fn wipe(&self) {
        let mut shared = self.shared.lock();
        (shared.claim, shared.pages) = (None, BTreeMap::new());
    }

    /// Forgets the claim alone.
    pub fn forget_claim(&self) {
        self.shared.lock().claim = None;
    }

    async fn answer<T>(
        &self,
        act: impl FnOnce(&mut Shared) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let delay = self.shared.lock().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let mut shared = self.shared.lock();
        match &shared.failure {
            Some(failure) => Err(failure.clone()),
            None => act(&mut shared),
        }
    }
}

impl CheckpointStore for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn pause(&self) -> Duration {
        self.pause
    }

    fn page_bytes_max(&self) -> usize {
        self.page_bytes_max
    }

    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>> {
        Box::pin(self.answer(|shared| {
            Ok(Stored {
                claim: shared.claim.clone(),
                pages: shared.pages.clone().into_iter().collect(),
            })
        }))
    }

    fn claim<'a>(
        &'a self,
        former: Option<&'a Claim>,
        next: &'a Claim,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.answer(move |shared| {
            if shared.claim.as_ref() != former {
                return Err(StoreError::Conflict);
            }
            shared.claim = Some(next.clone());
            Ok(())
        }))
    }

    fn save<'a>(
        &'a self,
        claim: &'a Claim,
        page: usize,
        bytes: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.answer(move |shared| {
            match &shared.claim {
                None => return Err(StoreError::Conflict),
                Some(present) if present != claim => return Err(StoreError::Fenced),
                Some(_) => {}
            }
            shared.pages.insert(page, bytes);
            shared.writes.push((page, Instant::now()));
            Ok(())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Place};

    #[tokio::test]
    async fn the_memory_keeps_what_a_store_has_to() {
        conformance::check(async || {
            let place = Memory::default();
            let place: Place = Box::new(move || Arc::new(place.clone()));
            place
        })
        .await;
    }
}
