//! The format of a segment file, version 1. Pure: bytes in, values out.
//!
//! ```text
//! 0      header, 512 bytes, again at 3584        who the segment is (see `header`)
//! 4096   commit, commit, ...                     each begins at a multiple of 512 (see `frame`)
//!          header, 64 bytes                      seeded with the segment's nonce, chained to the commit before
//!          record, record, ...                   44 bytes of header, then the payload (see `record`)
//!          zeros up to the next multiple of 512
//! ```
//! Whatever lies behind the last commit is left over from an earlier life of the file and never verifies, because its
//! checksums were seeded with another nonce. All numbers are little-endian.

pub(crate) mod frame;
pub(crate) mod header;
pub(crate) mod record;
pub(crate) mod scan;
pub(crate) mod source;

pub(crate) use frame::COMMIT_HEADER_BYTES;
pub(crate) use header::SegmentHeader;
pub(crate) use record::RECORD_HEADER_BYTES;

/// What a disk writes as a whole: commits begin at multiples of it.
pub(crate) const SECTOR: usize = 512;

/// Where the first commit begins.
pub(crate) const DATA_START: usize = 4096;

/// `bytes` rounded up to whole sectors.
pub(crate) const fn whole_sectors(bytes: usize) -> usize {
    bytes.next_multiple_of(SECTOR)
}

pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(
        bytes[offset..offset + 4]
            .try_into()
            .expect("the slice has 4 bytes"),
    )
}

pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(
        bytes[offset..offset + 8]
            .try_into()
            .expect("the slice has 8 bytes"),
    )
}
