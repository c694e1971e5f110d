//! The thread that keeps free segments at hand: makes them, recycles dead ones, and copies what still lives out of those
//! that are mostly dead.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::catalog::{self, Catalog};
use crate::disk::{Disk, File};
use crate::index::{Entry, Run, Slot};
use crate::segment::frame::{self, COMMIT_HEADER_BYTES};
use crate::segment::record::{self, Decoded, Mark, RECORD_HEADER_BYTES};
use crate::segment::source::Window;
use crate::shared::Shared;
use crate::space::{Segment, Stage, Task, catalog_path};
use crate::sync::Site;
use crate::writer::Cursor;
use crate::{Record, StreamId};

/// Relocated records are committed in portions of about this size, so that the writer's sync never waits for long.
const PORTION: usize = 1 << 20;

/// Bytes per second from which on a writer counts as busy.
const BUSY: f64 = (8 << 20) as f64;

/// Runs until the log is closed.
pub(crate) fn run(shared: &Shared, disk: &dyn Disk) {
    let made_at = (shared.clock.monotonic(), 0);
    let mut cleaner = Cleaner {
        shared,
        disk,
        target: None,
        made_at,
    };
    loop {
        let task = shared.space.next_task(&shared.index);
        let outcome = match task {
            Task::Make { zeroed } => cleaner.make(zeroed),
            Task::Catalog(slot) => cleaner.catalog(slot),
            Task::Recycle(slot) => shared.space.recycle(slot, &shared.index),
            Task::Clean { slot, hurry } => cleaner.clean(slot, hurry),
            Task::Wait(at_most) => {
                shared.space.wait(at_most);
                Ok(())
            }
            Task::Stop => return,
        };
        if let Err(error) = outcome {
            // The same rule as for the writer: a sync that failed has to be believed.
            shared.fail(&error);
            return;
        }
    }
}

struct Cleaner<'a> {
    shared: &'a Shared,
    disk: &'a dyn Disk,
    /// Where relocated records go.
    target: Option<Cursor>,
    /// When the last segment was made, and how much had been written by then.
    made_at: (Instant, u64),
}

/// A live record in the segment that is being cleaned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Live {
    stream: StreamId,
    sequence: u64,
    /// The run that the index has it in.
    run: u64,
    offset: usize,
    bytes: usize,
}

