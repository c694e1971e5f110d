//! What every implementation of [`Log`] and [`Table`] promises, as a suite that each of them runs.
//!
//! ```no_run
//! # async fn example() {
//! storage::conformance::all(&mut || {
//!     let store = storage::memory::Store::unbounded();
//!     Box::new(move || {
//!         let (log, table, replay) = store.open();
//!         (log as _, table as _, replay)
//!     })
//! })
//! .await;
//! # }
//! ```

use std::sync::Arc;

use bytes::Bytes;
use model::{ByteCount, SequenceNumber, Timestamp, Uid};
use roaring::RoaringTreemap;

use crate::{
    Class, Commit, Log, Payload, Position, Record, RecordKind, Replay, StreamId, Table, TableError, Version,
    footprint,
};

/// What a store gives when it is opened.
pub type Opened = (Arc<dyn Log>, Arc<dyn Table>, Replay);

/// Opens one store; every further call restarts it with what it kept. The former handles are dropped before.
pub type Store = Box<dyn FnMut() -> Opened>;

/// Runs the whole suite; `new` makes an empty store.
pub async fn all(new: &mut dyn FnMut() -> Store) {
    what_was_appended_is_read_back(new()).await;
    records_are_found_before_they_are_durable(new()).await;
    a_read_gives_the_first_record_and_then_what_fits(new()).await;
    released_and_trimmed_records_are_gone(new()).await;
    a_record_released_before_it_is_durable_stays_dead(new()).await;
    journal_records_are_replayed_but_never_read(new()).await;
    a_restart_shows_everything_in_order(new()).await;
    what_nobody_retains_is_dead(new()).await;
    what_is_retained_is_read_after_a_restart(new()).await;
    positions_go_on_after_a_restart(new()).await;
    usage_follows_what_lives(new()).await;
    a_table_is_replaced_only_by_who_saw_its_last_version(new()).await;
    a_table_survives_a_restart(new()).await;
}

/// A stream for tests.
pub fn stream(number: u128) -> StreamId {
    StreamId(Uid::from_u128(number))
}

fn number(sequence: u64) -> SequenceNumber {
    SequenceNumber::new(sequence)
}

/// A payload that only this record has.
pub fn payload(stream: StreamId, sequence: u64) -> Vec<u8> {
    let length = 20 + (sequence as usize * 37) % 500;
    format!("{stream}/{sequence}/")
        .bytes()
        .cycle()
        .take(length)
        .collect()
}

fn time(sequence: u64) -> Timestamp {
    Timestamp::from_micros(1_000_000 + sequence as i64)
}

/// Appends records of a stream as one group.
///
/// # Panics
/// When the log has no room.
pub fn append(log: &dyn Log, stream: StreamId, kind: RecordKind, sequences: std::ops::Range<u64>) -> Commit {
    let payloads: Vec<_> = sequences
        .clone()
        .map(|sequence| payload(stream, sequence))
        .collect();
    let records: Vec<_> = sequences
        .zip(&payloads)
        .map(|(sequence, payload)| Record {
            stream,
            sequence: number(sequence),
            kind,
            time: time(sequence),
            payload,
        })
        .collect();
    let bytes = payloads.iter().map(|payload| footprint(payload.len())).sum();
    let class = if kind.is_retained() {
        Class::Publish
    } else {
        Class::Settle
    };
    let room = log
        .reserve(class, stream, bytes)
        .expect("the suite needs little room");
    log.append(room, &records)
}

async fn read(log: &dyn Log, stream: StreamId, sequences: impl IntoIterator<Item = u64>) -> Vec<Payload> {
    let sequences = sequences.into_iter().map(number).collect();
    log.read(stream, sequences, ByteCount(u64::MAX))
        .await
        .expect("nothing is damaged")
}

/// What [`read`] gives for a live record.
pub fn kept(stream: StreamId, sequence: u64) -> Payload {
    Some((time(sequence), Bytes::from(payload(stream, sequence))))
}

fn begin(store: &mut Store) -> (Arc<dyn Log>, Arc<dyn Table>) {
    let (log, table, replay) = store();
    replay.finish();
    (log, table)
}

async fn what_was_appended_is_read_back(mut store: Store) {
    let (log, _) = begin(&mut store);
    let (a, b) = (stream(1), stream(2));
    for round in 0..20 {
        append(&*log, a, RecordKind::EVENT, round * 10..round * 10 + 10);
        append(&*log, b, RecordKind::EVENT, round..round + 1)
            .durable()
            .await;
    }
    let found = read(&*log, a, [199, 0, 57, 1_000]).await;
    assert_eq!(
        found,
        [kept(a, 199), kept(a, 0), kept(a, 57), None],
        "in the order that was asked for"
    );
    let all = read(&*log, b, 0..20).await;
    assert!(
        (0..20)
            .zip(all)
            .all(|(sequence, found)| found == kept(b, sequence))
    );
    assert_eq!(
        read(&*log, stream(3), [0]).await,
        [None],
        "a stream that nobody wrote to"
    );
}

