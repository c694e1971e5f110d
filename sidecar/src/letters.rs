//! Dead letters of event subscriptions, on their way to an object store.
//!
//! Such a subscription has a topic of its own for its dead letters, which no document can declare: an event dies in one
//! durable move, as everywhere. A task per subscription writes what it finds there in batches to the store and then notes
//! on the disk how far it has come. Whatever happens in between, a letter is written at least once: a crash after the
//! write and before the note writes it again.
//!
//! The topic keeps letters for [`RETENTION`], whether they are written or not: that long they can still be listed and
//! redriven, and that long the store may be away. When a subscription goes, or its dead letters go elsewhere, its task
//! writes what waits and ends.

mod batch;
mod cursors;
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
use storage::Table;
use tokio::sync::Semaphore;

use cursors::Cursors;
pub(crate) use destination::{Destination, topic_uid};
use metrics::Metrics;
use upload::{Pace, Task, Upload};

/// How long letters stay in the log.
pub(crate) const RETENTION: Duration = Duration::from_hours(7 * 24);

/// Batches that are in memory at the same time, each of a few MiB.
const AT_ONCE: usize = 16;

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
    cursors: Arc<Cursors>,
    turns: Arc<Semaphore>,
    metrics: Metrics,
    pace: Pace,
    scope: TaskScope,
}

impl Letters {
    /// Nothing is written before [`Letters::follow`]. Tasks run in `scope`.
    pub(crate) fn new(
        broker: Broker,
        table: Arc<dyn Table>,
        clock: Clock,
        scope: TaskScope,
        registry: &Registry,
    ) -> Self {
        let common = Common {
            broker,
            clock,
            cursors: Arc::new(Cursors::read(table)),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
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

    /// To be called before topics are configured: one that is not there begins anew, whatever was noted of an earlier one.
    ///
    /// # Errors
    /// The broker or the disk does not answer now.
    pub(crate) async fn prepare(&self) -> Result<(), broker::Error> {
        let mut noted = self.common.cursors.subscriptions();
        noted.retain(|subscription| !self.uploads.contains_key(subscription));
        if noted.is_empty() {
            return Ok(());
        }
        let streams = self.common.broker.streams().await?;
        let there: HashSet<Uid> = streams.iter().map(|stream| stream.uid).collect();
        noted.retain(|subscription| !there.contains(&topic_uid(*subscription)));
        let forgotten = self.common.cursors.forget(&noted).await;
        forgotten.map_err(|error| {
            tracing::error!(%error, "note how far dead letters are stored");
            broker::Error::Unavailable
        })
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
