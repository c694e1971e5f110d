//! Dead letters, and the tool to look at them and to send them back.

use e2e::{
    EventGrid, Weft,
    eventgrid::{Settlement, event},
    manifests::Manifests,
};
use serde_json::{Value, json};

/// One line of `weft dead-letters list --output json`.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) sequence: u64,
    pub(crate) reason: String,
    pub(crate) event: Value,
}

/// What `weft dead-letters list` shows.
pub(crate) fn list(weft: &Weft, topic: &str) -> Vec<DeadLetter> {
    let printed = weft
        .command(&["dead-letters", "list", topic, "--output", "json"])
        .expect("listed");
    let lines = printed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines
        .map(|letter| DeadLetter {
            sequence: letter["sequence"].as_u64().expect("a sequence number"),
            reason: letter["event"]["deadletterreason"]
                .as_str()
                .expect("a reason")
                .to_owned(),
            event: letter["event"].clone(),
        })
        .collect()
}

fn settle(client: &mut EventGrid, settlement: Settlement) {
    let delivery = client
        .receive("orders", "billing", 1)
        .expect("received")
        .remove(0);
    let token = delivery.lock_token.as_str();
    let settled = client
        .settle("orders", "billing", settlement, [token])
        .expect("settled");
    assert_eq!(settled.succeeded, [token]);
}

/// The event as it was published, and why it is here.
fn check_attributes(letter: &Value) {
    let mut letter = letter.clone();
    let attributes = letter.as_object_mut().expect("an object");
    assert_eq!(attributes.remove("deadletterreason"), Some(json!("Rejected")));
    assert_eq!(
        attributes.remove("deadlettersource"),
        Some(json!("topics/orders/eventsubscriptions/billing"))
    );
    for name in [
        "deliveryattempts",
        "deliveryresult",
        "publishutc",
        "deliveryattemptutc",
    ] {
        assert!(
            attributes.remove(name).is_some_and(|value| !value.is_null()),
            "{name} is told"
        );
    }
    assert_eq!(letter, event("rejected"));
}

#[test]
fn what_is_rejected_or_given_up_can_be_seen_and_sent_back_to_where_it_came_from() {
    let manifests = Manifests::new("1Gi")
        .topic("dead")
        .subscription("dead", "dead-all", "")
        .topic("orders")
        .subscription(
            "orders",
            "billing",
            "queue: {maxDeliveryCount: 2}\ndeadLetter: {topicRef: {name: dead}}",
        )
        .subscription("orders", "shipping", "");
    let mut weft = Weft::start(manifests.yaml()).expect("weft starts");
    let mut client = weft.client().expect("a client");

    client.publish("orders", &[event("rejected")]).expect("published");
    settle(&mut client, Settlement::Reject);
    client.publish("orders", &[event("given-up")]).expect("published");
    settle(&mut client, Settlement::Release { delay_seconds: 0 });
    settle(&mut client, Settlement::Release { delay_seconds: 0 });

    let letters = list(&weft, "dead");
    let reasons: Vec<_> = letters.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(
        reasons,
        ["Rejected", "MaxDeliveryAttemptsExceeded"],
        "{letters:?}"
    );
    assert!(
        client
            .receive("orders", "billing", 10)
            .expect("received")
            .is_empty()
    );

    // They survive a kill, as everything does that was acknowledged.
    weft.kill().expect("killed");
    weft.resume().expect("weft starts");
    let letters = list(&weft, "dead");
    assert_eq!(letters.len(), 2);
    check_attributes(&letters[0].event);

    let sequence = letters[0].sequence.to_string();
    weft.command(&["dead-letters", "show", "dead", &sequence, "--output", "json"])
        .expect("shown");
    weft.command(&["dead-letters", "redrive", "dead", &sequence])
        .expect("redriven");
    assert_eq!(list(&weft, "dead").len(), 1);
    let mut client = weft.client().expect("a client");
    let back = client.receive("orders", "billing", 10).expect("received");
    assert_eq!(back.len(), 1);
    assert_eq!((back[0].id(), back[0].delivery_count), ("rejected", 1));
    assert_eq!(
        back[0].event,
        event("rejected"),
        "it is the event that was published"
    );

    weft.command(&["dead-letters", "redrive", "dead", "--all"])
        .expect("redriven");
    assert!(list(&weft, "dead").is_empty());
    let back = client.receive("orders", "billing", 10).expect("received");
    assert_eq!(back[0].id(), "given-up");
    // The other subscription got each event once, and no dead letter.
    let others = client.receive("orders", "shipping", 10).expect("received");
    assert_eq!(
        others.iter().map(|delivery| delivery.id()).collect::<Vec<_>>(),
        ["rejected", "given-up"]
    );
}
