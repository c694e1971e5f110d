//! Dead letters that go to an object store, which is a folder here.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::DeadLetterStore;
use sidecar::Configuration;
use tokio::time::sleep;

use crate::client::page;
use crate::plane::{Plane, configuration, topic};

/// `billing` of `orders` sends its dead letters to this folder.
fn orders(folder: &Path) -> Configuration {
    let mut orders = topic(1, "orders");
    orders.subscriptions[0].dead_letter_store = Some(DeadLetterStore {
        url: format!("file://{}", folder.display()),
    });
    configuration(vec![orders])
}

fn die(plane: &Plane, kind: &str) {
    let client = plane.client();
    assert_eq!(client.publish("orders", kind).0, 200);
    let received = client.receive("orders", "billing");
    let tokens: Vec<_> = received.into_iter().map(|(_, token)| token).collect();
    assert_eq!(client.reject("orders", "billing", &tokens), 1);
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

/// What the files say, all together, as soon as there are so many.
async fn written(folder: &Path, count: usize) -> String {
    for _ in 0..600 {
        let files = files(folder);
        if files.len() >= count {
            return files
                .iter()
                .map(|file| fs::read_to_string(file).unwrap())
                .collect();
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("there are not {count} files in {}", folder.display());
}

async fn failures(plane: &Plane) {
    for _ in 0..600 {
        let (_, metrics) = page(plane.operations(), "/metrics");
        let name = "weft_dead_letters_store_failures_total ";
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap();
        if !line.ends_with(" 0") {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("nothing failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_that_wait_outlive_a_restart_and_a_store_that_is_away() {
    let outside = tempfile::tempdir().unwrap();
    let letters = outside.path().join("letters");
    fs::write(&letters, "in the way").unwrap();
    let plane = Plane::start(orders(&letters)).await;
    die(&plane, "first");
    failures(&plane).await;
    let again = Plane::open(plane.stop().await, orders(&letters)).await;
    again.sidecar.ready().await.unwrap();
    failures(&again).await;
    fs::remove_file(&letters).unwrap();
    let text = written(&letters, 1).await;
    assert!(
        text.contains(r#""type":"first""#) && text.contains("Rejected"),
        "{text}"
    );
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_needs_its_store_no_more_leaves_nothing_behind() {
    let outside = tempfile::tempdir().unwrap();
    let letters = outside.path().join("letters");
    fs::write(&letters, "in the way").unwrap();
    let plane = Plane::start(orders(&letters)).await;
    die(&plane, "first");
    failures(&plane).await;
    let report = plane
        .change(|configuration| configuration.document.topics[0].subscriptions[0].dead_letter_store = None)
        .await;
    assert_eq!(report.problem, None);
    die(&plane, "dropped");
    fs::remove_file(&letters).unwrap();
    let text = written(&letters, 1).await;
    assert!(text.contains("first") && !text.contains("dropped"), "{text}");
    let (_, streams) = plane.client().get("/$weft/v1/streams");
    assert!(
        streams.to_string().contains("$dead-letters/orders/billing/"),
        "{streams}"
    );
    plane.stop().await;
}
