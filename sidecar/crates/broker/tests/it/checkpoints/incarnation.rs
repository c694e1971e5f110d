//! A log that begins on an empty disk after another one was lost.

use std::collections::BTreeMap;
use std::time::Duration;

use auth::Permit;
use broker::*;
use bytes::Bytes;
use model::ByteCount;
use storage::memory::Store;
use storage::shadow::Survivors;

use super::positions::*;
use crate::it::eventhubs::world::*;
use crate::it::fixture::{Fixture, tokens};

const BASE: u64 = 1 << 40;

fn incarnation(incarnation: u64) -> Origin {
    Origin {
        incarnation,
        restored: BTreeMap::new(),
    }
}

/// One of each kind that is empty.
fn grounds() -> [Ground; 2] {
    Ground::each()
}

#[tokio::test]
async fn numbers_begin_above_all_that_were_ever_given() {
    for ground in grounds() {
        let world = World::born(ground, incarnation(3)).await;
        assert_eq!(world.broker.incarnation(), 3);
        // Declared, and nothing else.
        let mut world = world.power_cut(Survivors::None).await;
        let empty = world.partition(2).properties();
        assert_eq!((empty.begin_sequence, empty.is_empty), (3 * BASE, true));
        assert_eq!(empty.last_sequence, 3 * BASE as i64 - 1);
        let first = world.append(2, &["a", "b"]).await;
        assert_eq!((first.first_sequence, first.first_offset), (3 * BASE, 3 * BASE));
        for gracefully in [true, false] {
            let before = world.partition(2).properties();
            world = match gracefully {
                true => world.restart().await,
                false => world.power_cut(Survivors::Seed(1)).await,
            };
            assert_eq!(world.partition(2).properties(), before);
            let next = world.append(2, &["c"]).await.first_sequence;
            assert_eq!(next.cast_signed(), before.last_sequence + 1);
        }
        // Partitions and hubs that come later, too; and those that come back.
        let audit = HubConfig {
            uid: AUDIT,
            name: String::from("audit"),
            partition_count: 1,
            ..telemetry()
        };
        world.configure(vec![audit]).await;
        let partition = world.broker.hub("audit").unwrap().partition(0).unwrap();
        assert_eq!(append(&partition, &["x"]).await.first_sequence, 3 * BASE);
        world.broker.purge(&MANAGE, TELEMETRY).await.unwrap();
        world.configure(vec![telemetry()]).await;
        assert_eq!(world.append(0, &["x"]).await.first_sequence, 3 * BASE + 4);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_consumer_with_a_position_from_before_gets_everything_that_is_there() {
    for ground in grounds() {
        let world = World::born(ground, incarnation(1)).await;
        let old = [
            StartPosition::Sequence {
                sequence: 17,
                inclusive: false,
            },
            StartPosition::Sequence {
                sequence: BASE - 1,
                inclusive: true,
            },
            StartPosition::Offset {
                offset: 0,
                inclusive: true,
            },
            StartPosition::Offset {
                offset: 1_700_000,
                inclusive: false,
            },
        ];
        // Connected before the first event and after it.
        let mut early: Vec<Receiver> = old
            .iter()
            .map(|start| receive(&world.partition(0), *start))
            .collect();
        world.append(0, &["a", "b"]).await;
        for receiver in &mut early {
            assert_eq!(texts(&receiver.next(10, MUCH).await.unwrap()), ["a", "b"]);
        }
        drop(early);
        for start in old {
            assert_eq!(texts(&read_from(&world.partition(0), start).await), ["a", "b"]);
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn lag_is_what_is_there_for_a_position_from_before() {
    let world = World::born(Ground::memory(), incarnation(1)).await;
    put(
        &world,
        "localhost/telemetry/billing/checkpoint/0",
        &[("sequencenumber", "500")],
    )
    .await;
    assert_eq!(world.broker.lags()[0].lag, 0);
    world.append(0, &["a", "b"]).await;
    let lag = world.broker.lags().pop().unwrap();
    assert_eq!((lag.lag, lag.last), (2, BASE as i64 + 1));
    world.stop().await;
}

#[tokio::test]
async fn topics_and_their_lock_tokens_work_above_too() {
    let store = Store::unbounded();
    let fixture = Fixture::born(store, incarnation(8191)).await;
    // Declared, and nothing else.
    let mut fixture = fixture.restart(false).await;
    let permit = Permit::internal();
    fixture.publish(1).await;
    for gracefully in [true, false] {
        fixture.publish(2).await;
        let first = fixture.receive(1).await;
        assert_eq!(first.len(), 1);
        fixture = fixture.restart(gracefully).await;
        let billing = fixture.billing();
        let settled = billing.acknowledge(&permit, tokens(&first)).await.unwrap();
        assert_eq!(settled, [Ok(())]);
    }
    let saved = fixture.broker.saved();
    let key = "stream/00000000-0000-0000-0000-000000000001";
    let expected = format!(r#"{{"name":"orders","next":{}}}"#, 8191 * BASE + (1 << 20));
    assert_eq!(saved[key], expected.as_bytes());
    assert_eq!(fixture.receive(10).await.len(), 1);
    fixture.stop().await;
}

/// A world whose disk was lost, over what was copied of the one before.
async fn after_loss(world: World, ground: Ground) -> World {
    let origin = Origin {
        incarnation: world.broker.incarnation() + 1,
        restored: world.broker.saved(),
    };
    std::mem::forget(world);
    World::born(ground, origin).await
}

#[tokio::test]
async fn checkpoints_are_there_again_and_owners_are_not() {
    for (first, second) in grounds().into_iter().zip(grounds()) {
        let world = World::over(first).await;
        world.append(0, &["event"]).await;
        let name = "localhost/telemetry/$default/checkpoint/0";
        let owner = "localhost/telemetry/$default/ownership/0";
        put(&world, name, &[("sequencenumber", "0"), ("offset", "0")]).await;
        put(&world, owner, &[("ownerid", "pod-7")]).await;
        let empty = world
            .broker
            .checkpoints()
            .create_container(&SEND, "empty")
            .await
            .unwrap();
        let before = blob(&world, name).await.unwrap();
        let world = after_loss(world, second).await;
        assert_eq!(blobs(&world).await, std::slice::from_ref(&before));
        assert_eq!(containers(&world).await[1], empty);
        let newer = put(&world, "another", &[]).await;
        assert!(newer.etag > empty.etag && newer.etag > before.etag);
        // Whatever happens now, the copy is not taken again.
        let deleted = world
            .broker
            .checkpoints()
            .delete_blob(&SEND, CONTAINER, name, &ALWAYS);
        deleted.await.unwrap();
        let mut world = world.power_cut(Survivors::None).await;
        for _ in 0..2 {
            let names: Vec<_> = blobs(&world).await.into_iter().map(|blob| blob.name).collect();
            assert_eq!(names, ["another"]);
            world = world.restart().await;
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_hub_or_a_group_called_ownership_keeps_its_checkpoints() {
    let world = World::over(Ground::memory()).await;
    let checkpoints = [
        "localhost/ownership/$default/checkpoint/0",
        "localhost/telemetry/ownership/checkpoint/0",
    ];
    for name in checkpoints {
        put(&world, name, &[("sequencenumber", "0")]).await;
        put(
            &world,
            &name.replace("checkpoint", "ownership"),
            &[("ownerid", "pod-7")],
        )
        .await;
    }
    let world = after_loss(world, Ground::memory()).await;
    let names: Vec<_> = blobs(&world).await.into_iter().map(|blob| blob.name).collect();
    assert_eq!(names, checkpoints);
    world.stop().await;
}

#[tokio::test]
async fn a_start_that_was_cut_off_takes_the_copy_again() {
    let first = World::new().await;
    put(&first, "a", &[]).await;
    let world = after_loss(first, Ground::embedded(ByteCount::mib(4))).await;
    // Whatever was written of the snapshot.
    for seed in 0..5 {
        let ground = world.ground.after_power_cut(Survivors::Seed(seed));
        let again = World::born(
            ground,
            Origin {
                incarnation: 1,
                restored: world.broker.saved(),
            },
        )
        .await;
        assert_eq!(blobs(&again).await.len(), 1);
        again.stop().await;
    }
    world.stop().await;
}

#[tokio::test]
async fn changes_are_told_when_there_are_some_and_not_at_rest() {
    let world = World::new().await;
    let mut changes = world.broker.changes();
    let told = |changes: &mut tokio::sync::watch::Receiver<u64>| {
        let is_news = changes.has_changed().expect("it runs");
        changes.mark_unchanged();
        is_news
    };
    world.settle().await;
    told(&mut changes);
    world.pass(Duration::from_secs(60)).await;
    assert!(!told(&mut changes));
    put(&world, "a", &[]).await;
    assert!(told(&mut changes));
    world.append(1, &["event"]).await;
    world.settle().await;
    assert!(told(&mut changes));
    world.settle().await;
    assert!(!told(&mut changes));
    world.stop().await;
}

#[tokio::test]
async fn plain_traffic_does_not_change_what_is_copied() {
    let world = World::new().await;
    let key = format!("stream/{TELEMETRY}/1");
    let numbers = |sequence: u64, offset: u64| {
        let value = format!(r#"{{"name":"telemetry","offset":{offset},"sequence":{sequence}}}"#);
        Bytes::from(value)
    };
    assert_eq!(world.broker.saved()[&key], numbers(0, 0));
    world.append(1, &["event"]).await;
    let saved = world.broker.saved();
    assert_eq!(saved[&key], numbers(1 << 20, 1 << 30));
    for _ in 0..10 {
        world.append(1, &["event", "another"]).await;
    }
    assert_eq!(world.broker.saved(), saved);
    // A hub that is only missing keeps its place.
    world.configure(Vec::new()).await;
    assert_eq!(world.broker.saved(), saved);
    world.stop().await;
}

#[tokio::test]
async fn the_next_incarnation_begins_above_what_is_copied() {
    let mut incarnation = 0;
    for expected in [1, 2, 7] {
        let origin = Origin {
            incarnation,
            ..Origin::default()
        };
        let world = World::born(Ground::memory(), origin).await;
        let given = world.append(0, &["event"]).await;
        let mut saved = world.broker.saved();
        // As if more than 4 TiB had gone through another partition.
        if expected == 7 {
            let large = format!(r#"{{"offset":{},"sequence":1}}"#, 6 * BASE + (1 << 30));
            saved.insert(format!("stream/{TELEMETRY}/3"), Bytes::from(large));
        }
        incarnation = least_incarnation(&saved);
        assert_eq!(incarnation, expected);
        assert!(incarnation * BASE > given.first_sequence.max(given.first_offset));
        world.stop().await;
    }
}
