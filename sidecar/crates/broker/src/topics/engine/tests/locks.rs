//! Locks, redelivery, lifetimes.

use std::time::Duration;

use super::harness::*;
use crate::SettleError;
use crate::topics::effects::Delivered;
use crate::topics::engine::Settlement::*;

const NOW: Duration = Duration::ZERO;

#[test]
fn an_event_lives_for_its_time_to_live_at_least_and_a_second_longer_at_most() {
    let millis = Duration::from_millis;
    let mut queue = Harness::orders(|billing| billing.time_to_live = Some(MINUTE));
    queue.advance(millis(100));
    for _ in 0..4 {
        queue.publish("a");
        queue.advance(millis(250));
    }
    // The last one came 750 ms after the first one; 250 ms have passed since.
    queue.advance(MINUTE - millis(251));
    assert_eq!(queue.engine.stream(ORDERS).unwrap().live, 4, "none is early");
    queue.advance(millis(1));
    assert_eq!(
        queue.engine.stream(ORDERS).unwrap().live,
        0,
        "none is a second late"
    );
}

#[test]
fn wake_ups_do_not_pile_up_however_often_an_event_is_released() {
    let mut queue = Harness::orders(|billing| billing.max_delivery_count = 255);
    queue.publish("a");
    queue.publish("a");
    for _ in 0..200 {
        let delivered = queue.receive(BILLING, 1)[0];
        queue.settle(BILLING, Release { delay: NOW }, delivered).unwrap();
        queue.wait(BILLING, 1, 10 * MINUTE).unwrap();
        queue.undelivered(BILLING, &[delivered]);
        queue.advance(2 * MINUTE);
    }
    assert!(
        queue.engine.timers.len() <= 2,
        "{} wake-ups",
        queue.engine.timers.len()
    );
}

#[test]
fn events_come_in_the_order_in_which_they_were_published() {
    let mut queue = Harness::orders(|_| ());
    let ids: Vec<u64> = (0..5).map(|_| queue.publish("a")).collect();
    let (first, second) = (queue.receive(BILLING, 2), queue.receive(BILLING, 10));
    assert_eq!([queue.ids(&first), queue.ids(&second)].concat(), ids);
    assert!(queue.receive(BILLING, 10).is_empty());
}

#[test]
fn an_acknowledged_event_never_comes_back() {
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    let delivered = queue.receive(BILLING, 1)[0];
    assert_eq!(queue.settle(BILLING, Acknowledge, delivered), Ok(()));
    assert_eq!(
        queue.settle(BILLING, Acknowledge, delivered),
        Err(SettleError::LockLost)
    );
    queue.advance(2 * MINUTE);
    queue.restart();
    assert!(queue.receive(BILLING, 1).is_empty());
}

#[test]
fn a_lock_that_expires_gives_the_event_to_the_next_receiver() {
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    let first = queue.receive(BILLING, 1)[0];
    queue.advance(MINUTE - Duration::from_millis(100));
    assert!(queue.receive(BILLING, 1).is_empty());
    queue.advance(Duration::from_millis(100));
    let second = queue.receive(BILLING, 1)[0];
    assert_eq!(
        second,
        Delivered {
            sequence: first.sequence,
            delivery_count: 2
        }
    );
    assert_eq!(
        queue.settle(BILLING, Release { delay: NOW }, first),
        Err(SettleError::LockLost)
    );
    assert_eq!(queue.settle(BILLING, Release { delay: NOW }, second), Ok(()));
}

#[test]
fn a_released_event_comes_before_newer_ones() {
    let mut queue = Harness::orders(|_| ());
    let ids = [queue.publish("a"), queue.publish("a"), queue.publish("a")];
    let delivered = queue.receive(BILLING, 2);
    queue
        .settle(BILLING, Release { delay: NOW }, delivered[1])
        .unwrap();
    queue
        .settle(BILLING, Release { delay: NOW }, delivered[0])
        .unwrap();
    let again = queue.receive(BILLING, 10);
    assert_eq!(queue.ids(&again), ids);
    assert_eq!(
        again.iter().map(|each| each.delivery_count).collect::<Vec<_>>(),
        [2, 2, 1]
    );
}

#[test]
fn a_release_with_delay_hides_the_event_until_the_delay_is_over() {
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    let delivered = queue.receive(BILLING, 1)[0];
    queue
        .settle(BILLING, Release { delay: 10 * MINUTE }, delivered)
        .unwrap();
    queue.advance(5 * MINUTE);
    queue.restart();
    assert!(queue.receive(BILLING, 1).is_empty());
    queue.advance(5 * MINUTE);
    assert_eq!(queue.receive(BILLING, 1)[0].delivery_count, 2);
}

#[test]
fn a_renewed_lock_lasts_another_lock_duration_and_keeps_its_token() {
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    let delivered = queue.receive(BILLING, 1)[0];
    queue.advance(MINUTE / 2);
    assert_eq!(queue.settle(BILLING, RenewLock, delivered), Ok(()));
    queue.advance(MINUTE - Duration::from_secs(1));
    queue.restart();
    assert!(queue.receive(BILLING, 1).is_empty());
    assert_eq!(queue.settle(BILLING, Acknowledge, delivered), Ok(()));
}

