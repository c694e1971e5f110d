//! Noticing that manifests changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use crate::manifest::Discovery;

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
    /// Of files, only those that `discovery` reads count when they are written.
    pub(crate) fn new(discovery: &Discovery) -> notify::Result<Self> {
        let changed = Arc::new(Notify::new());
        let bell = changed.clone();
        let discovery = discovery.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error means that events were lost, so it is a reason to look, too.
            if event.is_ok_and(|event| !is_change(&discovery, &event)) {
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

/// Reading a file is no change; otherwise our own reading would wake us for ever. Nor is it one when a file that no
/// manifest is grows, which may be our own output. What comes, goes or changes its name may be a folder of manifests.
fn is_change(discovery: &Discovery, event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_)) => {
            event.paths.is_empty() || event.paths.iter().any(|path| discovery.is_read(path))
        }
        EventKind::Access(_) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn changes(root: &Path) -> (Watch, Changes) {
        let discovery = Discovery::new(root, Path::new("nowhere"));
        let mut watch = Watch::new(&discovery).unwrap();
        discovery.walk(|folder| watch.add(folder)).unwrap();
        let changes = watch.changes();
        (watch, changes)
    }

    async fn is_quiet(changes: &mut Changes) -> bool {
        let quiet = tokio::time::timeout(Duration::from_millis(300), changes.next()).await;
        quiet.is_err()
    }

    async fn comes(changes: &mut Changes) {
        let change = tokio::time::timeout(Duration::from_secs(5), changes.next());
        change.await.expect("a change");
    }

    #[tokio::test]
    async fn a_rename_over_a_file_is_a_change_and_reading_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        fs::write(&file, "1").unwrap();
        let (_watch, mut changes) = changes(dir.path());
        fs::read_to_string(&file).unwrap();
        assert!(is_quiet(&mut changes).await, "reading is no change");
        fs::write(dir.path().join(".a.swp"), "2").unwrap();
        fs::rename(dir.path().join(".a.swp"), &file).unwrap();
        comes(&mut changes).await;
    }

    #[tokio::test]
    async fn a_file_that_is_no_manifest_may_grow_unnoticed() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = fs::File::create(dir.path().join("out.log")).unwrap();
        fs::write(dir.path().join("a.json"), "1").unwrap();
        let (_watch, mut changes) = changes(dir.path());
        log.write_all(b"a mistake").unwrap();
        drop(log);
        assert!(is_quiet(&mut changes).await);
        fs::write(dir.path().join("a.json"), "2").unwrap();
        comes(&mut changes).await;
        fs::create_dir(dir.path().join("more")).unwrap();
        comes(&mut changes).await;
    }

    #[tokio::test]
    async fn the_file_that_was_named_counts_whatever_its_name_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("all.manifest");
        fs::write(&file, "1").unwrap();
        let (_watch, mut changes) = changes(&file);
        fs::write(&file, "2").unwrap();
        comes(&mut changes).await;
    }
}
