//! A table on a disk: a value is a file that is replaced as a whole.
//!
//! Version `v` of `key` lies in `key.0` or `key.1`, as `v` is even or odd, so that the version before stays until the one
//! after is durable.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use crate::disk::Disk;
use crate::metrics::Metrics;
use crate::recovery::{OpenError, io_error};
use crate::segment::{u32_at, u64_at};
use crate::sync::{Durability, Site};
use crate::table::check_key;
use crate::{Entry, Table, TableError, Version};

const MAGIC: [u8; 8] = *b"WEFTTBL\x01";
const HEAD_BYTES: usize = 24;

/// See the module.
#[derive(Clone, Debug)]
pub struct EmbeddedTable {
    inner: Arc<Inner>,
}

struct Inner {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    durability: Durability,
    metrics: Metrics,
    /// Bytes of all values together; each occupies up to three times as much while it is replaced.
    bytes_max: Arc<AtomicU64>,
    keys: Mutex<BTreeMap<String, Key>>,
    _lock: Arc<dyn Any + Send + Sync>,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    version: Version,
    bytes: u64,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EmbeddedTable")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl EmbeddedTable {
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        bytes_max: Arc<AtomicU64>,
        durability: Durability,
        metrics: Metrics,
        lock: Arc<dyn Any + Send + Sync>,
    ) -> Result<Self, OpenError> {
        let inner = Inner {
            disk,
            dir,
            durability,
            metrics,
            bytes_max,
            keys: Mutex::default(),
            _lock: lock,
        };
        let names = inner
            .disk
            .list(&inner.dir)
            .map_err(io_error("listing the table"))?;
        let mut keys: Vec<String> = names
            .iter()
            .filter_map(|name| Some(name.rsplit_once('.')?.0.to_owned()))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let Some(entry) = inner.newest(&key) else { continue };
            let known = Key {
                version: entry.version,
                bytes: entry.value.len() as u64,
            };
            inner.keys.lock().insert(key, known);
        }
        Ok(Self {
            inner: Arc::new(inner),
        })
    }
}

impl Table for EmbeddedTable {
    fn snapshot(&self) -> Vec<Entry> {
        let keys: Vec<String> = self.inner.keys.lock().keys().cloned().collect();
        keys.iter().filter_map(|key| self.inner.newest(key)).collect()
    }

    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<Version>,
        value: Bytes,
    ) -> BoxFuture<'static, Result<Version, TableError>> {
        let (inner, key) = (self.inner.clone(), key.to_owned());
        async move {
            let failed = TableError::Io {
                key: key.clone(),
                reason: String::from("the task was stopped"),
            };
            let set = tokio::task::spawn_blocking(move || inner.set(&key, expected, &value));
            set.await.unwrap_or(Err(failed))
        }
        .boxed()
    }
}

impl Inner {
    fn set(&self, key: &str, expected: Option<Version>, value: &[u8]) -> Result<Version, TableError> {
        check_key(key)?;
        let mut keys = self.keys.lock();
        let found = keys.get(key).map(|known| known.version);
        if found != expected {
            return Err(TableError::Conflict { expected, found });
        }
        let others: u64 = keys
            .iter()
            .filter(|(other, _)| *other != key)
            .map(|(_, known)| known.bytes)
            .sum();
        let limit = self.bytes_max.load(Ordering::Acquire);
        if others + value.len() as u64 > limit {
            return Err(TableError::Full {
                bytes: value.len(),
                limit,
            });
        }
        let version = Version(found.map_or(1, |version| version.0 + 1));
        let written = self.write(key, version, value);
        written.map_err(|error| TableError::Io {
            key: key.to_owned(),
            reason: error.to_string(),
        })?;
        keys.insert(
            key.to_owned(),
            Key {
                version,
                bytes: value.len() as u64,
            },
        );
        Ok(version)
    }

    fn write(&self, key: &str, version: Version, value: &[u8]) -> io::Result<()> {
        let temporary = self.dir.join(format!("{key}.tmp"));
        let file = self.disk.create(&temporary)?;
        file.write_at(&encode(key, version, value), 0)?;
        self.durability.file(Site::TableValue, &*file)?;
        self.disk.rename(&temporary, &self.path(key, version))?;
        self.durability.dir(Site::TableNamed, &*self.disk, &self.dir)
    }

    fn path(&self, key: &str, version: Version) -> PathBuf {
        self.dir.join(format!("{key}.{}", version.0 % 2))
    }

    /// The newest value that verifies. The one before it stands in for a damaged one.
    fn newest(&self, key: &str) -> Option<Entry> {
        let stored = [Version(0), Version(1)].map(|parity| self.stored(key, parity));
        if stored.iter().any(|stored| matches!(stored, Stored::Damaged)) {
            self.metrics.damage.inc();
            tracing::error!(
                key,
                "a stored value does not verify; the version before it is used"
            );
        }
        let values = stored.into_iter().filter_map(|stored| match stored {
            Stored::Value(entry) => Some(entry),
            Stored::Absent | Stored::Damaged => None,
        });
        values.max_by_key(|entry| entry.version)
    }

    fn stored(&self, key: &str, parity: Version) -> Stored {
        let Ok(file) = self.disk.open(&self.path(key, parity)) else {
            return Stored::Absent;
        };
        let read = file.bytes().and_then(|length| {
            let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            file.read_at(&mut bytes, 0).map(|()| bytes)
        });
        read.ok()
            .and_then(|bytes| decode(key, &bytes.into()))
            .map_or(Stored::Damaged, Stored::Value)
    }
}

enum Stored {
    Absent,
    Damaged,
    Value(Entry),
}

/// Magic, version, value length, checksum over key and all of it, value.
fn encode(key: &str, version: Version, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + value.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&version.0.to_le_bytes());
    bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(value);
    let checksum = checksum(key, &bytes);
    bytes[20..24].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn decode(key: &str, bytes: &Bytes) -> Option<Entry> {
    let head = bytes.get(..HEAD_BYTES)?;
    let whole = bytes.len() == HEAD_BYTES + u32_at(head, 16) as usize;
    if head[..8] != MAGIC || !whole || checksum(key, bytes) != u32_at(head, 20) {
        return None;
    }
    let version = Version(u64_at(head, 8));
    Some(Entry {
        key: key.to_owned(),
        version,
        value: bytes.slice(HEAD_BYTES..),
    })
}

fn checksum(key: &str, bytes: &[u8]) -> u32 {
    let head = crc32c::crc32c_append(crc32c::crc32c(key.as_bytes()), &bytes[..20]);
    crc32c::crc32c_append(head, &bytes[HEAD_BYTES..])
}
