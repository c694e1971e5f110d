//! What the operator counts.
//!
//! Tests and dashboards rely on two of these standing still while nothing changes: `weft_operator_reconciles_total` and
//! `weft_operator_writes_total`.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Unit;
use runtime::metrics::Registry;

/// Upper bounds in seconds, for what takes from a fraction of a millisecond to seconds.
const SECONDS: [f64; 10] = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Every metric of the operator. Cheap to clone.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the help text of each is where it is registered")]
pub struct Metrics {
    pub reconciles: Counter,
    pub reconcile_errors: Counter,
    pub reconcile_seconds: Histogram,
    pub plan_seconds: Histogram,
    pub writes: Family<Write, Counter>,
    pub write_errors: Family<WriteError, Counter>,
    pub reads: Family<Read, Counter>,
    pub watch_errors: Family<Watched, Counter>,
    pub cached_objects: Family<Watched, Gauge>,
    pub queue_depth: Gauge,
    pub pending_statuses: Gauge,
    pub is_leader: Gauge,
    pub events_dropped: Counter,
    pub status_seconds: Histogram,
}

/// A write that the API server carried out.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Write {
    /// The kind of object.
    pub kind: &'static str,
    /// `apply`, `status`, `delete` or `event`.
    pub verb: &'static str,
}

/// A write that the API server did not carry out.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct WriteError {
    /// The kind of object.
    pub kind: &'static str,
    /// `conflict`, `invalid`, `forbidden`, `gone`, or `unavailable` for what is tried again.
    pub cause: &'static str,
}

/// A read outside of the watches.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Read {
    /// The kind of object.
    pub kind: &'static str,
}

/// One cache.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Watched {
    /// The kind of object.
    pub kind: &'static str,
}

impl Metrics {
    /// Registers everything under `weft_operator_`.
    pub fn register(registry: &Registry) -> Arc<Self> {
        let part = registry.part("operator");
        let seconds = |name: &str, help: &str| {
            part.register_with_unit(name, help, Unit::Seconds, Histogram::new(SECONDS))
        };
        Arc::new(Self {
            reconciles: part.register(
                "reconciles",
                "Kubernetes namespaces looked at",
                Counter::default(),
            ),
            reconcile_errors: part.register(
                "reconcile_errors",
                "Reconciles that will be tried again after a pause",
                Counter::default(),
            ),
            reconcile_seconds: seconds(
                "reconcile",
                "Time from taking a Kubernetes namespace to putting it back",
            ),
            plan_seconds: seconds("plan", "Time to plan one Kubernetes namespace"),
            status_seconds: seconds(
                "status",
                "Time to compare every status of one Kubernetes namespace",
            ),
            writes: part.register(
                "writes",
                "Writes that the API server carried out",
                Family::default(),
            ),
            write_errors: part.register(
                "write_errors",
                "Writes that the API server did not carry out",
                Family::default(),
            ),
            reads: part.register("reads", "Reads outside of the watches", Family::default()),
            watch_errors: part.register(
                "watch_errors",
                "Watches that failed and were resumed",
                Family::default(),
            ),
            cached_objects: part.register("cached_objects", "Objects in the caches", Family::default()),
            queue_depth: part.register(
                "queue_depth",
                "Kubernetes namespaces that wait for a worker",
                Gauge::default(),
            ),
            pending_statuses: part.register(
                "pending_statuses",
                "Statuses that wait to be written",
                Gauge::default(),
            ),
            is_leader: part.register(
                "is_leader",
                "1 while this operator is the one that acts",
                Gauge::default(),
            ),
            events_dropped: part.register(
                "events_dropped",
                "Kubernetes Events that were not written because too many waited",
                Counter::default(),
            ),
        })
    }

    /// Counts a write that was carried out.
    pub fn wrote(&self, kind: &'static str, verb: &'static str) {
        self.writes.get_or_create(&Write { kind, verb }).inc();
    }

    /// Counts a write that was not carried out.
    pub fn refused(&self, kind: &'static str, cause: &'static str) {
        self.write_errors.get_or_create(&WriteError { kind, cause }).inc();
    }

    /// Counts a reconcile.
    pub fn reconciled(&self, took: Duration, failed: bool) {
        self.reconciles.inc();
        self.reconcile_seconds.observe(took.as_secs_f64());
        if failed {
            self.reconcile_errors.inc();
        }
    }
}
