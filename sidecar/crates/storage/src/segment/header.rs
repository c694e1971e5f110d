//! Who a segment is.

use super::{SECTOR, u32_at, u64_at};

const MAGIC: [u8; 8] = *b"WEFTSEG\x01";
const VERSION: u32 = 1;
const ENCODED: usize = 56;

/// Written twice at the start of a segment each time that the file begins a new life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Bytes of the file.
    pub(crate) size: u32,
    /// Which life of the log this is; one more each time that it began on an empty disk. 0 here.
    pub(crate) incarnation: u64,
    /// Grows with every segment that the log began.
    pub(crate) sequence: u64,
    /// Random; the seed of every commit in the segment, so that bytes of an earlier life never verify.
    pub(crate) nonce: u64,
    /// End of the log when the segment began: a log whose older segments are gone still never goes back behind it.
    pub(crate) ordinal: u64,
    /// How often the log had been opened then.
    pub(crate) epoch: u32,
}

/// Why a header was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// No segment has begun here, or both copies are damaged.
    Absent,
    /// A version of the format that this program does not know.
    Version(u32),
}

impl SegmentHeader {
    /// Where the two copies lie.
    pub(crate) const COPIES: [usize; 2] = [0, super::DATA_START - SECTOR];

    /// Magic, version, size, incarnation, sequence, nonce, ordinal, epoch, checksum; zeros up to the sector's end.
    pub(crate) fn encode(&self) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        sector[..8].copy_from_slice(&MAGIC);
        sector[8..12].copy_from_slice(&VERSION.to_le_bytes());
        sector[12..16].copy_from_slice(&self.size.to_le_bytes());
        sector[16..24].copy_from_slice(&self.incarnation.to_le_bytes());
        sector[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        sector[32..40].copy_from_slice(&self.nonce.to_le_bytes());
        sector[40..48].copy_from_slice(&self.ordinal.to_le_bytes());
        sector[48..52].copy_from_slice(&self.epoch.to_le_bytes());
        let checksum = crc32c::crc32c(&sector[..ENCODED - 4]);
        sector[ENCODED - 4..ENCODED].copy_from_slice(&checksum.to_le_bytes());
        sector
    }

    /// The first copy that verifies, from the first [`super::DATA_START`] bytes of a file.
    pub(crate) fn decode(start: &[u8]) -> Result<Self, HeaderError> {
        let mut error = HeaderError::Absent;
        for at in Self::COPIES {
            match start.get(at..at + SECTOR).map(Self::decode_copy) {
                Some(Ok(header)) => return Ok(header),
                Some(Err(HeaderError::Version(version))) => error = HeaderError::Version(version),
                Some(Err(HeaderError::Absent)) | None => {}
            }
        }
        Err(error)
    }

    fn decode_copy(sector: &[u8]) -> Result<Self, HeaderError> {
        let whole = crc32c::crc32c(&sector[..ENCODED - 4]) == u32_at(sector, ENCODED - 4);
        if sector[..8] != MAGIC || !whole {
            return Err(HeaderError::Absent);
        }
        match u32_at(sector, 8) {
            VERSION => Ok(Self {
                size: u32_at(sector, 12),
                incarnation: u64_at(sector, 16),
                sequence: u64_at(sector, 24),
                nonce: u64_at(sector, 32),
                ordinal: u64_at(sector, 40),
                epoch: u32_at(sector, 48),
            }),
            version => Err(HeaderError::Version(version)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: SegmentHeader = SegmentHeader {
        size: 1 << 18,
        incarnation: 3,
        sequence: 7,
        nonce: 11,
        ordinal: 5,
        epoch: 2,
    };

    fn start_of_file() -> Vec<u8> {
        let mut start = vec![0; super::super::DATA_START];
        for at in SegmentHeader::COPIES {
            start[at..at + SECTOR].copy_from_slice(&HEADER.encode());
        }
        start
    }

    #[test]
    fn either_copy_is_enough() {
        for at in SegmentHeader::COPIES {
            let mut start = start_of_file();
            start[at + 20] ^= 1;
            assert_eq!(SegmentHeader::decode(&start), Ok(HEADER));
        }
    }

    #[test]
    fn a_later_version_is_named() {
        let mut start = start_of_file();
        for at in SegmentHeader::COPIES {
            start[at + 8] = 9;
            let checksum = crc32c::crc32c(&start[at..at + ENCODED - 4]);
            start[at + ENCODED - 4..at + ENCODED].copy_from_slice(&checksum.to_le_bytes());
        }
        assert_eq!(SegmentHeader::decode(&start), Err(HeaderError::Version(9)));
    }

    #[test]
    fn zeros_are_no_segment() {
        assert_eq!(
            SegmentHeader::decode(&[0; super::super::DATA_START]),
            Err(HeaderError::Absent)
        );
        assert_eq!(SegmentHeader::decode(&[]), Err(HeaderError::Absent));
    }
}
