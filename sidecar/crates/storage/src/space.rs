//! The segments of a log: which are free, which are full, and who may still have room.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::Position;
use crate::catalog::Catalog;
use crate::disk::{Disk, File, write_zeros};
use crate::index::{Index, Slot};
use crate::metrics::Metrics;
use crate::segment::{DATA_START, SegmentHeader};
use crate::sync::{Durability, Site};

/// Free segments that new data may not use: one for the cleaner, the others for settlements and for what was admitted
/// before the disk turned out to be full.
pub(crate) const RESERVE: usize = 3;

/// A segment with less than one part in this many dead is not worth cleaning.
const WORTH: u64 = 16;

/// How long to wait before asking a full device for room again.
const DEVICE_FULL_PAUSE: Duration = Duration::from_secs(1);

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<dyn File>,
    pub(crate) stage: Stage,
}

/// What a segment is at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Has a fresh header and nothing else.
    Spare,
    /// Being written.
    Open,
    /// Full.
    Sealed(Sealed),
    /// The cleaner is at it.
    Leaving,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// Holds copies; no replay needs it.
    pub(crate) relocated: bool,
    pub(crate) first_ordinal: u64,
    pub(crate) end_ordinal: u64,
    /// Its catalog lies beside it.
    pub(crate) catalogued: bool,
    /// Where the next segment began, if this one lost its end.
    pub(crate) until: Option<u64>,
}

/// A segment that is free to be written.
#[derive(Debug, Clone)]
pub(crate) struct Spare {
    pub(crate) slot: Slot,
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<dyn File>,
}

/// What the cleaner's thread should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Make { zeroed: bool },
    Catalog(Slot),
    Recycle(Slot),
    Clean { slot: Slot, hurry: bool },
    Wait(Option<Duration>),
    Stop,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) segments: BTreeMap<Slot, Segment>,
    spares: VecDeque<Slot>,
    next_slot: Slot,
    next_sequence: u64,
    device_full: bool,
    owners: BTreeMap<&'static str, (Position, Position)>,
    replayed: bool,
    stopping: bool,
    /// Of segments that were sealed and are not catalogued yet.
    catalogs: BTreeMap<Slot, Catalog>,
}

/// Sizes that do not change while the log is open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Of new segments.
    pub(crate) segment: u32,
    pub(crate) incarnation: u64,
    pub(crate) epoch: u32,
}

/// See the module. Locks before the index, never after it.
#[derive(Debug)]
pub(crate) struct Space {
    state: Mutex<State>,
    /// A spare was added, or hope was lost.
    changed: Condvar,
    /// The cleaner's thread has something to look at.
    work: Condvar,
    pub(crate) sizes: Sizes,
    /// Of all segments together. It grows with the volume.
    budget: AtomicU64,
    disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) metrics: Metrics,
    /// Free bytes of the segment that is being written.
    pub(crate) open_room: AtomicU64,
    /// What new data may use beyond that: spares, what can still be made, what the cleaner can win. A lower bound.
    ahead: AtomicU64,
    /// Bytes of spares.
    spare_room: AtomicU64,
    /// After the last durable record.
    pub(crate) durable_end: AtomicU64,
}

