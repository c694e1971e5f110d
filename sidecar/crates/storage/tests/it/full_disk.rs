//! A disk without room, and one that breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::{ByteCount, SequenceNumber};
use storage::conformance::{append, kept, payload, stream};
use storage::embedded::Options;
use storage::faulty::{Faults, FaultyDisk};
use storage::shadow::ShadowDisk;
use storage::{Class, Full, Log, RecordKind, footprint};

use crate::common::{metric, open, small};

/// Publishes until it is refused; gives back the next number and why.
async fn fill(log: &dyn Log) -> (u64, Full) {
    fill_from(log, 0).await
}

async fn fill_from(log: &dyn Log, first: u64) -> (u64, Full) {
    let mut sequence = first;
    loop {
        let bytes = footprint(payload(stream(1), sequence).len());
        match log.reserve(Class::Publish, stream(1), bytes) {
            Ok(room) => drop(room),
            Err(Full::Backlog) => continue,
            Err(full) => return (sequence, full),
        }
        append(log, stream(1), RecordKind::EVENT, sequence..sequence + 1)
            .durable()
            .await;
        sequence += 1;
    }
}

#[tokio::test]
async fn a_full_log_refuses_publishes_and_still_commits_settlements() {
    let disk = ShadowDisk::default();
    let options = Options {
        stream_quota: Some(ByteCount::gib(1)),
        ..small(10)
    };
    let capacity = options.capacity.get();
    let opened = open(Arc::new(disk.clone()), options);
    opened.replay.finish();
    let log = opened.log;
    let (published, full) = fill(&*log).await;
    assert_eq!(full, Full::Log);
    for settlement in 0..80 {
        append(&*log, stream(2), RecordKind::JOURNAL, settlement..settlement + 1)
            .durable()
            .await;
    }
    assert!(disk.bytes() <= capacity, "{} of {capacity}", disk.bytes());
    assert!(metric(&opened.registry, "weft_storage_refused_total{reason=\"log\"}") > 0.0);
    let found = log
        .read(
            stream(1),
            (0..published).map(SequenceNumber::new).collect(),
            ByteCount(u64::MAX),
        )
        .await
        .unwrap();
    assert!(
        (0..published)
            .zip(found)
            .all(|(sequence, found)| found == kept(stream(1), sequence))
    );

    // Once the owner lets go, and has two snapshots that know it, there is room again.
    log.trim_before(stream(1), SequenceNumber::new(published));
    log.forget_before("owner", log.end());
    log.forget_before("owner", log.end());
    let deadline = Duration::from_secs(10);
    let room = tokio::time::timeout(deadline, async {
        while log.reserve(Class::Publish, stream(1), 100).is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    room.await.expect("released space is won back");
    append(&*log, stream(1), RecordKind::EVENT, published..published + 1)
        .durable()
        .await;
}

#[tokio::test]
async fn a_full_log_that_grows_takes_new_data_at_once_and_stays_within_the_new_size() {
    let disk = ShadowDisk::default();
    let opened = open(Arc::new(disk.clone()), small(10));
    opened.replay.finish();
    let log = opened.log;
    let (published, full) = fill(&*log).await;
    assert_eq!(full, Full::Log);

    let grown = small(20).capacity;
    log.grow(grown);
    log.grow(small(5).capacity);
    assert_eq!(log.usage().capacity, grown, "it does not shrink while it is open");
    let (more, full) = fill_from(&*log, published).await;
    assert_eq!(full, Full::Log);
    assert!(more >= published * 2, "{published} events before, {more} after");
    assert!(disk.bytes() > small(10).capacity.get() && disk.bytes() <= grown.get());
    assert!(metric(&opened.registry, "weft_storage_capacity_bytes") > 0.0);
    let found = log
        .read(
            stream(1),
            (0..more).map(SequenceNumber::new).collect(),
            ByteCount(u64::MAX),
        )
        .await
        .unwrap();
    assert!(
        (0..more)
            .zip(found)
            .all(|(sequence, found)| found == kept(stream(1), sequence))
    );
}

#[tokio::test]
async fn a_device_without_room_is_a_full_log_and_no_failure() {
    let faults = Arc::new(Faults::default());
    faults.room.store(5 * (64 << 10), Ordering::Release);
    let disk = FaultyDisk::new(Arc::new(ShadowDisk::default()), faults);
    let options = Options {
        stream_quota: Some(ByteCount::gib(1)),
        ..small(40)
    };
    let opened = open(Arc::new(disk), options);
    opened.replay.finish();
    // The device's refusal is known once the cleaner has met it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (published, full) = fill(&*opened.log).await;
    assert_eq!(full, Full::Log);
    assert!(published > 50, "{published} fitted");
    for settlement in 0..80 {
        append(
            &*opened.log,
            stream(2),
            RecordKind::JOURNAL,
            settlement..settlement + 1,
        )
        .durable()
        .await;
    }
}

#[tokio::test]
async fn a_stream_that_holds_its_quota_is_refused_and_others_are_not() {
    let options = Options {
        stream_quota: Some(ByteCount::kib(64)),
        ..small(20)
    };
    let opened = open(Arc::new(ShadowDisk::default()), options);
    opened.replay.finish();
    let (published, full) = fill(&*opened.log).await;
    assert_eq!(full, Full::Stream);
    append(&*opened.log, stream(9), RecordKind::EVENT, 0..1)
        .durable()
        .await;
    opened
        .log
        .trim_before(stream(1), SequenceNumber::new(published / 2));
    assert!(opened.log.reserve(Class::Publish, stream(1), 100).is_ok());
}

#[tokio::test]
async fn an_append_that_no_segment_can_hold_is_refused() {
    let opened = open(Arc::new(ShadowDisk::default()), small(10));
    let refused = opened
        .log
        .reserve(Class::Publish, stream(1), 64 << 10)
        .unwrap_err();
    assert!(matches!(refused, Full::Oversize { .. }), "{refused}");
}

#[tokio::test]
async fn a_failed_sync_ends_the_process_and_acknowledges_nothing() {
    let faults = Arc::new(Faults::default());
    let disk = FaultyDisk::new(Arc::new(ShadowDisk::default()), faults.clone());
    let ended = Arc::new(AtomicBool::new(false));
    let hook = ended.clone();
    let on_fatal = Arc::new(move |_: &std::io::Error| hook.store(true, Ordering::Release));
    let opened = open(
        Arc::new(disk),
        Options {
            on_fatal,
            ..small(10)
        },
    );
    opened.replay.finish();
    append(&*opened.log, stream(1), RecordKind::EVENT, 0..1)
        .durable()
        .await;
    faults.syncs.store(0, Ordering::Release);
    let commit = append(&*opened.log, stream(1), RecordKind::EVENT, 1..2);
    let waited = tokio::time::timeout(Duration::from_millis(300), commit.durable()).await;
    assert!(
        waited.is_err() && !commit.is_durable(),
        "nobody is told that it is durable"
    );
    assert!(ended.load(Ordering::Acquire), "the process was told to end");
    let refused = opened.log.reserve(Class::Settle, stream(1), 10).unwrap_err();
    assert_eq!(refused, Full::Closed);
}
