//! Dead letters: list, show, redrive.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::guard::Guard;
use crate::home::{Dev, Home, Said, eventually, namespace, subscription, topic};

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

/// Every JSON file below the folder. One that is being written has another name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect()
}

#[test]
fn a_dead_letter_becomes_a_file_where_the_subscription_says() {
    let home = Home::with(&[]);
    let letters = home.path().join("letters");
    let dead_letter = format!("{{objectStore: {{url: 'file://{}'}}}}", letters.display());
    let picky = subscription("billing", "orders")
        .replace("queue: {}", &format!("queue: {{}}, deadLetter: {dead_letter}"));
    let all = [namespace("shop"), topic("orders", "shop"), picky].join("---\n");
    home.write("all.yaml", &all);
    let dev = home.start();
    dev.wait_for_stderr("dead letters of shop/orders/billing go to file://");
    let data = ["--data", "{\"n\": 1.10}", "--subject", "s"];
    home.ok(&[&["publish", "orders", "--type", "t"][..], &data].concat());
    let received = home.json(&["receive", "orders", "billing"]);
    reject(
        &home,
        received[0]["brokerProperties"]["lockToken"].as_str().unwrap(),
    );
    eventually(|| !files(&letters).is_empty(), || dev.stderr());
    let file = files(&letters).remove(0);
    assert!(file.starts_with(letters.join("shop/orders/billing")), "{file:?}");
    let text = fs::read_to_string(&file).unwrap();
    let content: Value = serde_json::from_str(&text).unwrap();
    let properties = &content[0]["deadLetterProperties"];
    assert_eq!(properties["deadletterreason"], "Rejected");
    assert_eq!(properties["deliveryattempts"], 1);
    let event = content[0]["event"].as_object().unwrap();
    assert_eq!((&event["subject"], &event["type"]), (&json!("s"), &json!("t")));
    assert!(!event.contains_key("deadletterreason"), "{text}");
    assert!(text.contains("1.10"), "a number keeps its digits: {text}");
    eventually(
        || home.json(&["dead-letters", "list", "orders/Billing"]).is_empty(),
        || dev.stderr(),
    );
}

#[test]
fn a_dead_letter_that_waits_for_its_store_can_be_given_back() {
    let home = Home::with(&[]);
    let occupied = home.path().join("occupied");
    fs::write(&occupied, "no folder").unwrap();
    let dead_letter = format!("{{objectStore: {{url: 'file://{}'}}}}", occupied.display());
    let picky = subscription("billing", "orders")
        .replace("queue: {}", &format!("queue: {{}}, deadLetter: {dead_letter}"));
    let all = [namespace("shop"), topic("orders", "shop"), picky].join("---\n");
    home.write("all.yaml", &all);
    let dev = home.start();
    home.ok(&["publish", "orders", "--type", "t", "--data", "{}"]);
    let received = home.json(&["receive", "orders", "billing"]);
    reject(
        &home,
        received[0]["brokerProperties"]["lockToken"].as_str().unwrap(),
    );
    dev.wait_for_stderr("cannot store dead letters of shop/orders/billing");
    assert_eq!(home.json(&["dead-letters", "list", "orders/Billing"]).len(), 1);
    let redriven = home.ok(&["dead-letters", "redrive", "orders/billing", "--all"]);
    assert!(
        redriven.starts_with("redrove 1 dead letter of $dead-letters/orders/billing/"),
        "{redriven}"
    );
    let said = home.run(&["dead-letters", "list", "orders/nobody"]);
    assert_eq!(said.code, 4);
    assert!(
        said.stderr.contains("no subscription orders/nobody"),
        "{}",
        said.stderr
    );
    // They lie in no topic that a role could be for.
    let guard = Guard::before(&home, &["eventgrid-data-contributor"]);
    let mut command = guard.command(&home, &["dead-letters", "list", "orders/billing"]);
    let said = Said::from(command.output().unwrap());
    assert_eq!(said.code, 4, "{}", said.stdout);
    for words in [
        "may not `receive` on eventnamespaces.weft.dev/shop",
        "a role of your own",
    ] {
        assert!(said.stderr.contains(words), "{words}: {}", said.stderr);
    }
    assert_eq!(home.json(&["receive", "orders", "billing", "--ack"]).len(), 1);
}

#[test]
fn credentials_in_a_secret_mean_nothing_here() {
    let home = Home::with(&[]);
    let store = "{url: 's3://bucket/letters', credentialsSecretRef: {name: store}}";
    let picky = subscription("billing", "orders").replace(
        "queue: {}",
        &format!("queue: {{}}, deadLetter: {{objectStore: {store}}}"),
    );
    let all = [namespace("shop"), topic("orders", "shop"), picky].join("---\n");
    home.write("all.yaml", &all);
    let dev = home.start();
    dev.wait_for_stderr("deadLetter.objectStore.credentialsSecretRef of EventSubscriptions");
}
