//! Power cuts while consumers write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use broker::*;
use model::ByteCount;
use parking_lot::Mutex;
use runtime::Clock;
use storage::shadow::Survivors;

use super::positions::*;
use crate::it::eventhubs::world::*;

#[tokio::test]
async fn a_restart_changes_nothing() {
    for gracefully in [true, false] {
        for ground in Ground::each() {
            let mut world = World::over(ground).await;
            let mut given = Given::default();
            for round in 0..4 {
                for n in 0..30 {
                    let name = format!("{}/{round}.{n}", "n".repeat(500));
                    given.note(put(&world, &name, &[("n", &n.to_string())]).await.etag);
                }
                let name = format!("{}/{round}.7", "n".repeat(500));
                let checkpoints = world.broker.checkpoints();
                let delete = checkpoints.delete_blob(&SEND, CONTAINER, &name, &ALWAYS);
                delete.await.unwrap();
                let before = (blobs(&world).await, containers(&world).await);
                assert_eq!(before.0.len(), (round as usize + 1) * 29);
                world = match gracefully {
                    true => world.restart().await,
                    false => world.power_cut(Survivors::Seed(round)).await,
                };
                assert_eq!((blobs(&world).await, containers(&world).await), before);
            }
            world.stop().await;
        }
    }
}

/// What was acknowledged of each blob: its newest number, and all ETags.
#[derive(Clone, Default)]
struct Acknowledged {
    newest: BTreeMap<String, u64>,
    etags: Vec<ETag>,
}

/// Snapshots are taken while others write; whatever a cut catches, nothing acknowledged is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_in_the_middle_of_everything_loses_nothing_that_was_acknowledged() {
    // Time passes by itself here.
    let world = World::unconfigured(Ground::embedded(ByteCount::mib(4)), Clock::system(), telemetry());
    let acknowledged: Arc<Mutex<Acknowledged>> = Arc::default();
    let is_over = Arc::new(AtomicBool::new(false));
    let write = |writer: usize| {
        let checkpoints = world.broker.checkpoints().clone();
        world.spawn(write(checkpoints, writer, acknowledged.clone(), is_over.clone()))
    };
    let writers: Vec<_> = (0..8).map(write).collect();
    for cut in 0..12 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        // In this order: what is acknowledged by now is on the disk.
        let known = acknowledged.lock().clone();
        let ground = world.ground.after_power_cut(Survivors::Seed(cut));
        check(ground, &world, known).await;
    }
    is_over.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expect("nothing is refused for good");
    }
    let count = acknowledged.lock().etags.len();
    assert!(count > 1000, "{count} writes");
    world.stop().await;
}

/// Writes numbers into some blobs, and now and then deletes one that nobody checks.
async fn write(
    checkpoints: Checkpoints,
    writer: usize,
    acknowledged: Arc<Mutex<Acknowledged>>,
    is_over: Arc<AtomicBool>,
) {
    let padding = "x".repeat(300);
    let mut next = 0_u64;
    while !is_over.load(Ordering::SeqCst) {
        let name = format!("{writer}/{}", next % 5);
        let content = content(&[("number", &next.to_string()), ("padding", &padding)]);
        let conditions = Conditions::default();
        match checkpoints
            .put(&SEND, CONTAINER, &name, content, &conditions)
            .await
        {
            Ok(written) => {
                let mut acknowledged = acknowledged.lock();
                acknowledged.newest.insert(name, next);
                acknowledged.etags.push(written.etag);
            }
            // A log that is full is cleaned within seconds.
            Err(CheckpointError::Full { .. } | CheckpointError::Busy { .. }) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error}"),
        }
        next += 1;
    }
}

async fn check(ground: Ground, world: &World, acknowledged: Acknowledged) {
    let found = World::unconfigured(ground, world.clock.clone(), world.config.clone());
    let there: BTreeMap<String, u64> = blobs(&found)
        .await
        .into_iter()
        .map(|blob| {
            let (_, number) = &blob.content.metadata[0];
            (blob.name, number.parse().expect("it is a number"))
        })
        .collect();
    for (name, number) in acknowledged.newest {
        let newest = there.get(&name);
        assert!(
            newest >= Some(&number),
            "{name}: {newest:?}, {number} was acknowledged"
        );
    }
    let mut given = Given::default();
    acknowledged.etags.into_iter().for_each(|etag| given.note(etag));
    for _ in 0..10 {
        match found
            .broker
            .checkpoints()
            .put(&SEND, CONTAINER, "after", Content::default(), &ALWAYS)
            .await
        {
            Ok(written) => given.note(written.etag),
            Err(CheckpointError::Full { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(error) => panic!("{error}"),
        }
    }
    found.stop().await;
}

/// An old log knows nothing of blobs, and has forgotten its beginning.
#[tokio::test]
async fn blobs_begin_in_a_log_that_was_used_for_long() {
    let mut world = World::over(Ground::embedded(ByteCount::mib(4))).await;
    let text = "x".repeat(10_000);
    for n in 0..100 {
        world.append(n % 4, &[&text]).await;
    }
    world = world.power_cut(Survivors::Seed(1)).await;
    put(&world, "a", &[]).await;
    for n in 0..100 {
        world.append(n % 4, &[&text]).await;
    }
    put(&world, "b", &[]).await;
    world = world.power_cut(Survivors::Seed(2)).await;
    let names = |blobs: Vec<Blob>| blobs.into_iter().map(|blob| blob.name).collect::<Vec<_>>();
    assert_eq!(names(blobs(&world).await), ["a", "b"]);
    world.stop().await;
}

#[tokio::test]
async fn a_log_that_is_written_many_times_over_by_consumers_never_fills_up() {
    let mut world = World::over(Ground::embedded(ByteCount::mib(4))).await;
    let text = "x".repeat(7_000);
    for round in 0..3 {
        // Some 9 MiB in a log of 4.
        for n in 0..1300 {
            let name = format!("{}", n % 3);
            let content = content(&[("text", &text)]);
            let checkpoints = world.broker.checkpoints().clone();
            let mut refused = 0;
            loop {
                let put = checkpoints.put(&SEND, CONTAINER, &name, content.clone(), &ALWAYS);
                match put.await {
                    Ok(_) => break,
                    Err(CheckpointError::Full { .. } | CheckpointError::Busy { .. }) if refused < 1000 => {
                        refused += 1;
                        world.clock.advance(Duration::from_millis(10));
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
        world = world.power_cut(Survivors::Seed(round)).await;
        assert_eq!(blobs(&world).await.len(), 3);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_snapshot_that_another_version_wrote_is_refused() {
    use runtime::TaskScope;
    use runtime::metrics::Registry;
    use storage::Table;
    let (log, table, replay) = storage::memory::log();
    let value = bytes::Bytes::from_static(&[9, 0]);
    table.compare_and_set("checkpoints", None, value).await.unwrap();
    let (scope, registry, origin) = (TaskScope::root(), Registry::default(), Origin::default());
    let started = Broker::start(log, table, replay, testkit::clock(), &scope, &registry, origin);
    assert!(matches!(started, Err(StartError::Snapshot(_))));
}
