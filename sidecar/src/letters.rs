//! Dead letters of event subscriptions, on their way to an object store.
//!
//! Such a subscription has a topic of its own for its dead letters, which no document can declare: an event dies in one
//! durable move, as everywhere. A task per subscription writes what it finds there in batches to the store and then removes
//! it here. Whatever happens in between, a letter is written at least once: a crash after the write and before the removal
//! writes it again.
//!
//! While a letter waits it can be listed and redriven; that long, and no longer, it takes room in the log. It waits for at
//! most [`RETENTION`], so the store may be away for that time. When a subscription goes, or its dead letters go elsewhere,
//! its task writes what waits and ends.

mod batch;
mod destination;
mod metrics;
mod upload;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use broker::{Broker, TopicConfig};
use model::Uid;
use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};
use tokio::sync::Semaphore;

pub(crate) use destination::{Destination, topic_uid};
use metrics::Metrics;
use upload::{Pace, Task, Upload};

/// How long letters wait in the log at most.
pub(crate) const RETENTION: Duration = Duration::from_hours(7 * 24);

/// Batches that are in memory at the same time, each of a few MiB.
const AT_ONCE: usize = 16;

/// The same for those whose last try failed: a store that hangs must not keep others from theirs.
const RETRIED_AT_ONCE: usize = 2;

/// The tasks of all subscriptions.
#[derive(Debug)]
pub(crate) struct Letters {
    common: Common,
    /// By the uid of the subscription. One that has ended stays here until its subscription comes back, or the next
    /// configuration.
    uploads: BTreeMap<Uid, Upload>,
}

/// What every task needs.
#[derive(Clone, Debug)]
struct Common {
    broker: Broker,
    clock: Clock,
    turns: Arc<Semaphore>,
    retries: Arc<Semaphore>,
    metrics: Metrics,
    pace: Pace,
    scope: TaskScope,
}

impl Letters {
    /// Nothing is written before [`Letters::follow`]. Tasks run in `scope`.
    pub(crate) fn new(broker: Broker, clock: Clock, scope: TaskScope, registry: &Registry) -> Self {
        let common = Common {
            broker,
            clock,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            retries: Arc::new(Semaphore::new(RETRIED_AT_ONCE)),
            metrics: Metrics::register(registry),
            pace: Pace::default(),
            scope,
        };
        Self {
            common,
            uploads: BTreeMap::new(),
        }
    }

    /// The topics to configure for `wanted`, and for those that still have something to write.
    pub(crate) fn topics(&self, wanted: &[Destination]) -> Vec<TopicConfig> {
        let leaving = self.uploads.iter().filter(|(_, upload)| !upload.is_over());
        let leaving = leaving.map(|(subscription, upload)| (*subscription, upload.destination().topic()));
        let wanted = wanted
            .iter()
            .map(|destination| (destination.subscription, destination.topic()));
        let topics: BTreeMap<Uid, TopicConfig> = leaving.chain(wanted).collect();
        topics.into_values().collect()
    }

    /// From now on the letters of `wanted` are written to where it says. To be called after their topics were configured.
    pub(crate) fn follow(&mut self, wanted: &[Destination]) {
        let known: HashSet<Uid> = wanted
            .iter()
            .map(|destination| destination.subscription)
            .collect();
        for (subscription, upload) in &self.uploads {
            if !known.contains(subscription) {
                upload.finish();
            }
        }
        self.uploads
            .retain(|subscription, upload| known.contains(subscription) || !upload.is_over());
        for destination in wanted {
            let known = self.uploads.get(&destination.subscription);
            if known.is_some_and(|upload| upload.go_on(destination)) {
                continue;
            }
            let upload = Upload::new(destination.clone());
            let task = Task::new(self.common.clone(), upload.clone());
            self.common.scope.spawn("store dead letters", task.run());
            self.uploads.insert(destination.subscription, upload);
        }
    }
}

#[cfg(test)]
mod tests;
