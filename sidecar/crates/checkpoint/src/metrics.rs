//! `weft_checkpoint_copy_…`

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Unit;
use runtime::metrics::Registry;
use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) writes: Counter,
    pub(crate) bytes: Counter,
    pub(crate) failures: Counter,
    pub(crate) pages_too_large: Gauge,
    pub(crate) is_fenced: Gauge,
    pub(crate) unsaved: Age,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let part = registry.part("checkpoint_copy");
        Self {
            writes: part.register(
                "writes",
                "Pages that were written to the copy of the checkpoints",
                Counter::default(),
            ),
            bytes: part.register_with_unit(
                "written",
                "Size of those pages",
                Unit::Bytes,
                Counter::default(),
            ),
            failures: part.register(
                "failures",
                "Writes to the copy of the checkpoints that failed, and are tried again",
                Counter::default(),
            ),
            pages_too_large: part.register(
                "pages_too_large",
                "Pages that are not copied because the store takes none of that size",
                Gauge::default(),
            ),
            is_fenced: part.register(
                "is_fenced",
                "1 once another pod has taken over the copy, so that this one writes nothing any more, else 0",
                Gauge::default(),
            ),
            unsaved: part.register_with_unit(
                "oldest_unsaved_change",
                "Age of the oldest change that is not in the copy yet, 0 if there is none",
                Unit::Seconds,
                Age::default(),
            ),
        }
    }
}

/// A gauge that grows by itself: seconds since a moment.
#[derive(Clone, Default)]
pub(crate) struct Age(Arc<Mutex<Option<Instant>>>);

impl Age {
    /// From now on, unless it began before.
    pub(crate) fn begin(&self) {
        self.0.lock().get_or_insert_with(Instant::now);
    }

    /// When it began; `None` ends it.
    pub(crate) fn set(&self, since: Option<Instant>) {
        *self.0.lock() = since;
    }

    fn seconds(&self) -> f64 {
        self.0.lock().map_or(0.0, |since| since.elapsed().as_secs_f64())
    }
}

impl fmt::Debug for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Age({} s)", self.seconds())
    }
}

impl EncodeMetric for Age {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.seconds())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}