async fn records_are_found_before_they_are_durable(mut store: Store) {
    let (log, _) = begin(&mut store);
    let a = stream(1);
    for sequence in 0..200 {
        let commit = append(&*log, a, RecordKind::EVENT, sequence..sequence + 1);
        assert_eq!(read(&*log, a, [sequence]).await, [kept(a, sequence)]);
        if sequence % 50 == 0 {
            commit.durable().await;
        }
    }
}

async fn a_read_gives_the_first_record_and_then_what_fits(mut store: Store) {
    let (log, _) = begin(&mut store);
    let a = stream(1);
    append(&*log, a, RecordKind::EVENT, 0..50).durable().await;
    let lengths: Vec<usize> = (0..50).map(|sequence| payload(a, sequence).len()).collect();
    for count in 0..50 {
        let exactly: usize = lengths[..count].iter().sum();
        for (bytes, expected) in [
            (exactly, count.max(1)),
            (exactly + lengths[count] - 1, count.max(1)),
        ] {
            let wanted = (0..50).map(number).collect();
            let found = log
                .read(a, wanted, ByteCount(bytes as u64))
                .await
                .expect("nothing is damaged");
            let first: Vec<Payload> = (0..expected as u64).map(|sequence| kept(a, sequence)).collect();
            assert_eq!(found, first, "{bytes} bytes");
        }
    }
    let gone = log
        .read(a, vec![number(99), number(0)], ByteCount(0))
        .await
        .expect("nothing is damaged");
    assert_eq!(gone[0], None, "what is not there takes no room");
}

async fn released_and_trimmed_records_are_gone(mut store: Store) {
    let (log, _) = begin(&mut store);
    let a = stream(1);
    append(&*log, a, RecordKind::EVENT, 0..30).durable().await;
    log.release(a, &[number(20), number(3), number(3), number(99)]);
    log.trim_before(a, number(10));
    log.trim_before(a, number(5));
    let live: Vec<u64> = (10..30).filter(|sequence| *sequence != 20).collect();
    for (sequence, found) in (0..30).zip(read(&*log, a, 0..30).await) {
        let expected = if live.contains(&sequence) {
            kept(a, sequence)
        } else {
            None
        };
        assert_eq!(found, expected, "{sequence}");
    }
}

async fn a_record_released_before_it_is_durable_stays_dead(mut store: Store) {
    let (log, _) = begin(&mut store);
    let a = stream(1);
    let mut commits = Vec::new();
    for sequence in 0..100 {
        commits.push(append(&*log, a, RecordKind::EVENT, sequence..sequence + 1));
        if sequence % 2 == 0 {
            log.release(a, &[number(sequence)]);
        }
    }
    for commit in commits {
        commit.durable().await;
    }
    for (sequence, found) in (0..100).zip(read(&*log, a, 0..100).await) {
        assert_eq!(found.is_some(), sequence % 2 == 1, "{sequence}");
    }
}

async fn journal_records_are_replayed_but_never_read(mut store: Store) {
    let (log, _) = begin(&mut store);
    append(&*log, stream(1), RecordKind::JOURNAL, 7..8)
        .durable()
        .await;
    assert_eq!(read(&*log, stream(1), [7]).await, [None]);
    drop(log);
    let (_log, _, mut replay) = store();
    let mut seen = Vec::new();
    replay.records(Position::START, &mut |_, record| {
        seen.push((record.kind, record.sequence.get()))
    });
    assert_eq!(seen, [(RecordKind::JOURNAL, 7)]);
}

async fn a_restart_shows_everything_in_order(mut store: Store) {
    let (log, _) = begin(&mut store);
    let (a, b) = (stream(1), stream(2));
    let mut middle = Position::START;
    for round in 0..10 {
        append(&*log, a, RecordKind::EVENT, round * 2..round * 2 + 2);
        let commit = append(&*log, b, RecordKind::JOURNAL, round..round + 1);
        commit.durable().await;
        if round == 5 {
            middle = log.end();
        }
    }
    log.release(a, &[number(19)]);
    drop(log);
    let (_log, _, mut replay) = store();
    let mut seen = Vec::new();
    replay.records(middle, &mut |position, record| {
        assert_eq!(record.payload, payload(record.stream, record.sequence.get()));
        assert_eq!(record.time, time(record.sequence.get()));
        seen.push((position, record.stream, record.sequence.get()));
    });
    let expected: Vec<_> = (6..10)
        .flat_map(|round| [(a, round * 2), (a, round * 2 + 1), (b, round)])
        .collect();
    let order: Vec<_> = seen
        .iter()
        .map(|(_, stream, sequence)| (*stream, *sequence))
        .collect();
    assert_eq!(order, expected, "released ones included: their owner decides");
    assert_eq!(seen[0].0, middle);
    assert!(
        seen.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "positions grow"
    );
}

