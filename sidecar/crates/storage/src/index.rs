//! Where the live records are. Pure: no disk, no lock.
//!
//! Per stream an ordered map of *runs*: records of one stream that lie near each other in one segment, at most
//! [`RUN_BYTES`] apart, so that one read fetches them. A record inside a run is found by walking over the bytes. Runs of
//! one stream never overlap in sequence numbers.

use std::collections::{BTreeMap, HashMap};

use roaring::RoaringTreemap;

use crate::{StreamId, StreamUsage};

/// A run is broken once it spans this much of a segment.
pub(crate) const RUN_BYTES: u32 = 64 << 10;

/// And once it spans this many sequence numbers, so that a sparse one stays cheap to count.
const RUN_NUMBERS: u64 = 1 << 16;

/// A segment's file, by number.
pub(crate) type Slot = u32;

/// Where a retained record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) stream: StreamId,
    pub(crate) sequence: u64,
    pub(crate) slot: Slot,
    pub(crate) offset: u32,
    pub(crate) bytes: u32,
}

/// A run as it is stored beside a sealed segment, and as recovery finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) stream: StreamId,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) offset: u32,
    /// From the first record's start to the last one's end.
    pub(crate) span: u32,
    pub(crate) records: u32,
    /// Sum of the records' lengths.
    pub(crate) bytes: u32,
}

impl Run {
    pub(crate) fn of(entry: &Entry) -> Self {
        Self {
            stream: entry.stream,
            first: entry.sequence,
            last: entry.sequence,
            offset: entry.offset,
            span: entry.bytes,
            records: 1,
            bytes: entry.bytes,
        }
    }

    /// Takes in a record that follows, if the run does not become too long by it.
    pub(crate) fn extend(&mut self, entry: &Entry) -> bool {
        let span = (entry.offset + entry.bytes).saturating_sub(self.offset);
        let far = entry.sequence - self.first.min(entry.sequence) >= RUN_NUMBERS;
        if entry.sequence <= self.last || entry.offset < self.offset + self.span || span > RUN_BYTES || far {
            return false;
        }
        self.last = entry.sequence;
        self.span = span;
        self.records += 1;
        self.bytes += entry.bytes;
        true
    }
}

/// The bytes to read in order to find a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) slot: Slot,
    pub(crate) offset: u32,
    pub(crate) span: u32,
}

/// What the index knows about one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Released, trimmed, or never written.
    Dead,
    /// Newer than everything that is indexed: if it exists it is on its way to the disk.
    Later,
    /// Live, and somewhere in here.
    At(Place),
    /// Live according to its owner, but no segment holds it.
    Lost,
}

#[derive(Clone, Copy, Debug)]
struct LiveRun {
    last: u64,
    slot: Slot,
    offset: u32,
    span: u32,
    live: u32,
    live_bytes: u32,
}

/// How much of a segment is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Liveness {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

#[derive(Debug, Default)]
struct Stream {
    runs: BTreeMap<u64, LiveRun>,
    live: RoaringTreemap,
    /// The newest indexed record, dead or alive.
    last: Option<u64>,
    bytes: u64,
    /// Records below are dead, those that are not indexed yet included.
    trimmed: u64,
    /// Released while they were on their way to the disk.
    released_early: RoaringTreemap,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Index {
    streams: HashMap<StreamId, Stream>,
    slots: HashMap<Slot, Liveness>,
    live_bytes: u64,
    /// A segment lost its last live record.
    emptied: bool,
}

impl Index {
    /// Adds a record that became durable. Records of one stream come with growing numbers; one that does not is dead.
    pub(crate) fn insert(&mut self, entry: &Entry) {
        let stream = self.streams.entry(entry.stream).or_default();
        if stream.last.is_some_and(|last| entry.sequence <= last) {
            return;
        }
        let follows = stream.last.is_some_and(|last| last + 1 == entry.sequence);
        stream.last = Some(entry.sequence);
        if entry.sequence < stream.trimmed || stream.released_early.remove(entry.sequence) {
            return;
        }
        stream.live.insert(entry.sequence);
        stream.bytes += u64::from(entry.bytes);
        self.live_bytes += u64::from(entry.bytes);
        let slot = self.slots.entry(entry.slot).or_default();
        slot.records += 1;
        slot.bytes += u64::from(entry.bytes);
        if follows && stream.extend_newest(entry) {
            return;
        }
        stream
            .runs
            .insert(entry.sequence, LiveRun::of(&Run::of(entry), entry.slot));
    }

