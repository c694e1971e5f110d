//! The [`Queue`] with a clock and workers around it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use runtime::{Clock, TaskScope};
use tokio::sync::Notify;

use super::Reconciler;
use crate::metrics::Metrics;
use crate::queue::{Outcome, Queue};

/// Kubernetes namespaces that are worked on at once.
const WORKERS: usize = 4;

/// Marks Kubernetes namespaces and hands them to workers. Cheap to clone.
#[derive(Clone)]
pub struct Dispatch(Arc<Inner>);

struct Inner {
    queue: Mutex<Queue>,
    news: Notify,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl Dispatch {
    /// Nothing is marked yet.
    pub fn new(clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            queue: Mutex::default(),
            news: Notify::new(),
            clock,
            metrics,
        }))
    }

    /// Something in a Kubernetes namespace changed.
    pub fn mark(&self, namespace: &str) {
        self.0.queue.lock().mark(namespace, self.0.clock.monotonic());
        self.0.news.notify_one();
    }

    /// A Kubernetes namespace is to be looked at after `wait` at the latest.
    pub fn mark_in(&self, namespace: &str, wait: Duration) {
        let now = self.0.clock.monotonic();
        self.0.queue.lock().mark_at(namespace, now + wait, now);
        self.0.news.notify_one();
    }

    /// Works on what is marked, until `scope` is cancelled. Cancellation drops what is under way wherever it waits: each
    /// write is whole or not there, and the next leader finds what is missing.
    pub async fn run(&self, reconciler: &Arc<Reconciler>, scope: &TaskScope) {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                let (dispatch, reconciler, scope) = (self.clone(), reconciler.clone(), scope.clone());
                scope
                    .clone()
                    .spawn("worker", async move { dispatch.work(&reconciler, &scope).await })
            })
            .collect();
        for worker in workers {
            // A worker that panicked has been logged by its scope.
            drop(worker.await);
        }
        self.0.queue.lock().put_back_all(self.0.clock.monotonic());
    }

    async fn work(&self, reconciler: &Arc<Reconciler>, scope: &TaskScope) {
        loop {
            let namespace = tokio::select! {
                namespace = self.next() => namespace,
                () = scope.cancelled() => return,
            };
            // Another worker may find more.
            self.0.news.notify_one();
            let (this, key, cancel) = (reconciler.clone(), namespace.clone(), scope.clone());
            // A task of its own, so that a panic is a failure of this namespace and not the end of a worker.
            let task = scope.spawn("reconcile", async move {
                tokio::select! {
                    outcome = this.reconcile(&key) => Some(outcome),
                    () = cancel.cancelled() => None,
                }
            });
            let outcome = match task.await {
                Ok(Some(outcome)) => outcome,
                Ok(None) => return,
                Err(_) => failed(),
            };
            let now = self.0.clock.monotonic();
            self.0.queue.lock().put_back(&namespace, outcome, now);
        }
    }

    async fn next(&self) -> String {
        loop {
            let (taken, deadline) = self.look();
            if let Some(namespace) = taken {
                return namespace;
            }
            let wait = deadline.map(|at| at.saturating_duration_since(self.0.clock.monotonic()));
            tokio::select! {
                () = self.0.news.notified() => {}
                () = sleep(wait) => {}
            }
        }
    }

    fn look(&self) -> (Option<String>, Option<Instant>) {
        let mut queue = self.0.queue.lock();
        let taken = queue.take(self.0.clock.monotonic());
        self.0
            .metrics
            .queue_depth
            .set(i64::try_from(queue.depth()).unwrap_or(i64::MAX));
        (taken, queue.next_deadline())
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// How a reconcile that failed comes back.
pub(super) fn failed() -> Outcome {
    Outcome::Failed {
        jitter: crate::apply::chance(),
    }
}
