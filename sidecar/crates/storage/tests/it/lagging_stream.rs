//! One slow reader, and everybody else.

use std::sync::Arc;

use model::{ByteCount, SequenceNumber};
use storage::conformance::{append, kept, stream};
use storage::shadow::ShadowDisk;
use storage::{Log, RecordKind};

use crate::common::{metric, open, small};

#[tokio::test]
async fn a_lagging_stream_pins_its_own_bytes_and_nobody_elses() {
    let disk = ShadowDisk::default();
    let options = small(16);
    let capacity = options.capacity.get();
    let opened = open(Arc::new(disk.clone()), options);
    opened.replay.finish();
    let log = opened.log;
    let (lagging, fast) = (stream(1), stream(2));
    let (mut written, mut sequence, mut lag, mut highest) = (0u64, 0u64, 0u64, 0u64);
    while written < 10 * capacity {
        // Panics on a refusal.
        append(&*log, fast, RecordKind::EVENT, sequence..sequence + 20)
            .durable()
            .await;
        log.release(
            fast,
            &(sequence..sequence + 20)
                .map(SequenceNumber::new)
                .collect::<Vec<_>>(),
        );
        written += 20 * 320;
        sequence += 20;
        if sequence.is_multiple_of(200) && lag < 400 {
            append(&*log, lagging, RecordKind::EVENT, lag..lag + 1)
                .durable()
                .await;
            lag += 1;
        }
        if sequence.is_multiple_of(400) {
            log.forget_before("owner", log.end());
        }
        highest = highest.max(disk.bytes());
    }
    assert!(highest <= capacity, "{highest} bytes of {capacity}");
    assert!(metric(&opened.registry, "weft_storage_relocated_records_total") > 0.0);
    assert_eq!(log.stream_usage(lagging).records, lag);
    let found = log
        .read(
            lagging,
            (0..lag).map(SequenceNumber::new).collect(),
            ByteCount(u64::MAX),
        )
        .await
        .unwrap();
    for (sequence, found) in (0..lag).zip(found) {
        assert_eq!(found, kept(lagging, sequence));
    }
    // And after a restart.
    let end = log.end();
    drop((log, opened.table));
    let mut opened = open(Arc::new(disk), small(16));
    let mut relocated_shown = 0;
    opened.replay.records(end, &mut |_, _| relocated_shown += 1);
    assert_eq!(relocated_shown, 0, "copies are not new records");
    opened.replay.retain(lagging, (0..lag).collect());
    opened.replay.finish();
    assert_eq!(opened.log.end(), end);
    let found = opened
        .log
        .read(
            lagging,
            (0..lag).map(SequenceNumber::new).collect(),
            ByteCount(u64::MAX),
        )
        .await
        .unwrap();
    for (sequence, found) in (0..lag).zip(found) {
        assert_eq!(found, kept(lagging, sequence));
    }
    assert_eq!(
        metric(&opened.registry, "weft_storage_damaged_commits_total"),
        0.0
    );
}
