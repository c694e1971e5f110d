//! The one timer of all topics.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use model::{Timestamp, Uid};

use super::filter::SubscriptionIndex;

/// What a wake-up is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// The earliest deadline of a subscription.
    Subscription(SubscriptionIndex),
    /// The end of a closed topic's grace.
    Topic,
}

/// A heap of wake-ups, in general one per subscription that has a deadline at all. A wake-up that is no longer the
/// armed one of its target is stale and is skipped.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Timestamp, Uid, Target)>>,
}

impl Timers {
    pub(crate) fn push(&mut self, time: Timestamp, topic: Uid, target: Target) {
        self.heap.push(Reverse((time, topic, target)));
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse((time, ..))| *time)
    }

    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, Uid, Target)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}
