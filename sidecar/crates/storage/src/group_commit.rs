//! Where appends wait for the disk: one buffer that everybody adds to, handed to the writer as a whole.
//!
//! There is no timer. While the writer is busy with one batch the next one gathers; an idle writer takes a single append
//! at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Bytes, BytesMut};
use model::Timestamp;
use parking_lot::{Condvar, Mutex};
use smallvec::SmallVec;

use crate::commit::Group;
use crate::segment::frame::{self, COMMIT_HEADER_BYTES};
use crate::segment::record::{self, Mark};
use crate::{Class, Commit, Position, Record, RecordKind, StreamId};

/// One appended record inside a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) stream: StreamId,
    pub(crate) sequence: u64,
    /// Place in the batch's bytes.
    pub(crate) offset: u32,
    /// Header and payload.
    pub(crate) bytes: u32,
    pub(crate) kind: RecordKind,
    pub(crate) group_start: bool,
}

/// What gathers while the writer is busy. The first bytes are left free for the commit's header.
#[derive(Debug)]
struct Gathering {
    bytes: BytesMut,
    items: Vec<Item>,
    body_check: u32,
    urgent: bool,
    group: Arc<Group>,
}

/// What the writer took over. Readers may look at it until the index knows its records.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Room for a commit header, then the records.
    pub(crate) bytes: Bytes,
    pub(crate) items: Vec<Item>,
    pub(crate) first_ordinal: u64,
    /// Some of it makes room rather than takes it.
    pub(crate) urgent: bool,
    pub(crate) group: Arc<Group>,
}

impl Batch {
    /// Length of the records, as they were counted when they were appended.
    pub(crate) fn body_bytes_queued(&self) -> u64 {
        self.items.iter().map(|item| u64::from(item.bytes)).sum()
    }
}

/// What a batch becomes when it is taken: whether it fits where the writer stands decides about its header.
pub(crate) trait Framing {
    /// The header for a commit of all of it, or `None` to have it framed later.
    fn header(
        &mut self,
        first_ordinal: u64,
        records: u32,
        body_bytes: u32,
        body_check: u32,
    ) -> Option<[u8; COMMIT_HEADER_BYTES]>;
}

