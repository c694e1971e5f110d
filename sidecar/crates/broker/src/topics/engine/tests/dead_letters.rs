//! What becomes of events that cannot be delivered.

use std::time::Duration;

use model::Uid;

use super::harness::*;
use crate::RedriveError;
use crate::topics::effects::Answer;
use crate::topics::engine::Settlement::*;

fn queue() -> Harness {
    Harness::orders(|billing| billing.dead_letter = Some(DEAD))
}

fn reject_one(queue: &mut Harness) -> u64 {
    let id = queue.publish("a");
    let delivered = queue.receive(BILLING, 1)[0];
    queue.settle(BILLING, Reject, delivered).unwrap();
    id
}

fn reasons(queue: &Harness) -> Vec<(u64, String)> {
    queue
        .letters()
        .into_iter()
        .map(|(_, id, reason)| (id, reason))
        .collect()
}

#[test]
fn a_rejected_event_becomes_a_dead_letter_at_once() {
    let mut queue = queue();
    let id = reject_one(&mut queue);
    assert_eq!(reasons(&queue), [(id, String::from("Rejected"))]);
    queue.advance(2 * MINUTE);
    assert!(queue.receive(BILLING, 1).is_empty());
}

#[test]
fn a_rejected_event_is_dropped_where_nobody_wants_dead_letters() {
    let mut queue = Harness::orders(|_| ());
    reject_one(&mut queue);
    queue.advance(2 * MINUTE);
    assert!(queue.receive(BILLING, 1).is_empty());
    assert_eq!(queue.engine.stream(ORDERS).unwrap().live, 0);
}

