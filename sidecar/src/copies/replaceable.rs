//! A store that can be exchanged while it is used.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use checkpoint::{CheckpointStore, Claim, StoreError, Stored};
use futures_util::future::BoxFuture;
use parking_lot::RwLock;

/// The same place for everybody, whoever we are to its keeper at the moment.
pub(super) struct Replaceable(RwLock<Arc<dyn CheckpointStore>>);

impl Replaceable {
    pub(super) fn new(store: Arc<dyn CheckpointStore>) -> Self {
        Self(RwLock::new(store))
    }

    /// Calls that have begun end with the former one.
    pub(super) fn replace(&self, store: Arc<dyn CheckpointStore>) {
        *self.0.write() = store;
    }

    fn present(&self) -> Arc<dyn CheckpointStore> {
        self.0.read().clone()
    }
}

impl CheckpointStore for Replaceable {
    fn name(&self) -> String {
        self.present().name()
    }

    fn pause(&self) -> Duration {
        self.present().pause()
    }

    fn page_bytes_max(&self) -> usize {
        self.present().page_bytes_max()
    }

    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>> {
        let present = self.present();
        Box::pin(async move { present.load().await })
    }

    fn claim<'a>(
        &'a self,
        former: Option<&'a Claim>,
        next: &'a Claim,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let present = self.present();
        Box::pin(async move { present.claim(former, next).await })
    }

    fn save<'a>(
        &'a self,
        claim: &'a Claim,
        page: usize,
        bytes: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let present = self.present();
        Box::pin(async move { present.save(claim, page, bytes).await })
    }
}

#[cfg(test)]
mod tests {
    use checkpoint::Memory;
    use checkpoint::conformance::{self, Place};

    use super::*;

    #[tokio::test]
    async fn it_keeps_what_a_store_has_to() {
        conformance::check(async || {
            let memory = Memory::default();
            let place: Place = Box::new(move || Arc::new(Replaceable::new(Arc::new(memory.clone()))));
            place
        })
        .await;
    }
}
