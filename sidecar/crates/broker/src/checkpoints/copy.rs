//! Containers and blobs as a copy outside the disk holds them: flat keys and JSON.
//!
//! ```text
//! container/NAME        {"etag": "0x…", "modified": "2026-…Z"}
//! blob/CONTAINER/NAME   the same, and created, metadata [[name, value], …], contentType, body (base64)
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::content::{Content, Metadata};
use super::image::{Image, each_blob};
use super::lags::is_ownership;
use super::names;
use super::shared::Shared;
use super::store::{BLOBS_MAX, CONTAINERS_MAX, Entry, Stamp, Step, Store};

const CONTAINER: &str = "container/";
const BLOB: &str = "blob/";

#[derive(Serialize, Deserialize)]
struct SavedStamp {
    etag: String,
    modified: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SavedBlob {
    #[serde(flatten)]
    stamp: SavedStamp,
    created: String,
    metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    body: String,
}

impl SavedStamp {
    fn of(stamp: Stamp) -> Self {
        Self {
            etag: stamp.etag.to_string(),
            modified: stamp.time.to_string(),
        }
    }

    fn read(&self) -> Option<Stamp> {
        Some(Stamp {
            etag: self.etag.parse().ok()?,
            time: self.modified.parse().ok()?,
        })
    }
}

impl SavedBlob {
    fn of(entry: &Entry) -> Self {
        Self {
            stamp: SavedStamp::of(entry.stamp),
            created: entry.created.to_string(),
            metadata: entry.content.metadata.clone(),
            content_type: entry.content.content_type.clone(),
            body: STANDARD.encode(&entry.content.body),
        }
    }

    fn read(self) -> Option<Entry> {
        let content = Content {
            metadata: self.metadata,
            content_type: self.content_type,
            body: Bytes::from(STANDARD.decode(self.body).ok()?),
        };
        content.check().ok()?;
        Some(Entry {
            stamp: self.stamp.read()?,
            created: self.created.parse().ok()?,
            content: Arc::new(content),
        })
    }
}

/// What is worth a copy. Who owns a partition is not: owners claim anew every some seconds, and a claim that is older has
/// expired.
pub(super) fn save(shared: &Shared, entries: &mut BTreeMap<String, Bytes>) {
    let containers = shared.state.lock().store.used_containers();
    for (container, stamp) in containers {
        let saved = json(&SavedStamp::of(stamp));
        entries.insert(format!("{CONTAINER}{container}"), saved);
        each_blob(shared, &container, |name, entry| {
            if !is_ownership(name) {
                let saved = json(&SavedBlob::of(entry));
                entries.insert(format!("{BLOB}{container}/{name}"), saved);
            }
        });
    }
}

fn json(value: &impl Serialize) -> Bytes {
    match serde_json::to_vec(value) {
        Ok(json) => Bytes::from(json),
        // Nothing in it can fail; an empty value is skipped by whoever reads it.
        Err(error) => {
            tracing::error!(%error, "write a copy of a blob");
            Bytes::new()
        }
    }
}

impl Image {
    /// Takes what a copy of a former log holds. Versions stay what they were, for it is the same blobs.
    pub(crate) fn restore(&mut self, entries: &BTreeMap<String, Bytes>) {
        let (mut taken, mut refused) = (0, 0);
        // Containers first, in the order of the keys that would be blobs first.
        for (key, value) in entries.iter().filter(|(key, _)| key.starts_with(CONTAINER)) {
            match restore_container(&mut self.store, &key[CONTAINER.len()..], value) {
                Some(()) => taken += 1,
                None => refused += 1,
            }
        }
        for (key, value) in entries.iter().filter(|(key, _)| key.starts_with(BLOB)) {
            match restore_blob(&mut self.store, &key[BLOB.len()..], value) {
                Some(()) => taken += 1,
                None => refused += 1,
            }
        }
        self.is_restored = taken > 0;
        if refused > 0 {
            tracing::error!(refused, "some checkpoints of the copy were not understood");
        }
        if taken > 0 {
            tracing::warn!(taken, "took checkpoints from the copy, as the log has none");
        }
    }
}

fn restore_container(store: &mut Store, name: &str, value: &[u8]) -> Option<()> {
    names::check_container(name).ok()?;
    let saved: SavedStamp = serde_json::from_slice(value).ok()?;
    has_room(store, name)?;
    store.apply(Step::used(Arc::from(name), saved.read()?));
    Some(())
}

fn restore_blob(store: &mut Store, place: &str, value: &[u8]) -> Option<()> {
    let (container, name) = place.split_once('/')?;
    names::check_container(container).ok()?;
    names::check_blob(name).ok()?;
    let saved: SavedBlob = serde_json::from_slice(value).ok()?;
    let entry = saved.read()?;
    has_room(store, container)?;
    if store.blobs() >= BLOBS_MAX {
        return None;
    }
    store.advance_to(entry.stamp);
    store.insert(Arc::from(container), entry.stamp, Arc::from(name), entry);
    Some(())
}

fn has_room(store: &Store, container: &str) -> Option<()> {
    (store.has(container) || store.containers_count() < CONTAINERS_MAX).then_some(())
}

#[cfg(test)]
mod tests;
