//! Receivers that wait, and receivers that go away.

use std::time::Duration;

use super::harness::*;
use crate::Error;
use crate::topics::effects::{Answer, Delivered};
use crate::topics::engine::Settlement::*;
use crate::topics::in_flight::IN_FLIGHT_MAX;
use crate::topics::subscription::RECEIVERS_MAX;

#[test]
fn a_waiting_receiver_is_answered_as_soon_as_there_is_an_event() {
    let mut queue = Harness::orders(|_| ());
    let receiver = queue.wait(BILLING, 10, MINUTE).unwrap();
    assert_eq!(queue.answer(receiver), None);
    queue.advance(MINUTE / 2);
    queue.publish("a");
    assert_eq!(
        queue.answer(receiver),
        Some(Answer::Events(vec![Delivered {
            sequence: 1,
            delivery_count: 1
        }]))
    );
}

#[test]
fn a_receiver_that_waited_long_enough_gets_nothing() {
    let mut queue = Harness::orders(|_| ());
    let receiver = queue.wait(BILLING, 10, MINUTE).unwrap();
    queue.advance(MINUTE - Duration::from_secs(1));
    assert_eq!(queue.answer(receiver), None);
    queue.advance(Duration::from_secs(1));
    assert_eq!(queue.answer(receiver), Some(Answer::Nothing));
    queue.publish("a");
    assert_eq!(queue.receive(BILLING, 1).len(), 1);
}

#[test]
fn waiting_receivers_are_served_in_their_order() {
    let mut queue = Harness::orders(|_| ());
    let receivers = [0; 3].map(|_| queue.wait(BILLING, 1, MINUTE).unwrap());
    for sequence in 1..=3 {
        queue.publish("a");
        let answer = queue.answer(receivers[sequence as usize - 1]);
        assert_eq!(
            answer,
            Some(Answer::Events(vec![Delivered {
                sequence,
                delivery_count: 1
            }]))
        );
    }
}

#[test]
fn what_comes_back_wakes_a_waiting_receiver() {
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    queue.receive(BILLING, 1);
    let receiver = queue.wait(BILLING, 1, 2 * MINUTE).unwrap();
    queue.advance(MINUTE);
    assert_eq!(
        queue.answer(receiver),
        Some(Answer::Events(vec![Delivered {
            sequence: 1,
            delivery_count: 2
        }]))
    );
}

#[test]
fn a_receiver_that_gave_up_takes_nothing() {
    let mut queue = Harness::orders(|_| ());
    let gone = queue.wait(BILLING, 1, MINUTE).unwrap();
    let stays = queue.wait(BILLING, 1, MINUTE).unwrap();
    queue.engine.give_up(queue.place(BILLING), gone);
    queue.publish("a");
    assert_eq!(queue.answer(gone), None);
    assert!(matches!(queue.answer(stays), Some(Answer::Events(_))));
}

#[test]
fn an_undelivered_event_is_available_again_and_was_not_delivered() {
    let mut queue = Harness::orders(|billing| billing.max_delivery_count = 1);
    let ids = [queue.publish("a"), queue.publish("a")];
    for _ in 0..3 {
        let delivered = queue.receive(BILLING, 1);
        assert_eq!(
            (queue.ids(&delivered), delivered[0].delivery_count),
            (vec![ids[0]], 1)
        );
        queue.undelivered(BILLING, &delivered);
        queue.restart();
    }
    assert_eq!(queue.receive(BILLING, 10).len(), 2);
}

#[test]
fn a_receiver_waits_while_too_many_events_are_in_flight() {
    let mut queue = Harness::orders(|_| ());
    let place = queue.place(BILLING);
    let stream = queue.engine.streams.get_mut(&ORDERS).unwrap();
    for sequence in 1..=IN_FLIGHT_MAX as u64 + 1 {
        stream.accept_event(sequence, queue.now, &[place.subscription]);
    }
    queue.checked = false;
    let mut delivered = Vec::new();
    while delivered.len() < IN_FLIGHT_MAX {
        delivered.extend(queue.receive(BILLING, 1000));
    }
    assert_eq!(delivered.len(), IN_FLIGHT_MAX);
    let receiver = queue.wait(BILLING, 1, MINUTE / 2).unwrap();
    assert_eq!(queue.answer(receiver), None);
    queue.settle(BILLING, Acknowledge, delivered[5]).unwrap();
    assert!(matches!(queue.answer(receiver), Some(Answer::Events(_))));
}

#[test]
fn receivers_beyond_the_bound_are_told_to_come_back() {
    let mut queue = Harness::orders(|_| ());
    for _ in 0..RECEIVERS_MAX {
        queue.wait(BILLING, 1, MINUTE).unwrap();
    }
    assert!(matches!(queue.wait(BILLING, 1, MINUTE), Err(Error::Busy { .. })));
}

#[test]
fn receivers_learn_that_their_subscription_or_topic_is_gone() {
    for whole_topic in [false, true] {
        let mut queue = Harness::orders(|_| ());
        let receiver = queue.wait(BILLING, 1, MINUTE).unwrap();
        if whole_topic {
            queue.topics.remove(0);
        } else {
            queue.topics[0].subscriptions.clear();
        }
        queue.configure();
        assert_eq!(queue.answer(receiver), Some(Answer::Gone));
        assert_eq!(queue.wait(BILLING, 1, MINUTE), Err(Error::NotFound));
    }
}
