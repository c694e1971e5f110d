//! One record.

use model::{SequenceNumber, Timestamp, Uid};

use super::{u32_at, u64_at};
use crate::{Record, RecordKind, StreamId};

/// Length of what precedes a payload.
pub(crate) const RECORD_HEADER_BYTES: usize = 44;

/// First byte of every record; padding is zero and a commit begins with another byte, so that a walk over records needs
/// nothing but the bytes.
pub(crate) const MARKER: u8 = 0xA7;

const FLAG_RELOCATED: u8 = 1;
const FLAG_GROUP_START: u8 = 2;
const FLAG_RUN_START: u8 = 4;
const FLAGS: u8 = FLAG_RELOCATED | FLAG_GROUP_START | FLAG_RUN_START;

/// What precedes a payload. On disk: marker 1, kind 1, flags 1, zero 1, payload length 4, sequence 8, stream 16, time 8,
/// checksum 4 over all of that and the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) stream: StreamId,
    pub(crate) sequence: SequenceNumber,
    pub(crate) kind: RecordKind,
    pub(crate) time: Timestamp,
    pub(crate) payload_bytes: u32,
    /// Copied from an older segment; a replay does not show it.
    pub(crate) relocated: bool,
    /// The first record of an append, or of what was one in the index before it was relocated.
    pub(crate) start: bool,
}

/// What a record's header says beside the record itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The first record of an append.
    GroupStart,
    /// A further one of the same append.
    Within,
    /// Relocated; the first of a run, which the index must not join with what precedes it.
    RelocatedRunStart,
    /// Relocated; continues a run.
    Relocated,
}

impl Mark {
    fn flags(self) -> u8 {
        match self {
            Self::GroupStart => FLAG_GROUP_START,
            Self::Within => 0,
            Self::RelocatedRunStart => FLAG_RELOCATED | FLAG_RUN_START,
            Self::Relocated => FLAG_RELOCATED,
        }
    }
}

impl RecordHeader {
    /// Header and payload lengths together.
    pub(crate) fn total_bytes(&self) -> usize {
        RECORD_HEADER_BYTES + self.payload_bytes as usize
    }
}

/// A record inside a buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoded<'a> {
    pub(crate) header: RecordHeader,
    pub(crate) payload: &'a [u8],
    /// All of it as it lies there.
    pub(crate) bytes: &'a [u8],
}

/// Header with checksum, ready to be followed by the payload.
pub(crate) fn encode_header(record: &Record<'_>, mark: Mark) -> [u8; RECORD_HEADER_BYTES] {
    let mut header = [0; RECORD_HEADER_BYTES];
    header[0] = MARKER;
    header[1] = record.kind.0;
    header[2] = mark.flags();
    let payload_bytes = u32::try_from(record.payload.len()).expect("RECORD_BYTES_MAX fits into 32 bits");
    header[4..8].copy_from_slice(&payload_bytes.to_le_bytes());
    header[8..16].copy_from_slice(&record.sequence.get().to_le_bytes());
    header[16..32].copy_from_slice(&record.stream.0.to_u128().to_le_bytes());
    header[32..40].copy_from_slice(&record.time.as_micros().to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&header[..40]), record.payload);
    header[40..44].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// The record at the start of `bytes`, if it is whole and its checksum holds.
pub(crate) fn decode(bytes: &[u8]) -> Option<Decoded<'_>> {
    let header = decode_header(bytes)?;
    let bytes = bytes.get(..header.total_bytes())?;
    let payload = &bytes[RECORD_HEADER_BYTES..];
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..40]), payload);
    (checksum == u32_at(bytes, 40)).then_some(Decoded {
        header,
        payload,
        bytes,
    })
}

/// The header at the start of `bytes`, not verified: enough to step over a record that nobody asked for.
pub(crate) fn decode_header(bytes: &[u8]) -> Option<RecordHeader> {
    let bytes = bytes.get(..RECORD_HEADER_BYTES)?;
    let flags = bytes[2];
    if bytes[0] != MARKER || flags & !FLAGS != 0 || bytes[3] != 0 {
        return None;
    }
    let stream = u128::from_le_bytes(bytes[16..32].try_into().expect("the slice has 16 bytes"));
    Some(RecordHeader {
        stream: StreamId(Uid::from_u128(stream)),
        sequence: SequenceNumber::new(u64_at(bytes, 8)),
        kind: RecordKind(bytes[1]),
        time: Timestamp::from_micros(u64_at(bytes, 32).cast_signed()),
        payload_bytes: u32_at(bytes, 4),
        relocated: flags & FLAG_RELOCATED != 0,
        start: flags & (FLAG_GROUP_START | FLAG_RUN_START) != 0,
    })
}
