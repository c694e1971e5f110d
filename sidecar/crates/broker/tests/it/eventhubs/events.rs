use auth::Permit;
use broker::*;
use bytes::Bytes;
use model::ByteCount;
use storage::memory::Store;

use super::world::*;

#[tokio::test]
async fn what_is_read_is_what_was_appended_in_its_order_and_without_a_gap() {
    for ground in Ground::each() {
        let world = World::over(ground).await;
        let first = world.append(1, &["a", "b", ""]).await;
        assert_eq!((first.first_sequence, first.first_offset), (0, 0));
        world.clock.advance(HOUR);
        let second = world.append(1, &["cc"]).await;
        assert_eq!((second.first_sequence, second.first_offset), (3, 3));
        let events = world.read(1).await;
        assert_eq!(texts(&events), ["a", "b", "", "cc"]);
        let numbers: Vec<_> = events
            .iter()
            .map(|event| (event.sequence, event.offset))
            .collect();
        assert_eq!(numbers, [(0, 0), (1, 1), (2, 2), (3, 3)]);
        assert_eq!(events[2].enqueued_time, testkit::time_zero());
        assert_eq!(events[3].enqueued_time, testkit::time_zero() + HOUR);
        assert!(world.read(0).await.is_empty(), "partitions are apart");
        world.stop().await;
    }
}

#[tokio::test]
async fn many_appends_that_nobody_waits_for_keep_their_order() {
    for ground in Ground::each() {
        let world = World::over(ground).await;
        let partition = world.partition(0);
        let events: Vec<Bytes> = (0..3000).map(|n| Bytes::from(format!("event {n}"))).collect();
        let mut last = None;
        for event in &events {
            let appended = partition.append(&Permit::internal(), std::slice::from_ref(event), None);
            last = Some(appended.unwrap());
        }
        last.unwrap().durable().await;
        let read = world.read(0).await;
        assert!(read.iter().map(|received| &received.event).eq(&events));
        world.stop().await;
    }
}

#[tokio::test]
async fn a_partition_says_what_is_in_it() {
    let world = World::new().await;
    let empty = PartitionProperties {
        begin_sequence: 0,
        last_sequence: -1,
        last_offset: None,
        last_enqueued: None,
        is_empty: true,
    };
    assert_eq!(world.partition(0).properties(), empty);
    world.append(0, &["abc", "def"]).await;
    let full = PartitionProperties {
        begin_sequence: 0,
        last_sequence: 1,
        last_offset: Some(3),
        last_enqueued: Some(testkit::time_zero()),
        is_empty: false,
    };
    assert_eq!(world.partition(0).properties(), full);
    assert_eq!(world.partition(1).properties(), empty);
}

#[tokio::test]
async fn no_events_are_accepted_and_change_nothing() {
    let world = World::new().await;
    let appended = world.append(0, &[]).await;
    assert_eq!(appended.first_sequence, 0);
    assert!(world.partition(0).properties().is_empty);
}

#[tokio::test]
async fn a_key_has_one_partition_and_events_without_one_go_round() {
    let world = World::new().await;
    let hub = world.hub();
    assert_eq!(hub.partition_for_key(b"hello").id(), 3);
    assert_eq!(hub.partition_for_key(b"pk1").id(), 1);
    let turns: Vec<u32> = (0..6).map(|_| hub.next_partition().id()).collect();
    assert_eq!(turns, [0, 1, 2, 3, 0, 1]);
    assert!(hub.partition(4).is_none());
}

#[tokio::test]
async fn a_full_log_refuses_events_until_old_ones_go() {
    let store = Store::bounded(ByteCount::kib(64), ByteCount::kib(64));
    let world = World::over(Ground::Memory(store)).await;
    let text = "x".repeat(1000);
    let refused = loop {
        let event = [Bytes::from(text.clone())];
        match world.partition(0).append(&Permit::internal(), &event, None) {
            Ok(appended) => appended.durable().await,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(refused, AppendError::Refused(Error::Full { .. })),
        "{refused:?}"
    );
    world.pass(DAY).await;
    world.append(0, &[&text]).await;
}

#[tokio::test]
async fn a_hub_that_holds_three_quarters_of_the_log_leaves_the_rest_to_others() {
    let store = Store::bounded(ByteCount::kib(64), ByteCount::kib(64));
    let world = World::over(Ground::Memory(store)).await;
    let audit = HubConfig {
        uid: AUDIT,
        name: String::from("audit"),
        ..telemetry()
    };
    world.configure(vec![telemetry(), audit]).await;
    let text = "x".repeat(1000);
    for n in 0..49 {
        world.append(n % 4, &[&text]).await;
    }
    world.settle().await;
    let event = [Bytes::from(text.clone())];
    let refused = world.partition(0).append(&Permit::internal(), &event, None);
    assert!(matches!(refused, Err(AppendError::Refused(Error::Full { .. }))));
    append(
        &world.broker.hub("audit").unwrap().partition(0).unwrap(),
        &[&text],
    )
    .await;
}

#[tokio::test]
async fn what_is_counted_is_shown() {
    let world = World::new().await;
    world.append(2, &["ab", "c"]).await;
    let mut receiver = receive(&world.partition(2), StartPosition::Earliest);
    receiver.next(1, MUCH).await.unwrap();
    let text = world.registry.encode();
    for line in [
        r#"weft_eventhubs_events_in_total{hub="telemetry"} 2"#,
        r#"weft_eventhubs_bytes_in_total{hub="telemetry"} 3"#,
        r#"weft_eventhubs_events_out_total{hub="telemetry"} 1"#,
        r#"weft_eventhubs_bytes_out_total{hub="telemetry"} 2"#,
        r#"weft_eventhubs_events_retained{hub="telemetry"} 2"#,
        r#"weft_eventhubs_receivers{hub="telemetry"} 1"#,
        r#"weft_eventhubs_receiver_lag{hub="telemetry",group="$Default"} 1"#,
    ] {
        assert!(
            text.lines().any(|other| other == line),
            "{line} is not in\n{text}"
        );
    }
}

#[tokio::test]
async fn a_thousand_partitions_are_as_good_as_one() {
    let config = HubConfig {
        partition_count: 1000,
        ..telemetry()
    };
    let ground = Ground::embedded(ByteCount::mib(64));
    let world = World::with(ground, config).await;
    let hub = world.hub();
    let mut appended = Vec::new();
    for n in 0..3000_u32 {
        let event = [Bytes::from(format!("event {n}"))];
        let partition = hub.next_partition();
        appended.push(partition.append(&Permit::internal(), &event, None).unwrap());
    }
    for appended in appended {
        appended.durable().await;
    }
    let world = world.restart().await;
    for id in [0, 1, 499, 999] {
        let expected = [0, 1, 2].map(|round| format!("event {}", round * 1000 + id));
        assert_eq!(texts(&world.read(id).await), expected);
    }
    world.stop().await;
}
