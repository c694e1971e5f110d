//! A disk that misbehaves as it is told. For tests of whoever uses one.

use std::any::Any;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use crate::disk::{Disk, File};

/// What goes wrong. May be changed while the disk is in use.
#[derive(Debug)]
pub struct Faults {
    /// Bytes that may still be allocated before the device is full.
    pub room: AtomicU64,
    /// Syncs that still succeed; all that follow fail. Negative: every sync succeeds.
    pub syncs: AtomicI64,
    /// Nothing is ever in the page cache.
    pub cold: AtomicBool,
    /// Every read of file content fails.
    pub unreadable: AtomicBool,
    /// Syncs that were asked for.
    pub synced: AtomicU64,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            room: AtomicU64::new(u64::MAX),
            syncs: AtomicI64::new(-1),
            cold: AtomicBool::new(false),
            unreadable: AtomicBool::new(false),
            synced: AtomicU64::new(0),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct FaultyDisk {
    inner: Arc<dyn Disk>,
    faults: Arc<Faults>,
}

impl FaultyDisk {
    /// `inner`, with these faults.
    pub fn new(inner: Arc<dyn Disk>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }

    fn wrap(&self, inner: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(FaultyFile {
            inner,
            faults: self.faults.clone(),
        })
    }
}

impl Faults {
    fn sync(&self) -> io::Result<()> {
        self.synced.fetch_add(1, Ordering::Relaxed);
        let left = self.syncs.load(Ordering::Acquire);
        if left == 0 {
            return Err(io::Error::other("injected: the sync failed"));
        }
        if left > 0 {
            self.syncs.store(left - 1, Ordering::Release);
        }
        Ok(())
    }

    fn take_room(&self, bytes: u64) -> io::Result<()> {
        let taken = self
            .room
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |room| {
                room.checked_sub(bytes)
            });
        taken.map(|_| ()).map_err(|_| io::ErrorKind::StorageFull.into())
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.inner.create(path).map(|file| self.wrap(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.inner.open(path).map(|file| self.wrap(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.inner.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.faults.sync()?;
        self.inner.sync_dir(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.inner.list(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.inner.lock(path)
    }
}

#[derive(Debug)]
struct FaultyFile {
    inner: Arc<dyn File>,
    faults: Arc<Faults>,
}

impl File for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if self.faults.unreadable.load(Ordering::Acquire) {
            return Err(io::Error::other("injected: the read failed"));
        }
        self.inner.read_at(buffer, offset)
    }

    fn read_at_once(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
        if self.faults.cold.load(Ordering::Acquire) {
            Ok(false)
        } else {
            self.read_at(buffer, offset).map(|()| true)
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.inner.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.faults.sync()?;
        self.inner.sync_data()
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.faults.take_room(bytes)?;
        self.inner.allocate(bytes)
    }

    fn bytes(&self) -> io::Result<u64> {
        self.inner.bytes()
    }
}
