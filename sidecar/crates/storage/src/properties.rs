//! Laws of the pure parts, for any input.

use std::collections::BTreeMap;

use model::{SequenceNumber, Timestamp, Uid};
use proptest::collection::vec;
use proptest::prelude::*;
use roaring::RoaringTreemap;

use crate::catalog::{self, Catalog};
use crate::index::{Entry, Index, Lookup, Run};
use crate::segment::frame::{self, CommitHeader};
use crate::segment::record::{self, Mark};
use crate::segment::{DATA_START, SegmentHeader};
use crate::{Record, RecordKind, StreamId};

const HEADER: SegmentHeader = SegmentHeader {
    size: 1 << 20,
    incarnation: 0,
    sequence: 3,
    nonce: 99,
    ordinal: 0,
    epoch: 1,
};

fn stream(number: u8) -> StreamId {
    StreamId(Uid::from_u128(number.into()))
}

/// Stream, number and payload of a record.
type Seen = (u8, u64, Vec<u8>);

#[derive(Clone, Debug)]
struct Given {
    stream: u8,
    skipped: u64,
    kind: u8,
    payload: Vec<u8>,
}

fn given() -> impl Strategy<Value = Given> {
    (
        0..3u8,
        0..3u64,
        prop_oneof![Just(0u8), Just(8u8)],
        vec(any::<u8>(), 0..300),
    )
        .prop_map(|(stream, skipped, kind, payload)| Given {
            stream,
            skipped,
            kind,
            payload,
        })
}

