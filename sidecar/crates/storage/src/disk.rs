//! What the log asks of a disk, and the disk of the operating system.

use std::any::Any;
use std::fmt::Debug;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, FlockOperation};
use rustix::io::ReadWriteFlags;

/// A place that keeps files. Paths are relative to its root.
///
/// What was written is there after a power cut only once [`File::sync_data`] returned, and a name that was created,
/// renamed or removed only once [`Disk::sync_dir`] did.
pub trait Disk: Debug + Send + Sync + 'static {
    /// A new, empty file; an existing one is emptied.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// An existing file.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory with its parents; durable when it returns.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names of the files in a directory.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Takes a lock that ends with the guard, or with the process.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>>;
}

/// One open file.
pub trait File: Debug + Send + Sync + 'static {
    /// Fills `buffer` from `offset`; running into the end of the file is an error.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// As [`File::read_at`], but gives up with `false` rather than wait for the device.
    fn read_at_once(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
        self.read_at(buffer, offset).map(|()| true)
    }
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes everything written so far durable, and the length.
    fn sync_data(&self) -> io::Result<()>;
    /// Takes room for `bytes` on the device, so that writing to it cannot fail for lack of space.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
    /// Length in bytes.
    fn bytes(&self) -> io::Result<u64>;
}

/// A directory of the operating system.
#[derive(Debug)]
pub struct OsDisk {
    root: PathBuf,
}

impl OsDisk {
    /// The directory, which is created when it is missing.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn new(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }
}

impl Disk for OsDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.at(path))?;
        Ok(Arc::new(OsFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.at(path))?;
        Ok(Arc::new(OsFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(self.at(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(self.at(path))?.sync_all()
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if self.at(path).is_dir() {
            return Ok(());
        }
        fs::create_dir_all(self.at(path))?;
        path.ancestors()
            .skip(1)
            .try_for_each(|parent| self.sync_dir(parent))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let names =
            fs::read_dir(self.at(path))?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.at(path))?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(file))
    }
}

#[derive(Debug)]
struct OsFile(fs::File);

impl File for OsFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn read_at_once(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
        let mut parts = [io::IoSliceMut::new(buffer)];
        match rustix::io::preadv2(&self.0, &mut parts, offset, ReadWriteFlags::NOWAIT) {
            // A part of it is cached: the rest has to wait for the device, and then all of it may.
            Ok(read) => Ok(read == buffer.len()),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::INVAL) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, bytes) {
            // Zeros take the room as well, only more slowly.
            Err(rustix::io::Errno::OPNOTSUPP) => write_zeros(self, bytes, &|| true),
            outcome => Ok(outcome?),
        }
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

/// Fills the first `bytes` of a file with zeros, so that later writes change no metadata and their sync is one
/// transfer. In portions that are synced one by one, so that nobody else's sync waits for all of it. Gives up with
/// [`io::ErrorKind::Interrupted`] once `goes_on` says no.
pub(crate) fn write_zeros(file: &dyn File, bytes: u64, goes_on: &dyn Fn() -> bool) -> io::Result<()> {
    const CHUNK: usize = 1 << 20;
    let zeros = vec![0; CHUNK.min(usize::try_from(bytes).unwrap_or(CHUNK))];
    let mut offset = 0;
    while offset < bytes {
        if !goes_on() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if offset > 0 && offset.is_multiple_of(4 * CHUNK as u64) {
            file.sync_data()?;
        }
        let length = zeros.len().min(usize::try_from(bytes - offset).unwrap_or(CHUNK));
        file.write_at(&zeros[..length], offset)?;
        offset += length as u64;
    }
    Ok(())
}
