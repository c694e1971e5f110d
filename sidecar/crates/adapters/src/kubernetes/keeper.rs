//! Keeping the document that is in effect, for the next start.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use config::Head;
use runtime::TaskScope;
use tokio::sync::watch;

use super::pieces::Pieces;
use super::{Pod, kept};

/// How long to wait after the volume refused.
const RETRY: Duration = Duration::from_secs(30);

/// Stores each document once it is in effect. One that does not fit is never stored, so that what is on the volume can
/// always be served.
pub(super) struct Keeper {
    pub(super) pod: Arc<Pod>,
    /// The newest document.
    pub(super) pieces: watch::Receiver<Option<Arc<Pieces>>>,
    /// Revision of the document in effect.
    pub(super) applied: watch::Receiver<Option<u64>>,
    /// What is on the volume.
    pub(super) stored: Option<Head>,
}

impl Keeper {
    pub(super) async fn run(mut self, scope: TaskScope) {
        let mut failed = false;
        loop {
            failed = match self.store_if_due().await {
                Ok(()) => false,
                Err(cause) => {
                    if !failed {
                        let folder = self.pod.data_dir.display();
                        tracing::warn!("cannot keep the configuration in {folder}: {cause}; trying again");
                    }
                    true
                }
            };
            tokio::select! {
                () = scope.cancelled() => return,
                changed = self.pieces.changed() => if changed.is_err() { return },
                changed = self.applied.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(RETRY), if failed => {}
            }
        }
    }

    async fn store_if_due(&mut self) -> io::Result<()> {
        let applied = *self.applied.borrow_and_update();
        let newest = self.pieces.borrow_and_update().clone();
        let Some(pieces) = newest.filter(|pieces| applied == Some(pieces.revision())) else {
            return Ok(());
        };
        if self.stored.as_ref() == Some(&pieces.head) {
            return Ok(());
        }
        let (pod, to_store) = (self.pod.clone(), pieces.clone());
        let store = move || kept::store(&pod.data_dir, &pod.namespace_uid, &to_store);
        tokio::task::spawn_blocking(store)
            .await
            .map_err(io::Error::other)??;
        tracing::debug!(revision = pieces.revision(), "configuration kept");
        self.stored = Some(pieces.head.clone());
        Ok(())
    }
}
