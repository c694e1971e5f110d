//! The task that writes the snapshots of containers and blobs.

use std::sync::Arc;

use runtime::TaskScope;
use tokio::sync::oneshot;

use super::image;
use super::shared::Shared;
use crate::snapshots::Snapshots;

pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    pub(super) snapshots: Snapshots,
    /// Resolves once nobody holds the broker any more.
    pub(super) held: oneshot::Receiver<()>,
}

impl Keeper {
    /// Until the scope is cancelled or nobody holds the broker any more.
    pub(super) async fn run(mut self, scope: TaskScope) {
        loop {
            self.snapshot();
            let is_stored = self.shared.first.is_stored();
            let deadline = self.snapshots.deadline().filter(|_| is_stored);
            let now = self.shared.clock.now();
            tokio::select! {
                () = scope.cancelled() => break,
                _ = &mut self.held => break,
                () = self.shared.first.wanted() => (),
                () = self.shared.growth.changed(self.snapshots.owner()) => (),
                () = self.snapshots.finished() => {
                    self.snapshots.forget(&*self.shared.log);
                    self.shared.first.decided(self.snapshots.exists());
                }
                () = sleep(deadline.map(|deadline| deadline.saturating_sub(now))) => (),
            }
        }
        self.stop().await;
    }

    fn snapshot(&mut self) {
        let shared = &self.shared;
        let now = shared.clock.now();
        self.snapshots
            .begin_after_first(&shared.first, &*shared.log, now, |position| {
                image::encode(shared, position)
            });
    }

    /// Leaves a snapshot, so that the next start has nothing to replay.
    async fn stop(mut self) {
        self.shared.stop();
        self.shared.flushed().await;
        if self.shared.first.is_stored() {
            let shared = &self.shared;
            self.snapshots
                .finish(&*shared.log, |position| image::encode(shared, position))
                .await;
        }
    }
}

async fn sleep(duration: Option<std::time::Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}
