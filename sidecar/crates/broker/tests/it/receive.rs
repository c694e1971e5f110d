use std::time::Duration;

use auth::Permit;
use broker::*;
use futures_util::FutureExt;

use super::fixture::*;

#[tokio::test]
async fn a_long_poll_ends_with_the_first_event() {
    let fixture = Fixture::new().await;
    let billing = fixture.billing();
    let permit = Permit::internal();
    let waiting = billing.receive(&permit, 10, MINUTE);
    let publish = async {
        fixture.log_settled().await;
        fixture.publish(1).await;
    };
    let (received, ()) = futures_util::future::join(waiting, publish).await;
    assert_eq!(received.unwrap().len(), 1);
}

#[tokio::test]
async fn a_long_poll_without_an_event_ends_after_its_time() {
    let clock_moves = Duration::from_secs(10);
    let fixture = Fixture::new().await;
    let billing = fixture.billing();
    let permit = Permit::internal();
    let waiting = billing.receive(&permit, 10, clock_moves);
    let pass_time = async {
        fixture.log_settled().await;
        fixture.clock.advance(clock_moves);
        fixture.log_settled().await;
    };
    let (received, ()) = futures_util::future::join(waiting, pass_time).await;
    assert!(received.unwrap().is_empty());
}

#[tokio::test]
async fn a_receiver_that_is_dropped_while_it_waits_takes_nothing() {
    let fixture = Fixture::new().await;
    let billing = fixture.billing();
    for _ in 0..10 {
        let permit = Permit::internal();
        let mut waiting = Box::pin(billing.receive(&permit, 10, MINUTE));
        assert!(waiting.as_mut().now_or_never().is_none());
        fixture.log_settled().await;
    }
    fixture.publish(1).await;
    let received = fixture.receive(10).await;
    assert_eq!((received.len(), received[0].delivery_count), (1, 1));
}

#[tokio::test]
async fn a_receiver_that_is_dropped_with_its_events_on_the_way_loses_none() {
    let fixture = Fixture::new().await;
    for id in 0..20 {
        fixture.publish(id).await;
    }
    let billing = fixture.billing();
    for _ in 0..10 {
        let permit = Permit::internal();
        let mut receiving = Box::pin(billing.receive(&permit, 7, MINUTE));
        // The request is on its way, the owner answers it, and nobody looks at the answer.
        assert!(receiving.as_mut().now_or_never().is_none());
        fixture.broker.streams().await.unwrap();
        drop(receiving);
    }
    let received = fixture.receive(100).await;
    assert_eq!(received.len(), 20);
    assert!(
        received.iter().all(|delivery| delivery.delivery_count == 1),
        "nobody had them before"
    );
}

#[tokio::test]
async fn competing_receivers_share_the_events() {
    let fixture = Fixture::new().await;
    let permit = Permit::internal();
    let billing = fixture.billing();
    let receivers = (0..10).map(|_| billing.receive(&permit, 10, MINUTE));
    let publish = async {
        fixture.log_settled().await;
        for id in 0..10 {
            fixture.publish(id).await;
        }
    };
    let (received, ()) = futures_util::future::join(futures_util::future::join_all(receivers), publish).await;
    let mut events: Vec<_> = received
        .into_iter()
        .flat_map(|each| each.unwrap())
        .map(|delivery| delivery.event)
        .collect();
    assert_eq!(events.len(), 10);
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len(), 10);
}

#[tokio::test]
async fn results_come_in_the_order_of_the_tokens() {
    let fixture = Fixture::new().await;
    fixture.publish(1).await;
    fixture.publish(2).await;
    let received = fixture.receive(2).await;
    let good = |nth: usize| Ok(received[nth].lock_token);
    let given = vec![good(1), Err(Undecodable), good(0), good(1)];
    let settled = fixture
        .billing()
        .acknowledge(&Permit::internal(), given)
        .await
        .unwrap();
    assert_eq!(
        settled,
        [
            Ok(()),
            Err(SettleError::BadToken),
            Ok(()),
            Err(SettleError::LockLost)
        ]
    );
}

#[tokio::test]
async fn a_lock_runs_out_by_itself() {
    let fixture = Fixture::new().await;
    fixture.publish(1).await;
    let first = fixture.receive(1).await;
    fixture.clock.advance(MINUTE);
    let second = fixture.receive(1).await;
    assert_eq!(second[0].delivery_count, 2);
    let settled = fixture
        .billing()
        .acknowledge(&Permit::internal(), tokens(&first))
        .await
        .unwrap();
    assert_eq!(settled, [Err(SettleError::LockLost)]);
    let renewed = fixture
        .billing()
        .renew_lock(&Permit::internal(), tokens(&second))
        .await
        .unwrap();
    assert_eq!(renewed, [Ok(())]);
    let released = fixture
        .billing()
        .release(&Permit::internal(), tokens(&second), Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(released, [Ok(())]);
    assert_eq!(fixture.receive(1).await[0].delivery_count, 3);
}

#[tokio::test]
async fn a_receive_is_bounded_in_bytes_and_leaves_the_rest_as_it_was() {
    let fixture = Fixture::new().await;
    let half = usize::try_from(RECEIVE_BYTES_MAX.get()).unwrap() / 2;
    let all = [1, 2, 3, 4, 5].map(|id| long(id, half - 1000));
    for event in &all {
        fixture.publish_event(event).await;
    }
    let first = fixture.receive(100).await;
    let second = fixture.receive(100).await;
    let third = fixture.receive(100).await;
    for (received, expected) in [(&first, &all[..2]), (&second, &all[2..4]), (&third, &all[4..])] {
        let expected: Vec<&[u8]> = expected.iter().map(|event| &event.json()[..]).collect();
        // Nobody wants to read megabytes of difference.
        assert!(events(received) == expected, "{} events", received.len());
    }
    let delivered = first.iter().chain(&second).chain(&third);
    assert!(
        delivered
            .map(|delivery| delivery.delivery_count)
            .all(|count| count == 1),
        "what did not fit was not delivered"
    );
    let settled = fixture
        .billing()
        .acknowledge(&Permit::internal(), tokens(&second))
        .await
        .unwrap();
    assert_eq!(settled, [Ok(()), Ok(())]);
}

#[tokio::test]
async fn an_event_longer_than_a_receive_may_be_is_received_alone() {
    let fixture = Fixture::new().await;
    let longer = usize::try_from(RECEIVE_BYTES_MAX.get()).unwrap() + 1;
    for id in 1..=2 {
        fixture.publish_event(&long(id, longer)).await;
    }
    for id in 1..=2 {
        let received = fixture.receive(100).await;
        assert!(
            events(&received) == [&long(id, longer).json()[..]],
            "{} events",
            received.len()
        );
    }
}

#[tokio::test]
async fn what_does_not_fit_for_one_receiver_goes_to_the_one_who_waits() {
    let fixture = Fixture::new().await;
    let longer = usize::try_from(RECEIVE_BYTES_MAX.get()).unwrap() / 3 * 2;
    for id in 1..=2 {
        fixture.publish_event(&long(id, longer)).await;
    }
    let (permit, billing) = (Permit::internal(), fixture.billing());
    let both = futures_util::future::join(
        billing.receive(&permit, 10, MINUTE),
        billing.receive(&permit, 10, MINUTE),
    );
    let (first, second) = both.await;
    assert_eq!([first.unwrap().len(), second.unwrap().len()], [1, 1]);
}