/// A segment of these commits, and the records in it as (stream, number, payload).
fn segment(commits: &[Vec<Given>]) -> (Vec<u8>, Vec<Seen>) {
    let (mut bytes, mut written, mut next) = (vec![0; DATA_START], Vec::new(), BTreeMap::<u8, u64>::new());
    let mut chain = frame::first_chain(HEADER.nonce);
    for (number, commit) in commits.iter().enumerate() {
        let (mut body, mut check, first) = (Vec::new(), 0, written.len() as u64);
        for (n, given) in commit.iter().enumerate() {
            let sequence = next.entry(given.stream).or_default();
            *sequence += given.skipped;
            let record = Record {
                stream: stream(given.stream),
                sequence: SequenceNumber::new(*sequence),
                kind: RecordKind(given.kind),
                time: Timestamp::from_micros(-5),
                payload: &given.payload,
            };
            let header = record::encode_header(&record, if n == 0 { Mark::GroupStart } else { Mark::Within });
            check = frame::body_check(check, &header);
            body.extend_from_slice(&header);
            body.extend_from_slice(&given.payload);
            written.push((given.stream, *sequence, given.payload.clone()));
            *sequence += 1;
        }
        let header = CommitHeader {
            epoch: 1,
            segment: HEADER.sequence,
            number: number as u32,
            chain,
            first_ordinal: first,
            records: commit.len() as u32,
            body_bytes: body.len() as u32,
            body_check: check,
            previous: 2,
            relocated: false,
        };
        let (encoded, checksum) = header.encode(HEADER.nonce);
        prop_assert_decodes(&encoded, &header);
        chain = checksum;
        bytes.extend_from_slice(&encoded);
        bytes.extend_from_slice(&body);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    (bytes, written)
}

fn prop_assert_decodes(encoded: &[u8], header: &CommitHeader) {
    assert_eq!(
        CommitHeader::decode(encoded, HEADER.nonce).map(|(header, _)| header),
        Some(*header)
    );
    assert_eq!(
        CommitHeader::decode(encoded, HEADER.nonce + 1),
        None,
        "another life"
    );
}

fn walked(bytes: &[u8]) -> (Vec<Seen>, bool) {
    let mut seen = Vec::new();
    let walk = catalog::walk(&mut &*bytes, &HEADER, Default::default(), None, &mut |met| {
        let header = met.record.header;
        seen.push((
            header.stream.0.to_u128() as u8,
            header.sequence.get(),
            met.record.payload.to_vec(),
        ));
    });
    let walk = walk.unwrap();
    (seen, walk.damaged > 0 || walk.tail.torn)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn what_is_framed_is_read_back(commits in vec(vec(given(), 1..6), 1..12)) {
        let (bytes, written) = segment(&commits);
        prop_assert_eq!(walked(&bytes), (written, false));
    }

    #[test]
    fn a_changed_byte_costs_at_most_its_commit(
        commits in vec(vec(given(), 1..6), 2..12), place in any::<prop::sample::Index>(), change in 1..=255u8,
    ) {
        let (mut bytes, written) = segment(&commits);
        let place = DATA_START + place.index(bytes.len() - DATA_START - 1024);
        bytes[place] ^= change;
        let (seen, noticed) = walked(&bytes);
        prop_assert!(seen.iter().all(|record| written.contains(record)));
        prop_assert!(written.len() - seen.len() <= commits.iter().map(Vec::len).max().unwrap_or_default());
        prop_assert!(noticed || seen == written);
    }

    #[test]
    fn a_catalog_is_stored_and_read_back_and_covers_every_retained_record(
        commits in vec(vec(given(), 1..6), 1..12),
    ) {
        let (bytes, _) = segment(&commits);
        let (catalog, _) = catalog::of(&mut bytes.as_slice(), &HEADER, Default::default(), None).unwrap();
        let stored = catalog.encode();
        prop_assert_eq!(Catalog::decode(&stored, &HEADER), Some(catalog.clone()));
        let retained: usize = commits.iter().flatten().filter(|given| given.kind == 0).count();
        let covered: u32 = catalog.runs.iter().map(|run| run.records).sum();
        prop_assert_eq!(covered as usize, retained);
        for place in (0..stored.len()).step_by(7) {
            let mut changed = stored.clone();
            changed[place] ^= 1;
            prop_assert_eq!(Catalog::decode(&changed, &HEADER), None);
        }
    }
}

/// What happens to an index.
#[derive(Clone, Debug)]
enum Step {
    Insert {
        stream: u8,
        skipped: u64,
        slot: u32,
        bytes: u32,
    },
    Release {
        stream: u8,
        sequence: u64,
    },
    Trim {
        stream: u8,
        before: u64,
    },
    Clean {
        slot: u32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..2u8, prop_oneof![5 => Just(0u64), 1 => 1..4u64], 0..4u32, 44..3000u32)
            .prop_map(|(stream, skipped, slot, bytes)| Step::Insert { stream, skipped, slot, bytes }),
        4 => (0..2u8, 0..80u64).prop_map(|(stream, sequence)| Step::Release { stream, sequence }),
        1 => (0..2u8, 0..60u64).prop_map(|(stream, before)| Step::Trim { stream, before }),
        1 => (0..4u32).prop_map(|slot| Step::Clean { slot }),
    ]
}

/// The plainest index: where each live record is.
#[derive(Default)]
struct Plain {
    live: BTreeMap<(u8, u64), (u32, u32)>,
    next: BTreeMap<u8, u64>,
    dead_early: Vec<(u8, u64)>,
    trimmed: BTreeMap<u8, u64>,
    /// Next free offset per slot; cleaned records go to slots from 100 on.
    offsets: BTreeMap<u32, u32>,
    targets: u32,
}

fn apply(index: &mut Index, plain: &mut Plain, step: &Step) {
    match *step {
        Step::Insert {
            stream: number,
            skipped,
            slot,
            bytes,
        } => {
            let sequence = plain.next.entry(number).or_default();
            *sequence += skipped;
            let offset = plain.offsets.entry(slot).or_insert(4096);
            let entry = Entry {
                stream: stream(number),
                sequence: *sequence,
                slot,
                offset: *offset,
                bytes,
            };
            index.insert(&entry);
            let trimmed = plain
                .trimmed
                .get(&number)
                .is_some_and(|before| *sequence < *before);
            if !trimmed && !plain.dead_early.contains(&(number, *sequence)) {
                plain.live.insert((number, *sequence), (slot, bytes));
            }
            *offset += bytes;
            *sequence += 1;
        }
        Step::Release {
            stream: number,
            sequence,
        } => {
            index.release(stream(number), [sequence]);
            plain.live.remove(&(number, sequence));
            if sequence >= plain.next.get(&number).copied().unwrap_or_default() {
                plain.dead_early.push((number, sequence));
            }
        }
        Step::Trim {
            stream: number,
            before,
        } => {
            index.trim(stream(number), before);
            plain
                .live
                .retain(|(stream, sequence), _| *stream != number || *sequence >= before);
            let trimmed = plain.trimmed.entry(number).or_default();
            *trimmed = before.max(*trimmed);
        }
        Step::Clean { slot } => clean(index, plain, slot),
    }
}