#[derive(Debug)]
struct State {
    gathering: Gathering,
    committing: Option<Arc<Batch>>,
    end: u64,
    writer_waits: bool,
    closed: bool,
    spare: Option<(BytesMut, Vec<Item>)>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct GroupCommit {
    state: Mutex<State>,
    filled: Condvar,
    /// The same as in the state, for those who only want to know.
    closed: AtomicBool,
}

impl State {
    /// A commit that is durable once everything is that was appended so far.
    fn barrier(&self, position: Position) -> Commit {
        let gathering = (!self.gathering.items.is_empty()).then_some(&self.gathering.group);
        let last = gathering.or(self.committing.as_ref().map(|batch| &batch.group));
        last.map_or(Commit::done(position), |group| {
            Commit::pending(group.clone(), position)
        })
    }
}

/// Buffers that grew beyond this are given back to the allocator.
const KEPT_BYTES: usize = 8 << 20;

impl GroupCommit {
    pub(crate) fn new(end: u64) -> Self {
        let state = State {
            gathering: Gathering::new(BytesMut::new(), Vec::new()),
            committing: None,
            end,
            writer_waits: false,
            closed: false,
            spare: None,
        };
        Self {
            state: Mutex::new(state),
            filled: Condvar::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// Adds `records` as one group.
    pub(crate) fn append(&self, class: Class, records: &[Record<'_>]) -> Commit {
        // Checksums are the expensive part; they need no lock.
        let headers: SmallVec<[_; 4]> = records
            .iter()
            .enumerate()
            .map(|(n, record)| header(n, record))
            .collect();
        let mut state = self.state.lock();
        let position = Position::new(state.end);
        if records.is_empty() {
            return state.barrier(position);
        }
        state.end += records.len() as u64;
        let gathering = &mut state.gathering;
        for (n, (header, record)) in headers.iter().zip(records).enumerate() {
            gathering.add(header, record, n == 0);
        }
        gathering.urgent |= class == Class::Settle;
        let commit = Commit::pending(gathering.group.clone(), position);
        let wake = std::mem::take(&mut state.writer_waits);
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        commit
    }

    /// Position after the last append.
    pub(crate) fn end(&self) -> u64 {
        self.state.lock().end
    }

    /// Waits for something to write; `None` once everything is written and the log is closed.
    pub(crate) fn next(&self, framing: &mut dyn Framing) -> Option<Arc<Batch>> {
        let mut state = self.state.lock();
        while state.gathering.items.is_empty() {
            if state.closed {
                return None;
            }
            state.writer_waits = true;
            self.filled.wait(&mut state);
        }
        state.writer_waits = false;
        let (bytes, items) = state.spare.take().unwrap_or_default();
        let gathered = std::mem::replace(&mut state.gathering, Gathering::new(bytes, items));
        let batch = Arc::new(gathered.into_batch(state.end, framing));
        state.committing = Some(batch.clone());
        Some(batch)
    }

    /// The index knows the batch's records; its buffers may be used again.
    pub(crate) fn finish(&self, batch: Arc<Batch>) {
        let committing = self.state.lock().committing.take();
        drop(committing);
        // A reader may still hold a slice of it; then the allocator has the last word.
        if let Ok(Batch { bytes, mut items, .. }) = Arc::try_unwrap(batch)
            && bytes.len() <= KEPT_BYTES
            && let Ok(mut bytes) = bytes.try_into_mut()
        {
            bytes.clear();
            items.clear();
            self.state.lock().spare = Some((bytes, items));
        }
    }

    /// No more appends; the writer ends after what is there.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.state.lock().closed = true;
        self.filled.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Fills in those of `wanted` that wait for the disk.
    pub(crate) fn find(&self, stream: StreamId, wanted: &mut [(u64, Option<(Timestamp, Bytes)>)]) {
        let state = self.state.lock();
        let committing = state.committing.clone();
        let gathering = &state.gathering;
        fill(&gathering.items, stream, wanted, |item| {
            payload(&Bytes::copy_from_slice(slice(&gathering.bytes, item)))
        });
        drop(state);
        if let Some(batch) = committing {
            fill(&batch.items, stream, wanted, |item| {
                let at = item.offset as usize;
                payload(&batch.bytes.slice(at..at + item.bytes as usize))
            });
        }
    }
}

fn header(n: usize, record: &Record<'_>) -> [u8; record::RECORD_HEADER_BYTES] {
    let mark = if n == 0 { Mark::GroupStart } else { Mark::Within };
    record::encode_header(record, mark)
}

fn slice<'a>(bytes: &'a [u8], item: &Item) -> &'a [u8] {
    let at = item.offset as usize;
    &bytes[at..at + item.bytes as usize]
}

fn payload(record: &Bytes) -> Option<(Timestamp, Bytes)> {
    let header = record::decode_header(record)?;
    Some((header.time, record.slice(record::RECORD_HEADER_BYTES..)))
}

fn fill(
    items: &[Item],
    stream: StreamId,
    wanted: &mut [(u64, Option<(Timestamp, Bytes)>)],
    read: impl Fn(&Item) -> Option<(Timestamp, Bytes)>,
) {
    let retained = |item: &&Item| item.stream == stream && item.kind.is_retained();
    for item in items.iter().filter(retained) {
        for (_, found) in wanted
            .iter_mut()
            .filter(|(sequence, _)| *sequence == item.sequence)
        {
            *found = read(item);
        }
    }
}

impl Gathering {
    fn new(mut bytes: BytesMut, items: Vec<Item>) -> Self {
        bytes.resize(COMMIT_HEADER_BYTES, 0);
        Self {
            bytes,
            items,
            body_check: 0,
            urgent: false,
            group: Arc::default(),
        }
    }

    fn add(&mut self, header: &[u8], record: &Record<'_>, group_start: bool) {
        self.items.push(Item {
            stream: record.stream,
            sequence: record.sequence.get(),
            offset: self.bytes.len() as u32,
            bytes: (header.len() + record.payload.len()) as u32,
            kind: record.kind,
            group_start,
        });
        self.bytes.extend_from_slice(header);
        self.bytes.extend_from_slice(record.payload);
        self.body_check = frame::body_check(self.body_check, header);
    }

    fn into_batch(mut self, end: u64, framing: &mut dyn Framing) -> Batch {
        let first_ordinal = end - self.items.len() as u64;
        let body_bytes = self.bytes.len() - COMMIT_HEADER_BYTES;
        let header = framing.header(
            first_ordinal,
            self.items.len() as u32,
            body_bytes as u32,
            self.body_check,
        );
        if let Some(header) = header {
            self.bytes[..COMMIT_HEADER_BYTES].copy_from_slice(&header);
            self.bytes.resize(frame::commit_bytes(body_bytes), 0);
        }
        Batch {
            bytes: self.bytes.freeze(),
            items: self.items,
            first_ordinal,
            urgent: self.urgent,
            group: self.group,
        }
    }
}
