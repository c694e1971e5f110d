//! A walk over the commits of one segment, through torn tails and damage.

use std::io;

use super::frame::{self, CommitHeader};
use super::record::{self, Decoded};
use super::source::{PIECE, Source};
use super::{COMMIT_HEADER_BYTES, DATA_START, RECORD_HEADER_BYTES, SECTOR, SegmentHeader};
use crate::RECORD_BYTES_MAX;

/// What a scan meets.
pub(crate) enum Found<'a> {
    /// A commit that is what was written; its records follow.
    Commit(CommitHeader),
    /// A record of that commit; `offset` is its place in the segment.
    Record { offset: usize, record: Decoded<'a> },
    /// A record that verifies inside a commit that does not.
    Salvaged { offset: usize, record: Decoded<'a> },
    /// A commit that was durable once and is not what was written any more. Follows what was salvaged of it.
    Damage,
}

/// Where the log goes on in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// Offset of the next commit.
    pub(crate) offset: usize,
    /// Its number.
    pub(crate) number: u32,
    /// Its chain.
    pub(crate) chain: u32,
    /// Epoch of the last commit.
    pub(crate) epoch: u32,
    /// The last commit of the segment; `None` for one that holds nothing yet.
    pub(crate) last: Option<CommitHeader>,
    /// Something was being written at `offset` and is not whole.
    pub(crate) torn: bool,
}

/// How strictly a scan looks. Anything but the default exists to show that the tests notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Trust {
    /// A commit counts if it was written in this life of the segment and follows the one before.
    #[default]
    ThisLife,
    /// A commit counts if its checksums hold, whoever wrote it.
    #[cfg(test)]
    AnyLife,
}

