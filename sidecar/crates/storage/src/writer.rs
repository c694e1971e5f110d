//! The thread that owns the segment being written: one write, one sync, everybody woken.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::catalog::{Catalog, Runs};
use crate::disk::File;
use crate::group_commit::{Batch, Framing, Item};
use crate::index::{Entry, Run, Slot};
use crate::segment::frame::{self, COMMIT_HEADER_BYTES, CommitHeader};
use crate::segment::scan::Tail;
use crate::segment::{DATA_START, SegmentHeader};
use crate::shared::Shared;
use crate::space::{Sealed, Spare, Stage};
use crate::sync::Site;

/// Where the next commit goes.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) slot: Slot,
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<dyn File>,
    offset: usize,
    number: u32,
    chain: u32,
    epoch: u32,
    previous: u64,
    relocated: bool,
    first_ordinal: Option<u64>,
    /// What was written; `None` for a segment that recovery found damaged, which a scan knows better.
    runs: Option<Runs>,
}

impl Cursor {
    /// At the start of a fresh segment that follows the one with sequence `previous`.
    pub(crate) fn fresh(spare: Spare, epoch: u32, previous: u64, relocated: bool) -> Self {
        let chain = frame::first_chain(spare.header.nonce);
        Self {
            slot: spare.slot,
            header: spare.header,
            file: spare.file,
            offset: DATA_START,
            number: 0,
            chain,
            epoch,
            previous,
            relocated,
            first_ordinal: None,
            runs: Some(Runs::default()),
        }
    }

    /// Where recovery found the end of the log.
    pub(crate) fn resumed(
        spare: Spare,
        epoch: u32,
        tail: &Tail,
        first_ordinal: u64,
        runs: Option<Vec<Run>>,
    ) -> Self {
        let previous = tail.last.map_or(0, |last| last.previous);
        let fresh = Self::fresh(spare, epoch, previous, false);
        let first_ordinal = Some(first_ordinal);
        Self {
            offset: tail.offset,
            number: tail.number,
            chain: tail.chain,
            first_ordinal,
            runs: runs.map(Runs::resume),
            ..fresh
        }
    }

    /// Bytes that are left.
    pub(crate) fn room(&self) -> usize {
        (self.header.size as usize).saturating_sub(self.offset)
    }

    /// Offset in the segment of the next commit's first record.
    pub(crate) fn body_offset(&self) -> usize {
        self.offset + COMMIT_HEADER_BYTES
    }

    /// Frames the next commit. It has to be written whole at [`Cursor::write`], or not at all.
    pub(crate) fn frame(
        &mut self,
        first_ordinal: u64,
        records: u32,
        body_bytes: u32,
        body_check: u32,
    ) -> [u8; COMMIT_HEADER_BYTES] {
        let header = CommitHeader {
            epoch: self.epoch,
            segment: self.header.sequence,
            number: self.number,
            chain: self.chain,
            first_ordinal,
            records,
            body_bytes,
            body_check,
            previous: self.previous,
            relocated: self.relocated,
        };
        let (bytes, checksum) = header.encode(self.header.nonce);
        self.chain = checksum;
        self.number += 1;
        self.first_ordinal.get_or_insert(first_ordinal);
        bytes
    }

    /// Writes a framed commit and steps behind it.
    pub(crate) fn write(&mut self, commit: &[u8]) -> io::Result<()> {
        self.file.write_at(commit, self.offset as u64)?;
        self.offset += commit.len();
        Ok(())
    }

    /// Notes a run that was written as a whole.
    pub(crate) fn note(&mut self, run: Run) {
        if let Some(runs) = &mut self.runs {
            runs.push(run);
        }
    }

    /// Leaves the segment for good, with the log at ordinal `end`.
    pub(crate) fn seal(self, end: u64, shared: &Shared) {
        let first_ordinal = self.first_ordinal.unwrap_or(end);
        let catalog = self.runs.map(|runs| Catalog {
            sequence: self.header.sequence,
            nonce: self.header.nonce,
            relocated: self.relocated,
            previous: self.previous,
            first_ordinal,
            end_ordinal: end,
            epoch: self.epoch,
            empty: false,
            runs: runs.into_runs(),
        });
        let sealed = Sealed {
            relocated: self.relocated,
            first_ordinal,
            end_ordinal: end,
            catalogued: false,
            until: None,
        };
        shared.space.seal(self.slot, sealed, catalog, &shared.index);
    }
}

impl Framing for Cursor {
    fn header(
        &mut self,
        first_ordinal: u64,
        records: u32,
        body_bytes: u32,
        body_check: u32,
    ) -> Option<[u8; COMMIT_HEADER_BYTES]> {
        let fits = frame::commit_bytes(body_bytes as usize) <= self.room();
        fits.then(|| self.frame(first_ordinal, records, body_bytes, body_check))
    }
}