    /// Adds a run that recovery found, with all its records alive.
    ///
    /// Where it overlaps one that is known already, both hold copies of the same records: a crash can leave a relocated
    /// record together with its original, or with a copy that a later attempt made. Every run holds all that lived of its
    /// range when it was written, so it does not matter which of them serves a number, and only what no other run covers
    /// is added.
    pub(crate) fn insert_run(&mut self, run: &Run, slot: Slot) {
        let stream = self.streams.entry(run.stream).or_default();
        stream.last = stream.last.max(Some(run.last));
        for (first, last) in stream.uncovered(run.first, run.last) {
            let numbers = last.saturating_sub(first).saturating_add(1);
            let records = u64::from(run.records).min(numbers);
            let bytes = u64::from(run.bytes) * records / u64::from(run.records.max(1));
            stream.live.insert_range(first..=last);
            let part = Run {
                first,
                last,
                records: records as u32,
                bytes: bytes as u32,
                ..*run
            };
            stream.runs.insert(first, LiveRun::of(&part, slot));
            stream.bytes += bytes;
            self.live_bytes += bytes;
            let liveness = self.slots.entry(slot).or_default();
            liveness.records += records;
            liveness.bytes += bytes;
        }
    }

    /// Keeps only `live` of a stream.
    pub(crate) fn retain(&mut self, id: StreamId, live: RoaringTreemap) {
        let stream = self.streams.entry(id).or_default();
        stream.live = live;
        let firsts: Vec<u64> = stream.runs.keys().copied().collect();
        for first in firsts {
            self.recount(id, first);
        }
    }

    /// The streams that have a live record.
    pub(crate) fn streams(&self) -> Vec<StreamId> {
        self.streams
            .iter()
            .filter(|(_, stream)| !stream.runs.is_empty())
            .map(|(id, _)| *id)
            .collect()
    }

    fn recount(&mut self, id: StreamId, first: u64) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let Some(run) = stream.runs.get_mut(&first) else {
            return;
        };
        let live = stream
            .live
            .range_cardinality(first..=run.last)
            .min(u64::from(run.live));
        let bytes = u64::from(run.live_bytes) * live / u64::from(run.live.max(1));
        let gone = Liveness {
            records: u64::from(run.live) - live,
            bytes: u64::from(run.live_bytes) - bytes,
        };
        (run.live, run.live_bytes) = (live as u32, bytes as u32);
        let slot = run.slot;
        if live == 0 {
            stream.runs.remove(&first);
        }
        self.take(id, slot, gone);
    }

    /// These records are dead. Returns whether some segment lost its last live record.
    pub(crate) fn release(&mut self, id: StreamId, sequences: impl IntoIterator<Item = u64>) -> bool {
        for sequence in sequences {
            let stream = self.streams.entry(id).or_default();
            if stream.live.remove(sequence) {
                self.take_one(id, sequence);
            } else if stream.last.is_none_or(|last| sequence > last) && sequence >= stream.trimmed {
                stream.released_early.insert(sequence);
            }
        }
        std::mem::take(&mut self.emptied)
    }

