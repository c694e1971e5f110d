//! What a start on an empty disk finds in the copy, and what becomes of whoever copied there before.

use std::sync::Arc;

use checkpoint::{CheckpointStore, Log, Memory};
use config::Checkpoint;
use sidecar::{Configuration, Settings, Sidecar};
use tokio::sync::watch;

use crate::client::Client;
use crate::plane::{KEYS, NAMESPACE_UID, Plane, certificates, configuration, set_certificate, topic};

fn orders() -> Configuration {
    configuration(vec![topic(1, "orders")])
}

#[tokio::test(flavor = "multi_thread")]
async fn another_place_for_checkpoints_and_an_empty_disk_at_once_repeat_no_number() {
    let folder = Plane::start(orders()).await.stop().await;
    let elsewhere = format!("file://{}/elsewhere", folder.path().display());
    let mut incarnations = Vec::new();
    for checkpoint in [
        Checkpoint::ObjectStore {
            url: elsewhere.clone(),
        },
        Checkpoint::ConfigMap,
        Checkpoint::ObjectStore { url: elsewhere },
    ] {
        std::fs::remove_dir_all(folder.path().join("data")).unwrap();
        let mut changed = orders();
        changed.document.head.settings.checkpoint = checkpoint;
        let plane = Plane::open(folder.clone(), changed).await;
        let standing = plane.sidecar.standing().borrow().clone();
        incarnations.push((standing.incarnation, standing.data_lost.is_some()));
        plane.stop().await;
    }
    assert_eq!(incarnations, [(1, true), (2, true), (3, true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_on_the_disk_goes_on_without_a_store_that_can_be_opened() {
    let folder = Plane::start(orders()).await.stop().await;
    let mut changed = orders();
    changed.document.head.settings.checkpoint = Checkpoint::ObjectStore {
        url: "s3://bucket/weft".to_owned(),
    };
    changed.secrets.object_store = [("username".to_owned(), "me".to_owned())].into();
    let plane = Plane::open(folder, changed).await;
    plane.sidecar.ready().await.unwrap();
    assert_eq!(plane.sidecar.standing().borrow().data_lost, None);
    plane.stop().await;
}

/// With its copy in `memory`.
async fn start(folder: &std::path::Path, memory: &Memory) -> (Sidecar, watch::Sender<Arc<Configuration>>) {
    let mut configuration = orders();
    set_certificate(&mut configuration, &certificates());
    let (sender, receiver) = watch::channel(Arc::new(configuration));
    let settings = Settings {
        checkpoints: Some(Arc::new(memory.clone())),
        ..Settings::new(folder.join("data"))
    };
    let sidecar = sidecar::start(settings, receiver).await.unwrap();
    sidecar.ready().await.unwrap();
    (sidecar, sender)
}

/// The copy shows what is served: not the broker before it knows its topics, nor the probe's topic.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_writes_to_the_copy_once_and_another_one_not_at_all() {
    let (folder, memory) = (tempfile::tempdir().unwrap(), Memory::default());
    for start_number in 1..=3 {
        let (sidecar, _configurations) = start(folder.path(), &memory).await;
        sidecar.stop().await;
        let pages: Vec<_> = memory.writes().into_iter().map(|(page, _)| page).collect();
        assert_eq!(
            pages.len(),
            1,
            "pages {pages:?} were written, at the latest by start {start_number}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_overtaken_goes_on_and_says_so() {
    let (folder, memory) = (tempfile::tempdir().unwrap(), Memory::default());
    let (sidecar, _configurations) = start(folder.path(), &memory).await;
    let mut standings = sidecar.standing();
    assert_eq!(standings.borrow().fenced, None);
    let id = uuid::Uuid::from_u128(1);
    let overtaken = checkpoint::open(&[&memory], Log::New { id }, NAMESPACE_UID, |_| 0).await;
    assert_eq!(overtaken.unwrap().claim.incarnation, 1);
    let client = Client::http(sidecar.addresses().http.unwrap(), KEYS[0]);
    assert_eq!(client.publish("orders", "first").0, 200);
    let patience = std::time::Duration::from_secs(30);
    let told = standings.wait_for(|standing| standing.fenced.is_some());
    let told = tokio::time::timeout(patience, told).await.unwrap().unwrap();
    let words = told.fenced.clone().unwrap();
    assert!(words.contains(&memory.name()), "{words}");
    drop(told);
    assert_eq!(client.publish("orders", "second").0, 200);
    sidecar.stop().await;
}