/// Runs until the log is closed, or the disk failed.
pub(crate) fn run(shared: &Shared, mut cursor: Cursor) {
    shared
        .space
        .open_room
        .store(cursor.room() as u64, Ordering::Release);
    while let Some(batch) = shared.group_commit.next(&mut cursor) {
        if let Err(error) = commit(shared, &mut cursor, &batch) {
            shared.fail(&error);
            return;
        }
        let written = batch.body_bytes_queued();
        let group = batch.group.clone();
        shared.group_commit.finish(batch);
        shared.queued.fetch_sub(written, Ordering::AcqRel);
        group.complete();
    }
    // A clean stop leaves the segment open; the next start goes on in it.
    shared.space.stay(cursor.slot, Stage::Open);
}

fn commit(shared: &Shared, cursor: &mut Cursor, batch: &Batch) -> io::Result<()> {
    let framed = batch.bytes[..COMMIT_HEADER_BYTES] != [0; COMMIT_HEADER_BYTES];
    if framed {
        let base = cursor.body_offset();
        write_and_sync(shared, cursor, &batch.bytes)?;
        index(shared, cursor, base, COMMIT_HEADER_BYTES, &batch.items);
    } else {
        commit_in_parts(shared, cursor, batch)?;
    }
    let end = batch.first_ordinal + batch.items.len() as u64;
    shared.space.durable_end.store(end, Ordering::Release);
    Ok(())
}

fn write_and_sync(shared: &Shared, cursor: &mut Cursor, commit: &[u8]) -> io::Result<()> {
    let start = shared.clock.monotonic();
    cursor.write(commit)?;
    shared.durability.file(Site::Commit, &*cursor.file)?;
    let took = shared.clock.monotonic().saturating_duration_since(start);
    shared.metrics.commits.inc();
    shared.metrics.commit_seconds.observe(took.as_secs_f64());
    shared.metrics.commit_bytes.observe(commit.len() as f64);
    shared.metrics.appended_bytes.inc_by(commit.len() as u64);
    shared
        .space
        .open_room
        .store(cursor.room() as u64, Ordering::Release);
    Ok(())
}

/// The batch does not fit behind the cursor: as many groups as do become a commit here, the rest one in the next
/// segment. A group is never divided, because a crash between two commits would divide it for good.
fn commit_in_parts(shared: &Shared, cursor: &mut Cursor, batch: &Batch) -> io::Result<()> {
    let mut from = 0;
    while from < batch.items.len() {
        let until = groups_that_fit(&batch.items, from, cursor.room());
        if until == from {
            move_on(shared, cursor, batch.first_ordinal + from as u64, batch.urgent)?;
            continue;
        }
        let items = &batch.items[from..until];
        let (start, end) = (items[0].offset as usize, end_of(&items[items.len() - 1]));
        let check = items.iter().fold(0, |check, item| {
            frame::body_check(check, &batch.bytes[item.offset as usize..])
        });
        let ordinal = batch.first_ordinal + from as u64;
        let header = cursor.frame(ordinal, items.len() as u32, (end - start) as u32, check);
        let mut commit = Vec::with_capacity(frame::commit_bytes(end - start));
        commit.extend_from_slice(&header);
        commit.extend_from_slice(&batch.bytes[start..end]);
        commit.resize(frame::commit_bytes(end - start), 0);
        let base = cursor.body_offset();
        write_and_sync(shared, cursor, &commit)?;
        index(shared, cursor, base, start, items);
        from = until;
    }
    Ok(())
}

fn end_of(item: &Item) -> usize {
    (item.offset + item.bytes) as usize
}

/// End of the last group, from `from` on, that still fits into a commit of `room` bytes.
fn groups_that_fit(items: &[Item], from: usize, room: usize) -> usize {
    let start = items[from].offset as usize;
    let mut fitting = from;
    for (n, item) in items.iter().enumerate().skip(from) {
        if frame::commit_bytes(end_of(item) - start) > room {
            break;
        }
        let group_ends = items.get(n + 1).is_none_or(|next| next.group_start);
        if group_ends {
            fitting = n + 1;
        }
    }
    fitting
}

fn move_on(shared: &Shared, cursor: &mut Cursor, ordinal: u64, urgent: bool) -> io::Result<()> {
    let spare = shared
        .space
        .take(urgent, &shared.index)
        .ok_or_else(|| io::Error::other("no free segment is left"))?;
    let next = Cursor::fresh(spare, cursor.epoch, cursor.header.sequence, false);
    let left = std::mem::replace(cursor, next);
    left.seal(ordinal, shared);
    Ok(())
}

/// `base` is where the body lies in the segment, `start` where it begins in the batch.
fn index(shared: &Shared, cursor: &mut Cursor, base: usize, start: usize, items: &[Item]) {
    let mut index = shared.index.lock();
    for item in items.iter().filter(|item| item.kind.is_retained()) {
        let entry = Entry {
            stream: item.stream,
            sequence: item.sequence,
            slot: cursor.slot,
            offset: (base + item.offset as usize - start) as u32,
            bytes: item.bytes,
        };
        index.insert(&entry);
        if let Some(runs) = &mut cursor.runs {
            runs.append(&entry);
        }
    }
    shared.live.store(index.live_bytes(), Ordering::Release);
}
