use broker::*;
use model::ByteCount;
use storage::shadow::Survivors;

use super::world::*;

#[tokio::test]
async fn events_go_when_their_retention_is_over_and_the_numbers_go_on() {
    for ground in Ground::each() {
        let world = World::over(ground).await;
        for n in 0..24 {
            world.append(0, &[&n.to_string()]).await;
            world.pass(HOUR).await;
        }
        assert_eq!(world.read(0).await.len(), 23, "the first one is a day old");
        world.pass(HOUR * 11 + HOUR / 2).await;
        let kept = world.read(0).await;
        assert_eq!(kept[0].sequence, 12);
        assert_eq!(world.partition(0).properties().begin_sequence, 12);
        world.pass(DAY).await;
        let expected = PartitionProperties {
            begin_sequence: 24,
            last_sequence: 23,
            last_offset: Some(36),
            last_enqueued: Some(kept[11].enqueued_time),
            is_empty: true,
        };
        assert_eq!(world.partition(0).properties(), expected);
        let world = world.restart().await;
        assert_eq!(world.partition(0).properties(), expected);
        world.forgotten().await;
        assert_eq!(world.append(0, &["x"]).await.first_sequence, 24);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_hub_that_is_too_large_loses_its_oldest_events() {
    let config = HubConfig {
        size: Some(ByteCount::kib(256)),
        ..telemetry()
    };
    let world = World::with(Ground::embedded(ByteCount::mib(16)), config).await;
    let text = "x".repeat(1000);
    for _ in 0..300 {
        world.append(0, &[&text]).await;
    }
    world.append(1, &["small"]).await;
    // Longer than it waits between two looks.
    world.pass(std::time::Duration::from_secs(2)).await;
    let (size, share) = (256 << 10, 64 << 10);
    let kept = world.read(0).await;
    // It was cut down to its share when the hub was found too large, and may have grown since.
    let bytes = kept.len() * text.len();
    assert!(bytes <= size && bytes > share * 3 / 4, "{bytes}");
    assert!(kept[0].sequence > 0);
    assert_eq!(kept.last().map(|event| event.sequence), Some(299));
    assert_eq!(world.read(1).await.len(), 1, "it has a share of its own");
    world.stop().await;
}

#[tokio::test]
async fn a_shorter_retention_holds_for_what_is_there_already() {
    let world = World::new().await;
    world.append(0, &["x"]).await;
    world.pass(HOUR * 2).await;
    assert_eq!(world.read(0).await.len(), 1);
    let shorter = HubConfig {
        retention: HOUR,
        ..telemetry()
    };
    world.configure(vec![shorter]).await;
    world.settle().await;
    assert!(world.read(0).await.is_empty());
}

#[tokio::test]
async fn a_receiver_whose_next_event_went_gets_the_oldest_that_is_left() {
    for ground in Ground::each() {
        let world = World::over(ground).await;
        world.append(0, &["a", "b"]).await;
        let mut receiver = receive(&world.partition(0), StartPosition::Earliest);
        world.pass(HOUR).await;
        world.append(0, &["c"]).await;
        world.pass(DAY - HOUR / 2).await;
        assert_eq!(texts(&receiver.next(10, MUCH).await.unwrap()), ["c"]);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_power_cut_does_not_bring_back_what_was_trimmed_nor_lose_what_was_not() {
    let world = World::over(Ground::embedded(ByteCount::mib(16))).await;
    for n in 0..10 {
        world.append(0, &[&n.to_string()]).await;
        world.pass(HOUR).await;
    }
    world.pass(DAY - HOUR * 5).await;
    // So that the trim is durable.
    world.append(1, &["x"]).await;
    let before = world.read(0).await;
    assert_eq!(before[0].sequence, 6);
    let world = world.power_cut(Survivors::None).await;
    assert_eq!(world.read(0).await, before);
    world.stop().await;
}
