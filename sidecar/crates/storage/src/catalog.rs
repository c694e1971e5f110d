//! What a segment holds: noted while it is written, or found by a scan, and stored beside a sealed one so that a start
//! does not read it.

use std::collections::HashMap;
use std::io;

use crate::StreamId;
use crate::index::{Entry, Run};
use crate::segment::record::Decoded;
use crate::segment::scan::{Found, Tail, Trust, salvage, scan};
use crate::segment::source::Source;
use crate::segment::{SegmentHeader, u32_at, u64_at};

/// The holdings of one segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalog {
    /// Which segment, in which life.
    pub(crate) sequence: u64,
    pub(crate) nonce: u64,
    /// Written by the cleaner.
    pub(crate) relocated: bool,
    /// The segment that the log wrote before.
    pub(crate) previous: u64,
    pub(crate) first_ordinal: u64,
    /// One more than the last record's ordinal.
    pub(crate) end_ordinal: u64,
    pub(crate) epoch: u32,
    /// No commit at all: a spare.
    pub(crate) empty: bool,
    pub(crate) runs: Vec<Run>,
}

/// A record that a walk meets. `ordinal` means nothing for relocated ones.
pub(crate) struct Met<'a> {
    pub(crate) ordinal: u64,
    pub(crate) offset: usize,
    pub(crate) record: Decoded<'a>,
}

/// What a walk over a segment came to.
pub(crate) struct Walk {
    pub(crate) tail: Tail,
    /// Commits that were durable and are damaged.
    pub(crate) damaged: u32,
}

/// Shows every record of a segment, those salvaged from damaged commits included. `until` is the ordinal with which the
/// next segment begins, if that is known to follow directly.
///
/// # Errors
/// When the source cannot be read.
pub(crate) fn walk(
    source: &mut dyn Source,
    header: &SegmentHeader,
    trust: Trust,
    until: Option<u64>,
    visit: &mut dyn FnMut(Met<'_>),
) -> io::Result<Walk> {
    let mut damaged = 0;
    let mut next = header.ordinal;
    let mut show = |found: Found<'_>, damaged: &mut u32, next: &mut u64| match found {
        Found::Commit(header) => *next = header.first_ordinal,
        Found::Record { offset, record } | Found::Salvaged { offset, record } => {
            visit(Met {
                ordinal: *next,
                offset,
                record,
            });
            *next = next.saturating_add(u64::from(!record.header.relocated));
        }
        Found::Damage => *damaged += 1,
    };
    let tail = scan(source, header, trust, &mut |found| {
        show(found, &mut damaged, &mut next)
    })?;
    if until.is_some_and(|until| until > next) {
        let mut room = until.unwrap_or_default() - next;
        let end = source.end();
        salvage(source, tail.offset, end, &mut |found| {
            if room > 0 {
                show(found, &mut damaged, &mut next);
                room -= 1;
            }
        })?;
        damaged += 1;
    }
    Ok(Walk { tail, damaged })
}

/// The catalog of a segment, by walking over it.
///
/// # Errors
/// When the source cannot be read.
pub(crate) fn of(
    source: &mut dyn Source,
    header: &SegmentHeader,
    trust: Trust,
    until: Option<u64>,
) -> io::Result<(Catalog, Walk)> {
    let mut runs = Runs::default();
    let mut ordinals: Option<(u64, u64)> = None;
    let walk = walk(source, header, trust, until, &mut |met| {
        runs.add(&met);
        let (first, _) = ordinals.unwrap_or((met.ordinal, met.ordinal));
        ordinals = Some((
            first,
            met.ordinal
                .saturating_add(u64::from(!met.record.header.relocated)),
        ));
    })?;
    let last = walk.tail.last;
    let (first_ordinal, end_ordinal) = ordinals.unwrap_or((header.ordinal, header.ordinal));
    let catalog = Catalog {
        sequence: header.sequence,
        nonce: header.nonce,
        relocated: last.is_some_and(|last| last.relocated),
        previous: last.map_or(0, |last| last.previous),
        first_ordinal,
        end_ordinal,
        epoch: last.map_or(header.epoch, |last| last.epoch),
        empty: last.is_none() && ordinals.is_none(),
        runs: runs.runs,
    };
    Ok((catalog, walk))
}

/// Gathers the records of one segment into runs.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    runs: Vec<Run>,
    /// Per stream: its newest run.
    newest: HashMap<StreamId, usize>,
    /// The stream that came last; the next one is mostly the same.
    latest: Option<(StreamId, usize)>,
}

impl Runs {
    /// Goes on where recovery found the end of a segment.
    pub(crate) fn resume(runs: Vec<Run>) -> Self {
        let newest = runs
            .iter()
            .enumerate()
            .map(|(at, run)| (run.stream, at))
            .collect();
        Self {
            runs,
            newest,
            latest: None,
        }
    }

