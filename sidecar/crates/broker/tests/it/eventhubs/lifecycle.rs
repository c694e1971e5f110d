use std::time::Duration;

use auth::Permit;
use broker::*;
use bytes::Bytes;

use super::world::*;

#[tokio::test]
async fn partitions_are_added_live_and_never_taken_away() {
    let world = World::new().await;
    world.append(0, &["old"]).await;
    let hub = world.hub();
    let larger = HubConfig {
        partition_count: 6,
        ..telemetry()
    };
    world.configure(vec![larger]).await;
    assert_eq!(hub.partition_count(), 6);
    append(&hub.partition(5).unwrap(), &["new"]).await;
    world.configure(vec![telemetry()]).await;
    assert_eq!(hub.partition_count(), 6);
    let world = world.restart().await;
    assert_eq!(world.hub().partition_count(), 6);
    assert_eq!(texts(&world.read(0).await), ["old"]);
    assert_eq!(texts(&world.read(5).await), ["new"]);
}

#[tokio::test]
async fn a_number_of_partitions_that_cannot_be_is_refused_and_nothing_changes() {
    let world = World::new().await;
    let deletion = DeletionConfig {
        policy: DeletionPolicy::Retain,
        grace: DAY,
    };
    for partition_count in [0, PARTITIONS_MAX + 1] {
        let wrong = HubConfig {
            partition_count,
            ..telemetry()
        };
        let refused = world.broker.configure(Vec::new(), vec![wrong], deletion).await;
        assert!(matches!(refused, Err(Error::Invalid(_))));
        assert_eq!(world.hub().partition_count(), 4);
    }
}

#[tokio::test]
async fn consumer_groups_come_and_go_and_their_receivers_with_them() {
    let world = World::new().await;
    let partition = world.partition(0);
    let hub = world.hub();
    assert!(hub.consumer_group("$default") && hub.consumer_group("BILLING"));
    let mut billing = connect(&partition, "billing", StartPosition::Latest, "", None).unwrap();
    let mut stays = receive(&partition, StartPosition::Latest);
    let renewed = HubConfig {
        consumer_groups: vec![String::from("audit")],
        ..telemetry()
    };
    let (ended, ()) = tokio::join!(billing.next(1, MUCH), world.configure(vec![renewed]));
    assert_eq!(ended, Err(ReceiverError::Gone));
    let refused = connect(&partition, "billing", StartPosition::Latest, "", None).unwrap_err();
    assert_eq!(refused, ReceiveError::ConsumerGroupNotFound);
    connect(&partition, "audit", StartPosition::Latest, "", None).unwrap();
    world.append(0, &["x"]).await;
    assert_eq!(texts(&stays.next(1, MUCH).await.unwrap()), ["x"]);
}

#[tokio::test]
async fn a_hub_that_is_not_declared_any_more_closes_at_once() {
    let world = World::new().await;
    world.append(0, &["x"]).await;
    let partition = world.partition(0);
    let mut receiver = receive(&partition, StartPosition::Latest);
    let (ended, ()) = tokio::join!(receiver.next(1, MUCH), world.configure(Vec::new()));
    assert_eq!(ended, Err(ReceiverError::Gone));
    assert!(world.broker.hub("telemetry").is_none());
    let event = [Bytes::from_static(b"x")];
    let appended = partition.append(&Permit::internal(), &event, None);
    assert_eq!(appended.unwrap_err(), AppendError::Refused(Error::NotFound));
    let connected = connect(&partition, "$Default", StartPosition::Latest, "", None);
    assert_eq!(connected.unwrap_err(), ReceiveError::NotFound);
    let peeked = partition
        .peek(&Permit::internal(), StartPosition::Earliest, 1)
        .await;
    assert_eq!(peeked.unwrap_err(), ReceiveError::NotFound);
    let streams = world.broker.streams().await.unwrap();
    assert_eq!(streams.len(), 1);
    assert_eq!(
        (streams[0].kind, &streams[0].name, streams[0].events),
        (StreamKind::Hub, &String::from("telemetry"), 1)
    );
    let since = testkit::time_zero();
    assert_eq!(streams[0].state, StreamState::Closed { since });
}

