//! Noticing that manifests changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// An editor saves in several steps (write, rename, remove); what they leave counts.
const QUIET: Duration = Duration::from_millis(100);
/// A folder that never comes to rest is read anyway.
const RESTLESS_MAX: usize = 20;

/// Watches folders, each on its own, so that those with other people's files cost nothing.
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    /// Folders whose watch failed, so that each is reported once.
    unwatched: BTreeSet<PathBuf>,
    changed: Arc<Notify>,
}

impl Watch {
    pub(crate) fn new() -> notify::Result<Self> {
        let changed = Arc::new(Notify::new());
        let bell = changed.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error means that events were lost, so it is a reason to look, too.
            if event.is_ok_and(|event| !is_change(&event.kind)) {
                return;
            }
            bell.notify_one();
        })?;
        Ok(Self {
            watcher,
            unwatched: BTreeSet::new(),
            changed,
        })
    }

    /// Adds a folder, or renews its watch: it may be another folder of the same name by now. One that cannot be
    /// watched is reported, once.
    pub(crate) fn add(&mut self, folder: &Path) {
        match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.unwatched.remove(folder);
            }
            Err(cause) => {
                if self.unwatched.insert(folder.to_owned()) {
                    tracing::warn!(folder = %folder.display(), "changes in this folder go unnoticed: {cause}");
                }
            }
        }
    }

    /// Waits for a change, and then until it is quiet.
    ///
    /// # Cancel safety
    /// A change whose quiet was not reached is lost when this is dropped; the caller reads everything anyway.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
        for _ in 0..RESTLESS_MAX {
            if tokio::time::timeout(QUIET, self.changed.notified())
                .await
                .is_err()
            {
                return;
            }
        }
    }
}

/// Reading a file is no change; otherwise our own reading would wake us for ever.
fn is_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(access) => *access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_rename_over_a_file_is_a_change_and_reading_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        fs::write(&file, "1").unwrap();
        let mut watch = Watch::new().unwrap();
        watch.add(dir.path());
        fs::read_to_string(&file).unwrap();
        let quiet = tokio::time::timeout(Duration::from_millis(300), watch.changed()).await;
        assert!(quiet.is_err(), "reading is no change");
        fs::write(dir.path().join(".a.swp"), "2").unwrap();
        fs::rename(dir.path().join(".a.swp"), &file).unwrap();
        tokio::time::timeout(Duration::from_secs(5), watch.changed())
            .await
            .expect("a rename is a change");
    }
}
