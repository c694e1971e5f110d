//! Entities come and go; their data goes later, or never.

use std::time::Duration;

use model::Uid;

use super::harness::*;
use crate::Error;
use crate::configuration::DeletionPolicy;
use crate::topics::engine::Settlement::Acknowledge;

fn leave(queue: &mut Harness) -> crate::TopicConfig {
    let orders = queue.topics.remove(0);
    queue.configure();
    orders
}

#[test]
fn a_topic_that_returns_within_the_grace_has_its_events() {
    let mut queue = Harness::orders(|_| ());
    let id = queue.publish("a");
    let orders = leave(&mut queue);
    queue.advance(DAY - Duration::from_secs(1));
    queue.restart();
    queue.topics.insert(0, orders);
    queue.configure();
    // Its time to live went on, but nothing was deleted behind its back.
    queue.topics[0].subscriptions[0].time_to_live = None;
    queue.configure();
    let delivered = queue.receive(BILLING, 1);
    assert_eq!(queue.ids(&delivered), [id]);
}

#[test]
fn a_topic_is_empty_once_the_grace_is_over_and_its_numbers_go_on() {
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    let orders = leave(&mut queue);
    queue.advance(DAY);
    assert!(queue.engine.stream(ORDERS).is_none());
    queue.take_snapshot();
    queue.restart();
    queue.topics.insert(0, orders);
    queue.configure();
    assert!(queue.receive(BILLING, 1).is_empty());
    queue.publish("a");
    assert_eq!(
        queue.receive(BILLING, 1)[0].sequence,
        2,
        "a number is never given twice"
    );
}

#[test]
fn the_grace_goes_on_over_a_restart() {
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    leave(&mut queue);
    queue.advance(DAY / 2);
    queue.restart();
    queue.advance(DAY / 2);
    assert!(queue.engine.stream(ORDERS).is_none());
}

#[test]
fn retained_data_is_kept_until_it_is_purged() {
    let mut queue = Harness::orders(|_| ());
    queue.deletion.policy = DeletionPolicy::Retain;
    queue.publish("a");
    assert!(matches!(
        queue.engine.purge(ORDERS, queue.now),
        Err(Error::Invalid(_))
    ));
    leave(&mut queue);
    queue.advance(365 * DAY);
    assert_eq!(queue.engine.stream(ORDERS).unwrap().live, 1);
    queue.engine.purge(ORDERS, queue.now).unwrap();
    assert!(queue.engine.stream(ORDERS).is_none());
    assert_eq!(queue.engine.purge(ORDERS, queue.now), Err(Error::NotFound));
    let dead = queue.engine.take_effects().dead;
    assert_eq!(dead[0].before, Some(2));
}

#[test]
fn a_new_uid_is_an_empty_topic_under_the_old_name() {
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    queue.topics[0].uid = Uid::from_u128(99);
    queue.configure();
    assert_eq!(queue.engine.stream(Uid::from_u128(99)).unwrap().live, 0);
    assert!(!queue.engine.stream(ORDERS).unwrap().is_open());
}

#[test]
fn a_removed_subscription_keeps_its_events_until_its_grace_is_over() {
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    let billing = queue.topics[0].subscriptions.remove(0);
    queue.configure();
    queue.publish("a");
    queue.advance(DAY / 2);
    queue.restart();
    assert_eq!(
        queue.engine.stream(ORDERS).unwrap().live,
        1,
        "what came after it left is not stored"
    );
    queue.advance(DAY / 2);
    assert_eq!(queue.engine.stream(ORDERS).unwrap().live, 0);
    queue.topics[0].subscriptions.push(billing);
    queue.configure();
    assert!(queue.receive(BILLING, 1).is_empty());
}

#[test]
fn a_subscription_that_returns_has_its_events_and_its_locks() {
    let mut queue = Harness::orders(|_| ());
    let ids = [queue.publish("a"), queue.publish("a")];
    let held = queue.receive(BILLING, 1)[0];
    let billing = queue.topics[0].subscriptions.remove(0);
    queue.configure();
    queue.restart();
    queue.topics[0].subscriptions.push(billing);
    queue.configure();
    let delivered = queue.receive(BILLING, 10);
    assert_eq!(queue.ids(&delivered), [ids[1]]);
    assert_eq!(queue.settle(BILLING, Acknowledge, held), Ok(()));
}

#[test]
fn a_subscription_under_a_new_uid_starts_empty() {
    let renewed = Uid::from_u128(77);
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    queue.topics[0].subscriptions[0].uid = renewed;
    queue.configure();
    assert!(queue.receive(renewed, 1).is_empty());
    let id = queue.publish("a");
    let delivered = queue.receive(renewed, 1);
    assert_eq!(queue.ids(&delivered), [id]);
}

#[test]
fn a_changed_filter_applies_to_what_is_published_next() {
    let mut queue = Harness::orders(|_| ());
    let before = queue.publish("placed");
    queue.topics[0].subscriptions[0].filter = only_type("paid");
    queue.configure();
    queue.publish("placed");
    let after = queue.publish("paid");
    queue.restart();
    let delivered = queue.receive(BILLING, 10);
    assert_eq!(queue.ids(&delivered), [before, after]);
}

#[test]
fn records_about_unknown_things_are_counted_and_skipped() {
    let mut queue = Harness::orders(|_| ());
    queue.publish("a");
    let mut engine = crate::topics::engine::Engine::default();
    let mut seen = crate::topics::engine::Replayed::default();
    for entry in queue.log.iter().skip(3) {
        engine.replay(
            entry.topic,
            entry.sequence,
            entry.kind,
            entry.time,
            &entry.payload,
            &mut seen,
        );
    }
    engine.replay(
        ORDERS,
        0,
        storage::RecordKind::JOURNAL,
        queue.now,
        &[250, 1, 2],
        &mut seen,
    );
    assert!(seen.skipped > 0 && seen.malformed == 1, "{seen:?}");
}

#[test]
fn a_damaged_snapshot_is_refused_whatever_the_damage() {
    let mut queue = Harness::orders(|billing| billing.dead_letter = Some(DEAD));
    for _ in 0..5 {
        queue.publish("a");
    }
    queue.receive(BILLING, 3);
    let bytes = queue.engine.encode_snapshot(1);
    for length in 0..bytes.len() {
        assert!(crate::topics::engine::Snapshot::decode(&bytes[..length]).is_err());
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] = !damaged[at];
        // The table's checksum finds this; here it only must not panic or take the memory.
        let _ = crate::topics::engine::Snapshot::decode(&damaged);
    }
}
