//! `weft_dead_letters_…`

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use model::Uid;
use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Unit;
use runtime::metrics::Registry;
use tokio::time::Instant;

/// All subscriptions together; logs name them.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    pub(super) stored: Counter,
    pub(super) failures: Counter,
    pub(super) waiting: Waiting,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let part = registry.part("dead_letters");
        Self {
            stored: part.register(
                "stored",
                "Dead letters that were written to object stores",
                Counter::default(),
            ),
            failures: part.register(
                "store_failures",
                "Writes of dead letters to object stores that failed, and are tried again",
                Counter::default(),
            ),
            waiting: part.register_with_unit(
                "oldest_waiting",
                "How long the dead letter that waits longest for an object store has been seen to wait, 0 if none does",
                Unit::Seconds,
                Waiting::default(),
            ),
        }
    }
}

/// Since when letters of subscriptions wait.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<Mutex<BTreeMap<Uid, Instant>>>);

impl Waiting {
    /// From now on, unless it began before.
    pub(super) fn begin(&self, subscription: Uid) {
        self.0.lock().entry(subscription).or_insert_with(Instant::now);
    }

    pub(super) fn end(&self, subscription: Uid) {
        self.0.lock().remove(&subscription);
    }

    fn seconds(&self) -> f64 {
        let oldest = self.0.lock().values().min().copied();
        oldest.map_or(0.0, |since| since.elapsed().as_secs_f64())
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Waiting({} s)", self.seconds())
    }
}

impl EncodeMetric for Waiting {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.seconds())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}
