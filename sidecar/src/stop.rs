//! Stopping in order.

use std::time::Duration;

use runtime::TaskScope;

/// What runs, grouped by when it has to stop.
#[derive(Debug)]
pub(crate) struct Scopes {
    /// Applies configurations.
    pub(crate) reload: TaskScope,
    /// Accepts and answers.
    pub(crate) doors: TaskScope,
    /// Owns the queues.
    pub(crate) broker: TaskScope,
    /// Writes the log.
    pub(crate) storage: TaskScope,
    /// Tells how it goes, to the end.
    pub(crate) operations: TaskScope,
    root: TaskScope,
    drain: Duration,
}

impl Scopes {
    pub(crate) fn new(drain: Duration) -> Self {
        let root = TaskScope::root();
        Self {
            reload: root.child("reload"),
            doors: root.child("doors"),
            broker: root.child("broker"),
            storage: root.child("storage"),
            operations: root.child("operations"),
            root,
            drain,
        }
    }

    /// Each group gets `drain`. A group that misses it does not keep the next one from stopping: what was acknowledged
    /// is durable already, and what was not is published again by whoever was not answered.
    pub(crate) async fn stop(&self) -> Vec<&'static str> {
        let mut late = Vec::new();
        // A change in the middle of a stop would open doors again.
        for scope in [
            &self.reload,
            &self.doors,
            &self.broker,
            &self.storage,
            &self.operations,
        ] {
            late.extend(scope.shutdown(self.drain).await);
        }
        for task in &late {
            tracing::warn!(task, deadline = ?self.drain, "did not stop in time");
        }
        late
    }
}

impl Drop for Scopes {
    fn drop(&mut self) {
        self.root.cancel();
    }
}
