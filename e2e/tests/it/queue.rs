//! What a subscription promises its receivers.

use std::{collections::BTreeMap, thread};

use e2e::{
    Weft,
    eventgrid::{Settlement, event},
    manifests::Manifests,
};
use serde_json::{Value, json};

#[test]
fn ten_competing_receivers_share_a_subscription_without_overlap() {
    const EVENTS: usize = 2_000;
    let manifests = Manifests::new("1Gi")
        .topic("orders")
        .subscription("orders", "billing", "");
    let weft = Weft::start(manifests.yaml()).expect("weft starts");
    let received: BTreeMap<String, usize> = thread::scope(|scope| {
        let receivers: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| receive_until_empty(&weft)))
            .collect();
        let mut publisher = weft.client().expect("a client");
        for batch in 0..EVENTS / 50 {
            let events: Vec<_> = (0..50).map(|index| event(&format!("{batch}-{index}"))).collect();
            publisher.publish("orders", &events).expect("published");
        }
        let mut received = BTreeMap::new();
        for id in receivers
            .into_iter()
            .flat_map(|receiver| receiver.join().expect("a receiver does not panic"))
        {
            *received.entry(id).or_default() += 1;
        }
        received
    });
    assert_eq!(received.len(), EVENTS);
    assert!(
        received.values().all(|&times| times == 1),
        "nobody got what another one held"
    );
}

/// Takes from `billing` until nothing came for ten seconds.
fn receive_until_empty(weft: &Weft) -> Vec<String> {
    let mut client = weft.client().expect("a client");
    let mut ids = Vec::new();
    loop {
        let deliveries = client.receive("orders", "billing", 7).expect("received");
        if deliveries.is_empty() {
            return ids;
        }
        assert!(deliveries.len() <= 7);
        assert!(deliveries.iter().all(|delivery| delivery.delivery_count == 1));
        let tokens: Vec<_> = deliveries
            .iter()
            .map(|delivery| delivery.lock_token.as_str())
            .collect();
        let settled = client.settle(
            "orders",
            "billing",
            Settlement::Acknowledge,
            tokens.iter().copied(),
        );
        assert_eq!(settled.expect("settled").succeeded, tokens);
        ids.extend(deliveries.iter().map(|delivery| delivery.id().to_owned()));
    }
}

#[test]
fn two_subscriptions_each_get_what_their_filters_admit_in_the_order_of_publishing() {
    let manifests = Manifests::new("1Gi")
        .topic("orders")
        .subscription(
            "orders",
            "european",
            "filtersConfiguration:\n  includedEventTypes: [order.placed]\n  filters: [{key: data.country, stringIn: [FR, DE]}]",
        )
        .subscription(
            "orders",
            "large",
            "filtersConfiguration:\n  subjectBeginsWith: orders/\n  filters: [{key: data.total, numberGreaterThan: 100}]",
        )
        .subscription("orders", "everything", "");
    let weft = Weft::start(manifests.yaml()).expect("weft starts");
    let order = |id: &str, kind: &str, subject: &str, country: &str, total: i64| {
        json!({
            "specversion": "1.0", "id": id, "source": "/s", "type": kind, "subject": subject,
            "data": { "country": country, "total": total },
        })
    };
    let events = [
        order("1", "order.placed", "orders/1", "FR", 5),
        order("2", "order.placed", "orders/2", "US", 500),
        order("3", "order.placed", "orders/3", "de", 101),
        order("4", "order.paid", "orders/4", "FR", 1000),
        order("5", "order.placed", "returns/5", "DE", 100_000),
        order("6", "order.placed", "orders/6", "FR", 100),
    ];
    let mut client = weft.client().expect("a client");
    client.publish("orders", &events).expect("published");
    for (subscription, expected) in [
        // Strings are compared ignoring case.
        ("european", &["1", "3", "5", "6"][..]),
        ("large", &["2", "3", "4"]),
        ("everything", &["1", "2", "3", "4", "5", "6"]),
    ] {
        let deliveries = client.receive("orders", subscription, 100).expect("received");
        let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.id()).collect();
        assert_eq!(ids, expected, "{subscription}");
        let bodies: Vec<&Value> = deliveries.iter().map(|delivery| &delivery.event).collect();
        assert!(
            bodies.iter().all(|body| events.contains(body)),
            "{subscription}: {bodies:?}"
        );
    }
}

#[test]
fn events_come_exactly_as_often_as_the_maximum_delivery_count_and_settled_ones_never_again() {
    let manifests = Manifests::new("1Gi").topic("orders").subscription(
        "orders",
        "thrice",
        "queue: {maxDeliveryCount: 3}",
    );
    let mut weft = Weft::start(manifests.yaml()).expect("weft starts");
    let mut client = weft.client().expect("a client");
    client
        .publish("orders", &[event("again"), event("once"), event("rejected")])
        .expect("published");
    let mut counts = BTreeMap::<String, u64>::new();
    for round in 1..=3 {
        let deliveries = client.receive("orders", "thrice", 10).expect("received");
        assert_eq!(deliveries.len(), if round == 1 { 3 } else { 1 });
        for delivery in deliveries {
            assert_eq!(delivery.delivery_count, round);
            counts.insert(delivery.id().to_owned(), round);
            let settlement = match delivery.id() {
                "again" => Settlement::Release { delay_seconds: 0 },
                "once" => Settlement::Acknowledge,
                _ => Settlement::Reject,
            };
            let token = delivery.lock_token.as_str();
            let settled = client
                .settle("orders", "thrice", settlement, [token])
                .expect("settled");
            assert_eq!(settled.succeeded, [token]);
        }
        // What was counted and settled before a stop is so after it.
        assert!(weft.terminate().expect("it stops").success());
        weft.resume().expect("weft starts");
        client = weft.client().expect("a client");
    }
    assert_eq!(counts["again"], 3);
    assert!(
        client
            .receive("orders", "thrice", 10)
            .expect("received")
            .is_empty()
    );
}

#[test]
fn a_stop_answers_those_who_wait_and_leaves_with_success() {
    let manifests = Manifests::new("1Gi")
        .topic("orders")
        .subscription("orders", "billing", "");
    let mut weft = Weft::start(manifests.yaml()).expect("weft starts");
    let mut waiting = weft.client().expect("a client");
    let receiver = thread::spawn(move || {
        waiting
            .receive_within("orders", "billing", 1, 60)
            .is_ok_and(|v| v.is_empty())
    });
    thread::sleep(std::time::Duration::from_millis(300));
    let start = std::time::Instant::now();
    assert!(weft.terminate().expect("it stops").success());
    assert!(
        start.elapsed() < std::time::Duration::from_secs(5),
        "a waiting receiver does not hold up a stop"
    );
    // Told "nothing yet" or turned away: either way it is not left hanging.
    let _ = receiver.join().expect("the receiver does not panic");
}
