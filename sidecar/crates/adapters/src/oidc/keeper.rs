//! Keeps on the volume what is known.

use std::future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use auth::Issuers;
use runtime::TaskScope;
use tokio::sync::watch;
use tokio::time::sleep;

use super::found::{Found, Known};
use super::kept;

/// What could not be kept is tried again after this time.
const RETRY: Duration = Duration::from_secs(300);

pub(super) struct Keeper {
    folder: PathBuf,
    found: Arc<Found>,
    /// Changes whenever what is known does.
    issuers: watch::Receiver<Issuers>,
    /// What is on the volume.
    kept: Vec<Known>,
}

impl Keeper {
    pub(super) fn new(folder: PathBuf, found: Arc<Found>, kept: Vec<Known>) -> Self {
        Self {
            folder,
            issuers: found.issuers(),
            found,
            kept,
        }
    }

    pub(super) async fn run(mut self, scope: TaskScope) {
        loop {
            self.issuers.mark_unchanged();
            let is_kept = self.keep().await;
            let again = async {
                match is_kept {
                    true => future::pending().await,
                    false => sleep(RETRY).await,
                }
            };
            tokio::select! {
                () = scope.cancelled() => return,
                changed = self.issuers.changed() => if changed.is_err() { return },
                () = again => {}
            }
        }
    }

    /// Returns whether what is known is on the volume.
    async fn keep(&mut self) -> bool {
        let known = self.found.known();
        if known == self.kept {
            return true;
        }
        let (folder, new) = (self.folder.clone(), known.clone());
        let stored = tokio::task::spawn_blocking(move || kept::store(&folder, &new)).await;
        match stored.map_err(std::io::Error::other).flatten() {
            Ok(()) => {
                self.kept = known;
                true
            }
            Err(error) => {
                let folder = self.folder.display();
                tracing::warn!("cannot keep the keys of issuers in {folder}: {error}");
                false
            }
        }
    }
}