/// As the cleaner does it: copies the live records of a slot in order, broken where its runs are broken.
fn clean(index: &mut Index, plain: &mut Plain, source: u32) {
    let target = 100 + plain.targets;
    plain.targets += 1;
    let (mut copies, mut offset, mut former) = (Vec::<(Run, u32)>::new(), 4096, None);
    for ((number, sequence), place) in &mut plain.live {
        if place.0 != source {
            continue;
        }
        let run = index
            .run_in(stream(*number), *sequence, source)
            .expect("a live record is in a run");
        let entry = Entry {
            stream: stream(*number),
            sequence: *sequence,
            slot: target,
            offset,
            bytes: place.1,
        };
        let joins = former.is_some_and(|(stream, last, former_run)| {
            stream == *number && (former_run == run || last + 1 == *sequence)
        });
        if !(joins && copies.last_mut().is_some_and(|(copy, _)| copy.extend(&entry))) {
            copies.push((Run::of(&entry), target));
        }
        former = Some((*number, *sequence, run));
        offset += place.1;
        place.0 = target;
    }
    index.relocate(source, &copies);
    index.forget_slot(source);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn the_index_agrees_with_the_plainest_one(steps in vec(step(), 1..120)) {
        let (mut index, mut plain) = (Index::default(), Plain::default());
        for step in &steps {
            apply(&mut index, &mut plain, step);
            for number in 0..2u8 {
                for sequence in 0..90 {
                    let expected = plain.live.get(&(number, sequence)).map(|place| place.0);
                    let found = match index.find(stream(number), sequence) {
                        Lookup::At(place) => Some(place.slot),
                        Lookup::Dead | Lookup::Later => None,
                        Lookup::Lost => panic!("{sequence} is lost after {step:?}"),
                    };
                    prop_assert_eq!(found, expected, "{} of {} after {:?}", sequence, number, step);
                }
                let live = plain.live.keys().filter(|(stream, _)| *stream == number).count();
                prop_assert_eq!(index.usage(stream(number)).records, live as u64);
            }
        }
        let mut per_slot = BTreeMap::<u32, u64>::new();
        plain.live.values().for_each(|(slot, _)| *per_slot.entry(*slot).or_default() += 1);
        for slot in (0..4).chain(100..100 + plain.targets) {
            prop_assert_eq!(index.liveness(slot).records, per_slot.get(&slot).copied().unwrap_or_default());
        }
    }

    #[test]
    fn runs_that_overlap_are_joined_without_a_gap(
        runs in vec((0..60u64, 1..20u64), 1..12), retained in vec(0..90u64, 0..40),
    ) {
        let mut index = Index::default();
        let mut covered = RoaringTreemap::new();
        for (slot, (first, count)) in runs.iter().enumerate() {
            let last = first + count - 1;
            let run = Run {
                stream: stream(1), first: *first, last, offset: 4096, span: 100,
                records: *count as u32, bytes: 50 * *count as u32,
            };
            index.insert_run(&run, slot as u32);
            covered.insert_range(*first..=last);
        }
        let live: RoaringTreemap = retained.into_iter().filter(|sequence| covered.contains(*sequence)).collect();
        index.retain(stream(1), live.clone());
        for sequence in 0..90 {
            let found = matches!(index.find(stream(1), sequence), Lookup::At(_));
            prop_assert_eq!(found, live.contains(sequence));
        }
        let counted: u64 = (0..runs.len()).map(|slot| index.liveness(slot as u32).records).sum();
        prop_assert_eq!(counted, live.len());
    }
}
