use std::time::Duration;

use auth::Permit;
use broker::*;
use futures_util::FutureExt;
use model::ByteCount;

use super::world::*;

fn follow(partition: &Partition, start: StartPosition) -> Result<Follower, ReceiveError> {
    partition.follow(&Permit::internal(), start)
}

#[tokio::test]
async fn a_follower_sees_each_event_as_soon_as_it_is_durable() {
    for ground in Ground::each() {
        let world = World::over(ground).await;
        world.append(2, &["before"]).await;
        let mut newest = follow(&world.partition(2), StartPosition::Latest).unwrap();
        let mut oldest = follow(&world.partition(2), StartPosition::Earliest).unwrap();
        assert_eq!(newest.partition(), 2);
        assert_eq!(texts(&oldest.next(10, MUCH).await.unwrap()), ["before"]);
        for n in 0..100 {
            let text = format!("event {n}");
            let events = [text.as_str()];
            let appended = world.append(2, &events);
            let (newest, oldest, _) = tokio::join!(newest.next(10, MUCH), oldest.next(10, MUCH), appended);
            assert_eq!(texts(&newest.unwrap()), events);
            assert_eq!(texts(&oldest.unwrap()), events);
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_follower_is_bounded_as_a_receiver_is() {
    let world = World::new().await;
    world.append(0, &["1234", "5678", "90"]).await;
    let mut follower = follow(&world.partition(0), StartPosition::Earliest).unwrap();
    assert_eq!(texts(&follower.next(2, ByteCount(5)).await.unwrap()), ["1234"]);
    assert_eq!(texts(&follower.next(1, MUCH).await.unwrap()), ["5678"]);
    assert_eq!(texts(&follower.next(9, MUCH).await.unwrap()), ["90"]);
    assert_eq!(follower.next(9, MUCH).now_or_never(), None);
}

#[tokio::test]
async fn a_follower_takes_no_place_and_ends_nobody_s() {
    let world = World::new().await;
    let partition = world.partition(0);
    let mut alone = connect(&partition, "$Default", StartPosition::Latest, "alone", Some(7)).unwrap();
    let mut followers: Vec<Follower> = (0..2 * RECEIVERS_MAX)
        .map(|_| follow(&partition, StartPosition::Latest).expect("there is no limit"))
        .collect();
    world.append(0, &["x"]).await;
    assert_eq!(texts(&alone.next(10, MUCH).await.unwrap()), ["x"]);
    for follower in &mut followers {
        assert_eq!(texts(&follower.next(10, MUCH).await.unwrap()), ["x"]);
    }
    let group = &world.hub().consumer_groups()[0];
    assert_eq!((&*group.name, group.receivers()), ("$Default", 1));
}

#[tokio::test]
async fn a_follower_ends_with_its_hub_and_with_the_broker() {
    let world = World::new().await;
    let partition = world.partition(0);
    let mut follower = follow(&partition, StartPosition::Latest).unwrap();
    let (ended, ()) = tokio::join!(follower.next(10, MUCH), world.configure(Vec::new()));
    assert_eq!(ended, Err(ReceiverError::Gone));
    assert_eq!(
        follow(&partition, StartPosition::Latest).unwrap_err(),
        ReceiveError::NotFound
    );
    world.configure(vec![telemetry()]).await;
    let (ended, ()) = tokio::join!(follower.next(10, MUCH), world.stop());
    assert_eq!(ended, Err(ReceiverError::Closed));
    assert_eq!(
        follow(&partition, StartPosition::Latest).unwrap_err(),
        ReceiveError::Closed
    );
}

#[tokio::test]
async fn a_follower_that_gave_up_waiting_has_lost_nothing() {
    let world = World::over(Ground::embedded(ByteCount::mib(16))).await;
    let mut follower = follow(&world.partition(0), StartPosition::Earliest).unwrap();
    for n in 0..20 {
        let text = format!("event {n}");
        let events = [text.as_str()];
        let waiting = tokio::time::timeout(Duration::from_micros(50), follower.next(1, MUCH));
        let (_, followed) = tokio::join!(world.append(0, &events), waiting);
        let followed = match followed {
            Ok(followed) => followed,
            Err(_) => follower.next(1, MUCH).await,
        };
        assert_eq!(texts(&followed.unwrap()), events);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_position_that_no_event_has_had_is_refused() {
    let world = World::new().await;
    world.append(0, &["x"]).await;
    let beyond = StartPosition::Sequence {
        sequence: 2,
        inclusive: true,
    };
    assert_eq!(
        follow(&world.partition(0), beyond).unwrap_err(),
        ReceiveError::SequenceBeyondEnd { sequence: 2, last: 0 }
    );
}

#[tokio::test]
async fn consumer_groups_tell_who_reads_what_and_how_far_behind_they_are() {
    let world = World::new().await;
    for partition in [1, 3] {
        world.append(partition, &["a", "b", "c"]).await;
    }
    let mut ahead = receive(&world.partition(3), StartPosition::Earliest);
    let behind = receive(&world.partition(3), StartPosition::Earliest);
    let billing = connect(&world.partition(1), "billing", StartPosition::Latest, "", None).unwrap();
    ahead.next(2, MUCH).await.unwrap();
    let groups = world.hub().consumer_groups();
    let names: Vec<&str> = groups.iter().map(|group| &*group.name).collect();
    assert_eq!(names, ["$Default", "billing"]);
    let third = Reading {
        partition: 3,
        receivers: 2,
        lag: 1,
    };
    assert_eq!(groups[0].readings, [third]);
    assert_eq!((groups[1].receivers(), groups[1].lag()), (1, 0));
    drop((ahead, behind, billing));
    let groups = world.hub().consumer_groups();
    assert!(groups.iter().all(|group| group.readings.is_empty()) && groups.len() == 2);
}
