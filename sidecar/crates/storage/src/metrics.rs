//! What the log counts.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use runtime::metrics::Registry;

use crate::Full;

type Bytes = Gauge<i64>;

/// The metrics of one log and its table.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) commits: Counter,
    pub(crate) commit_seconds: Histogram,
    pub(crate) commit_bytes: Histogram,
    pub(crate) appended_bytes: Counter<u64, AtomicU64>,
    pub(crate) capacity: Bytes,
    pub(crate) used: Bytes,
    pub(crate) live: Bytes,
    pub(crate) segments_free: Gauge<i64>,
    pub(crate) segments_sealed: Gauge<i64>,
    pub(crate) relocated: Counter,
    pub(crate) recycled: Counter,
    pub(crate) damage: Counter,
    pub(crate) torn_tails: Counter,
    refused: Family<Reason, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Self {
        let part = registry.part("storage");
        let seconds = || Histogram::new(exponential_buckets(0.000_1, 2.0, 15));
        let bytes = || Histogram::new(exponential_buckets(512.0, 4.0, 9));
        Self {
            commits: part.register("commits", "Group commits written and synced", Counter::default()),
            commit_seconds: part.register(
                "commit_seconds",
                "Time to write and sync a group commit",
                seconds(),
            ),
            commit_bytes: part.register("commit_bytes", "Size of a group commit on disk", bytes()),
            appended_bytes: part.register(
                "appended_bytes",
                "Bytes written by group commits",
                Counter::default(),
            ),
            capacity: part.register(
                "capacity_bytes",
                "What the log may occupy on disk",
                Gauge::default(),
            ),
            used: part.register(
                "used_bytes",
                "What the segment files occupy on disk",
                Gauge::default(),
            ),
            live: part.register("live_bytes", "What live records occupy", Gauge::default()),
            segments_free: part.register("segments_free", "Segments ready to be written", Gauge::default()),
            segments_sealed: part.register("segments_sealed", "Segments that are full", Gauge::default()),
            relocated: part.register(
                "relocated_records",
                "Live records that the cleaner moved",
                Counter::default(),
            ),
            recycled: part.register(
                "recycled_segments",
                "Segments that began a new life",
                Counter::default(),
            ),
            damage: part.register(
                "damaged_commits",
                "Commits or values found damaged on disk",
                Counter::default(),
            ),
            torn_tails: part.register(
                "torn_tails",
                "Unfinished commits cut off at start",
                Counter::default(),
            ),
            refused: part.register(
                "refused",
                "Appends refused for lack of room, by reason",
                Family::default(),
            ),
        }
    }

    pub(crate) fn refuse(&self, full: Full) -> Full {
        let reason = match full {
            Full::Log => "log",
            Full::Stream => "stream",
            Full::Backlog => "backlog",
            Full::Oversize { .. } => "oversize",
            Full::Closed => "closed",
        };
        self.refused.get_or_create(&Reason { reason }).inc();
        full
    }
}
