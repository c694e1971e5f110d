//! A walk over the commits of one segment, through torn tails and damage.

use super::frame::{self, CommitHeader};
use super::record::{self, Decoded};
use super::{COMMIT_HEADER_BYTES, DATA_START, SECTOR, SegmentHeader};

/// What a scan meets.
pub(crate) enum Found<'a> {
    /// A commit that is what was written; `offset` is that of its first record in the segment.
    Commit {
        header: CommitHeader,
        offset: usize,
        body: &'a [u8],
    },
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

/// Walks over `bytes`, a whole segment or the start of one, and shows what it finds in order.
pub(crate) fn scan(
    bytes: &[u8],
    segment: &SegmentHeader,
    trust: Trust,
    visit: &mut dyn FnMut(Found<'_>),
) -> Tail {
    let mut tail = Tail {
        offset: DATA_START,
        number: 0,
        chain: frame::first_chain(segment.nonce),
        epoch: 0,
        last: None,
        torn: false,
    };
    loop {
        match read_commit(bytes, segment, trust, &tail) {
            Read::Whole {
                header,
                checksum,
                body,
            } => {
                let offset = tail.offset + COMMIT_HEADER_BYTES;
                visit(Found::Commit { header, offset, body });
                tail.pass(header, checksum);
            }
            Read::Not { torn } => {
                let Some((offset, later)) = later_commit(bytes, segment, &tail) else {
                    tail.torn = torn;
                    return tail;
                };
                salvage(bytes, tail.offset, offset, visit);
                visit(Found::Damage);
                // What was chained to the damaged header can only be believed.
                tail.resume_at(offset, &later);
            }
        }
    }
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

enum Read<'a> {
    Whole {
        header: CommitHeader,
        checksum: u32,
        body: &'a [u8],
    },
    Not {
        torn: bool,
    },
}

fn read_commit<'a>(bytes: &'a [u8], segment: &SegmentHeader, trust: Trust, tail: &Tail) -> Read<'a> {
    let Some(rest) = bytes.get(tail.offset..) else {
        return Read::Not { torn: false };
    };
    let Some((header, checksum)) = decode(rest, segment, trust) else {
        let torn = CommitHeader::resembles(rest, segment.sequence, tail.number, tail.chain);
        return Read::Not { torn };
    };
    if !follows(&header, segment, trust, tail) {
        return Read::Not { torn: false };
    }
    match body_of(rest, &header) {
        Some(body) if frame::body_is_whole(&header, body) => Read::Whole {
            header,
            checksum,
            body,
        },
        _ => Read::Not { torn: true },
    }
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

fn body_of<'a>(bytes: &'a [u8], header: &CommitHeader) -> Option<&'a [u8]> {
    let body = bytes.get(COMMIT_HEADER_BYTES..)?;
    body.get(..header.body_bytes as usize)
}

/// The next commit of this life behind a place where none verifies. If there is one, that place was durable: a commit is
/// only written after the sync of the one before.
fn later_commit(bytes: &[u8], segment: &SegmentHeader, tail: &Tail) -> Option<(usize, CommitHeader)> {
    let mut offset = tail.offset + SECTOR;
    while let Some(rest) = bytes.get(offset..) {
        if rest.len() < COMMIT_HEADER_BYTES {
            return None;
        }
        if let Some((header, _)) = CommitHeader::decode(rest, segment.nonce)
            && header.segment == segment.sequence
            && header.number > tail.number
            && header.epoch >= tail.epoch
        {
            return Some((offset, header));
        }
        offset += SECTOR;
    }
    None
}

/// Shows the records between two offsets that still verify, from the first on until one does not.
pub(crate) fn salvage(bytes: &[u8], from: usize, until: usize, visit: &mut dyn FnMut(Found<'_>)) {
    let mut offset = from + COMMIT_HEADER_BYTES;
    while let Some(record) = bytes.get(offset..until).and_then(record::decode) {
        visit(Found::Salvaged { offset, record });
        offset += record.header.total_bytes();
    }
}
