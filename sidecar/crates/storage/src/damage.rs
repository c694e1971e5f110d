//! Bits that flip: every one is noticed, and what it costs stays in its commit.

use std::path::PathBuf;
use std::sync::Arc;

use model::{ByteCount, SequenceNumber};
use roaring::RoaringTreemap;
use runtime::Clock;

use crate::conformance::{append, kept, stream};
use crate::disk::Disk;
use crate::embedded::{self, Options};
use crate::metrics::Metrics;
use crate::segment::{DATA_START, frame};
use crate::shadow::ShadowDisk;
use crate::sync::Durability;
use crate::{Log, Position, RecordKind};

const COMMITS: u64 = 45;
const PER_COMMIT: u64 = 3;

fn options() -> Options {
    let segment = ByteCount(64 << 10);
    Options {
        capacity: ByteCount(segment.get() * 10),
        segment: Some(segment),
        ..Options::default()
    }
}

fn metrics() -> Metrics {
    Metrics::register(&runtime::metrics::Registry::default())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A log of one segment of 64 KiB, and where its commits begin.
fn written() -> (ShadowDisk, PathBuf, Vec<u8>, usize) {
    let disk = ShadowDisk::default();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let opened = embedded::open_unscoped(
        shared,
        options(),
        &Clock::system(),
        &metrics(),
        Durability::default(),
    );
    let (log, _, replay) = opened.unwrap();
    replay.finish();
    block_on(async {
        for commit in 0..COMMITS {
            let from = commit * PER_COMMIT;
            append(&*log, stream(1), RecordKind::EVENT, from..from + PER_COMMIT)
                .durable()
                .await;
        }
    });
    drop(log);
    let path = PathBuf::from("log/0/segment-00000000");
    let bytes = disk.content(&path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert!(used > 40 << 10 && used < 64 << 10, "{used} bytes are in use");
    (disk, path, bytes, used)
}

/// The records that an altered disk still shows, and whether it said that something is wrong.
fn reopened(disk: &ShadowDisk) -> (Vec<u64>, bool) {
    let metrics = metrics();
    let shared: Arc<dyn Disk> = Arc::new(disk.duplicate());
    let opened = embedded::open_unscoped(
        shared,
        options(),
        &Clock::system(),
        &metrics,
        Durability::default(),
    );
    let (log, _, mut replay) = opened.unwrap();
    let mut seen = Vec::new();
    replay.records(Position::START, &mut |_, record| seen.push(record.sequence.get()));
    replay.retain(stream(1), seen.iter().copied().collect::<RoaringTreemap>());
    replay.finish();
    let noticed = metrics.damage.get() + metrics.torn_tails.get() > 0;
    let wanted = seen
        .iter()
        .map(|sequence| SequenceNumber::new(*sequence))
        .collect();
    let found = block_on(log.read(stream(1), wanted, ByteCount(u64::MAX))).unwrap();
    for (sequence, found) in seen.iter().zip(found) {
        assert_eq!(
            found,
            kept(stream(1), *sequence),
            "what is shown is what was written"
        );
    }
    (seen, noticed)
}

/// Every bit of every byte that is in use, through the walk that recovery and replay share.
#[test]
fn every_flipped_bit_is_noticed_and_costs_at_most_its_commit() {
    let (disk, _, bytes, used) = written();
    assert_eq!(reopened(&disk), ((0..COMMITS * PER_COMMIT).collect(), false));
    let halves = [0..used / 2, used / 2..used];
    let workers = halves.map(|places| {
        let mut bytes = bytes.clone();
        let mut harmless_at = move |place| (0..8).filter(|bit| !flip(&mut bytes, place, *bit)).count();
        std::thread::spawn(move || places.map(&mut harmless_at).sum::<usize>())
    });
    let harmless: usize = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    println!(
        "{} flips, {harmless} of them in padding or in one of two copies of a header",
        used * 8
    );
    assert!(harmless < used * 8 / 3);
}

/// Flips one bit, checks what a walk finds, and flips it back. Whether the flip was noticed.
fn flip(bytes: &mut [u8], place: usize, bit: usize) -> bool {
    bytes[place] ^= 1 << bit;
    let header = crate::segment::SegmentHeader::decode(&bytes[..DATA_START]).unwrap();
    let (mut seen, mut latest) = (0, None);
    let walk = crate::catalog::walk(&mut &*bytes, &header, Default::default(), None, &mut |met| {
        let sequence = Some(met.record.header.sequence.get());
        assert!(
            sequence > latest && sequence < Some(COMMITS * PER_COMMIT),
            "a record that was never written"
        );
        (seen, latest) = (seen + 1, sequence);
    });
    let walk = walk.unwrap();
    bytes[place] ^= 1 << bit;
    let noticed = walk.damaged > 0 || walk.tail.torn;
    let missing = COMMITS * PER_COMMIT - seen;
    assert!(
        missing <= PER_COMMIT,
        "flip {place}.{bit} costs {missing} records"
    );
    assert!(noticed || missing == 0, "flip {place}.{bit} is not noticed");
    noticed
}

#[test]
fn a_flipped_bit_is_noticed_by_the_whole_log_too() {
    let (disk, path, bytes, used) = written();
    for place in (DATA_START..used).step_by(397) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x10;
        let padding = bytes[place] == 0;
        disk.set_content(&path, flipped);
        let (seen, noticed) = reopened(&disk);
        let missing = COMMITS * PER_COMMIT - seen.len() as u64;
        assert!(missing <= PER_COMMIT, "{missing} records are missing");
        assert!(noticed || padding, "flip at {place} is not noticed");
    }
}

#[test]
fn a_record_that_rots_while_the_log_is_open_is_an_error_that_names_it() {
    let (disk, path, bytes, _) = written();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let metrics = metrics();
    let opened = embedded::open_unscoped(
        shared,
        options(),
        &Clock::system(),
        &metrics,
        Durability::default(),
    );
    let (log, _, mut replay) = opened.unwrap();
    replay.retain(stream(1), (0..COMMITS * PER_COMMIT).collect());
    replay.finish();
    let mut rotten = bytes;
    let in_payload = DATA_START + frame::commit_bytes(0).min(64) + crate::segment::RECORD_HEADER_BYTES + 3;
    rotten[in_payload] ^= 1;
    disk.set_content(&path, rotten);
    let error = block_on(log.read(stream(1), vec![SequenceNumber::new(0)], ByteCount(u64::MAX))).unwrap_err();
    assert!(error.to_string().contains("record 0"), "{error}");
    assert!(metrics.damage.get() > 0);
    let beside = block_on(log.read(stream(1), vec![SequenceNumber::new(1)], ByteCount(u64::MAX))).unwrap();
    assert_eq!(beside, [kept(stream(1), 1)]);
}

#[test]
fn a_damaged_value_is_replaced_by_the_one_before() {
    use crate::Table;
    let disk = ShadowDisk::default();
    let open = |metrics: &Metrics| {
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        embedded::open_unscoped(
            shared,
            options(),
            &Clock::system(),
            metrics,
            Durability::default(),
        )
        .unwrap()
    };
    let (_, table, _) = open(&metrics());
    let newest = block_on(async {
        let first = table.compare_and_set("k", None, "first".into()).await.unwrap();
        table
            .compare_and_set("k", Some(first), "second".into())
            .await
            .unwrap()
    });
    let path = PathBuf::from(format!("table/0/k.{}", newest.0 % 2));
    let mut bytes = disk.content(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    disk.set_content(&path, bytes);
    let metrics = metrics();
    let (_, table, _) = open(&metrics);
    assert_eq!(table.snapshot()[0].value, "first");
    assert!(metrics.damage.get() > 0);
}
