//! A disk whose log can be held back just before something becomes durable.

use std::any::Any;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use storage::disk::{Disk, File};
use storage::shadow::ShadowDisk;

/// Cheap to clone; clones are the same disk. Its gate is open until it is closed.
#[derive(Clone, Debug, Default)]
pub(in crate::it) struct GatedDisk {
    pub(in crate::it) shadow: ShadowDisk,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    is_closed: Mutex<bool>,
    opened: Condvar,
}

/// Opens the gate when it is dropped, also by a test that fails: the log's threads could not end otherwise.
#[derive(Debug)]
pub(in crate::it) struct Held(Arc<Gate>);

impl Drop for Held {
    fn drop(&mut self) {
        *self.0.is_closed.lock() = false;
        self.0.opened.notify_all();
    }
}

impl GatedDisk {
    pub(in crate::it) fn over(shadow: ShadowDisk) -> Self {
        Self {
            shadow,
            gate: Arc::default(),
        }
    }

    /// Lets no commit of the log become durable while it is held; the table goes on.
    pub(in crate::it) fn hold(&self) -> Held {
        *self.gate.is_closed.lock() = true;
        Held(self.gate.clone())
    }

    fn gated(&self, path: &Path, file: Arc<dyn File>) -> Arc<dyn File> {
        if !path.starts_with("log") {
            return file;
        }
        let gate = self.gate.clone();
        Arc::new(GatedFile { file, gate })
    }
}

impl Disk for GatedDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.gated(path, self.shadow.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Ok(self.gated(path, self.shadow.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.shadow.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.shadow.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.shadow.sync_dir(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.shadow.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.shadow.list(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        self.shadow.lock(path)
    }
}

#[derive(Debug)]
struct GatedFile {
    file: Arc<dyn File>,
    gate: Arc<Gate>,
}

impl File for GatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut is_closed = self.gate.is_closed.lock();
        while *is_closed {
            self.gate.opened.wait(&mut is_closed);
        }
        drop(is_closed);
        self.file.sync_data()
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.file.allocate(bytes)
    }

    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }
}
