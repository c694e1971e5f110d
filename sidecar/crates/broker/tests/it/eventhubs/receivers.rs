use std::sync::Arc;
use std::time::Duration;

use broker::*;
use futures_util::FutureExt;
use futures_util::future::join_all;
use model::ByteCount;

use super::world::*;

#[tokio::test]
async fn a_receiver_at_the_tail_gets_each_event_as_soon_as_it_is_durable() {
    for ground in Ground::each() {
        let world = World::over(ground).await;
        world.append(0, &["before"]).await;
        let mut receiver = receive(&world.partition(0), StartPosition::Latest);
        for n in 0..100 {
            let text = format!("event {n}");
            let events = [text.as_str()];
            let (received, _) = tokio::join!(receiver.next(10, MUCH), world.append(0, &events));
            assert_eq!(texts(&received.unwrap()), events);
        }
        assert_eq!(receiver.position(), 101);
        world.stop().await;
    }
}

#[tokio::test]
async fn ten_thousand_receivers_wait_and_each_gets_its_event() {
    let config = HubConfig {
        partition_count: 1000,
        consumer_groups: (0..10).map(|n| format!("group-{n}")).collect(),
        ..telemetry()
    };
    let world = World::with(Ground::memory(), config).await;
    let hub = world.hub();
    let mut receivers = Vec::new();
    for id in 0..1000 {
        let partition = hub.partition(id).unwrap();
        for group in 0..10 {
            let group = format!("group-{group}");
            receivers.push(connect(&partition, &group, StartPosition::Latest, "", None).unwrap());
        }
    }
    let received = join_all(receivers.iter_mut().map(|receiver| receiver.next(10, MUCH)));
    let appended = async {
        for id in 0..1000 {
            append(&hub.partition(id).unwrap(), &["x"]).await;
        }
    };
    let (received, ()) = tokio::join!(received, appended);
    assert!(
        received
            .iter()
            .all(|events| texts(events.as_ref().unwrap()) == ["x"])
    );
}

#[tokio::test]
async fn what_one_call_returns_is_bounded_in_events_and_in_bytes() {
    for ground in Ground::each() {
        let world = World::over(ground).await;
        world.append(0, &["1234", "5678", "90"]).await;
        world.append(0, &["a", &"b".repeat(100), "c"]).await;
        let mut receiver = receive(&world.partition(0), StartPosition::Earliest);
        let mut next = 0;
        while next < 6 {
            let events = receiver.next(2, ByteCount(9)).await.unwrap();
            assert_eq!(events[0].sequence, next);
            next += events.len() as u64;
            let bytes: usize = events.iter().map(|received| received.event.len()).sum();
            assert!(events.len() == 1 || events.len() == 2 && bytes <= 9, "{bytes}");
        }
        assert_eq!(next, 6);
        world.stop().await;
    }
}