impl Space {
    pub(crate) fn new(
        sizes: Sizes,
        budget: u64,
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        durability: Durability,
        metrics: Metrics,
        state: State,
    ) -> Self {
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            work: Condvar::new(),
            sizes,
            budget: AtomicU64::new(budget),
            disk,
            dir,
            durability,
            metrics,
            open_room: AtomicU64::new(0),
            ahead: AtomicU64::new(0),
            spare_room: AtomicU64::new(0),
            durable_end: AtomicU64::new(0),
        }
    }

    /// What new data may use now, by the last count.
    pub(crate) fn room(&self) -> u64 {
        self.open_room.load(Ordering::Acquire) + self.ahead.load(Ordering::Acquire)
    }

    /// What is ready to be written without anybody's help.
    pub(crate) fn room_at_hand(&self) -> u64 {
        self.open_room.load(Ordering::Acquire) + self.spare_room.load(Ordering::Acquire)
    }

    /// What new data must leave.
    pub(crate) fn reserve_bytes(&self) -> u64 {
        RESERVE as u64 * u64::from(self.sizes.segment)
    }

    /// Counts the room again.
    pub(crate) fn recount(&self, index: &Mutex<Index>) {
        let state = self.state.lock();
        self.recount_locked(&state, &index.lock());
    }

    fn recount_locked(&self, state: &State, index: &Index) {
        let spare = state.spares.len() as u64 * u64::from(self.sizes.segment);
        let creatable = if state.device_full {
            0
        } else {
            self.creatable(state)
        };
        let winnable: u64 = state
            .segments
            .iter()
            .filter(|(_, segment)| segment.stage == Stage::Leaving || state.is_cleanable(segment))
            .map(|(slot, segment)| worth(segment, index.liveness(*slot).bytes))
            .sum();
        self.spare_room.store(spare, Ordering::Release);
        self.ahead.store(spare + creatable + winnable, Ordering::Release);
        let sealed = state
            .segments
            .values()
            .filter(|segment| matches!(segment.stage, Stage::Sealed(_)))
            .count();
        self.metrics.segments_free.set(state.spares.len() as i64);
        self.metrics.segments_sealed.set(sealed as i64);
        self.metrics.used.set(state.total_bytes() as i64);
        self.metrics.live.set(index.live_bytes() as i64);
    }

    /// There may be more segments from now on.
    pub(crate) fn grow(&self, budget: u64, index: &Mutex<Index>) {
        let mut state = self.state.lock();
        self.budget.fetch_max(budget, Ordering::AcqRel);
        // The device may have grown with it.
        state.device_full = false;
        self.recount_locked(&state, &index.lock());
        self.changed.notify_all();
        self.work.notify_one();
    }

    /// Bytes of segments that the budget still allows.
    fn creatable(&self, state: &State) -> u64 {
        let left = self
            .budget
            .load(Ordering::Acquire)
            .saturating_sub(state.total_bytes());
        left - left % u64::from(self.sizes.segment)
    }

    /// `owner` does not need what lies before `position`, or rather before what it said the time before.
    pub(crate) fn forget_before(&self, owner: &'static str, position: Position) {
        let mut state = self.state.lock();
        let marks = state.owners.entry(owner).or_default();
        *marks = (marks.1, position.max(marks.1));
        self.work.notify_one();
    }

    /// The owners have said what is live.
    pub(crate) fn begin_cleaning(&self) {
        self.state.lock().replayed = true;
        self.work.notify_one();
    }

    /// Something died or was sealed.
    pub(crate) fn look(&self) {
        // Under the lock, so that a thread that is about to wait does not miss it.
        let _state = self.state.lock();
        self.work.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.state.lock().stopping = true;
        self.work.notify_all();
        self.changed.notify_all();
    }

    /// The next free segment. Waits while there is hope for more than the reserve; `urgent` takes from the reserve at
    /// once. `None` when the log is being closed and nothing is free.
    pub(crate) fn take(&self, urgent: bool, index: &Mutex<Index>) -> Option<Spare> {
        let mut state = self.state.lock();
        loop {
            let free = state.spares.len();
            let hope = !urgent && !state.stopping && self.hope(&state, &index.lock());
            // The last one is the cleaner's: without it nothing could ever be won back.
            let least = if hope {
                RESERVE
            } else {
                usize::from(!state.stopping)
            };
            if free > least {
                return self.take_locked(&mut state, index);
            }
            if state.stopping {
                return None;
            }
            self.work.notify_one();
            self.changed.wait_for(&mut state, Duration::from_millis(100));
        }
    }

    /// A free segment for the cleaner, from the reserve if need be.
    pub(crate) fn take_for_cleaner(&self, index: &Mutex<Index>) -> Option<Spare> {
        let mut state = self.state.lock();
        self.take_locked(&mut state, index)
    }

    fn take_locked(&self, state: &mut MutexGuard<'_, State>, index: &Mutex<Index>) -> Option<Spare> {
        let slot = state.spares.pop_front()?;
        let segment = state.segments.get_mut(&slot)?;
        segment.stage = Stage::Open;
        let spare = Spare {
            slot,
            header: segment.header,
            file: segment.file.clone(),
        };
        self.recount_locked(state, &index.lock());
        self.work.notify_one();
        Some(spare)
    }

    /// Whether waiting can bring a free segment.
    fn hope(&self, state: &State, index: &Index) -> bool {
        let creatable = !state.device_full && self.creatable(state) > 0;
        let winnable = |(slot, segment): (&Slot, &Segment)| {
            segment.stage == Stage::Leaving
                || (state.is_cleanable(segment) && worth(segment, index.liveness(*slot).bytes) > 0)
        };
        creatable || state.segments.iter().any(winnable)
    }

    /// A segment is full.
    pub(crate) fn seal(&self, slot: Slot, sealed: Sealed, catalog: Option<Catalog>, index: &Mutex<Index>) {
        let mut state = self.state.lock();
        if let Some(catalog) = catalog {
            state.catalogs.insert(slot, catalog);
        }
        if let Some(segment) = state.segments.get_mut(&slot) {
            segment.stage = Stage::Sealed(sealed);
        }
        self.recount_locked(&state, &index.lock());
        self.work.notify_one();
    }

    /// What the writer noted about a segment, to be stored.
    pub(crate) fn take_catalog(&self, slot: Slot) -> Option<Catalog> {
        self.state.lock().catalogs.remove(&slot)
    }

    pub(crate) fn catalogued(&self, slot: Slot) {
        let mut state = self.state.lock();
        if let Some(Segment {
            stage: Stage::Sealed(sealed),
            ..
        }) = state.segments.get_mut(&slot)
        {
            sealed.catalogued = true;
        }
    }

    /// The file of a segment.
    pub(crate) fn file(&self, slot: Slot) -> Option<Arc<dyn File>> {
        self.state
            .lock()
            .segments
            .get(&slot)
            .map(|segment| segment.file.clone())
    }

    /// Sequence of the segment that the log wrote last; 0 if there is none.
    pub(crate) fn newest_in_sequence(&self) -> u64 {
        let state = self.state.lock();
        let ends = state.segments.values().filter_map(|segment| match segment.stage {
            Stage::Sealed(sealed) if !sealed.relocated => Some((sealed.end_ordinal, segment.header.sequence)),
            _ => None,
        });
        ends.max().map_or(0, |(_, sequence)| sequence)
    }

    pub(crate) fn segment(&self, slot: Slot) -> Option<Segment> {
        self.state.lock().segments.get(&slot).cloned()
    }

    /// Takes a sealed segment out of use while it is cleaned.
    pub(crate) fn begin_leaving(&self, slot: Slot) -> Option<Segment> {
        let mut state = self.state.lock();
        let segment = state.segments.get_mut(&slot)?;
        let before = segment.clone();
        segment.stage = Stage::Leaving;
        state.catalogs.remove(&slot);
        Some(before)
    }

    /// Cleaning did not come to its end; the segment stays what it was.
    pub(crate) fn stay(&self, slot: Slot, stage: Stage) {
        if let Some(segment) = self.state.lock().segments.get_mut(&slot) {
            segment.stage = stage;
        }
    }

    /// What the cleaner's thread should do.
    pub(crate) fn next_task(&self, index: &Mutex<Index>) -> Task {
        let state = self.state.lock();
        let index = index.lock();
        self.recount_locked(&state, &index);
        let free = state.spares.len();
        let creatable = self.creatable(&state);
        if state.stopping {
            return Task::Stop;
        }
        if let Some(slot) = state.dead(&index) {
            return Task::Recycle(slot);
        }
        if free <= RESERVE && creatable > 0 && !state.device_full {
            return Task::Make { zeroed: free >= 2 };
        }
        if let Some(slot) = state.uncatalogued() {
            return Task::Catalog(slot);
        }
        let ahead = free as u64 + creatable / u64::from(self.sizes.segment);
        let low = RESERVE as u64 + 1 + state.segments.len() as u64 / 16;
        if ahead <= low || state.device_full && free <= RESERVE + 1 {
            if let Some(slot) = state.least_alive(&index) {
                return Task::Clean {
                    slot,
                    hurry: free <= RESERVE,
                };
            }
            return Task::Wait(Some(DEVICE_FULL_PAUSE));
        }
        Task::Wait(None)
    }

    pub(crate) fn wait(&self, at_most: Option<Duration>) {
        let mut state = self.state.lock();
        if state.stopping {
            return;
        }
        match at_most {
            Some(pause) => {
                self.work.wait_for(&mut state, pause);
            }
            None => self.work.wait(&mut state),
        }
        // Room may have come from elsewhere; asking costs one call.
        state.device_full = false;
    }

    /// Makes one more segment. A device that has no room is no failure: there is one spare less.
    pub(crate) fn make(&self, zeroed: bool, index: &Mutex<Index>) -> io::Result<()> {
        let slot = {
            let mut state = self.state.lock();
            state.next_slot += 1;
            state.next_slot - 1
        };
        let path = segment_path(&self.dir, slot);
        match self.make_file(slot, &path, zeroed) {
            Ok(segment) => {
                self.add_spare(slot, segment, index);
                Ok(())
            }
            Err(error) => {
                let _ = self.disk.remove(&path);
                let mut state = self.state.lock();
                state.device_full = true;
                self.recount_locked(&state, &index.lock());
                self.changed.notify_all();
                Err(error)
            }
        }
    }

    fn make_file(&self, slot: Slot, path: &Path, zeroed: bool) -> io::Result<Segment> {
        let file = self.disk.create(path)?;
        file.allocate(u64::from(self.sizes.segment))?;
        if zeroed {
            write_zeros(&*file, u64::from(self.sizes.segment), &|| {
                !self.state.lock().stopping
            })?;
        }
        let header = self.begin_life(&*file, self.sizes.segment)?;
        self.durability.dir(Site::SegmentNamed, &*self.disk, &self.dir)?;
        tracing::debug!(slot, sequence = header.sequence, "segment made");
        Ok(Segment {
            header,
            file,
            stage: Stage::Spare,
        })
    }

    /// Writes a fresh header: with it everything else in the file is void.
    fn begin_life(&self, file: &dyn File, size: u32) -> io::Result<SegmentHeader> {
        let sequence = {
            let mut state = self.state.lock();
            state.next_sequence += 1;
            state.next_sequence
        };
        let header = SegmentHeader {
            size,
            incarnation: self.sizes.incarnation,
            sequence,
            nonce: getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?,
            ordinal: self.durable_end.load(Ordering::Acquire),
            epoch: self.sizes.epoch,
        };
        let sector = header.encode();
        for at in SegmentHeader::COPIES {
            file.write_at(&sector, at as u64)?;
        }
        self.durability.file(Site::SegmentPrepared, file)?;
        Ok(header)
    }

    /// Nothing in the segment is needed any more: it begins a new life as a spare, or goes if it has another size than
    /// new ones or the budget shrank.
    pub(crate) fn recycle(&self, slot: Slot, index: &Mutex<Index>) -> io::Result<()> {
        let Some(segment) = self.begin_leaving(slot) else {
            return Ok(());
        };
        index.lock().forget_slot(slot);
        let too_many = self.state.lock().total_bytes() > self.budget.load(Ordering::Acquire);
        if too_many || segment.header.size != self.sizes.segment {
            return self.drop_segment(slot, index);
        }
        let header = self.begin_life(&*segment.file, segment.header.size)?;
        self.metrics.recycled.inc();
        self.add_spare(
            slot,
            Segment {
                header,
                file: segment.file,
                stage: Stage::Spare,
            },
            index,
        );
        Ok(())
    }

    fn drop_segment(&self, slot: Slot, index: &Mutex<Index>) -> io::Result<()> {
        let _ = self.disk.remove(&catalog_path(&self.dir, slot));
        self.disk.remove(&segment_path(&self.dir, slot))?;
        let mut state = self.state.lock();
        state.segments.remove(&slot);
        self.recount_locked(&state, &index.lock());
        Ok(())
    }

    pub(crate) fn add_spare(&self, slot: Slot, segment: Segment, index: &Mutex<Index>) {
        let mut state = self.state.lock();
        state.segments.insert(slot, segment);
        state.spares.push_back(slot);
        self.recount_locked(&state, &index.lock());
        self.changed.notify_all();
    }
}

