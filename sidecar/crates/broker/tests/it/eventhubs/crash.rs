use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use auth::Permit;
use broker::*;
use bytes::Bytes;
use model::ByteCount;
use runtime::Clock;
use storage::shadow::Survivors;

use super::world::*;

#[tokio::test]
async fn a_restart_changes_nothing_that_was_acknowledged() {
    for gracefully in [true, false] {
        for ground in Ground::each() {
            let mut world = World::over(ground).await;
            let mut expected = Vec::new();
            for round in 0..4 {
                for n in 0..20 {
                    let text = format!("{round}.{n}");
                    world.append(2, &[&text, ""]).await;
                    expected.extend([text, String::new()]);
                }
                let properties = world.partition(2).properties();
                world = match gracefully {
                    true => world.restart().await,
                    false => world.power_cut(Survivors::Seed(round)).await,
                };
                assert_eq!(world.partition(2).properties(), properties);
                let events = world.read(2).await;
                assert_eq!(texts(&events), expected);
                let numbers = events.iter().map(|event| event.sequence);
                assert!(numbers.eq(0..expected.len() as u64));
            }
            world.stop().await;
        }
    }
}

#[tokio::test]
async fn a_snapshot_that_another_version_wrote_is_refused() {
    use runtime::TaskScope;
    use runtime::metrics::Registry;
    use storage::Table;
    let (log, table, replay) = storage::memory::log();
    let value = Bytes::from_static(&[9, 0]);
    table.compare_and_set("hubs", None, value).await.unwrap();
    let scope = TaskScope::root();
    let started = Broker::start(
        log,
        table,
        replay,
        testkit::clock(),
        &scope,
        &Registry::default(),
        Origin::default(),
    );
    assert!(matches!(started, Err(StartError::Snapshot(_))));
}

/// Nobody uses a topic, and yet the log must not keep what only the topics' old snapshot would need.
#[tokio::test]
async fn a_log_that_is_written_many_times_over_never_fills_up() {
    let config = HubConfig {
        size: Some(ByteCount::mib(1)),
        ..telemetry()
    };
    let mut world = World::with(Ground::embedded(ByteCount::mib(8)), config).await;
    let text = "x".repeat(10_000);
    for round in 0..3_u64 {
        for n in 0..800 {
            append_patiently(&world.partition(n % 4), text.clone().into())
                .await
                .durable()
                .await;
            if n % 20 == 0 {
                world.pass(Duration::from_secs(1)).await;
            }
        }
        world = world.power_cut(Survivors::Seed(round)).await;
        let last = world.partition(0).properties().last_sequence;
        assert_eq!(last, (round as i64 + 1) * 200 - 1);
    }
    world.stop().await;
}

/// Snapshots are taken while others append; whatever a cut catches, nothing acknowledged is lost and nothing comes twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_in_the_middle_of_everything_loses_nothing_that_was_acknowledged() {
    let config = HubConfig {
        size: Some(ByteCount::mib(1)),
        ..telemetry()
    };
    // Time passes by itself here.
    let world = World::unconfigured(Ground::embedded(ByteCount::mib(4)), Clock::system(), config);
    world.configure(vec![world.config.clone()]).await;
    let acknowledged: Arc<[AtomicI64; 4]> = Arc::new([const { AtomicI64::new(-1) }; 4]);
    let is_over = Arc::new(AtomicBool::new(false));
    let write = |partition| {
        let writing = write(world.partition(partition), acknowledged.clone(), is_over.clone());
        world.spawn(writing)
    };
    let writers: Vec<_> = (0..4).map(write).collect();
    for cut in 0..12 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        // In this order: what is acknowledged by now is on the disk.
        let acknowledged =
            [0, 1, 2, 3].map(|partition: usize| acknowledged[partition].load(Ordering::SeqCst));
        let ground = world.ground.after_power_cut(Survivors::Seed(cut));
        check(ground, &world, acknowledged).await;
    }
    is_over.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expect("nothing is refused for good");
    }
    let least = acknowledged.iter().map(|last| last.load(Ordering::SeqCst)).min();
    assert!(least > Some(100), "{least:?}: something was written");
    world.stop().await;
}

/// Appends events that begin with their number.
async fn write(partition: Partition, acknowledged: Arc<[AtomicI64; 4]>, is_over: Arc<AtomicBool>) {
    let mut next = 0_u64;
    while !is_over.load(Ordering::SeqCst) {
        let mut event = next.to_be_bytes().to_vec();
        event.resize(500, 0);
        let appended = append_patiently(&partition, event.into()).await;
        assert_eq!(appended.first_sequence, next);
        if next.is_multiple_of(50) {
            appended.durable().await;
            acknowledged[partition.id() as usize].store(next as i64, Ordering::SeqCst);
        }
        next += 1;
    }
}

/// A log that is full is cleaned within seconds.
async fn append_patiently(partition: &Partition, event: Bytes) -> Appended {
    let events = [event];
    for _ in 0..1000 {
        match partition.append(&Permit::internal(), &events, None) {
            Ok(appended) => return appended,
            Err(AppendError::Refused(Error::Full { .. } | Error::Busy { .. })) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the log is full and stays it");
}

async fn check(ground: Ground, world: &World, acknowledged: [i64; 4]) {
    let found = World::unconfigured(ground, world.clock.clone(), world.config.clone());
    found.configure(vec![found.config.clone()]).await;
    for (partition, last) in (0..4).zip(acknowledged) {
        let after = Bytes::from_static(b"after");
        let appended = append_patiently(&found.partition(partition), after).await;
        appended.durable().await;
        // Otherwise events that are too many might go while they are read.
        found.settle().await;
        let properties = found.partition(partition).properties();
        assert!(
            properties.last_sequence > last,
            "{properties:?}, {last} was acknowledged"
        );
        let events = found.read(partition).await;
        let numbers: Vec<u64> = events.iter().map(|event| event.sequence).collect();
        let all = properties.begin_sequence..=properties.last_sequence.unsigned_abs();
        assert!(numbers.iter().copied().eq(all), "{properties:?}, {numbers:?}");
        let (_, written) = events.split_last().expect("one was appended just now");
        for event in written {
            assert_eq!(event.event[..8], event.sequence.to_be_bytes());
        }
    }
    found.stop().await;
}