#[tokio::test]
async fn a_hub_that_comes_back_within_the_grace_has_its_events() {
    let mut world = World::new().await;
    world.append(0, &["x"]).await;
    let created = world.hub().created_at();
    world.configure(Vec::new()).await;
    world.pass(DAY / 2).await;
    world.configure(vec![telemetry()]).await;
    world = world.restart().await;
    assert_eq!(texts(&world.read(0).await), ["x"]);
    assert_eq!(world.hub().created_at(), created);
    assert_eq!(created, testkit::time_zero());
}

#[tokio::test]
async fn data_goes_when_the_grace_is_over_and_numbers_are_never_given_again() {
    for ground in Ground::each() {
        let mut world = World::over(ground).await;
        world.append(0, &["a", "b"]).await;
        world.append(1, &["c"]).await;
        world.configure(Vec::new()).await;
        world.pass(DAY - Duration::from_secs(1)).await;
        assert_eq!(world.broker.streams().await.unwrap().len(), 1);
        world.pass(Duration::from_secs(1)).await;
        assert!(world.broker.streams().await.unwrap().is_empty());
        // Twice, so that the end is kept by the log and by a snapshot.
        for first_sequence in [2, 3] {
            world = world.restart().await;
            let appended = world.append(1, &["d"]).await;
            assert_eq!(appended.first_sequence, first_sequence);
            assert_eq!(texts(&world.read(1).await), ["d"]);
            assert!(world.read(0).await.is_empty());
            world = world.restart().await;
            assert_eq!(texts(&world.read(1).await), ["d"]);
            world.configure(Vec::new()).await;
            world.pass(DAY).await;
        }
        world.forgotten().await;
        world.stop().await;
    }
}

/// While a declaration is not understood nothing is deleted, and its hub is missing. Only when it is really gone its grace
/// begins.
#[tokio::test]
async fn a_hub_that_was_kept_without_being_declared_gets_its_whole_grace_when_it_leaves() {
    for ground in Ground::each() {
        let world = World::over(ground).await;
        world.append(0, &["x"]).await;
        let mut world = world.restart().await;
        let keep = DeletionConfig {
            policy: DeletionPolicy::Retain,
            grace: DAY,
        };
        let configured = world.broker.configure(Vec::new(), Vec::new(), keep).await;
        configured.expect("it is valid");
        world.pass(3 * DAY).await;
        let hubs = async |world: &World| world.broker.streams().await.expect("it runs").len();
        world.configure(Vec::new()).await;
        world.pass(DAY - HOUR).await;
        assert_eq!(hubs(&world).await, 1);
        // That is remembered.
        let config = std::mem::replace(&mut world.config, telemetry());
        world.config = HubConfig { uid: AUDIT, ..config };
        let world = world.restart().await;
        assert_eq!(hubs(&world).await, 2);
        world.pass(HOUR).await;
        assert_eq!(hubs(&world).await, 1);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_purge_does_not_wait_for_the_grace() {
    let world = World::new().await;
    world.append(0, &["x"]).await;
    let purge = async || world.broker.purge(&Permit::internal(), TELEMETRY).await;
    assert!(matches!(purge().await, Err(Error::Invalid(_))));
    world.configure(Vec::new()).await;
    assert_eq!(purge().await, Ok(()));
    assert_eq!(purge().await, Err(Error::NotFound));
    world.settle().await;
    assert!(world.broker.streams().await.unwrap().is_empty());
    world.forgotten().await;
}

#[tokio::test]
async fn of_two_hubs_with_the_same_name_the_first_is_found() {
    let world = World::new().await;
    let other = HubConfig {
        uid: AUDIT,
        name: String::from("TELEMETRY"),
        ..telemetry()
    };
    world.append(0, &["x"]).await;
    world.configure(vec![telemetry(), other]).await;
    assert_eq!(texts(&world.read(0).await), ["x"]);
    assert_eq!(world.broker.hubs().len(), 1);
    assert_eq!(world.hub().name(), "telemetry");
}