#[test]
fn a_lock_goes_on_over_a_restart_and_its_token_still_works() {
    for with_snapshot in [false, true] {
        let mut queue = Harness::orders(|_| ());
        queue.publish("a");
        queue.publish("a");
        let delivered = queue.receive(BILLING, 2);
        if with_snapshot {
            queue.take_snapshot();
        }
        queue.restart();
        assert!(queue.receive(BILLING, 2).is_empty());
        assert_eq!(queue.settle(BILLING, Acknowledge, delivered[0]), Ok(()));
        queue.advance(MINUTE);
        assert_eq!(
            queue.receive(BILLING, 2),
            [Delivered {
                delivery_count: 2,
                ..delivered[1]
            }]
        );
    }
}

#[test]
fn there_are_exactly_as_many_deliveries_as_configured() {
    for lets_the_lock_expire in [false, true] {
        let mut queue = Harness::orders(|_| ());
        queue.publish("a");
        for count in 1..=3 {
            let delivered = queue.receive(BILLING, 1)[0];
            assert_eq!(delivered.delivery_count, count);
            if lets_the_lock_expire {
                queue.advance(MINUTE);
            } else {
                queue.settle(BILLING, Release { delay: NOW }, delivered).unwrap();
            }
            queue.restart();
        }
        assert!(queue.receive(BILLING, 1).is_empty());
        assert_eq!(
            queue.engine.stream(ORDERS).unwrap().live,
            0,
            "it is dropped, not kept"
        );
    }
}

#[test]
fn a_lower_maximum_delivery_count_applies_to_what_is_there() {
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    let delivered = queue.receive(BILLING, 1)[0];
    queue.settle(BILLING, Release { delay: NOW }, delivered).unwrap();
    queue.topics[0].subscriptions[0].max_delivery_count = 1;
    queue.configure();
    assert!(queue.receive(BILLING, 1).is_empty());
}

#[test]
fn an_expired_event_is_never_delivered() {
    let mut queue = Harness::orders(|billing| billing.time_to_live = Some(10 * MINUTE));
    queue.publish("a");
    let released = queue.receive(BILLING, 1)[0];
    queue.settle(BILLING, Release { delay: NOW }, released).unwrap();
    queue.publish("a");
    queue.advance(9 * MINUTE);
    let late = queue.publish("a");
    queue.advance(MINUTE);
    let delivered = queue.receive(BILLING, 10);
    assert_eq!(queue.ids(&delivered), [late]);
}

#[test]
fn the_topics_retention_bounds_the_time_to_live() {
    let mut queue = Harness::orders(|billing| billing.time_to_live = None);
    queue.topics[0].retention = DAY;
    queue.configure();
    queue.publish("a");
    queue.advance(DAY);
    assert!(queue.receive(BILLING, 10).is_empty());
    assert_eq!(queue.engine.stream(ORDERS).unwrap().live, 0);
}

#[test]
fn an_event_may_outlive_its_time_while_somebody_holds_it() {
    let mut queue = Harness::orders(|billing| billing.time_to_live = Some(MINUTE));
    queue.publish("a");
    queue.advance(MINUTE / 2);
    let delivered = queue.receive(BILLING, 1)[0];
    queue.advance(MINUTE / 2 + Duration::from_secs(10));
    assert_eq!(queue.settle(BILLING, Acknowledge, delivered), Ok(()));
}

#[test]
fn a_token_is_worth_nothing_elsewhere() {
    let other = model::Uid::from_u128(12);
    let mut queue = Harness::orders(|_| ());
    queue.topics[0].subscriptions.push(subscription(other, "other"));
    queue.configure();
    queue.publish("a");
    let delivered = queue.receive(BILLING, 1)[0];
    queue.receive(other, 1);
    let mut token = queue.token(BILLING, delivered);
    let place = queue.place(other);
    let settle = |queue: &mut Harness, token| queue.engine.settle(place, Acknowledge, &[token], queue.now);
    assert_eq!(settle(&mut queue, token).unwrap(), [Err(SettleError::LockLost)]);
    token.subscription = place.subscription;
    token.topic ^= 1;
    assert_eq!(settle(&mut queue, token).unwrap(), [Err(SettleError::LockLost)]);
}

#[test]
fn each_subscription_has_its_own_copy_of_what_it_wants() {
    let audit = model::Uid::from_u128(12);
    let mut queue = Harness::orders(|billing| billing.filter = only_type("paid"));
    queue.topics[0].subscriptions.push(subscription(audit, "audit"));
    queue.configure();
    let (_, paid) = (queue.publish("placed"), queue.publish("paid"));
    let delivered = queue.receive(BILLING, 10);
    assert_eq!(queue.ids(&delivered), [paid]);
    queue.settle(BILLING, Acknowledge, delivered[0]).unwrap();
    assert_eq!(queue.receive(audit, 10).len(), 2);
    assert_eq!(queue.publish("placed"), 3);
    assert_eq!(
        queue.log.iter().filter(|entry| entry.kind.is_retained()).count(),
        3
    );
}

#[test]
fn an_event_that_nobody_wants_is_not_stored() {
    let mut queue = Harness::orders(|billing| billing.filter = only_type("paid"));
    queue.publish("placed");
    assert_eq!(
        queue.log.iter().filter(|entry| entry.kind.is_retained()).count(),
        0
    );
}

#[test]
fn time_that_stands_still_in_the_log_never_goes_back() {
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    let before = queue.now;
    queue.now = queue.now - MINUTE;
    queue.publish("a");
    assert_eq!(queue.stored(ORDERS, 2).unwrap().0, before);
}
