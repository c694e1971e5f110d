//! One commit: what a single write and sync made durable.

use super::record;
use super::{RECORD_HEADER_BYTES, SECTOR, u32_at, u64_at, whole_sectors};

/// Length of what precedes the records of a commit.
pub(crate) const COMMIT_HEADER_BYTES: usize = 64;

const MAGIC: [u8; 4] = *b"WCM1";

/// What precedes the records of a commit. On disk: magic 4, epoch 4, segment sequence 8, number 4, chain 4, first
/// ordinal 8, records 4, body bytes 4, body checksum 4, flags 1, zero 3, previous segment 8, zero 4, checksum 4 (seeded with the nonce).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommitHeader {
    /// How often the log had been opened when this was written.
    pub(crate) epoch: u32,
    /// The segment that it was written to.
    pub(crate) segment: u64,
    /// Its number within the segment, from 0.
    pub(crate) number: u32,
    /// Checksum of the header of the commit before; of the nonce for the first one.
    pub(crate) chain: u32,
    /// Ordinal of its first record in the log; what the log's end was, for relocated records.
    pub(crate) first_ordinal: u64,
    /// Number of records.
    pub(crate) records: u32,
    /// Length of the records, without padding.
    pub(crate) body_bytes: u32,
    /// Checksum over the headers of all records, which hold the checksums of the payloads.
    pub(crate) body_check: u32,
    /// Sequence of the segment that the log wrote before this one; 0 for the first. Tells a gap that the cleaner made from
    /// one that damage made.
    pub(crate) previous: u64,
    /// Written by the cleaner: its records take no ordinals.
    pub(crate) relocated: bool,
}

impl CommitHeader {
    /// The header with its checksum, which is also the `chain` of the next commit.
    pub(crate) fn encode(&self, nonce: u64) -> ([u8; COMMIT_HEADER_BYTES], u32) {
        let mut bytes = [0; COMMIT_HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.segment.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.number.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.chain.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_ordinal.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.records.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.body_check.to_le_bytes());
        bytes[44] = u8::from(self.relocated);
        bytes[48..56].copy_from_slice(&self.previous.to_le_bytes());
        let checksum = seeded_checksum(nonce, &bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        (bytes, checksum)
    }

    /// The header at the start of `bytes` and its checksum, if it was written with this nonce.
    pub(crate) fn decode(bytes: &[u8], nonce: u64) -> Option<(Self, u32)> {
        let bytes = bytes.get(..COMMIT_HEADER_BYTES)?;
        let checksum = u32_at(bytes, 60);
        if bytes[..4] != MAGIC || seeded_checksum(nonce, &bytes[..60]) != checksum {
            return None;
        }
        Some((Self::fields(bytes), checksum))
    }

    /// The header at the start of `bytes`, whatever it was written with.
    #[cfg(test)]
    pub(crate) fn decode_unseeded(bytes: &[u8]) -> Option<(Self, u32)> {
        let bytes = bytes.get(..COMMIT_HEADER_BYTES)?;
        (bytes[..4] == MAGIC).then(|| (Self::fields(bytes), u32_at(bytes, 60)))
    }

    /// Whether `bytes` look like a header of this segment that was damaged, rather than like something else.
    pub(crate) fn resembles(bytes: &[u8], segment: u64, number: u32, chain: u32) -> bool {
        let Some(bytes) = bytes.get(..COMMIT_HEADER_BYTES) else {
            return false;
        };
        let fields = Self::fields(bytes);
        let matches = [
            bytes[..4] == MAGIC,
            fields.segment == segment,
            fields.number == number,
            fields.chain == chain,
        ];
        matches.into_iter().filter(|matches| *matches).count() >= 3
    }

    fn fields(bytes: &[u8]) -> Self {
        Self {
            epoch: u32_at(bytes, 4),
            segment: u64_at(bytes, 8),
            number: u32_at(bytes, 16),
            chain: u32_at(bytes, 20),
            first_ordinal: u64_at(bytes, 24),
            records: u32_at(bytes, 32),
            body_bytes: u32_at(bytes, 36),
            body_check: u32_at(bytes, 40),
            relocated: bytes[44] != 0,
            previous: u64_at(bytes, 48),
        }
    }

    /// Length on disk, padding included.
    pub(crate) fn total_bytes(&self) -> usize {
        commit_bytes(self.body_bytes as usize)
    }
}

/// Length on disk of a commit whose records take `body_bytes`.
pub(crate) const fn commit_bytes(body_bytes: usize) -> usize {
    whole_sectors(COMMIT_HEADER_BYTES + body_bytes)
}

/// The `chain` of the first commit of a segment.
pub(crate) fn first_chain(nonce: u64) -> u32 {
    seeded_checksum(nonce, b"first")
}

fn seeded_checksum(nonce: u64, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&nonce.to_le_bytes()), bytes)
}

/// Adds the header of one more record to a body checksum that begins with 0.
pub(crate) fn body_check(check: u32, record_header: &[u8]) -> u32 {
    crc32c::crc32c_append(check, &record_header[..RECORD_HEADER_BYTES])
}

/// What a walk over raw bytes of a segment meets next.
pub(crate) enum Step {
    /// A record; go on behind it.
    Record(record::RecordHeader),
    /// Padding or a commit's header: go on at this offset.
    Skip(usize),
    /// Nothing that a log would have written.
    End,
}

/// Looks at `bytes[offset..]`, where `base` is the place of `bytes[0]` in its segment.
pub(crate) fn step(bytes: &[u8], offset: usize, base: usize) -> Step {
    let Some(&first) = bytes.get(offset) else {
        return Step::End;
    };
    let place = base + offset;
    let aligned = place.is_multiple_of(SECTOR);
    if first == record::MARKER {
        record::decode_header(&bytes[offset..]).map_or(Step::End, Step::Record)
    } else if aligned && bytes[offset..].starts_with(&MAGIC) {
        Step::Skip(offset + COMMIT_HEADER_BYTES)
    } else if !aligned && first == 0 {
        Step::Skip(whole_sectors(place) - base)
    } else {
        Step::End
    }
}
