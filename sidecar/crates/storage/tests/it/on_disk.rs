//! The log in a directory of this machine.

use std::path::Path;

use model::{ByteCount, SequenceNumber};
use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};
use storage::conformance::{append, kept, stream};
use storage::embedded::{self, Options};
use storage::{Log, OpenError, Position, RecordKind, Table};

fn options() -> Options {
    Options {
        capacity: ByteCount::mib(8),
        ..Options::default()
    }
}

fn open(directory: &Path) -> Result<embedded::Opened, OpenError> {
    embedded::open(
        directory,
        options(),
        &TaskScope::root(),
        &Clock::system(),
        &Registry::default(),
    )
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_why() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path()).unwrap();
    let refused = open(directory.path()).unwrap_err();
    assert!(
        refused.to_string().contains("in use by another process"),
        "{refused}"
    );
    drop(first);
    open(directory.path()).unwrap();
}

#[tokio::test]
async fn cancelling_the_scope_writes_everything_and_lets_go_of_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let scope = TaskScope::root();
    let opened = embedded::open(
        directory.path(),
        options(),
        &scope,
        &Clock::system(),
        &Registry::default(),
    );
    let (log, table, replay) = opened.unwrap();
    replay.finish();
    let commit = append(&*log, stream(1), RecordKind::EVENT, 0..10);
    assert!(
        scope
            .shutdown(std::time::Duration::from_secs(10))
            .await
            .is_empty()
    );
    assert!(commit.is_durable());
    drop((log, table));
    let (_, _, mut replay) = open(directory.path()).unwrap();
    let mut seen = 0;
    replay.records(Position::START, &mut |_, _| seen += 1);
    assert_eq!(seen, 10);
}

#[tokio::test]
async fn a_capacity_that_is_too_small_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let tiny = Options {
        capacity: ByteCount::kib(100),
        ..Options::default()
    };
    let refused = embedded::open(
        directory.path(),
        tiny,
        &TaskScope::root(),
        &Clock::system(),
        &Registry::default(),
    );
    assert!(matches!(refused.unwrap_err(), OpenError::Capacity { .. }));
}

#[tokio::test]
async fn a_smaller_capacity_than_before_is_reached_by_and_by() {
    let directory = tempfile::tempdir().unwrap();
    let big = Options {
        capacity: ByteCount::mib(32),
        ..Options::default()
    };
    let scope = TaskScope::root();
    let (log, table, replay) = embedded::open(
        directory.path(),
        big,
        &scope,
        &Clock::system(),
        &Registry::default(),
    )
    .unwrap();
    replay.finish();
    append(&*log, stream(1), RecordKind::EVENT, 0..10).durable().await;
    drop((log, table));
    let (log, _, mut replay) = open(directory.path()).unwrap();
    replay.retain(stream(1), (0..10).collect());
    replay.finish();
    for sequence in 10..400 {
        append(&*log, stream(1), RecordKind::EVENT, sequence..sequence + 1)
            .durable()
            .await;
    }
    let found = log
        .read(
            stream(1),
            (0..400).map(SequenceNumber::new).collect(),
            ByteCount(u64::MAX),
        )
        .await
        .unwrap();
    assert!(
        (0..400)
            .zip(found)
            .all(|(sequence, found)| found == kept(stream(1), sequence))
    );
}

/// The log that version 1 of the format left, written by [`renew_the_fixture`].
#[tokio::test]
async fn a_log_of_format_version_1_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1");
    for part in ["log/0", "table/0"] {
        std::fs::create_dir_all(directory.path().join(part)).unwrap();
        for entry in std::fs::read_dir(fixture.join(part)).unwrap() {
            let entry = entry.unwrap();
            let to = directory.path().join(part).join(entry.file_name());
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
    // Segments are stored without the zeros behind their last commit.
    for segment in ["segment-00000000", "segment-00000001"] {
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(directory.path().join("log/0").join(segment));
        file.unwrap().set_len(FIXTURE_SEGMENT).unwrap();
    }
    let (log, table, mut replay) = embedded::open(
        directory.path(),
        fixture_options(),
        &TaskScope::root(),
        &Clock::system(),
        &Registry::default(),
    )
    .unwrap();
    let (mut events, mut journal) = (0, 0);
    replay.records(Position::START, &mut |_, record| match record.kind {
        RecordKind::EVENT => events += 1,
        RecordKind::JOURNAL => journal += 1,
        other => panic!("{other:?}"),
    });
    assert_eq!((events, journal), (FIXTURE_EVENTS, FIXTURE_JOURNAL));
    replay.retain(stream(1), (0..FIXTURE_EVENTS).collect());
    replay.finish();
    let found = log
        .read(
            stream(1),
            (0..FIXTURE_EVENTS).map(SequenceNumber::new).collect(),
            ByteCount(u64::MAX),
        )
        .await
        .unwrap();
    assert!(
        (0..FIXTURE_EVENTS)
            .zip(found)
            .all(|(sequence, found)| found == kept(stream(1), sequence))
    );
    assert_eq!(table.snapshot()[0].value, "the second value");
}

const FIXTURE_SEGMENT: u64 = 20 << 10;
const FIXTURE_EVENTS: u64 = 60;
const FIXTURE_JOURNAL: u64 = 6;

fn fixture_options() -> Options {
    let segment = ByteCount(FIXTURE_SEGMENT);
    Options {
        capacity: ByteCount(segment.get() * 16),
        segment: Some(segment),
        ..Options::default()
    }
}

/// `UPDATE_GOLDEN=1` with a new format version writes a new folder; the folders of older versions stay as they are.
#[tokio::test]
async fn renew_the_fixture() {
    #[expect(clippy::disallowed_methods, reason = "the switch of all golden files")]
    if std::env::var("UPDATE_GOLDEN").is_err() {
        return;
    }
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v1");
    std::fs::create_dir_all(&fixture).unwrap();
    let (log, table, replay) = embedded::open(
        &fixture,
        fixture_options(),
        &TaskScope::root(),
        &Clock::system(),
        &Registry::default(),
    )
    .unwrap();
    replay.finish();
    for round in 0..FIXTURE_JOURNAL {
        append(&*log, stream(1), RecordKind::EVENT, round * 10..round * 10 + 10)
            .durable()
            .await;
        append(&*log, stream(2), RecordKind::JOURNAL, round..round + 1)
            .durable()
            .await;
    }
    let first = table
        .compare_and_set("k", None, "the first value".into())
        .await
        .unwrap();
    table
        .compare_and_set("k", Some(first), "the second value".into())
        .await
        .unwrap();
    drop((log, table));
    std::fs::remove_file(fixture.join("LOCK")).unwrap();
    for entry in std::fs::read_dir(fixture.join("log/0")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if *name > *"segment-00000001.zzz" {
            std::fs::remove_file(&path).unwrap();
        } else if !name.ends_with(".idx") {
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
            std::fs::write(&path, &bytes[..used]).unwrap();
        }
    }
}