impl Cleaner<'_> {
    /// Room that the device does not have is no failure; it shows in what is refused.
    fn make(&mut self, zeroed: bool) -> io::Result<()> {
        let zeroed = zeroed && !self.writer_is_busy();
        match self.shared.space.make(zeroed, &self.shared.index) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                tracing::warn!(%error, "no further segment can be made; the log lives on what it has");
            }
            Ok(()) | Err(_) => {}
        }
        Ok(())
    }

    /// Zeros save the writer a journal transaction of the file system per commit, but compete with it for the disk. While
    /// it writes more than [`BUSY`] a second the disk's bandwidth is what counts.
    fn writer_is_busy(&mut self) -> bool {
        let now = (
            self.shared.clock.monotonic(),
            self.shared.metrics.appended_bytes.get(),
        );
        let former = std::mem::replace(&mut self.made_at, now);
        let seconds = now.0.saturating_duration_since(former.0).as_secs_f64();
        (now.1 - former.1) as f64 > BUSY * seconds
    }

    /// Stores what a sealed segment holds. Losing it costs the next start a scan, so nothing is synced.
    fn catalog(&self, slot: Slot) -> io::Result<()> {
        let Some(segment) = self.shared.space.segment(slot) else {
            return Ok(());
        };
        if let Some(catalog) = self.shared.space.take_catalog(slot) {
            self.store(slot, &catalog);
        } else {
            let trust = self.shared.durability.trust();
            match catalog::of(&mut window(&segment), &segment.header, trust, None) {
                Ok((catalog, walk)) if walk.damaged == 0 && !walk.tail.torn => self.store(slot, &catalog),
                Ok(_) | Err(_) => {}
            }
        }
        self.shared.space.catalogued(slot);
        Ok(())
    }

    fn store(&self, slot: Slot, catalog: &Catalog) {
        let path = catalog_path(&self.shared.space.dir, slot);
        let stored = self
            .disk
            .create(&path)
            .and_then(|file| file.write_at(&catalog.encode(), 0));
        if let Err(error) = stored {
            tracing::debug!(slot, %error, "catalog not stored");
        }
    }

    /// Copies the live records of a segment to the target, tells the index, and recycles the segment.
    fn clean(&mut self, slot: Slot, hurry: bool) -> io::Result<()> {
        let Some(segment) = self.shared.space.begin_leaving(slot) else {
            return Ok(());
        };
        let Ok(live) = self.live_records(slot, &segment) else {
            // What cannot be read cannot be moved; it stays where it is, and reading it tells why.
            return self.leave_alone(slot, &segment);
        };
        let Some(copies) = self.copy(&*segment.file, &live, hurry)? else {
            return self.leave_alone(slot, &segment);
        };
        let copied: u64 = copies.iter().map(|(run, _)| u64::from(run.records)).sum();
        let expected = {
            let mut index = self.shared.index.lock();
            let expected = index.liveness(slot).records;
            index.relocate(slot, &copies);
            expected
        };
        if expected > copied {
            self.shared.report_damage(slot, 1);
        }
        self.shared.metrics.relocated.inc_by(copied);
        tracing::debug!(slot, records = copied, "segment cleaned");
        self.shared.space.recycle(slot, &self.shared.index)
    }

    fn leave_alone(&self, slot: Slot, segment: &Segment) -> io::Result<()> {
        self.shared.space.stay(slot, segment.stage);
        self.shared.space.wait(Some(Duration::from_millis(10)));
        Ok(())
    }

    /// Sorted by stream and sequence, so that what is read together lies together.
    fn live_records(&self, slot: Slot, segment: &Segment) -> io::Result<Vec<Live>> {
        let until = match segment.stage {
            Stage::Sealed(sealed) => sealed.until,
            Stage::Spare | Stage::Open | Stage::Leaving => None,
        };
        let mut live = Vec::new();
        catalog::walk(
            &mut window(segment),
            &segment.header,
            self.shared.durability.trust(),
            until,
            &mut |met| {
                let header = &met.record.header;
                if !header.kind.is_retained() {
                    return;
                }
                let (stream, sequence) = (header.stream, header.sequence.get());
                if let Some(run) = self.shared.index.lock().run_in(stream, sequence, slot) {
                    live.push(Live {
                        stream,
                        sequence,
                        run,
                        offset: met.offset,
                        bytes: header.total_bytes(),
                    });
                }
            },
        )?;
        live.sort_unstable();
        Ok(live)
    }

    /// `None` when there is no segment to copy to, or something that was there a moment ago cannot be read.
    fn copy(&mut self, from: &dyn File, live: &[Live], hurry: bool) -> io::Result<Option<Vec<(Run, Slot)>>> {
        let mut copies = Vec::new();
        let mut rest = live;
        while !rest.is_empty() {
            let Some(room) = self.room_for(rest[0].bytes) else {
                return Ok(None);
            };
            let (portion, later) = rest.split_at(fitting(rest, room));
            let start = self.shared.clock.monotonic();
            if !self.commit(from, portion, &mut copies)? {
                return Ok(None);
            }
            rest = later;
            if !hurry {
                // Half of the disk's time at most, while there is no hurry.
                let took = self.shared.clock.monotonic().saturating_duration_since(start);
                std::thread::sleep(took);
            }
        }
        Ok(Some(copies))
    }

    /// Bytes that the next commit may have, in a fresh segment if the present one has no room for `least`.
    fn room_for(&mut self, least: usize) -> Option<usize> {
        let needed = frame::commit_bytes(least);
        if self.target.as_ref().is_none_or(|target| target.room() < needed) {
            let spare = self.shared.space.take_for_cleaner(&self.shared.index)?;
            let epoch = self.shared.space.sizes.epoch;
            let fresh = Cursor::fresh(spare, epoch, 0, true);
            if let Some(full) = self.target.replace(fresh) {
                full.seal(self.shared.space.durable_end.load(Ordering::Acquire), self.shared);
            }
        }
        self.target
            .as_ref()
            .map(|target| target.room().min(PORTION.max(needed)))
    }

    /// False, and nothing was written, if a record cannot be read.
    fn commit(
        &mut self,
        from: &dyn File,
        portion: &[Live],
        copies: &mut Vec<(Run, Slot)>,
    ) -> io::Result<bool> {
        let Some(target) = &mut self.target else {
            return Ok(false);
        };
        let mut copied = Vec::new();
        let mut bytes = Vec::new();
        let mut commit = vec![0; COMMIT_HEADER_BYTES];
        let (mut check, mut former, mut run) = (0, None::<Live>, None::<Run>);
        for live in portion {
            let offset = target.body_offset() + commit.len() - COMMIT_HEADER_BYTES;
            let entry = Entry {
                stream: live.stream,
                sequence: live.sequence,
                slot: target.slot,
                offset: offset as u32,
                bytes: live.bytes as u32,
            };
            let joins = former.is_some_and(|former| {
                let adjacent = former.sequence + 1 == live.sequence;
                former.stream == live.stream && (former.run == live.run || adjacent)
            });
            let extends = joins && run.as_mut().is_some_and(|run| run.extend(&entry));
            if !extends {
                copied.extend(run.replace(Run::of(&entry)));
            }
            let mark = if extends {
                Mark::Relocated
            } else {
                Mark::RelocatedRunStart
            };
            bytes.resize(live.bytes, 0);
            let read = from.read_at(&mut bytes, live.offset as u64);
            // Verified once more: the copy's new checksum must not bless what has rotted since the walk.
            let Some(record) = read.ok().and_then(|()| record::decode(&bytes)) else {
                return Ok(false);
            };
            let header = reencode(&record, mark);
            check = frame::body_check(check, &header);
            commit.extend_from_slice(&header);
            commit.extend_from_slice(record.payload);
            former = Some(*live);
        }
        copied.extend(run);
        let body_bytes = commit.len() - COMMIT_HEADER_BYTES;
        let ordinal = self.shared.space.durable_end.load(Ordering::Acquire);
        let header = target.frame(ordinal, portion.len() as u32, body_bytes as u32, check);
        commit[..COMMIT_HEADER_BYTES].copy_from_slice(&header);
        commit.resize(frame::commit_bytes(body_bytes), 0);
        target.write(&commit)?;
        for run in copied {
            target.note(run);
            copies.push((run, target.slot));
        }
        self.shared.durability.file(Site::Relocated, &*target.file)?;
        Ok(true)
    }
}

fn window(segment: &Segment) -> Window<'_> {
    Window::new(&*segment.file, segment.header.size as usize)
}

/// How many of the records fit into a commit of `room` bytes; at least one.
fn fitting(live: &[Live], room: usize) -> usize {
    let mut body = 0;
    let fits = |live: &&Live| {
        body += live.bytes;
        frame::commit_bytes(body) <= room
    };
    live.iter().take_while(fits).count().max(1)
}

/// The header of a copy: same stream, number, time and payload.
fn reencode(record: &Decoded<'_>, mark: Mark) -> [u8; RECORD_HEADER_BYTES] {
    let record = Record {
        stream: record.header.stream,
        sequence: record.header.sequence,
        kind: record.header.kind,
        time: record.header.time,
        payload: record.payload,
    };
    record::encode_header(&record, mark)
}
