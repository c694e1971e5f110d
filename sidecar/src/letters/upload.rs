//! The task that writes the dead letters of one subscription.

use std::sync::Arc;
use std::time::Duration;

use adapters::object_store::PutError;
use auth::Permit;
use broker::{DeadLetter, DeadLetters};
use model::SequenceNumber;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;
use uuid::Uuid;

use super::{Common, Destination, RETENTION, batch};

/// How long a task waits for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between two looks, so that letters which come together end up in one file.
    pub(super) gather: Duration,
    /// After the first failure; doubled with each.
    pub(super) retry: Duration,
    pub(super) retry_max: Duration,
}

impl Default for Pace {
    /// Azure tries after ten seconds, a minute, and every five minutes. A store of one's own may be asked more often.
    fn default() -> Self {
        Self {
            gather: Duration::from_secs(5),
            retry: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
        }
    }
}

/// What is asked of a task.
#[derive(Clone, Debug)]
pub(super) struct Upload(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    order: Mutex<Order>,
    changed: Notify,
}

#[derive(Debug)]
struct Order {
    destination: Destination,
    /// Nothing comes any more: the task ends when nothing waits.
    is_last: bool,
    /// The task has ended.
    is_over: bool,
}

impl Upload {
    pub(super) fn new(destination: Destination) -> Self {
        Self(Arc::new(Shared {
            order: Mutex::new(Order {
                destination,
                is_last: false,
                is_over: false,
            }),
            changed: Notify::new(),
        }))
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.order.lock().is_over
    }

    /// Where it writes.
    pub(super) fn destination(&self) -> Destination {
        self.0.order.lock().destination.clone()
    }

    /// Asks it to write what waits and to end.
    pub(super) fn finish(&self) {
        self.0.order.lock().is_last = true;
        self.0.changed.notify_one();
    }

    /// Asks it to go on with this destination. False if it has ended.
    pub(super) fn go_on(&self, destination: &Destination) -> bool {
        let mut order = self.0.order.lock();
        if order.is_over {
            return false;
        }
        let is_news = order.is_last || order.destination != *destination;
        order.is_last = false;
        order.destination.clone_from(destination);
        if is_news {
            self.0.changed.notify_one();
        }
        true
    }

    /// Ends it, if nothing more is asked of it.
    fn try_end(&self) -> bool {
        let mut order = self.0.order.lock();
        order.is_over = order.is_last;
        order.is_over
    }
}

pub(super) struct Task {
    common: Common,
    upload: Upload,
    /// The file that may have been written.
    attempt: Option<Attempt>,
    failures: u32,
}

/// A file that is tried again under the same name, with the same letters: one that came through although it seemed to fail
/// is then replaced by itself.
struct Attempt {
    path: Vec<String>,
    last: SequenceNumber,
}

/// Why a batch is not written, or not removed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Store(#[from] PutError),
    #[error("read or remove them here: {0}")]
    Broker(#[from] broker::Error),
}

/// What a look found.
enum Found {
    Nothing,
    /// So many letters were written.
    Letters(usize),
}

impl Task {
    pub(super) fn new(common: Common, upload: Upload) -> Self {
        Self {
            common,
            upload,
            attempt: None,
            failures: 0,
        }
    }

    /// Until nothing more is asked of it, or its scope is shut down.
    pub(super) async fn run(mut self) {
        let scope = self.common.scope.clone();
        let shared = self.upload.0.clone();
        let first = self.upload.destination();
        tracing::info!(
            "dead letters of {} go to {}; they wait in the topic {} for at most {} days",
            first.sender.join("/"),
            first.store.name(),
            first.topic_name(),
            days(RETENTION)
        );
        drop(first);
        loop {
            let destination = self.upload.destination();
            let found = tokio::select! {
                () = scope.cancelled() => return,
                found = self.look(&destination) => found,
            };
            let pause = match found {
                Ok(Found::Nothing) if self.upload.try_end() => return,
                Ok(Found::Nothing) => self.common.pace.gather,
                Ok(Found::Letters(count)) => {
                    self.on_stored(&destination, count);
                    continue;
                }
                Err(failure) => self.on_failure(&destination, &failure),
            };
            tokio::select! {
                () = scope.cancelled() => return,
                () = shared.changed.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Writes a batch, if anything waits.
    ///
    /// # Cancel safety
    /// What was written may be written again.
    async fn look(&mut self, destination: &Destination) -> Result<Found, Failure> {
        let waiting = match self.queue(destination) {
            Some(queue) if !list(&queue, 1).await?.is_empty() => Some(queue),
            _ => None,
        };
        let Some(queue) = waiting else {
            self.attempt = None;
            self.common.metrics.waiting.end(destination.subscription);
            return Ok(Found::Nothing);
        };
        self.common.metrics.waiting.begin(destination.subscription);
        let turns = match self.failures {
            0 => self.common.turns.clone(),
            _ => self.common.retries.clone(),
        };
        // It is never closed.
        let _turn = turns.acquire().await;
        let mut letters = list(&queue, batch::LETTERS_MAX).await?;
        if let Some(attempt) = &self.attempt {
            letters.retain(|letter| letter.sequence <= attempt.last);
        }
        let Some(last) = letters.last().map(|letter| letter.sequence) else {
            // All of them were redriven meanwhile.
            self.attempt = None;
            return Ok(Found::Letters(0));
        };
        let attempt = self.attempt.get_or_insert_with(|| Attempt {
            path: batch::path(&destination.sender, self.common.clock.now(), Uuid::new_v4()),
            last,
        });
        let content = batch::content(letters.iter().map(|letter| &letter.event));
        destination.store.put(&attempt.path, content).await?;
        let written: Vec<SequenceNumber> = letters.iter().map(|letter| letter.sequence).collect();
        let count = written.len();
        queue.remove(&Permit::internal(), written).await?;
        self.attempt = None;
        self.common.metrics.waiting.end(destination.subscription);
        Ok(Found::Letters(count))
    }

    /// Where the letters wait. None while there is no such topic.
    fn queue(&self, destination: &Destination) -> Option<DeadLetters> {
        self.common.broker.dead_letters(&destination.topic_name())
    }

    fn on_stored(&mut self, destination: &Destination, count: usize) {
        self.common
            .metrics
            .stored
            .inc_by(u64::try_from(count).unwrap_or(u64::MAX));
        if self.failures > 0 {
            tracing::info!(
                "dead letters of {} are stored in {} again",
                destination.sender.join("/"),
                destination.store.name()
            );
        }
        self.failures = 0;
    }

    /// How long to wait.
    fn on_failure(&mut self, destination: &Destination, failure: &Failure) -> Duration {
        self.common.metrics.failures.inc();
        let (sender, store) = (destination.sender.join("/"), destination.store.name());
        match self.failures {
            0 => tracing::warn!(
                "cannot store dead letters of {sender} in {store}: {failure}; they wait in the log for {} days; trying again",
                days(RETENTION)
            ),
            _ => tracing::debug!("store dead letters of {sender} in {store}: {failure}"),
        }
        let pause = self.common.pace.retry * 2u32.pow(self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        pause.min(self.common.pace.retry_max)
    }
}

/// The oldest letters.
async fn list(queue: &DeadLetters, limit: usize) -> Result<Vec<DeadLetter>, broker::Error> {
    match queue.list(&Permit::internal(), limit, None).await {
        // There never was one.
        Err(broker::Error::NotFound) => Ok(Vec::new()),
        letters => letters,
    }
}

const fn days(duration: Duration) -> u64 {
    duration.as_secs() / 86_400
}
