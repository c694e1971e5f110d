//! Every task has a parent.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// A group of named tasks that are stopped together. Cheap to clone.
///
/// Stopping is cooperative: [`TaskScope::shutdown`] cancels, waits for every task of the scope and of its children
/// until the deadline, and names those that did not end. Tasks watch [`TaskScope::cancelled`].
#[derive(Clone, Debug)]
pub struct TaskScope {
    name: &'static str,
    cancel: CancellationToken,
    tracker: TaskTracker,
    running: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl TaskScope {
    /// A scope without a parent: one per process, or per test.
    pub fn root() -> Self {
        Self::with(CancellationToken::new(), "root")
    }

    /// A scope that is cancelled with this one, and can be shut down earlier on its own.
    pub fn child(&self, name: &'static str) -> Self {
        Self::with(self.cancel.child_token(), name)
    }

    fn with(cancel: CancellationToken, name: &'static str) -> Self {
        Self {
            name,
            cancel,
            tracker: TaskTracker::new(),
            running: Arc::default(),
        }
    }

    /// Runs `future` as a task called `task`. A panic in it ends that task and is logged.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place where tasks get their parent"
    )]
    pub fn spawn<F>(&self, task: &'static str, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let guard = RunningTask::enter(&self.running, task);
        let span = tracing::debug_span!("task", scope = self.name, task);
        let named = async move {
            let _guard = guard;
            future.await
        };
        tokio::spawn(self.tracker.track_future(named.instrument(span)))
    }

    /// Resolves once the scope, or one of its parents, is being shut down.
    ///
    /// # Cancel safety
    /// Cancel safe: it holds no state.
    pub async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    /// Whether the scope is being shut down.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Tells every task to stop, without waiting.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Tells every task of this scope to stop and waits for them. Returns the names of those that were still
    /// running at the deadline; the caller decides what their lateness means.
    pub async fn shutdown(&self, deadline: Duration) -> Vec<&'static str> {
        self.cancel.cancel();
        self.tracker.close();
        match tokio::time::timeout(deadline, self.tracker.wait()).await {
            Ok(()) => Vec::new(),
            Err(_) => self.running.lock().keys().copied().collect(),
        }
    }
}

/// Counts a task as running until it ends, however it ends.
struct RunningTask {
    running: Arc<Mutex<BTreeMap<&'static str, usize>>>,
    task: &'static str,
}

impl RunningTask {
    fn enter(running: &Arc<Mutex<BTreeMap<&'static str, usize>>>, task: &'static str) -> Self {
        *running.lock().entry(task).or_default() += 1;
        Self {
            running: running.clone(),
            task,
        }
    }
}

impl Drop for RunningTask {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.task, "task panicked");
        }
        let mut running = self.running.lock();
        if let Some(count) = running.get_mut(self.task) {
            *count -= 1;
            if *count == 0 {
                running.remove(self.task);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shutdown_waits_for_tasks_that_heed_it() {
        let scope = TaskScope::root();
        let watcher = scope.clone();
        let task = scope.spawn("polite", async move { watcher.cancelled().await });
        assert!(scope.shutdown(Duration::from_secs(5)).await.is_empty());
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_names_what_missed_the_deadline() {
        let scope = TaskScope::root();
        scope.spawn("deaf", std::future::pending::<()>());
        assert_eq!(scope.shutdown(Duration::from_secs(1)).await, ["deaf"]);
    }

    #[tokio::test]
    async fn a_child_stops_with_its_parent_but_not_the_other_way_round() {
        let parent = TaskScope::root();
        let (first, second) = (parent.child("first"), parent.child("second"));
        first.cancel();
        assert!(first.is_cancelled() && !parent.is_cancelled() && !second.is_cancelled());
        parent.cancel();
        assert!(second.is_cancelled());
    }
}
