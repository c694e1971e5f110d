//! What things cost in memory.

use super::harness::*;
use crate::topics::engine::Settlement::Acknowledge;
use crate::topics::in_flight::Slot;

#[test]
fn an_event_in_flight_takes_24_bytes() {
    assert!(size_of::<Slot>() <= 24);
}

#[test]
fn an_idle_subscription_takes_less_than_a_kilobyte() {
    let mut queue = Harness::orders(|_| ());
    for _ in 0..1000 {
        queue.publish("a");
    }
    for delivered in queue.receive(BILLING, 1000) {
        queue.settle(BILLING, Acknowledge, delivered).unwrap();
    }
    let stream = queue.engine.stream(ORDERS).unwrap();
    let idle = stream.existing().next().unwrap().memory_bytes();
    assert!(idle <= 1024, "{idle} bytes");
}

#[test]
fn the_log_is_told_what_is_dead() {
    let mut queue = Harness::orders(|_| ());
    for _ in 0..4 {
        queue.publish("a");
    }
    let delivered = queue.receive(BILLING, 4);
    let mut dead = |nth: usize| {
        let token = queue.token(BILLING, delivered[nth]);
        let place = queue.place(BILLING);
        queue
            .engine
            .settle(place, Acknowledge, &[token], queue.now)
            .unwrap()
            .remove(0)
            .unwrap();
        let dead = queue.engine.take_effects().dead.remove(0);
        (dead.before, dead.these)
    };
    assert_eq!(dead(2), (None, vec![3]));
    assert_eq!(dead(0), (Some(2), vec![]));
    assert_eq!(dead(1), (Some(4), vec![]));
}
