//! A disk in memory that knows what a power cut could leave of it. For tests.
//!
//! It keeps the history of everything that was done to it. [`ShadowDisk::image`] cuts that history at any point and
//! builds a disk that could be found afterwards: what was synced is there; of what was not, each 512-byte sector, each
//! name and each length is there, is not there, or (a sector) is there in part, as a seed decides.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Disk, File};

const SECTOR: usize = 512;

/// See the module. Cheap to clone; clones share their content.
#[derive(Clone, Debug, Default)]
pub struct ShadowDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Arc<Mutex<Vec<u8>>>>,
    names: BTreeMap<PathBuf, usize>,
    history: Vec<Step>,
    start: Image,
    recording: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Write {
        file: usize,
        offset: usize,
        bytes: Vec<u8>,
    },
    Length {
        file: usize,
        bytes: usize,
    },
    Sync {
        file: usize,
    },
    Name {
        path: PathBuf,
        file: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    SyncDir {
        path: PathBuf,
    },
}

/// What is durable at some point, and what is not yet.
#[derive(Clone, Debug, Default)]
struct Image {
    files: Vec<Vec<u8>>,
    names: BTreeMap<PathBuf, usize>,
}

/// How an image is chosen among those that a cut allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivors {
    /// Nothing that was not synced.
    None,
    /// All of it: the process crashed, the machine did not.
    All,
    /// What this seed picks.
    Seed(u64),
}

impl ShadowDisk {
    /// Begins the history here: what is on the disk now is durable.
    pub fn record(&self) {
        let mut state = self.state.lock();
        state.start = Image {
            files: state.files.iter().map(|file| file.lock().clone()).collect(),
            names: state.names.clone(),
        };
        state.history.clear();
        state.recording = true;
    }

    /// Length of the history; a point in time for [`ShadowDisk::image`].
    pub fn now(&self) -> usize {
        self.state.lock().history.len()
    }

    /// The history as it can be cut into images; a copy that later writes do not change.
    pub fn history(&self) -> History {
        let state = self.state.lock();
        History {
            start: state.start.clone(),
            steps: state.history.clone(),
            at: 0,
            pending: Pending::default(),
        }
    }

    /// A disk as it could be found after a power cut at `at`.
    pub fn image(&self, at: usize, survivors: Survivors) -> Self {
        let mut history = self.history();
        history.advance(at);
        history.image(survivors)
    }

    fn from_image(image: Image) -> Self {
        let files = image
            .files
            .into_iter()
            .map(|bytes| Arc::new(Mutex::new(bytes)))
            .collect();
        let state = State {
            files,
            names: image.names,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The content of a file, for tests that damage it.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let file = *state.names.get(path)?;
        Some(state.files[file].lock().clone())
    }

    /// Replaces the content of a file, for tests that damage it.
    pub fn set_content(&self, path: &Path, bytes: Vec<u8>) {
        let state = self.state.lock();
        if let Some(file) = state.names.get(path) {
            *state.files[*file].lock() = bytes;
        }
    }

    /// The paths of all files.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state.lock().names.keys().cloned().collect()
    }

    /// Bytes of all files together.
    pub fn bytes(&self) -> u64 {
        let state = self.state.lock();
        state
            .names
            .values()
            .map(|file| state.files[*file].lock().len() as u64)
            .sum()
    }

    /// An independent copy of the disk as the running system sees it.
    pub fn duplicate(&self) -> Self {
        let state = self.state.lock();
        Self::from_image(Image {
            files: state.files.iter().map(|file| file.lock().clone()).collect(),
            names: state.names.clone(),
        })
    }
}

impl State {
    fn note(&mut self, step: Step) {
        if self.recording {
            self.history.push(step);
        }
    }
}