    fn take_one(&mut self, id: StreamId, sequence: u64) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let Some((&first, run)) = stream.runs.range_mut(..=sequence).next_back() else {
            return;
        };
        if sequence > run.last || run.live == 0 {
            return;
        }
        let bytes = run.live_bytes / run.live;
        run.live -= 1;
        run.live_bytes -= bytes;
        let slot = run.slot;
        if run.live == 0 {
            stream.runs.remove(&first);
        }
        self.take(
            id,
            slot,
            Liveness {
                records: 1,
                bytes: u64::from(bytes),
            },
        );
    }

    /// Every record of the stream below `before` is dead. Returns whether some segment lost its last live record.
    pub(crate) fn trim(&mut self, id: StreamId, before: u64) -> bool {
        let stream = self.streams.entry(id).or_default();
        if before <= stream.trimmed {
            return false;
        }
        stream.trimmed = before;
        stream.released_early.remove_range(..before);
        stream.live.remove_range(..before);
        let touched: Vec<u64> = stream.runs.range(..before).map(|(first, _)| *first).collect();
        for first in touched {
            self.recount(id, first);
        }
        std::mem::take(&mut self.emptied)
    }

    fn take(&mut self, id: StreamId, slot: Slot, gone: Liveness) {
        self.live_bytes -= gone.bytes;
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.bytes -= gone.bytes;
        }
        if let Some(liveness) = self.slots.get_mut(&slot) {
            liveness.records -= gone.records;
            liveness.bytes -= gone.bytes;
            self.emptied |= liveness.records == 0;
        }
    }

    /// Whether a record lives, and where.
    pub(crate) fn find(&self, id: StreamId, sequence: u64) -> Lookup {
        let Some(stream) = self.streams.get(&id) else {
            return Lookup::Later;
        };
        if !stream.live.contains(sequence) {
            let early = sequence < stream.trimmed || stream.released_early.contains(sequence);
            let later = !early && stream.last.is_none_or(|last| sequence > last);
            return if later { Lookup::Later } else { Lookup::Dead };
        }
        match stream.runs.range(..=sequence).next_back() {
            Some((_, run)) if sequence <= run.last => Lookup::At(Place {
                slot: run.slot,
                offset: run.offset,
                span: run.span,
            }),
            _ => Lookup::Lost,
        }
    }

    /// The first number of the run that holds a live record in `slot`; `None` if it is dead or lies elsewhere.
    pub(crate) fn run_in(&self, id: StreamId, sequence: u64, slot: Slot) -> Option<u64> {
        let stream = self.streams.get(&id)?;
        let (first, run) = stream.runs.range(..=sequence).next_back()?;
        (run.slot == slot && sequence <= run.last && stream.live.contains(sequence)).then_some(*first)
    }

    /// Replaces everything that the index places in `source` by the copies that were made of it in `target`.
    pub(crate) fn relocate(&mut self, source: Slot, copies: &[(Run, Slot)]) {
        let mut streams: Vec<StreamId> = copies.iter().map(|(run, _)| run.stream).collect();
        streams.sort_unstable();
        streams.dedup();
        for id in streams {
            self.forget_runs(id, source);
        }
        for (run, target) in copies {
            let Some(stream) = self.streams.get_mut(&run.stream) else {
                continue;
            };
            let live = stream
                .live
                .range_cardinality(run.first..=run.last)
                .min(u64::from(run.records));
            if live == 0 {
                continue;
            }
            let bytes = u64::from(run.bytes) * live / u64::from(run.records);
            let mut copy = LiveRun::of(run, *target);
            (copy.live, copy.live_bytes) = (live as u32, bytes as u32);
            stream.runs.insert(run.first, copy);
            stream.bytes += bytes;
            self.live_bytes += bytes;
            let liveness = self.slots.entry(*target).or_default();
            liveness.records += live;
            liveness.bytes += bytes;
        }
    }

    fn forget_runs(&mut self, id: StreamId, slot: Slot) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let mut gone = Liveness::default();
        stream.runs.retain(|_, run| {
            let here = run.slot == slot;
            if here {
                gone.records += u64::from(run.live);
                gone.bytes += u64::from(run.live_bytes);
            }
            !here
        });
        self.take(id, slot, gone);
    }

    /// How much of a segment is alive.
    pub(crate) fn liveness(&self, slot: Slot) -> Liveness {
        self.slots.get(&slot).copied().unwrap_or_default()
    }

    /// A segment begins a new life.
    pub(crate) fn forget_slot(&mut self, slot: Slot) {
        self.slots.remove(&slot);
    }

    /// Bytes of all live records.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// What one stream keeps.
    pub(crate) fn usage(&self, id: StreamId) -> StreamUsage {
        let Some(stream) = self.streams.get(&id) else {
            return StreamUsage::default();
        };
        StreamUsage {
            records: stream.live.len(),
            bytes: stream.bytes,
        }
    }
}

impl Stream {
    /// The parts of a range that no run covers.
    fn uncovered(&self, first: u64, last: u64) -> Vec<(u64, u64)> {
        let (mut parts, mut from) = (Vec::new(), first);
        let before = self.runs.range(..first).next_back();
        for (start, run) in before.into_iter().chain(self.runs.range(first..=last)) {
            if run.last < from {
                continue;
            }
            if *start > from {
                parts.push((from, start - 1));
            }
            match run.last.checked_add(1) {
                Some(next) if next <= last => from = next,
                _ => return parts,
            }
        }
        parts.push((from, last));
        parts
    }

    fn extend_newest(&mut self, entry: &Entry) -> bool {
        let Some(mut newest) = self.runs.last_entry() else {
            return false;
        };
        let run = newest.get_mut();
        let span = (entry.offset + entry.bytes).saturating_sub(run.offset);
        let behind = entry.offset >= run.offset + run.span;
        if run.slot != entry.slot || run.last + 1 != entry.sequence || !behind || span > RUN_BYTES {
            return false;
        }
        run.last = entry.sequence;
        run.span = span;
        run.live += 1;
        run.live_bytes += entry.bytes;
        true
    }
}

impl LiveRun {
    fn of(run: &Run, slot: Slot) -> Self {
        let Run {
            last,
            offset,
            span,
            records,
            bytes,
            ..
        } = *run;
        Self {
            last,
            slot,
            offset,
            span,
            live: records,
            live_bytes: bytes,
        }
    }
}
