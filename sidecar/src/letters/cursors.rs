//! How far the letters of each subscription are written: on the disk, so that a restart goes on from there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use model::{SequenceNumber, Uid};
use parking_lot::Mutex;
use storage::{Table, TableError, Version};

/// One value for all: a JSON object from the uids of subscriptions to the last number that is written.
const KEY: &str = "dead-letters-stored";

pub(super) struct Cursors {
    table: Arc<dyn Table>,
    /// As they are on the disk.
    known: Mutex<BTreeMap<Uid, u64>>,
    /// Of the value on the disk. Whoever writes holds it.
    version: tokio::sync::Mutex<Option<Version>>,
}

impl fmt::Debug for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cursors").field(&*self.known.lock()).finish()
    }
}

impl Cursors {
    /// What the disk says. If that cannot be understood, everything that is there is written again.
    pub(super) fn read(table: Arc<dyn Table>) -> Self {
        let entry = table.snapshot().into_iter().find(|entry| entry.key == KEY);
        let version = entry.as_ref().map(|entry| entry.version);
        let known = entry.map(|entry| parse(&entry.value)).unwrap_or_default();
        Self {
            table,
            known: Mutex::new(known),
            version: tokio::sync::Mutex::new(version),
        }
    }

    /// Those of which something is noted.
    pub(super) fn subscriptions(&self) -> Vec<Uid> {
        self.known.lock().keys().copied().collect()
    }

    /// The last letter that is written.
    pub(super) fn get(&self, subscription: Uid) -> Option<SequenceNumber> {
        let known = self.known.lock();
        known.get(&subscription).copied().map(SequenceNumber::new)
    }

    /// Letters up to `last` are written. Durable when it returns.
    ///
    /// # Errors
    /// The disk refuses; nothing is noted.
    pub(super) async fn advance(&self, subscription: Uid, last: SequenceNumber) -> Result<(), TableError> {
        self.change(|known| {
            known.insert(subscription, last.get());
        })
        .await
    }

    /// Durable when it returns.
    ///
    /// # Errors
    /// The disk refuses; nothing is forgotten.
    pub(super) async fn forget(&self, subscriptions: &[Uid]) -> Result<(), TableError> {
        if subscriptions.is_empty() {
            return Ok(());
        }
        self.change(|known| known.retain(|subscription, _| !subscriptions.contains(subscription)))
            .await
    }

    async fn change(&self, change: impl FnOnce(&mut BTreeMap<Uid, u64>)) -> Result<(), TableError> {
        let mut version = self.version.lock().await;
        let mut next = self.known.lock().clone();
        change(&mut next);
        let written = self.table.compare_and_set(KEY, *version, print(&next)).await?;
        *version = Some(written);
        *self.known.lock() = next;
        Ok(())
    }
}

fn parse(value: &[u8]) -> BTreeMap<Uid, u64> {
    let numbers: BTreeMap<String, u64> = match serde_json::from_slice(value) {
        Ok(numbers) => numbers,
        Err(error) => {
            tracing::error!(%error, "how far dead letters are stored cannot be read; they are stored again");
            return BTreeMap::new();
        }
    };
    numbers
        .into_iter()
        .filter_map(|(uid, number)| Some((uid.parse().ok()?, number)))
        .collect()
}

fn print(known: &BTreeMap<Uid, u64>) -> Bytes {
    let numbers: serde_json::Map<String, serde_json::Value> = known
        .iter()
        .map(|(uid, number)| (uid.to_string(), (*number).into()))
        .collect();
    serde_json::Value::Object(numbers).to_string().into()
}
