use std::sync::Arc;
use std::time::Duration;

use auth::Permit;
use broker::*;
use model::ByteCount;
use runtime::TaskScope;
use runtime::metrics::Registry;
use storage::embedded::{self, Options};
use storage::shadow::ShadowDisk;

use super::fixture::*;

async fn reject_all(broker: &Broker) -> usize {
    let billing = broker
        .topic("orders")
        .and_then(|topic| topic.subscription("billing"));
    let (billing, permit) = (billing.expect("it is declared"), Permit::internal());
    let mut rejected = 0;
    loop {
        let received = billing
            .receive(&permit, 100, Duration::ZERO)
            .await
            .expect("the topic is there");
        if received.is_empty() {
            return rejected;
        }
        let settled = billing
            .reject(&permit, tokens(&received))
            .await
            .expect("the topic is there");
        assert!(settled.iter().all(Result::is_ok));
        rejected += received.len();
    }
}

#[tokio::test]
async fn dead_letters_are_listed_shown_and_redriven() {
    let fixture = Fixture::new().await;
    for id in 1..=3 {
        fixture.publish(id).await;
    }
    let received = fixture.receive(10).await;
    fixture
        .billing()
        .reject(&Permit::internal(), tokens(&received))
        .await
        .unwrap();
    fixture.log_settled().await;
    let letters = fixture.broker.dead_letters("Dead").unwrap();
    let listed = letters.list(&Permit::internal(), 10, None).await.unwrap();
    assert_eq!(listed.len(), 3);
    let shown = letters
        .show(&Permit::internal(), listed[1].sequence)
        .await
        .unwrap();
    assert!(
        std::str::from_utf8(&shown.event)
            .unwrap()
            .contains(r#""deadletterreason":"Rejected""#)
    );
    let after = letters
        .list(&Permit::internal(), 1, Some(listed[0].sequence))
        .await
        .unwrap();
    assert_eq!(after[0].sequence, listed[1].sequence);
    let one = Redrive::Sequences(vec![listed[2].sequence, model::SequenceNumber::new(999)]);
    let results = letters.redrive(&Permit::internal(), one).await.unwrap();
    assert_eq!(
        [&results[0].1, &results[1].1],
        [&Ok(()), &Err(RedriveError::NotFound)]
    );
    let rest = letters.redrive(&Permit::internal(), Redrive::All).await.unwrap();
    assert!(rest.len() == 2 && rest.iter().all(|(_, result)| result.is_ok()));
    assert!(
        letters
            .list(&Permit::internal(), 10, None)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        letters
            .show(&Permit::internal(), listed[1].sequence)
            .await
            .unwrap_err(),
        Error::NotFound
    );
    let again = fixture.receive(10).await;
    assert_eq!(
        events(&again),
        [event(3), event(1), event(2)]
            .iter()
            .map(|event| &event.json()[..])
            .collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_letter_that_is_named_twice_is_redriven_once_and_told_so() {
    let fixture = Fixture::new().await;
    fixture.publish(1).await;
    assert_eq!(reject_all(&fixture.broker).await, 1);
    fixture.log_settled().await;
    let letters = fixture.broker.dead_letters("dead").expect("it is declared");
    let sequence = letters.list(&Permit::internal(), 1, None).await.unwrap()[0].sequence;
    let twice = Redrive::Sequences(vec![sequence, sequence]);
    let results = letters.redrive(&Permit::internal(), twice).await.unwrap();
    assert_eq!(results, [(sequence, Ok(()))]);
    assert_eq!(fixture.receive(10).await.len(), 1);
}

#[tokio::test]
async fn letters_that_are_removed_stay_away_and_the_others_stay() {
    let fixture = Fixture::new().await;
    for id in 1..=3 {
        fixture.publish(id).await;
    }
    assert_eq!(reject_all(&fixture.broker).await, 3);
    fixture.log_settled().await;
    let list = async |fixture: &Fixture| {
        let letters = fixture.broker.dead_letters("dead").expect("it is declared");
        let listed = letters.list(&Permit::internal(), 10, None).await.unwrap();
        let sequences: Vec<_> = listed.iter().map(|letter| letter.sequence).collect();
        (letters, sequences)
    };
    let (letters, listed) = list(&fixture).await;
    let gone = vec![listed[2], model::SequenceNumber::new(999), listed[0], listed[0]];
    letters.remove(&Permit::internal(), gone).await.unwrap();
    assert_eq!(list(&fixture).await.1, [listed[1]]);
    let fixture = fixture.restart(false).await;
    let (letters, rest) = list(&fixture).await;
    assert_eq!(rest, [listed[1]]);
    let redriven = letters.redrive(&Permit::internal(), Redrive::All).await.unwrap();
    assert_eq!(redriven, [(listed[1], Ok(()))]);
}

#[tokio::test]
async fn a_tail_shows_the_dead_letters_of_its_topic_and_what_is_redriven_to_it() {
    let fixture = Fixture::new().await;
    let dead = fixture.broker.topic("dead").expect("it is declared");
    let mut tails = [
        dead.tail(&Permit::internal()),
        fixture.orders().tail(&Permit::internal()),
    ];
    let mut next = async |which: usize| match tails[which].next().await {
        Some(Tailed::Event(event)) => String::from_utf8(event.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    };
    fixture.publish(1).await;
    let original = next(1).await;
    assert_eq!(reject_all(&fixture.broker).await, 1);
    let letter = next(0).await;
    assert!(letter.contains(r#""id":"1""#) && letter.contains(r#""deadletterreason":"Rejected""#));
    let letters = fixture.broker.dead_letters("dead").expect("it is declared");
    letters.redrive(&Permit::internal(), Redrive::All).await.unwrap();
    assert_eq!(next(1).await, original);
}

/// Letter by letter, since together they are longer than one append may be.
#[tokio::test]
async fn more_dead_letters_than_an_append_may_hold_are_moved_and_redriven() {
    let options = Options {
        capacity: ByteCount::mib(48),
        ..Options::default()
    };
    let (scope, registry, clock) = (TaskScope::root(), Registry::default(), runtime::Clock::system());
    let disk = Arc::new(ShadowDisk::default());
    let (log, table, replay) = embedded::open_on(disk, options, &scope, &clock, &registry).unwrap();
    let broker = Broker::start(log, table, replay, clock, &scope, &registry, Origin::default()).unwrap();
    let deletion = DeletionConfig {
        policy: DeletionPolicy::Retain,
        grace: DAY,
    };
    broker.configure(topics(), Vec::new(), deletion).await.unwrap();
    for id in 0..12 {
        let (topic, event) = (broker.topic("orders").unwrap(), long(id, 1_000_000));
        topic
            .publish(&Permit::internal(), &[event], TraceContext::default())
            .await
            .unwrap();
    }
    assert_eq!(reject_all(&broker).await, 12);
    let letters = broker.dead_letters("dead").unwrap();
    let mut listed = Vec::new();
    while listed.len() < 12 {
        let after = listed.last().map(|letter: &DeadLetter| letter.sequence);
        let page = letters.list(&Permit::internal(), 100, after).await.unwrap();
        assert!(page.len() <= 4, "a list is bounded in bytes");
        listed.extend(page);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let redriven = letters.redrive(&Permit::internal(), Redrive::All).await.unwrap();
    assert_eq!(redriven.iter().filter(|(_, result)| result.is_ok()).count(), 12);
    assert_eq!(reject_all(&broker).await, 12);
    assert!(scope.shutdown(Duration::from_secs(10)).await.is_empty());
}
