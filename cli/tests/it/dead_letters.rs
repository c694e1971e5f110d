//! Dead letters: list, show, redrive.

use crate::home::{Dev, Home, namespace, subscription, topic};

fn with_dead_letter() -> (Home, Dev) {
    let picky = subscription("billing", "orders")
        .replace("queue: {}", "queue: {}, deadLetter: {topicRef: {name: dead}}");
    let home = Home::with(&[(
        "all.yaml",
        &[
            namespace("shop"),
            topic("orders", "shop"),
            topic("dead", "shop"),
            picky,
        ]
        .join("---\n"),
    )]);
    let dev = home.start();
    home.ok(&[
        "publish",
        "orders",
        "--type",
        "t",
        "--data",
        "{\"n\": 1.10}",
        "--subject",
        "s",
    ]);
    let received = home.json(&["receive", "orders", "billing"]);
    reject(
        &home,
        received[0]["brokerProperties"]["lockToken"].as_str().unwrap(),
    );
    (home, dev)
}

fn reject(home: &Home, token: &str) {
    let url = format!(
        "{}/topics/orders/eventsubscriptions/billing:reject",
        home.setting("shop", "EVENTGRID_ENDPOINT")
    );
    let request = ureq::post(url).header("aeg-sas-key", home.setting("shop", "EVENTGRID_KEY"));
    let body = serde_json::json!({"lockTokens": [token]}).to_string();
    request
        .header("Content-Type", "application/json")
        .send(body.as_bytes())
        .unwrap();
}

#[test]
fn a_dead_letter_is_listed_shown_and_sent_back_to_its_subscription() {
    let (home, _dev) = with_dead_letter();
    let letters = home.json(&["dead-letters", "list", "dead"]);
    assert_eq!(letters.len(), 1);
    let sequence = letters[0]["sequence"].to_string();
    let table = home.ok(&["dead-letters", "list", "dead"]);
    assert!(
        table.starts_with("SEQUENCE  REASON    ATTEMPTS  SOURCE"),
        "{table}"
    );
    assert!(
        table.contains("topics/orders/eventsubscriptions/billing"),
        "{table}"
    );

    let shown = home.ok(&["dead-letters", "show", "dead", &sequence]);
    assert!(
        shown.contains("deadletterreason: Rejected") && shown.contains("{\"n\": 1.10}"),
        "{shown}"
    );
    let raw = home.ok(&["dead-letters", "show", "dead", &sequence, "--output", "json"]);
    assert!(raw.contains("1.10"), "a number keeps its digits: {raw}");

    assert_eq!(
        home.ok(&["dead-letters", "redrive", "dead", &sequence]),
        "redrove 1 dead letter of dead\n"
    );
    assert!(home.json(&["dead-letters", "list", "dead"]).is_empty());
    assert_eq!(
        home.ok(&["dead-letters", "list", "dead"]),
        "no dead letters in dead\n"
    );
    let back = home.json(&["receive", "orders", "billing", "--ack"]);
    assert_eq!(
        (
            back[0]["brokerProperties"]["deliveryCount"].as_u64(),
            back[0]["event"]["subject"].as_str()
        ),
        (Some(1), Some("s"))
    );
}

#[test]
fn all_dead_letters_go_back_at_once() {
    let (home, _dev) = with_dead_letter();
    let answer = home.json(&["dead-letters", "redrive", "dead", "--all"]);
    assert_eq!(
        (
            answer[0]["redriven"].as_array().unwrap().len(),
            answer[0]["failed"].as_array().unwrap().len()
        ),
        (1, 0)
    );
    assert_eq!(home.json(&["receive", "orders", "billing"]).len(), 1);
}

#[test]
fn a_dead_letter_that_is_not_there_fails_with_the_reason() {
    let (home, _dev) = with_dead_letter();
    let said = home.run(&["dead-letters", "redrive", "dead", "99"]);
    assert_eq!(said.code, 4);
    assert!(
        said.stderr.contains("99 stays: no such dead letter"),
        "{}",
        said.stderr
    );
    assert_eq!(home.run(&["dead-letters", "show", "dead", "99"]).code, 4);
    assert_eq!(home.run(&["dead-letters", "list", "nowhere"]).code, 4);
}