impl Disk for ShadowDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.state.lock();
        let id = state.files.len();
        let bytes = Arc::new(Mutex::new(Vec::new()));
        state.files.push(bytes.clone());
        state.names.insert(path.to_owned(), id);
        state.note(Step::Name {
            path: path.to_owned(),
            file: id,
        });
        Ok(Arc::new(ShadowFile {
            disk: self.clone(),
            id,
            bytes,
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let state = self.state.lock();
        let id = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(ShadowFile {
            disk: self.clone(),
            id,
            bytes: state.files[id].clone(),
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let file = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), file);
        state.note(Step::Rename {
            from: from.to_owned(),
            to: to.to_owned(),
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        state.note(Step::Remove {
            path: path.to_owned(),
        });
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.state.lock().note(Step::SyncDir {
            path: path.to_owned(),
        });
        Ok(())
    }

    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        let inside = state.names.keys().filter(|name| name.parent() == Some(path));
        Ok(inside
            .filter_map(|name| Some(name.file_name()?.to_string_lossy().into_owned()))
            .collect())
    }

    fn lock(&self, _path: &Path) -> io::Result<Box<dyn Any + Send + Sync>> {
        Ok(Box::new(()))
    }
}

#[derive(Debug)]
struct ShadowFile {
    disk: ShadowDisk,
    id: usize,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl File for ShadowFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = self.bytes.lock();
        let from = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let found = bytes
            .get(from..from + buffer.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        write(&mut self.bytes.lock(), offset, bytes);
        state.note(Step::Write {
            file: self.id,
            offset,
            bytes: bytes.to_vec(),
        });
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.state.lock().note(Step::Sync { file: self.id });
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        let bytes = usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut content = self.bytes.lock();
        if content.len() < bytes {
            content.resize(bytes, 0);
        }
        state.note(Step::Length { file: self.id, bytes });
        Ok(())
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().len() as u64)
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if content.len() < offset + bytes.len() {
        content.resize(offset + bytes.len(), 0);
    }
    content[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// A history that is walked forward once, giving images on the way.
#[derive(Clone, Debug)]
pub struct History {
    start: Image,
    steps: Vec<Step>,
    at: usize,
    pending: Pending,
}

/// What is not durable yet.
#[derive(Clone, Debug, Default)]
struct Pending {
    /// Per file: the sectors that were written since its last sync, in order.
    sectors: BTreeMap<usize, Vec<(usize, Vec<u8>)>>,
    lengths: BTreeMap<usize, usize>,
    names: Vec<Step>,
}

impl History {
    /// Number of steps.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// How many things a power cut here could take or leave.
    pub fn undecided(&self) -> usize {
        self.pending.sectors.values().map(Vec::len).sum::<usize>()
            + self.pending.lengths.len()
            + self.pending.names.len()
    }

    /// Goes to a point in time, which is not before the present one.
    pub fn advance(&mut self, to: usize) {
        while self.at < to.min(self.steps.len()) {
            let step = self.steps[self.at].clone();
            self.at += 1;
            self.apply(step);
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Write { file, offset, bytes } => {
                let sectors = self.pending.sectors.entry(file).or_default();
                let mut from = 0;
                while from < bytes.len() {
                    let place = offset + from;
                    let until = (place / SECTOR + 1) * SECTOR - offset;
                    let until = until.min(bytes.len());
                    sectors.push((place, bytes[from..until].to_vec()));
                    from = until;
                }
            }
            Step::Length { file, bytes } => {
                self.pending.lengths.insert(file, bytes);
            }
            Step::Sync { file } => {
                let content = file_of(&mut self.start.files, file);
                if let Some(length) = self.pending.lengths.remove(&file)
                    && content.len() < length
                {
                    content.resize(length, 0);
                }
                for (offset, bytes) in self.pending.sectors.remove(&file).unwrap_or_default() {
                    write(content, offset, &bytes);
                }
            }
            Step::SyncDir { path } => {
                let names = std::mem::take(&mut self.pending.names);
                for name in names {
                    let inside = touches(&name, &path);
                    if inside {
                        rename(&mut self.start.names, &name);
                    } else {
                        self.pending.names.push(name);
                    }
                }
            }
            name => self.pending.names.push(name),
        }
    }

    /// The disk as the next process finds it after this one was killed here: everything is visible, and what was not
    /// synced can still be lost. Its history goes on.
    pub fn killed(&self) -> ShadowDisk {
        let mut steps = Vec::new();
        steps.extend(self.pending.lengths.iter().map(|(file, bytes)| Step::Length {
            file: *file,
            bytes: *bytes,
        }));
        for (file, sectors) in &self.pending.sectors {
            let write = |(offset, bytes): &(usize, Vec<u8>)| Step::Write {
                file: *file,
                offset: *offset,
                bytes: bytes.clone(),
            };
            steps.extend(sectors.iter().map(write));
        }
        steps.extend(self.pending.names.iter().cloned());
        let disk = self.image(Survivors::All);
        {
            let mut state = disk.state.lock();
            state.start = self.start.clone();
            state.history = steps;
            state.recording = true;
        }
        disk
    }

    /// A disk as it could be found after a power cut at the present point.
    pub fn image(&self, survivors: Survivors) -> ShadowDisk {
        let mut image = self.start.clone();
        let mut dice = Dice::new(survivors);
        for (file, length) in &self.pending.lengths {
            let content = file_of(&mut image.files, *file);
            if content.len() < *length && dice.keeps() {
                content.resize(*length, 0);
            }
        }
        for (file, sectors) in &self.pending.sectors {
            let content = file_of(&mut image.files, *file);
            for (offset, bytes) in sectors {
                let kept = dice.kept_part(bytes.len());
                write(content, *offset, &bytes[..kept]);
            }
        }
        for name in &self.pending.names {
            if dice.keeps() {
                rename(&mut image.names, name);
            }
        }
        // Every name leads to a file, even to one of which nothing was synced.
        let last = image.names.values().copied().max().unwrap_or_default();
        file_of(&mut image.files, last);
        ShadowDisk::from_image(image)
    }
}

fn file_of(files: &mut Vec<Vec<u8>>, file: usize) -> &mut Vec<u8> {
    if files.len() <= file {
        files.resize(file + 1, Vec::new());
    }
    &mut files[file]
}

fn touches(step: &Step, dir: &Path) -> bool {
    match step {
        Step::Name { path, .. } | Step::Remove { path } => path.parent() == Some(dir),
        Step::Rename { from, .. } => from.parent() == Some(dir),
        _ => false,
    }
}

fn rename(names: &mut BTreeMap<PathBuf, usize>, step: &Step) {
    match step {
        Step::Name { path, file } => {
            names.insert(path.clone(), *file);
        }
        Step::Rename { from, to } => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        Step::Remove { path } => {
            names.remove(path);
        }
        _ => {}
    }
}

/// Decides what survives. A small generator, so that a seed always means the same image.
struct Dice {
    survivors: Survivors,
    state: u64,
    /// Out of 256: how likely each thing survives in this image. Extremes are as interesting as the middle.
    likely: u64,
}

impl Dice {
    fn new(survivors: Survivors) -> Self {
        let seed = match survivors {
            Survivors::Seed(seed) => seed,
            Survivors::None | Survivors::All => 0,
        };
        let mut dice = Self {
            survivors,
            state: seed ^ 0x9E37_79B9_7F4A_7C15,
            likely: 0,
        };
        dice.likely = [16, 64, 128, 192, 240][(dice.next() % 5) as usize];
        dice
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn keeps(&mut self) -> bool {
        match self.survivors {
            Survivors::None => false,
            Survivors::All => true,
            Survivors::Seed(_) => self.next() % 256 < self.likely,
        }
    }

    /// How many bytes of a sector survive; one in sixteen is torn.
    fn kept_part(&mut self, bytes: usize) -> usize {
        if !self.keeps() {
            return 0;
        }
        let torn = matches!(self.survivors, Survivors::Seed(_)) && self.next().is_multiple_of(16);
        if torn {
            (self.next() % bytes as u64) as usize
        } else {
            bytes
        }
    }
}
