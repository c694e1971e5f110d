//! The conformance suite, over each implementation.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use storage::conformance::{self, Store};
use storage::disk::{Disk, OsDisk};
use storage::faulty::{Faults, FaultyDisk};
use storage::memory;
use storage::shadow::ShadowDisk;

use crate::common::{open, small};

fn embedded(disk: Arc<dyn Disk>) -> Store {
    Box::new(move || {
        let opened = open(disk.clone(), small(10));
        (opened.log as _, opened.table as _, opened.replay)
    })
}

#[tokio::test]
async fn the_log_in_memory_keeps_the_contract() {
    conformance::all(&mut || {
        let store = memory::Store::unbounded();
        Box::new(move || {
            let (log, table, replay) = store.open();
            (log as _, table as _, replay)
        })
    })
    .await;
}

#[tokio::test]
async fn the_log_on_a_disk_keeps_the_contract() {
    let mut directories = Vec::new();
    conformance::all(&mut || {
        let directory = tempfile::tempdir().unwrap();
        let disk = OsDisk::new(directory.path()).unwrap();
        directories.push(directory);
        embedded(Arc::new(disk))
    })
    .await;
}

#[tokio::test]
async fn the_log_on_a_disk_that_is_cold_and_nearly_full_keeps_the_contract() {
    conformance::all(&mut || {
        let faults = Faults::default();
        faults.cold.store(true, Ordering::Release);
        faults.room.store(6 * (64 << 10), Ordering::Release);
        embedded(Arc::new(FaultyDisk::new(
            Arc::new(ShadowDisk::default()),
            Arc::new(faults),
        )))
    })
    .await;
}
