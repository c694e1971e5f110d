//! Opening: what is on the disk, where it ends, and what of it is damaged.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::catalog::{self, Catalog, Walk};
use crate::disk::{Disk, File};
use crate::index::{Index, Run, Slot};
use crate::segment::header::HeaderError;
use crate::segment::scan::Tail;
use crate::segment::source::Window;
use crate::segment::{DATA_START, SegmentHeader};
use crate::space::{Sealed, Segment, Stage, catalog_path, segment_path};
use crate::sync::{Durability, Site};

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the data in {dir} is in use by another process; stop it, or choose another directory")]
    InUse {
        /// The directory.
        dir: String,
    },
    /// A newer program wrote it.
    #[error(
        "{file} has format version {version}, which this version of Weft does not know; use the version that wrote it"
    )]
    Version {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
    },
    /// Too little for the log to work in.
    #[error("a capacity of {given} bytes is too small; the least is {least}")]
    Capacity {
        /// What was given.
        given: u64,
        /// What is needed.
        least: u64,
    },
    /// The disk refused.
    #[error("{action} failed: {cause}")]
    Io {
        /// What was tried.
        action: String,
        /// What the disk said.
        cause: io::Error,
    },
}

pub(crate) fn io_error(action: impl Into<String>) -> impl FnOnce(io::Error) -> OpenError {
    let action = action.into();
    move |cause| OpenError::Io { action, cause }
}

/// A segment that belongs to the log's sequence, for a replay.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<dyn File>,
    pub(crate) slot: Slot,
    pub(crate) first_ordinal: u64,
    pub(crate) end_ordinal: u64,
    pub(crate) until: Option<u64>,
    /// What was reported of it already.
    pub(crate) damaged: u32,
}

/// The segment in which the log goes on.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    pub(crate) slot: Slot,
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<dyn File>,
    pub(crate) tail: Tail,
    pub(crate) first_ordinal: u64,
    /// What it holds so far, unless it is damaged.
    pub(crate) runs: Option<Vec<Run>>,
}

/// What a disk holds.
pub(crate) struct Recovered {
    pub(crate) segments: BTreeMap<Slot, Segment>,
    pub(crate) index: Index,
    pub(crate) history: Vec<History>,
    pub(crate) active: Option<Active>,
    pub(crate) end: u64,
    /// The highest that was used so far.
    pub(crate) epoch: u32,
    pub(crate) incarnation: u64,
    pub(crate) damaged: Vec<(Slot, u32)>,
    pub(crate) torn_tails: u32,
}

/// A segment as it was found.
struct Found {
    slot: Slot,
    header: SegmentHeader,
    file: Arc<dyn File>,
    catalog: Catalog,
    /// Only when it was scanned.
    tail: Option<Tail>,
    damaged: u32,
    until: Option<u64>,
}

/// Reads what `dir` holds.
pub(crate) fn recover(disk: &dyn Disk, dir: &Path, durability: Durability) -> Result<Recovered, OpenError> {
    let mut found = find_segments(disk, dir, durability)?;
    found.sort_by_key(|found| (found.catalog.first_ordinal, found.header.sequence));
    find_lost_ends(&mut found, durability)?;
    for found in found
        .iter()
        .filter(|found| found.tail.is_some() && !found.catalog.empty)
    {
        // Accepted, perhaps from the page cache of a process that was killed: from here on it must not go away again.
        let synced = durability.file(Site::RecoveredTail, &*found.file);
        synced.map_err(io_error("syncing the end of the log"))?;
    }
    Ok(assemble(found))
}

