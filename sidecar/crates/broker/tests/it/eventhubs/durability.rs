//! What is seen and done before something is durable, and after.

use std::time::Duration;

use auth::Permit;
use broker::*;
use bytes::Bytes;
use futures_util::FutureExt;
use model::ByteCount;
use storage::shadow::Survivors;

use super::world::*;

async fn world() -> World {
    World::over(Ground::embedded(ByteCount::mib(4))).await
}

fn begin(world: &World, event: impl Into<Bytes>) -> Appended {
    let events = [event.into()];
    world
        .partition(0)
        .append(&Permit::internal(), &events, None)
        .expect("there is room")
}

#[tokio::test]
async fn nobody_sees_an_event_before_it_is_durable() {
    let world = world().await;
    let mut receiver = receive(&world.partition(0), StartPosition::Earliest);
    let before = world.partition(0).properties();
    let held = world.disk().hold();
    let appended = begin(&world, "early");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!appended.is_durable());
    assert!(receiver.next(1, MUCH).now_or_never().is_none());
    assert_eq!(world.partition(0).properties(), before);
    assert!(world.read(0).await.is_empty());
    drop(held);
    appended.durable().await;
    // At once, whether the broker's own task has noticed or not.
    assert_eq!(world.partition(0).properties().last_sequence, 0);
    assert_eq!(texts(&receiver.next(1, MUCH).await.unwrap()), ["early"]);
    world.stop().await;
}

#[tokio::test]
async fn a_duplicate_is_not_acknowledged_before_what_it_repeats_is_durable() {
    let world = world().await;
    let held = world.disk().hold();
    let stamp = Some(ProducerStamp {
        id: 1,
        epoch: 0,
        first_sequence: 0,
    });
    let send = || {
        world
            .partition(0)
            .append(&Permit::internal(), &[Bytes::from_static(b"x")], stamp)
    };
    let (first, again) = (send().unwrap(), send().unwrap());
    assert!(again.is_duplicate && !again.is_durable() && !first.is_durable());
    drop(held);
    again.durable().await;
    assert!(first.is_durable());
    world.stop().await;
}

/// Otherwise it would know events that a power cut took away.
#[tokio::test]
async fn a_snapshot_waits_until_what_it_stands_for_is_durable() {
    let world = world().await;
    let held = world.disk().hold();
    // Enough for a snapshot, which is written while the log is held back.
    for _ in 0..40 {
        begin(&world, vec![b'x'; 10_000]);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let after = world.power_cut(Survivors::None).await;
    drop(held);
    assert!(after.partition(0).properties().is_empty);
    assert_eq!(after.append(0, &["x"]).await.first_sequence, 0);
    assert_eq!(texts(&after.read(0).await), ["x"]);
    after.stop().await;
}

#[tokio::test]
async fn the_log_forgets_trimmed_events_once_that_is_durable_and_not_before() {
    let world = world().await;
    world.append(0, &["old"]).await;
    let live = world.log.usage().live;
    let held = world.disk().hold();
    world.pass(DAY).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(world.partition(0).properties().is_empty);
    assert_eq!(world.log.usage().live, live);
    drop(held);
    world.forgotten().await;
    world.stop().await;
}