#[test]
fn a_dead_letter_tells_what_happened_to_it() {
    let mut queue = queue();
    queue.publish("a");
    queue.advance(Duration::from_secs(5));
    for _ in 0..3 {
        queue.receive(BILLING, 1);
        queue.advance(MINUTE);
    }
    let (sequence, id, _) = queue.letters()[0].clone();
    let letter = queue.letter(sequence);
    let attribute = |name| attribute(letter.json(), name).unwrap();
    assert_eq!(id, 1);
    assert_eq!(attribute("deadletterreason"), r#""MaxDeliveryAttemptsExceeded""#);
    assert_eq!(
        attribute("deadlettersource"),
        r#""topics/orders/eventsubscriptions/billing""#
    );
    assert_eq!(attribute("deliveryattempts"), "3");
    assert_eq!(
        attribute("deliveryresult"),
        r#""Event was not acknowledged nor rejected.""#
    );
    assert_eq!(attribute("publishutc"), r#""2026-01-01T00:00:00Z""#);
    assert_eq!(attribute("deliveryattemptutc"), r#""2026-01-01T00:02:05Z""#);
    assert_eq!(attribute("data"), r#"{"n":1}"#);
}

#[test]
fn an_expired_event_becomes_a_dead_letter_on_time_and_in_order() {
    let mut queue = queue();
    let ids: Vec<u64> = (0..600).map(|_| queue.publish("a")).collect();
    queue.advance(DAY - Duration::from_secs(1));
    assert!(queue.letters().is_empty());
    queue.advance(Duration::from_secs(1));
    let expected: Vec<_> = ids
        .into_iter()
        .map(|id| (id, String::from("TimeToLiveExceeded")))
        .collect();
    assert_eq!(reasons(&queue), expected);
}

#[test]
fn dead_letters_wait_for_a_topic_that_is_not_there() {
    let mut queue = queue();
    let dead = queue.topics.remove(1);
    queue.configure();
    reject_one(&mut queue);
    queue.restart();
    queue.advance(2 * DAY);
    assert!(queue.receive(BILLING, 1).is_empty());
    queue.topics.push(dead);
    queue.configure();
    assert_eq!(reasons(&queue), [(1, String::from("Rejected"))]);
    assert_eq!(queue.engine.stream(ORDERS).unwrap().live, 0);
}

#[test]
fn expired_events_that_cannot_be_moved_keep_no_fresh_one_from_its_receiver() {
    let mut queue = queue();
    let dead = queue.topics.remove(1);
    queue.configure();
    for _ in 0..300 {
        queue.publish("a");
    }
    queue.advance(DAY);
    let waiting = queue.wait(BILLING, 1, MINUTE).unwrap();
    let fresh = [queue.publish("a"), queue.publish("a")];
    assert!(
        matches!(queue.answer(waiting), Some(Answer::Events(events)) if queue.ids(&events) == fresh[..1])
    );
    queue.restart();
    let delivered = queue.receive(BILLING, 10);
    assert_eq!(queue.ids(&delivered), fresh[1..]);
    queue.settle(BILLING, Acknowledge, delivered[0]).unwrap();
    queue.advance(DAY);
    queue.topics.push(dead);
    queue.configure();
    queue.advance(Duration::ZERO);
    let moved: Vec<u64> = queue.letters().into_iter().map(|(_, id, _)| id).collect();
    assert_eq!(moved, (1..=301).collect::<Vec<u64>>());
    assert_eq!(queue.engine.stream(ORDERS).unwrap().live, 0);
}

#[test]
fn events_that_live_again_are_received_among_those_that_overtook_them() {
    let mut queue = queue();
    queue.topics.remove(1);
    queue.configure();
    for _ in 0..300 {
        queue.publish("a");
    }
    queue.advance(DAY);
    let fresh = queue.publish("a");
    let overtook = queue.receive(BILLING, 10);
    queue
        .settle(
            BILLING,
            Release {
                delay: Duration::ZERO,
            },
            overtook[0],
        )
        .unwrap();
    queue.topics[0].subscriptions[0].time_to_live = Some(2 * DAY);
    queue.configure();
    let received = queue.receive(BILLING, 100);
    assert_eq!(queue.ids(&received), (257..=fresh).collect::<Vec<u64>>());
    queue.restart();
    queue.advance(DAY);
    let received = queue.receive(BILLING, 100);
    assert_eq!(queue.ids(&received), [fresh], "the others have expired again");
}

#[test]
fn dead_letters_survive_a_restart() {
    let mut queue = queue();
    reject_one(&mut queue);
    queue.restart();
    reject_one(&mut queue);
    queue.take_snapshot();
    queue.restart();
    assert_eq!(reasons(&queue).len(), 2);
}

#[test]
fn subscriptions_of_the_target_topic_receive_dead_letters() {
    let watcher = Uid::from_u128(20);
    let mut queue = queue();
    queue.topics[1]
        .subscriptions
        .push(subscription(watcher, "watcher"));
    queue.configure();
    reject_one(&mut queue);
    let stream = queue.engine.stream(DEAD).unwrap();
    let watcher = stream.existing().find(|each| each.uid == watcher).unwrap();
    assert_eq!(watcher.pending.len(), 1);
}

#[test]
fn a_circle_of_dead_letters_does_not_turn_forever() {
    let watcher = Uid::from_u128(20);
    let mut queue = queue();
    let mut config = subscription(watcher, "watcher");
    config.dead_letter = Some(ORDERS);
    config.max_delivery_count = 1;
    config.time_to_live = Some(MINUTE);
    queue.topics[1].subscriptions.push(config);
    queue.configure();
    reject_one(&mut queue);
    queue.advance(MINUTE);
    let orders = queue.engine.stream(ORDERS).unwrap();
    let billing = orders.existing().find(|each| each.uid == BILLING).unwrap();
    assert_eq!(
        billing.sequences().count(),
        0,
        "the letter came back, but only into $dead-letters"
    );
    assert_eq!(queue.engine.list(ORDERS, 0, 10).unwrap().len(), 1);
}

#[test]
fn a_redriven_event_comes_back_to_its_subscription_alone_and_as_it_was() {
    let other = Uid::from_u128(12);
    let mut queue = queue();
    queue.topics[0].subscriptions.push(subscription(other, "other"));
    queue.configure();
    let id = reject_one(&mut queue);
    queue.receive(other, 10);
    let original = queue.stored(ORDERS, 1).unwrap().1;
    let (letter, ..) = queue.letters()[0];
    assert_eq!(queue.redrive(letter), Ok(()));
    assert_eq!(queue.redrive(letter), Err(RedriveError::NotFound));
    queue.restart();
    assert!(queue.letters().is_empty());
    let delivered = queue.receive(BILLING, 10);
    assert_eq!(
        (queue.ids(&delivered), delivered[0].delivery_count),
        (vec![id], 1)
    );
    assert!(queue.receive(other, 10).is_empty());
    let redriven = queue.stored(ORDERS, delivered[0].sequence).unwrap().1;
    let json = |record| crate::topics::event_record::decode(record).unwrap().1;
    assert_eq!(json(&redriven), json(&original));
}

#[test]
fn a_letter_stays_when_its_subscription_is_gone() {
    let mut queue = queue();
    reject_one(&mut queue);
    queue.topics[0].subscriptions.clear();
    queue.configure();
    let (letter, ..) = queue.letters()[0];
    assert_eq!(queue.redrive(letter), Err(RedriveError::SourceGone));
    assert_eq!(queue.letters().len(), 1);
}

#[test]
fn letters_go_with_the_retention_of_their_topic() {
    let mut queue = queue();
    queue.topics[1].retention = DAY;
    queue.configure();
    reject_one(&mut queue);
    queue.advance(DAY);
    assert!(queue.letters().is_empty());
}

#[test]
fn letters_without_room_are_tried_again_later() {
    let mut queue = queue();
    queue.publish("a");
    let delivered = queue.receive(BILLING, 1)[0];
    let token = queue.token(BILLING, delivered);
    let place = queue.place(BILLING);
    queue
        .engine
        .settle(place, Reject, &[token], queue.now)
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!(queue.engine.begin_move(place).unwrap(), [1]);
    queue
        .engine
        .move_refused(place, queue.now + Duration::from_secs(1));
    queue.take_pending_moves();
    assert!(queue.letters().is_empty());
    queue.advance(Duration::from_secs(1));
    assert_eq!(queue.letters().len(), 1);
}
