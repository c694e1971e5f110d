//! The one timer of all topics.

use std::collections::BTreeSet;

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

/// Wake-ups in their order, one per target that has a deadline at all. Only those of targets that are gone stay until
/// their time, and are stale then.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Timestamp, Uid, Target)>,
}

impl Timers {
    /// Wakes the target at `time`, and no longer at `before`.
    pub(crate) fn arm(&mut self, before: Option<Timestamp>, time: Timestamp, topic: Uid, target: Target) {
        if let Some(before) = before {
            self.due.remove(&(before, topic, target));
        }
        self.due.insert((time, topic, target));
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(time, ..)| *time)
    }

    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, Uid, Target)> {
        if self.next()? > now {
            return None;
        }
        self.due.pop_first()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }
}