impl State {
    /// From what recovery found.
    pub(crate) fn recovered(segments: BTreeMap<Slot, Segment>) -> Self {
        let mut spares: Vec<_> = segments
            .iter()
            .filter(|(_, segment)| segment.stage == Stage::Spare)
            .map(|(slot, segment)| (segment.header.sequence, *slot))
            .collect();
        spares.sort_unstable();
        Self {
            next_slot: segments.keys().next_back().map_or(0, |slot| slot + 1),
            next_sequence: segments
                .values()
                .map(|segment| segment.header.sequence)
                .max()
                .unwrap_or_default(),
            spares: spares.into_iter().map(|(_, slot)| slot).collect(),
            segments,
            ..Self::default()
        }
    }

    fn total_bytes(&self) -> u64 {
        self.segments
            .values()
            .map(|segment| u64::from(segment.header.size))
            .sum()
    }

    /// Records before it are needed by no replay.
    fn floor(&self) -> u64 {
        self.owners
            .values()
            .map(|marks| marks.0.get())
            .min()
            .unwrap_or_default()
    }

    fn is_cleanable(&self, segment: &Segment) -> bool {
        match segment.stage {
            Stage::Sealed(sealed) => {
                self.replayed && (sealed.relocated || sealed.end_ordinal <= self.floor())
            }
            Stage::Spare | Stage::Open | Stage::Leaving => false,
        }
    }

