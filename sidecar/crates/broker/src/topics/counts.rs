//! What is counted per topic and per subscription. Plain atomics: the machine counts, `/metrics` reads.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value.cast_signed(), Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that somebody else keeps.
#[derive(Debug, Default)]
pub(crate) struct Number(AtomicU64);

impl Number {
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Of one topic.
#[derive(Debug, Default)]
pub(crate) struct TopicCounts {
    pub(crate) published: Counter,
    /// The number that the next event gets.
    pub(crate) next: Number,
}

/// Of one subscription.
#[derive(Debug, Default)]
pub(crate) struct SubscriptionCounts {
    pub(crate) matched: Counter,
    pub(crate) delivered: Counter,
    pub(crate) acknowledged: Counter,
    pub(crate) released: Counter,
    pub(crate) rejected: Counter,
    pub(crate) expired: Counter,
    pub(crate) dead_lettered: Counter,
    /// Events that somebody still has to receive or settle.
    pub(crate) backlog: Gauge,
    /// Of these, the ones that were delivered at least once or wait to be moved to the dead letters.
    pub(crate) in_flight: Gauge,
}
