//! What must hold for any bytes that are read as a segment.

use crate::catalog::{self, Catalog};
use crate::index::Index;
use crate::segment::frame::{self, CommitHeader};
use crate::segment::record::{self, RECORD_HEADER_BYTES};
use crate::segment::scan::Trust;
use crate::segment::{DATA_START, SegmentHeader, u32_at};

const HEADER: SegmentHeader = SegmentHeader {
    size: 1 << 18,
    incarnation: 0,
    sequence: 7,
    nonce: 42,
    ordinal: 100,
    epoch: 1,
};

/// Reads `input` as a segment, as commits whose checksums were made good, as a catalog and as a header.
///
/// # Panics
/// When the reader of the log breaks one of its promises.
pub fn log_reader(input: &[u8]) {
    let _ = SegmentHeader::decode(input);
    if let Some(catalog) = Catalog::decode(input, &HEADER) {
        assert_eq!(Catalog::decode(&catalog.encode(), &HEADER), Some(catalog));
    }
    let mut segment = vec![0; DATA_START];
    segment.extend_from_slice(input);
    check(&segment);
    check(&made_good(input));
}

fn check(segment: &[u8]) {
    let mut end = DATA_START;
    let walk = catalog::walk(
        &mut &*segment,
        &HEADER,
        Trust::ThisLife,
        Some(u64::MAX),
        &mut |met| {
            assert!(met.offset >= end, "records come in order");
            end = met.offset + met.record.header.total_bytes();
            assert!(end <= segment.len());
        },
    );
    let walk = walk.expect("memory can be read");
    assert!(walk.tail.offset >= DATA_START);
    let (found, _) = catalog::of(&mut &*segment, &HEADER, Trust::ThisLife, None).expect("memory can be read");
    let mut index = Index::default();
    for run in &found.runs {
        assert!(run.first <= run.last && run.records > 0);
        assert!((run.offset + run.span) as usize <= segment.len());
        index.insert_run(run, 3);
    }
    for run in &found.runs {
        index.release(run.stream, [run.first, run.last]);
        index.trim(run.stream, run.last);
    }
}

/// Commits with valid checksums whose content and lengths the input decides: what no accident, but a mistake of ours
/// could write.
fn made_good(input: &[u8]) -> Vec<u8> {
    let mut segment = vec![0; DATA_START];
    let mut chain = frame::first_chain(HEADER.nonce);
    for (number, part) in input.chunks(200).enumerate() {
        let mut body = part.to_vec();
        let (records, check) = make_records_good(&mut body);
        let header = CommitHeader {
            epoch: 1,
            segment: HEADER.sequence,
            number: number as u32,
            chain,
            first_ordinal: u64::from(part[0]) << (part[0] % 64),
            records,
            body_bytes: body.len() as u32,
            body_check: check,
            previous: 0,
            relocated: part[0] % 2 == 1,
        };
        let (bytes, checksum) = header.encode(HEADER.nonce);
        chain = checksum;
        segment.extend_from_slice(&bytes);
        segment.extend_from_slice(&body);
        let padded = segment.len().next_multiple_of(crate::segment::SECTOR);
        segment.resize(padded, 0);
    }
    segment
}

fn make_records_good(body: &mut Vec<u8>) -> (u32, u32) {
    let (mut offset, mut records, mut check) = (0, 0, 0);
    while body.len() - offset >= RECORD_HEADER_BYTES {
        body[offset] = record::MARKER;
        body[offset + 2] &= 7;
        body[offset + 3] = 0;
        let room = body.len() - offset - RECORD_HEADER_BYTES;
        let length = u32_at(body, offset + 4) as usize % (room + 1);
        body[offset + 4..offset + 8].copy_from_slice(&(length as u32).to_le_bytes());
        let payload = offset + RECORD_HEADER_BYTES..offset + RECORD_HEADER_BYTES + length;
        let head = crc32c::crc32c(&body[offset..offset + 40]);
        let checksum = crc32c::crc32c_append(head, &body[payload.clone()]);
        body[offset + 40..offset + 44].copy_from_slice(&checksum.to_le_bytes());
        check = frame::body_check(check, &body[offset..]);
        records += 1;
        offset = payload.end;
    }
    body.truncate(offset);
    (records, check)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_passes() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/log_reader");
        let files: Vec<_> = std::fs::read_dir(corpus).unwrap().collect();
        assert!(files.len() >= 10);
        for file in files {
            super::log_reader(&std::fs::read(file.unwrap().path()).unwrap());
        }
    }
}
