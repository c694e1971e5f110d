//! An object store that cannot be opened with what is known of it.

use std::time::Duration;

use bytes::Bytes;
use checkpoint::{CheckpointStore, Claim, StoreError, Stored};
use futures_util::future::BoxFuture;

/// As often it is worth saying so again.
const PAUSE: Duration = Duration::from_secs(60);

/// Refuses everything until a person has mended its URL or its credentials. A log that is on the disk goes on without it.
pub(super) struct Unusable {
    pub(super) url: String,
    /// In words for the user.
    pub(super) reason: String,
}

impl Unusable {
    fn refuse<T>(&self) -> BoxFuture<'static, Result<T, StoreError>>
    where
        T: Send + 'static,
    {
        let error = StoreError::Refused(self.reason.clone());
        Box::pin(async { Err(error) })
    }
}

impl CheckpointStore for Unusable {
    fn name(&self) -> String {
        self.url.clone()
    }

    fn pause(&self) -> Duration {
        PAUSE
    }

    fn page_bytes_max(&self) -> usize {
        usize::MAX
    }

    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>> {
        self.refuse()
    }

    fn claim<'a>(
        &'a self,
        _former: Option<&'a Claim>,
        _next: &'a Claim,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.refuse()
    }

    fn save<'a>(
        &'a self,
        _claim: &'a Claim,
        _page: usize,
        _bytes: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.refuse()
    }
}
