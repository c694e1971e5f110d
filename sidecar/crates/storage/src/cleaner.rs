//! The thread that keeps free segments at hand: makes them, recycles dead ones, and copies what still lives out of those
//! that are mostly dead.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use model::SequenceNumber;

use crate::catalog::{self, Catalog};
use crate::disk::Disk;
use crate::index::{Entry, Run, Slot};
use crate::segment::frame::{self, COMMIT_HEADER_BYTES};
use crate::segment::record::{self, Mark, RECORD_HEADER_BYTES};
use crate::segment::u32_at;
use crate::shared::Shared;
use crate::space::{Segment, Stage, Task, catalog_path};
use crate::sync::Site;
use crate::writer::Cursor;
use crate::{RECORD_BYTES_MAX, Record, StreamId};

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

    fn read(&self, segment: &Segment) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; segment.header.size as usize];
        segment.file.read_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Stores what a sealed segment holds. Losing it costs the next start a scan, so nothing is synced.
    fn catalog(&self, slot: Slot) -> io::Result<()> {
        let Some(segment) = self.shared.space.segment(slot) else {
            return Ok(());
        };
        if let Some(catalog) = self.shared.space.take_catalog(slot) {
            self.store(slot, &catalog);
        } else if let Ok(bytes) = self.read(&segment) {
            let (catalog, walk) = catalog::of(&bytes, &segment.header, self.shared.durability.trust(), None);
            if walk.damaged == 0 && !walk.tail.torn {
                self.store(slot, &catalog);
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
        let Ok(bytes) = self.read(&segment) else {
            // What cannot be read cannot be moved; it stays where it is, and reading it tells why.
            self.shared.space.stay(slot, segment.stage);
            return Ok(());
        };
        let live = self.live_records(slot, &segment, &bytes);
        let Some(copies) = self.copy(&bytes, &live, hurry)? else {
            self.shared.space.stay(slot, segment.stage);
            self.shared.space.wait(Some(Duration::from_millis(10)));
            return Ok(());
        };
        let expected = {
            let mut index = self.shared.index.lock();
            let expected = index.liveness(slot).records;
            index.relocate(slot, &copies);
            expected
        };
        if expected > live.len() as u64 {
            self.shared.report_damage(slot, 1);
        }
        self.shared.metrics.relocated.inc_by(live.len() as u64);
        tracing::debug!(slot, records = live.len(), "segment cleaned");
        self.shared.space.recycle(slot, &self.shared.index)
    }

    /// Sorted by stream and sequence, so that what is read together lies together.
    fn live_records(&self, slot: Slot, segment: &Segment, bytes: &[u8]) -> Vec<Live> {
        let until = match segment.stage {
            Stage::Sealed(sealed) => sealed.until,
            Stage::Spare | Stage::Open | Stage::Leaving => None,
        };
        let mut live = Vec::new();
        catalog::walk(
            bytes,
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
        );
        live.sort_unstable();
        live
    }

    /// `None` when there is no segment to copy to.
    fn copy(&mut self, bytes: &[u8], live: &[Live], hurry: bool) -> io::Result<Option<Vec<(Run, Slot)>>> {
        let mut copies = Vec::new();
        let mut rest = live;
        while !rest.is_empty() {
            let Some(room) = self.room_for(rest[0].bytes) else {
                return Ok(None);
            };
            let (portion, later) = rest.split_at(fitting(rest, room));
            let start = self.shared.clock.monotonic();
            self.commit(bytes, portion, &mut copies)?;
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

    fn commit(&mut self, bytes: &[u8], portion: &[Live], copies: &mut Vec<(Run, Slot)>) -> io::Result<()> {
        let Some(target) = &mut self.target else {
            return Ok(());
        };
        let mut commit = vec![0; COMMIT_HEADER_BYTES];
        let copied = copies.len();
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
                copies.extend(run.replace(Run::of(&entry)).map(|run| (run, target.slot)));
            }
            let mark = if extends {
                Mark::Relocated
            } else {
                Mark::RelocatedRunStart
            };
            let header = reencode(&bytes[live.offset..live.offset + live.bytes], mark);
            check = frame::body_check(check, &header);
            commit.extend_from_slice(&header);
            commit.extend_from_slice(&bytes[live.offset + RECORD_HEADER_BYTES..live.offset + live.bytes]);
            former = Some(*live);
        }
        copies.extend(run.map(|run| (run, target.slot)));
        let body_bytes = commit.len() - COMMIT_HEADER_BYTES;
        let ordinal = self.shared.space.durable_end.load(Ordering::Acquire);
        let header = target.frame(ordinal, portion.len() as u32, body_bytes as u32, check);
        commit[..COMMIT_HEADER_BYTES].copy_from_slice(&header);
        commit.resize(frame::commit_bytes(body_bytes), 0);
        target.write(&commit)?;
        copies[copied..].iter().for_each(|(run, _)| target.note(*run));
        self.shared.durability.file(Site::Relocated, &*target.file)
    }
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
fn reencode(bytes: &[u8], mark: Mark) -> [u8; RECORD_HEADER_BYTES] {
    debug_assert!(
        u32_at(bytes, 4) as usize <= RECORD_BYTES_MAX,
        "the walk verified the record"
    );
    let header = record::decode_header(bytes).expect("the walk verified the record");
    let record = Record {
        stream: header.stream,
        sequence: SequenceNumber::new(header.sequence.get()),
        kind: header.kind,
        time: header.time,
        payload: &bytes[RECORD_HEADER_BYTES..],
    };
    record::encode_header(&record, mark)
}
