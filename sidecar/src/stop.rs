//! Stopping in order.

use std::time::Duration;

use runtime::TaskScope;

/// A place for copies that does not answer must not hold up a stop: what it lacks is on the disk.
const LAST_COPY: Duration = Duration::from_secs(3);

/// What runs, grouped by when it has to stop.
#[derive(Debug)]
pub(crate) struct Scopes {
    /// Applies configurations.
    pub(crate) reload: TaskScope,
    /// Accepts and answers.
    pub(crate) doors: TaskScope,
    /// Copies what must survive the disk, once more when it stops.
    pub(crate) copies: TaskScope,
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
            copies: root.child("copies"),
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
        for (scope, drain) in [
            (&self.reload, self.drain),
            (&self.doors, self.drain),
            (&self.copies, self.drain.min(LAST_COPY)),
            (&self.broker, self.drain),
            (&self.storage, self.drain),
            (&self.operations, self.drain),
        ] {
            let missed = scope.shutdown(drain).await;
            for task in &missed {
                tracing::warn!(task, deadline = ?drain, "did not stop in time");
            }
            late.extend(missed);
        }
        late
    }
}

impl Drop for Scopes {
    fn drop(&mut self) {
        self.root.cancel();
    }
}