/// Walks over a whole segment or the start of one, and shows what it finds in order.
///
/// # Errors
/// When the source cannot be read.
pub(crate) fn scan(
    source: &mut dyn Source,
    segment: &SegmentHeader,
    trust: Trust,
    visit: &mut dyn FnMut(Found<'_>),
) -> io::Result<Tail> {
    let mut tail = Tail {
        offset: DATA_START,
        number: 0,
        chain: frame::first_chain(segment.nonce),
        epoch: 0,
        last: None,
        torn: false,
    };
    loop {
        match read_commit(source, segment, trust, &tail)? {
            Read::Whole { header, checksum } => {
                show(source, &header, tail.offset + COMMIT_HEADER_BYTES, visit)?;
                tail.pass(header, checksum);
            }
            Read::Not { torn } => {
                let Some((offset, later)) = later_commit(source, segment, &tail)? else {
                    tail.torn = torn;
                    return Ok(tail);
                };
                salvage(source, tail.offset, offset, visit)?;
                visit(Found::Damage);
                // What was chained to the damaged header can only be believed.
                tail.resume_at(offset, &later);
            }
        }
    }
}

fn show(
    source: &mut dyn Source,
    header: &CommitHeader,
    body: usize,
    visit: &mut dyn FnMut(Found<'_>),
) -> io::Result<()> {
    visit(Found::Commit(*header));
    let (mut offset, end) = (body, body + header.body_bytes as usize);
    while let Some(record) = read_record(source, offset, end)? {
        visit(Found::Record { offset, record });
        offset += record.header.total_bytes();
    }
    Ok(())
}

impl Tail {
    fn pass(&mut self, header: CommitHeader, checksum: u32) {
        self.offset += header.total_bytes();
        self.number = header.number.wrapping_add(1);
        self.chain = checksum;
        self.epoch = header.epoch;
        self.last = Some(header);
    }

    fn resume_at(&mut self, offset: usize, later: &CommitHeader) {
        self.offset = offset;
        self.number = later.number;
        self.chain = later.chain;
        self.epoch = later.epoch;
    }
}

enum Read {
    Whole { header: CommitHeader, checksum: u32 },
    Not { torn: bool },
}

fn read_commit(
    source: &mut dyn Source,
    segment: &SegmentHeader,
    trust: Trust,
    tail: &Tail,
) -> io::Result<Read> {
    let Some(start) = source.bytes(tail.offset, COMMIT_HEADER_BYTES)? else {
        return Ok(Read::Not { torn: false });
    };
    let Some((header, checksum)) = decode(start, segment, trust) else {
        let torn = CommitHeader::resembles(start, segment.sequence, tail.number, tail.chain);
        return Ok(Read::Not { torn });
    };
    if !follows(&header, segment, trust, tail) {
        return Ok(Read::Not { torn: false });
    }
    // In one piece if it is no longer than that: its records are looked at twice.
    let length = COMMIT_HEADER_BYTES + header.body_bytes as usize;
    source.bytes(tail.offset, length.min(PIECE))?;
    Ok(
        match body_is_whole(source, &header, tail.offset + COMMIT_HEADER_BYTES)? {
            true => Read::Whole { header, checksum },
            false => Read::Not { torn: true },
        },
    )
}

/// Whether every record of the body is what was written.
fn body_is_whole(source: &mut dyn Source, header: &CommitHeader, body: usize) -> io::Result<bool> {
    let end = body + header.body_bytes as usize;
    let (mut records, mut offset, mut check) = (0, body, 0);
    while let Some(record) = read_record(source, offset, end)? {
        check = frame::body_check(check, record.bytes);
        records += 1;
        offset += record.header.total_bytes();
    }
    Ok((records, offset, check) == (header.records, end, header.body_check))
}

/// The record at `offset`, if it is whole, ends at `end` at the latest, and its checksum holds.
fn read_record(source: &mut dyn Source, offset: usize, end: usize) -> io::Result<Option<Decoded<'_>>> {
    if offset + RECORD_HEADER_BYTES > end {
        return Ok(None);
    }
    let header = source.bytes(offset, RECORD_HEADER_BYTES)?;
    let Some(header) = header.and_then(record::decode_header) else {
        return Ok(None);
    };
    let length = header.total_bytes();
    // A length that nobody writes is damage, and not worth the memory.
    if offset + length > end || header.payload_bytes as usize > RECORD_BYTES_MAX {
        return Ok(None);
    }
    Ok(source.bytes(offset, length)?.and_then(record::decode))
}

fn decode(bytes: &[u8], segment: &SegmentHeader, trust: Trust) -> Option<(CommitHeader, u32)> {
    match trust {
        Trust::ThisLife => CommitHeader::decode(bytes, segment.nonce),
        #[cfg(test)]
        Trust::AnyLife => CommitHeader::decode_unseeded(bytes),
    }
}

/// The seed alone would do; the rest is there because a log is not a place for a single line of defence.
fn follows(header: &CommitHeader, segment: &SegmentHeader, trust: Trust, tail: &Tail) -> bool {
    match trust {
        Trust::ThisLife => {
            header.segment == segment.sequence
                && header.number == tail.number
                && header.chain == tail.chain
                && header.epoch >= tail.epoch
        }
        #[cfg(test)]
        Trust::AnyLife => true,
    }
}

/// The next commit of this life behind a place where none verifies. If there is one, that place was durable: a commit is
/// only written after the sync of the one before.
fn later_commit(
    source: &mut dyn Source,
    segment: &SegmentHeader,
    tail: &Tail,
) -> io::Result<Option<(usize, CommitHeader)>> {
    let mut offset = tail.offset + SECTOR;
    while let Some(start) = source.bytes(offset, COMMIT_HEADER_BYTES)? {
        if let Some((header, _)) = CommitHeader::decode(start, segment.nonce)
            && header.segment == segment.sequence
            && header.number > tail.number
            && header.epoch >= tail.epoch
        {
            return Ok(Some((offset, header)));
        }
        offset += SECTOR;
    }
    Ok(None)
}

/// Shows the records between two offsets that still verify, from the first on until one does not.
pub(crate) fn salvage(
    source: &mut dyn Source,
    from: usize,
    until: usize,
    visit: &mut dyn FnMut(Found<'_>),
) -> io::Result<()> {
    let mut offset = from + COMMIT_HEADER_BYTES;
    while let Some(record) = read_record(source, offset, until)? {
        visit(Found::Salvaged { offset, record });
        offset += record.header.total_bytes();
    }
    Ok(())
}