    fn dead(&self, index: &Index) -> Option<Slot> {
        let dead = |(slot, segment): &(&Slot, &Segment)| {
            self.is_cleanable(segment) && index.liveness(**slot).records == 0
        };
        self.segments.iter().find(dead).map(|(slot, _)| *slot)
    }

    fn uncatalogued(&self) -> Option<Slot> {
        let lacks = |(_, segment): &(&Slot, &Segment)| {
            matches!(
                segment.stage,
                Stage::Sealed(Sealed {
                    catalogued: false,
                    until: None,
                    ..
                })
            )
        };
        self.segments.iter().find(lacks).map(|(slot, _)| *slot)
    }

    fn least_alive(&self, index: &Index) -> Option<Slot> {
        let candidates = self
            .segments
            .iter()
            .filter(|(_, segment)| self.is_cleanable(segment));
        let gains = candidates.map(|(slot, segment)| (worth(segment, index.liveness(*slot).bytes), *slot));
        gains.filter(|(gain, _)| *gain > 0).max().map(|(_, slot)| slot)
    }
}

/// Bytes that cleaning a segment would win; 0 when it is hardly worth it.
fn worth(segment: &Segment, live: u64) -> u64 {
    let usable = u64::from(segment.header.size) - DATA_START as u64;
    let dead = usable.saturating_sub(live);
    if dead * WORTH >= usable { dead } else { 0 }
}

pub(crate) fn segment_path(dir: &Path, slot: Slot) -> PathBuf {
    dir.join(format!("segment-{slot:08}"))
}

pub(crate) fn catalog_path(dir: &Path, slot: Slot) -> PathBuf {
    dir.join(format!("segment-{slot:08}.idx"))
}
