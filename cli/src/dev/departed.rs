//! The data of Namespaces that are gone.

use std::fs;
use std::io;
use std::path::Path;

use config::{DeletionPolicy, Settings};
use runtime::Clock;
use uuid::Uuid;

use super::data_folder::{self, DataFolder};
use super::state::{Departed, State};
use crate::failure::Failure;

/// The Namespaces that are gone and whose data lies in the folder `data`.
pub(crate) fn list(data: &Path) -> Result<Vec<Departed>, Failure> {
    Ok(State::load(&data_folder::state_file(data))?.departed)
}

/// Deletes the data of a Namespace that is gone, at once. Nothing may run on the folder meanwhile.
pub(crate) fn purge(data: &Path, uid: Uuid) -> Result<(), Failure> {
    let folder = DataFolder::open(data)?;
    let mut state = State::load(&folder.state_file())?;
    let path = folder.namespace(uid);
    match fs::remove_dir_all(&path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(Failure::machine(format!("delete {}", path.display()), cause));
        }
        _ => {}
    }
    state.departed.retain(|departed| departed.uid != uid);
    state.save(&folder.state_file())
}

/// When the data of a Namespace with these settings goes, if it departs now.
pub(crate) fn delete_at(settings: &Settings, clock: &Clock) -> Option<u64> {
    match settings.deletion_policy {
        DeletionPolicy::Retain => None,
        DeletionPolicy::Delete => Some(seconds(clock).saturating_add(settings.deletion_grace_seconds)),
    }
}

/// Deletes what is due. Returns whether anything changed.
pub(crate) fn sweep(state: &mut State, folder: &DataFolder, clock: &Clock) -> bool {
    let before = state.departed.len();
    let now = seconds(clock);
    state
        .departed
        .retain(|departed| !is_due(departed, now) || !delete(departed, folder));
    state.departed.len() != before
}

fn is_due(departed: &Departed, now: u64) -> bool {
    departed.delete_at.is_some_and(|at| at <= now)
}

/// Whether it is gone now; otherwise it is tried again at the next sweep.
fn delete(departed: &Departed, folder: &DataFolder) -> bool {
    let path = folder.namespace(departed.uid);
    match fs::remove_dir_all(&path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(
                namespace = departed.name,
                "cannot delete {}: {cause}",
                path.display()
            );
            false
        }
        _ => {
            tracing::info!(
                namespace = departed.name,
                "deleted its data: the grace period is over"
            );
            true
        }
    }
}

fn seconds(clock: &Clock) -> u64 {
    u64::try_from(clock.now().as_micros() / 1_000_000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_purged_is_gone_with_its_entry() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::default();
        let uids = [Uuid::new_v4(), Uuid::new_v4()];
        let folder = DataFolder::open(dir.path()).unwrap();
        for uid in uids {
            fs::create_dir_all(folder.namespace(uid)).unwrap();
            state.departed.push(Departed {
                name: "shop".into(),
                uid,
                delete_at: None,
            });
        }
        state.save(&folder.state_file()).unwrap();
        assert!(purge(dir.path(), uids[0]).is_err(), "somebody uses the folder");
        let kept = folder.namespace(uids[1]);
        drop(folder);
        purge(dir.path(), uids[0]).unwrap();
        let left: Vec<Uuid> = list(dir.path()).unwrap().iter().map(|left| left.uid).collect();
        assert_eq!(left, [uids[1]]);
        assert!(kept.exists());
    }

    #[test]
    fn only_what_is_due_is_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(dir.path()).unwrap();
        let clock = Clock::system();
        let mut state = State::default();
        for delete_at in [Some(seconds(&clock)), Some(seconds(&clock) + 60), None] {
            let uid = Uuid::new_v4();
            fs::create_dir_all(folder.namespace(uid)).unwrap();
            state.departed.push(Departed {
                name: "shop".into(),
                uid,
                delete_at,
            });
        }
        let due = state.departed[0].uid;
        assert!(sweep(&mut state, &folder, &clock));
        assert_eq!(state.departed.len(), 2);
        assert!(!folder.namespace(due).exists());
        assert!(
            state
                .departed
                .iter()
                .all(|left| folder.namespace(left.uid).exists())
        );
        assert!(!sweep(&mut state, &folder, &clock));
    }
}