fn find_segments(disk: &dyn Disk, dir: &Path, durability: Durability) -> Result<Vec<Found>, OpenError> {
    let names = disk.list(dir).map_err(io_error("listing the log's segments"))?;
    let mut slots: Vec<Slot> = names
        .iter()
        .filter_map(|name| name.strip_prefix("segment-")?.parse().ok())
        .collect();
    slots.sort_unstable();
    let mut found = Vec::new();
    for slot in slots {
        match find_segment(disk, dir, slot, durability)? {
            Some(segment) => found.push(segment),
            None => {
                // Its making was interrupted, so nothing was ever written to it.
                let removed = disk.remove(&segment_path(dir, slot));
                removed.map_err(io_error(format!("removing the unfinished segment {slot}")))?;
            }
        }
    }
    Ok(found)
}

fn find_segment(
    disk: &dyn Disk,
    dir: &Path,
    slot: Slot,
    durability: Durability,
) -> Result<Option<Found>, OpenError> {
    let path = segment_path(dir, slot);
    let reading = || io_error(format!("reading segment {slot}"));
    let file = disk.open(&path).map_err(reading())?;
    let length = file.bytes().map_err(reading())?;
    if length < DATA_START as u64 {
        return Ok(None);
    }
    let mut start = vec![0; DATA_START];
    file.read_at(&mut start, 0).map_err(reading())?;
    let header = match SegmentHeader::decode(&start) {
        Ok(header) if u64::from(header.size) == length => header,
        Ok(_) | Err(HeaderError::Absent) => return Ok(None),
        Err(HeaderError::Version(version)) => {
            return Err(OpenError::Version {
                file: path.display().to_string(),
                version,
            });
        }
    };
    let mut found = Found {
        slot,
        header,
        file,
        catalog: Catalog::default(),
        tail: None,
        damaged: 0,
        until: None,
    };
    match stored_catalog(disk, dir, slot, &header) {
        Some(catalog) => found.catalog = catalog,
        None => found.scan(durability, None)?,
    }
    Ok(Some(found))
}

fn stored_catalog(disk: &dyn Disk, dir: &Path, slot: Slot, header: &SegmentHeader) -> Option<Catalog> {
    let file = disk.open(&catalog_path(dir, slot)).ok()?;
    let mut bytes = vec![0; usize::try_from(file.bytes().ok()?).ok()?];
    file.read_at(&mut bytes, 0).ok()?;
    Catalog::decode(&bytes, header)
}

/// How much of a segment is looked at before it is taken for an empty one.
const PEEK: usize = 256 << 10;

impl Found {
    fn scan(&mut self, durability: Durability, until: Option<u64>) -> Result<(), OpenError> {
        let size = self.header.size as usize;
        let (catalog, walk) = self.walk(PEEK.min(size), durability, until)?;
        let spare = catalog.empty && !walk.tail.torn && walk.damaged == 0;
        let (catalog, walk) = if spare || size <= PEEK {
            (catalog, walk)
        } else {
            self.walk(size, durability, until)?
        };
        self.catalog = catalog;
        self.tail = Some(walk.tail);
        self.damaged = walk.damaged;
        self.until = until;
        Ok(())
    }

    /// What the first `length` bytes hold.
    fn walk(
        &self,
        length: usize,
        durability: Durability,
        until: Option<u64>,
    ) -> Result<(Catalog, Walk), OpenError> {
        let mut window = Window::new(&*self.file, length);
        catalog::of(&mut window, &self.header, durability.trust(), until)
            .map_err(io_error(format!("reading segment {}", self.slot)))
    }

    fn belongs_to_sequence(&self) -> bool {
        !self.catalog.empty && !self.catalog.relocated
    }
}

/// A segment that was followed by another one was whole. If records are missing between the two, its end is damaged.
fn find_lost_ends(found: &mut [Found], durability: Durability) -> Result<(), OpenError> {
    let sequence: Vec<usize> = (0..found.len())
        .filter(|n| found[*n].belongs_to_sequence())
        .collect();
    // The first of all may have lost everything, and then looks like a spare.
    for pair in sequence.windows(2) {
        let (later_previous, later_first) = (
            found[pair[1]].catalog.previous,
            found[pair[1]].catalog.first_ordinal,
        );
        let earlier = &mut found[pair[0]];
        if earlier.header.sequence == later_previous && earlier.catalog.end_ordinal < later_first {
            earlier.scan(durability, Some(later_first))?;
        }
    }
    lost_wholes(found, &sequence, durability)
}