async fn what_nobody_retains_is_dead(mut store: Store) {
    let (log, _) = begin(&mut store);
    append(&*log, stream(1), RecordKind::EVENT, 0..5).durable().await;
    append(&*log, stream(2), RecordKind::EVENT, 0..5).durable().await;
    drop(log);
    let (log, _, mut replay) = store();
    replay.retain(stream(1), RoaringTreemap::from_iter([1, 4]));
    replay.finish();
    let found = read(&*log, stream(1), 0..5).await;
    let live: Vec<_> = found.iter().map(Option::is_some).collect();
    assert_eq!(live, [false, true, false, false, true]);
    assert!(read(&*log, stream(2), 0..5).await.iter().all(Option::is_none));
}

async fn what_is_retained_is_read_after_a_restart(mut store: Store) {
    let (log, _) = begin(&mut store);
    let a = stream(1);
    for sequence in 0..40 {
        append(&*log, a, RecordKind::EVENT, sequence..sequence + 1)
            .durable()
            .await;
    }
    drop(log);
    let (log, _, mut replay) = store();
    replay.retain(a, (0..40).collect());
    replay.finish();
    append(&*log, a, RecordKind::EVENT, 40..41).durable().await;
    for (sequence, found) in (0..41).zip(read(&*log, a, 0..41).await) {
        assert_eq!(found, kept(a, sequence));
    }
}

async fn positions_go_on_after_a_restart(mut store: Store) {
    let (log, _) = begin(&mut store);
    let first = append(&*log, stream(1), RecordKind::JOURNAL, 0..3);
    first.durable().await;
    assert_eq!(first.position(), Position::START);
    let end = log.end();
    drop(log);
    let (log, _) = begin(&mut store);
    assert_eq!(log.end(), end);
    assert_eq!(
        append(&*log, stream(1), RecordKind::JOURNAL, 3..4).position(),
        end
    );
}

async fn usage_follows_what_lives(mut store: Store) {
    let (log, _) = begin(&mut store);
    let a = stream(1);
    append(&*log, a, RecordKind::EVENT, 0..10).durable().await;
    let full = log.stream_usage(a);
    assert_eq!(full.records, 10);
    assert!(full.bytes > 0 && log.usage().live.get() >= full.bytes);
    log.release(a, &[number(0), number(1)]);
    assert_eq!(log.stream_usage(a).records, 8);
    log.trim_before(a, number(100));
    assert_eq!(log.stream_usage(a), crate::StreamUsage::default());
    assert_eq!(log.usage().live.get(), 0);
}

async fn a_table_is_replaced_only_by_who_saw_its_last_version(mut store: Store) {
    let (_log, table) = begin(&mut store);
    let set = |expected, value: &'static str| table.compare_and_set("snapshot", expected, Bytes::from(value));
    let first = set(None, "one").await.expect("the key is free");
    let conflict = set(None, "two").await;
    assert_eq!(
        conflict,
        Err(TableError::Conflict {
            expected: None,
            found: Some(first)
        })
    );
    let second = set(Some(first), "two").await.expect("nobody else wrote");
    assert!(second > first);
    assert!(matches!(
        set(Some(first), "three").await,
        Err(TableError::Conflict { .. })
    ));
    let refused = table.compare_and_set("Not/A.Key", None, Bytes::new()).await;
    assert_eq!(refused, Err(TableError::Key(String::from("Not/A.Key"))));
}

async fn a_table_survives_a_restart(mut store: Store) {
    let (log, table) = begin(&mut store);
    let mut version: Option<Version> = None;
    for value in ["a", "b", "c"] {
        version = Some(
            table
                .compare_and_set("k", version, Bytes::from(value))
                .await
                .expect("nobody else writes"),
        );
    }
    table
        .compare_and_set("other", None, Bytes::from("x"))
        .await
        .expect("nobody else writes");
    drop((log, table));
    let (_log, table, _) = store();
    let found: Vec<_> = table
        .snapshot()
        .into_iter()
        .map(|entry| (entry.key, entry.version, entry.value))
        .collect();
    let expected = [
        (String::from("k"), version.expect("it was set"), Bytes::from("c")),
        (String::from("other"), Version(1), Bytes::from("x")),
    ];
    assert_eq!(found, expected);
}