    /// The runs, oldest first.
    pub(crate) fn into_runs(self) -> Vec<Run> {
        self.runs
    }

    /// Adds a record that was appended.
    pub(crate) fn append(&mut self, entry: &Entry) {
        self.extend_or_begin(entry, |run| run.last.checked_add(1) == Some(entry.sequence));
    }

    /// Adds a run as a whole.
    pub(crate) fn push(&mut self, run: Run) {
        self.runs.push(run);
    }

    fn extend_or_begin(&mut self, entry: &Entry, joins: impl Fn(&Run) -> bool) {
        let newest = match self.latest {
            Some((stream, newest)) if stream == entry.stream => Some(newest),
            _ => self.newest.get(&entry.stream).copied(),
        };
        if let Some(newest) = newest
            && joins(&self.runs[newest])
            && self.runs[newest].extend(entry)
        {
            self.latest = Some((entry.stream, newest));
            return;
        }
        self.latest = Some((entry.stream, self.runs.len()));
        self.newest.insert(entry.stream, self.runs.len());
        self.runs.push(Run::of(entry));
    }

    fn add(&mut self, met: &Met<'_>) {
        let header = &met.record.header;
        if !header.kind.is_retained() {
            return;
        }
        let entry = Entry {
            stream: header.stream,
            sequence: header.sequence.get(),
            slot: 0,
            offset: met.offset as u32,
            bytes: header.total_bytes() as u32,
        };
        if header.relocated {
            self.extend_or_begin(&entry, |_| !header.start);
        } else {
            self.append(&entry);
        }
    }
}

const MAGIC: [u8; 8] = *b"WEFTIDX\x01";
const HEAD_BYTES: usize = 64;
const RUN_BYTES: usize = 48;

impl Catalog {
    /// Magic, sequence, nonce, previous, first and end ordinal, epoch, relocated, number of runs, checksum over
    /// everything; then the runs.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.runs.len() * RUN_BYTES);
        bytes.extend_from_slice(&MAGIC);
        for number in [
            self.sequence,
            self.nonce,
            self.previous,
            self.first_ordinal,
            self.end_ordinal,
        ] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&u32::from(self.relocated).to_le_bytes());
        bytes.extend_from_slice(&(self.runs.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        for run in &self.runs {
            bytes.extend_from_slice(&run.stream.0.to_u128().to_le_bytes());
            bytes.extend_from_slice(&run.first.to_le_bytes());
            bytes.extend_from_slice(&run.last.to_le_bytes());
            for number in [run.offset, run.span, run.records, run.bytes] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        let checksum = crc32c::crc32c(&bytes);
        bytes[HEAD_BYTES - 4..HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The stored catalog of this life of a segment; `None` when it is missing, damaged, or of another life: then a scan
    /// has to find out.
    pub(crate) fn decode(bytes: &[u8], header: &SegmentHeader) -> Option<Self> {
        let head = bytes.get(..HEAD_BYTES)?;
        let count = u32_at(head, 56) as usize;
        let whole = bytes.len() == HEAD_BYTES + count.checked_mul(RUN_BYTES)?;
        if !whole || head[..8] != MAGIC || checksum(bytes) != u32_at(head, 60) {
            return None;
        }
        let (sequence, nonce) = (u64_at(head, 8), u64_at(head, 16));
        if (sequence, nonce) != (header.sequence, header.nonce) {
            return None;
        }
        let runs = bytes[HEAD_BYTES..]
            .chunks_exact(RUN_BYTES)
            .map(decode_run)
            .collect();
        Some(Self {
            sequence,
            nonce,
            previous: u64_at(head, 24),
            first_ordinal: u64_at(head, 32),
            end_ordinal: u64_at(head, 40),
            epoch: u32_at(head, 48),
            relocated: u32_at(head, 52) != 0,
            empty: false,
            runs,
        })
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let head = crc32c::crc32c(&bytes[..HEAD_BYTES - 4]);
    crc32c::crc32c_append(crc32c::crc32c_append(head, &[0; 4]), &bytes[HEAD_BYTES..])
}

fn decode_run(bytes: &[u8]) -> Run {
    let stream = u128::from_le_bytes(bytes[..16].try_into().expect("the slice has 16 bytes"));
    Run {
        stream: StreamId(model::Uid::from_u128(stream)),
        first: u64_at(bytes, 16),
        last: u64_at(bytes, 24),
        offset: u32_at(bytes, 32),
        span: u32_at(bytes, 36),
        records: u32_at(bytes, 40),
        bytes: u32_at(bytes, 44),
    }
}
