//! What `/metrics` shows of checkpoints.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use runtime::metrics::Registry;

use super::error::CheckpointError;
use super::store::Store;

#[derive(Debug)]
pub(super) struct Metrics {
    writes: Counter,
    conditions_refused: Counter,
    blobs: Gauge,
    bytes: Gauge,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let registry = registry.part("checkpoints");
        Self {
            writes: registry.register("writes", "Changes of containers and blobs", Counter::default()),
            conditions_refused: registry.register(
                "conditions_refused",
                "Requests whose condition was not met, such as claims that another consumer won",
                Counter::default(),
            ),
            blobs: registry.register("blobs", "Blobs in all containers", Gauge::default()),
            bytes: registry.register("bytes", "What containers and blobs take", Gauge::default()),
        }
    }

    pub(super) fn wrote(&self, store: &Store) {
        self.writes.inc();
        self.holds(store);
    }

    pub(super) fn holds(&self, store: &Store) {
        self.blobs.set(i64::try_from(store.blobs()).unwrap_or(i64::MAX));
        self.bytes.set(i64::try_from(store.bytes()).unwrap_or(i64::MAX));
    }

    pub(super) fn refused(&self, error: &CheckpointError) {
        if matches!(
            error,
            CheckpointError::ConditionNotMet | CheckpointError::BlobAlreadyExists
        ) {
            self.conditions_refused.inc();
        }
    }
}