/// A segment that lost all its commits is named as the predecessor of another one all the same.
fn lost_wholes(found: &mut [Found], sequence: &[usize], durability: Durability) -> Result<(), OpenError> {
    let named: Vec<(u64, u64)> = sequence
        .iter()
        .map(|n| (found[*n].catalog.previous, found[*n].catalog.first_ordinal))
        .collect();
    for found in found.iter_mut().filter(|found| found.catalog.empty) {
        let successor = named
            .iter()
            .find(|(previous, _)| *previous == found.header.sequence);
        if let Some((_, first)) = successor {
            found.scan(durability, Some(*first))?;
        }
    }
    Ok(())
}

fn assemble(found: Vec<Found>) -> Recovered {
    let last = found.iter().rposition(Found::belongs_to_sequence);
    let active = last.map(|last| &found[last]).and_then(|found| {
        let tail = found.tail?;
        let Found {
            slot,
            header,
            ref file,
            ..
        } = *found;
        Some(Active {
            slot,
            header,
            file: file.clone(),
            tail,
            first_ordinal: found.catalog.first_ordinal,
            runs: (found.damaged == 0).then(|| found.catalog.runs.clone()),
        })
    });
    let is_active = |slot: Slot| active.as_ref().is_some_and(|active| active.slot == slot);
    let segments = found
        .iter()
        .map(|found| (found.slot, found.segment(is_active(found.slot))))
        .collect();
    let history = found
        .iter()
        .filter(|found| found.belongs_to_sequence())
        .map(Found::history)
        .collect();
    let ends = found
        .iter()
        .map(|found| found.catalog.end_ordinal.max(found.header.ordinal));
    let open_ends = found
        .iter()
        .filter(|found| found.catalog.empty || is_active(found.slot) || found.catalog.relocated);
    Recovered {
        end: ends.max().unwrap_or_default(),
        epoch: found
            .iter()
            .map(|found| found.catalog.epoch.max(found.header.epoch))
            .max()
            .unwrap_or_default(),
        incarnation: found
            .iter()
            .map(|found| found.header.incarnation)
            .max()
            .unwrap_or_default(),
        damaged: found
            .iter()
            .filter(|f| f.damaged > 0)
            .map(|found| (found.slot, found.damaged))
            .collect(),
        torn_tails: open_ends
            .filter(|found| found.tail.is_some_and(|tail| tail.torn))
            .count() as u32,
        index: index(&found),
        segments,
        history,
        active,
    }
}

impl Found {
    fn segment(&self, active: bool) -> Segment {
        let stage = if active {
            Stage::Open
        } else if self.catalog.empty {
            Stage::Spare
        } else {
            Stage::Sealed(Sealed {
                relocated: self.catalog.relocated,
                first_ordinal: self.catalog.first_ordinal,
                end_ordinal: self.catalog.end_ordinal,
                catalogued: self.tail.is_none(),
                until: self.until,
            })
        };
        Segment {
            header: self.header,
            file: self.file.clone(),
            stage,
        }
    }

    fn history(&self) -> History {
        History {
            header: self.header,
            file: self.file.clone(),
            slot: self.slot,
            first_ordinal: self.catalog.first_ordinal,
            end_ordinal: self.until.unwrap_or(self.catalog.end_ordinal),
            until: self.until,
            damaged: self.damaged,
        }
    }
}

/// Everything is alive until the owners have said what is.
fn index(found: &[Found]) -> Index {
    let mut by_age: Vec<&Found> = found.iter().collect();
    by_age.sort_by_key(|found| found.header.sequence);
    let mut index = Index::default();
    for found in by_age {
        for run in &found.catalog.runs {
            index.insert_run(run, found.slot);
        }
    }
    index
}
