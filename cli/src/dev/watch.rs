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

    /// The changes from now on.
    pub(crate) fn changes(&self) -> Changes {
        Changes {
            changed: self.changed.clone(),
            unsettled: false,
        }
    }
}

/// Tells that something changed and came to rest.
pub(crate) struct Changes {
    changed: Arc<Notify>,
    /// A change was seen whose rest was not.
    unsettled: bool,
}

impl Changes {
    /// Waits for a change, and then until it is quiet.
    ///
    /// # Cancel safety
    /// Cancel safe: the next call goes on waiting for the quiet.
    pub(crate) async fn next(&mut self) {
        if !self.unsettled {
            self.changed.notified().await;
            self.unsettled = true;
        }
        for _ in 0..RESTLESS_MAX {
            if tokio::time::timeout(QUIET, self.changed.notified())
                .await
                .is_err()
            {
                break;
            }
        }
        self.unsettled = false;
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
        let mut changes = watch.changes();
        fs::read_to_string(&file).unwrap();
        let quiet = tokio::time::timeout(Duration::from_millis(300), changes.next()).await;
        assert!(quiet.is_err(), "reading is no change");
        fs::write(dir.path().join(".a.swp"), "2").unwrap();
        fs::rename(dir.path().join(".a.swp"), &file).unwrap();
        tokio::time::timeout(Duration::from_secs(5), changes.next())
            .await
            .expect("a rename is a change");
    }
}
