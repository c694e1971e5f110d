//! Manifests are followed while events flow.

use std::{
    thread,
    time::{Duration, Instant},
};

use e2e::{EventGrid, Weft, eventgrid::event, manifests::Manifests};

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "{what} within 10 s");
        thread::sleep(Duration::from_millis(20));
    }
}

fn status(client: &mut EventGrid, topic: &str) -> u16 {
    client
        .try_publish(topic, format!("[{}]", event("1")))
        .expect("an answer")
        .status
}

#[test]
fn topics_come_and_go_without_a_restart_and_a_returning_name_is_empty() {
    let one = Manifests::new("1Gi")
        .topic("orders")
        .subscription("orders", "billing", "");
    let two = one.clone().topic("late").subscription("late", "late-all", "");
    let weft = Weft::start(one.yaml()).expect("weft starts");
    let mut client = weft.client().expect("a client");
    assert_eq!(status(&mut client, "late"), 404);
    weft.apply(two.yaml()).expect("applied");
    wait_until("the new topic answers", || status(&mut client, "late") == 200);
    weft.apply(one.yaml()).expect("applied");
    wait_until("the deleted topic is gone", || status(&mut client, "late") == 404);
    weft.apply(two.yaml()).expect("applied");
    wait_until("the topic is back", || {
        client
            .receive("late", "late-all", 1)
            .is_ok_and(|received| received.is_empty())
    });
}

#[test]
fn a_mistake_in_a_manifest_leaves_what_runs_alone() {
    let good = Manifests::new("1Gi")
        .topic("orders")
        .subscription("orders", "billing", "");
    let bad = good
        .clone()
        .subscription("orders", "broken", "queue: {maxDeliveryCount: 11}");
    let mut weft = Weft::start(good.yaml()).expect("weft starts");
    weft.expect_errors("maxDeliveryCount");
    let mut client = weft.client().expect("a client");
    weft.apply(bad.yaml()).expect("applied");
    wait_until("the mistake is told", || weft.log().contains("maxDeliveryCount"));
    assert_eq!(status(&mut client, "orders"), 200);
    assert_eq!(client.receive("orders", "billing", 1).expect("received").len(), 1);
}