#[tokio::test]
async fn a_receiver_that_gave_up_waiting_has_lost_nothing() {
    let world = World::over(Ground::embedded(ByteCount::mib(16))).await;
    let mut receiver = receive(&world.partition(0), StartPosition::Earliest);
    for n in 0..20 {
        let text = format!("event {n}");
        let events = [text.as_str()];
        let appended = world.append(0, &events);
        let waiting = tokio::time::timeout(Duration::from_micros(50), receiver.next(1, MUCH));
        let (_, received) = tokio::join!(appended, waiting);
        let received = match received {
            Ok(received) => received,
            Err(_) => receiver.next(1, MUCH).await,
        };
        assert_eq!(texts(&received.unwrap()), events);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_higher_epoch_ends_the_receiver_that_waits() {
    let world = World::new().await;
    let partition = world.partition(0);
    let first = connect(&partition, "billing", StartPosition::Latest, "first", Some(0));
    let mut first = first.unwrap();
    let stealing = async {
        tokio::task::yield_now().await;
        connect(&partition, "Billing", StartPosition::Latest, "second", Some(0)).unwrap()
    };
    let (ended, second) = tokio::join!(first.next(10, MUCH), stealing);
    assert_eq!(
        ended,
        Err(ReceiverError::Stolen {
            new_receiver: Some(String::from("second")),
            new_epoch: 0,
            receiver: Some(String::from("first")),
            epoch: Some(0),
        })
    );
    // The place of the first is not the second's.
    drop(first);
    let refused = connect(&partition, "billing", StartPosition::Latest, "", None).unwrap_err();
    assert_eq!(
        refused,
        ReceiveError::EpochRequired {
            receiver: Some(String::from("second")),
            epoch: 0
        }
    );
    drop(second);
    connect(&partition, "billing", StartPosition::Latest, "", None).expect("the place is free");
}

#[tokio::test]
async fn five_receivers_without_an_epoch_see_every_event_each() {
    let world = World::new().await;
    let partition = world.partition(0);
    let mut receivers: Vec<Receiver> = (0..RECEIVERS_MAX)
        .map(|_| receive(&partition, StartPosition::Latest))
        .collect();
    let refused = connect(&partition, "$default", StartPosition::Latest, "", None).unwrap_err();
    assert_eq!(
        refused,
        ReceiveError::TooManyReceivers {
            receivers: vec![None; RECEIVERS_MAX]
        }
    );
    world.append(0, &["x"]).await;
    for receiver in &mut receivers {
        assert_eq!(texts(&receiver.next(10, MUCH).await.unwrap()), ["x"]);
    }
    receivers.pop();
    receive(&partition, StartPosition::Latest);
}

#[tokio::test]
async fn a_receiver_far_behind_reads_the_log_and_then_follows() {
    let world = World::over(Ground::embedded(ByteCount::mib(64))).await;
    let text = "x".repeat(1000);
    let batch = vec![text.as_str(); 100];
    for _ in 0..100 {
        world.append(0, &batch).await;
    }
    let mut receiver = receive(&world.partition(0), StartPosition::Earliest);
    let mut next = 0;
    while next < 10_000 {
        let events = receiver.next(300, MUCH).await.unwrap();
        assert_eq!(events[0].sequence, next);
        next += events.len() as u64;
        if next > 9_900 {
            continue;
        }
        assert!(events.len() >= 100, "it reads much at once");
    }
    let (received, _) = tokio::join!(receiver.next(300, MUCH), world.append(0, &["last"]));
    assert_eq!(texts(&received.unwrap()), ["last"]);
    world.stop().await;
}

#[tokio::test]
async fn a_broker_that_stops_ends_its_receivers() {
    let world = World::new().await;
    let mut receiver = receive(&world.partition(0), StartPosition::Latest);
    assert!(receiver.next(1, MUCH).now_or_never().is_none());
    let (ended, ()) = tokio::join!(receiver.next(1, MUCH), world.stop());
    assert_eq!(ended, Err(ReceiverError::Closed));
    let refused = connect(&world.partition(0), "$Default", StartPosition::Latest, "", None);
    assert_eq!(refused.unwrap_err(), ReceiveError::Closed);
    let event = [bytes::Bytes::from_static(b"x")];
    let appended = world.partition(0).append(&auth::Permit::internal(), &event, None);
    assert_eq!(appended.unwrap_err(), AppendError::Refused(Error::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receivers_in_other_threads_miss_nothing() {
    let world = Arc::new(World::over(Ground::embedded(ByteCount::mib(64))).await);
    let mut readers = Vec::new();
    for _ in 0..4 {
        let mut receiver = receive(&world.partition(0), StartPosition::Earliest);
        let reading = async move {
            let mut next = 0;
            while next < 2000 {
                for received in receiver.next(64, MUCH).await.unwrap() {
                    assert_eq!(received.sequence, next);
                    next += 1;
                }
            }
        };
        readers.push(world.spawn(reading));
    }
    for n in 0..2000 {
        let text = format!("event {n}");
        if n % 10 == 0 {
            world.append(0, &[&text]).await;
        } else {
            let event = [bytes::Bytes::from(text)];
            world
                .partition(0)
                .append(&auth::Permit::internal(), &event, None)
                .unwrap();
        }
    }
    for reader in readers {
        reader.await.unwrap();
    }
    world.stop().await;
}
