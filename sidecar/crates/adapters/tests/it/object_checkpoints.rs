//! Checkpoints in object stores: what every store has to keep, and how the objects look.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use adapters::object_store::ObjectCheckpoints;
use bytes::Bytes;
use checkpoint::conformance::{self, Place};
use checkpoint::{CheckpointStore, Claim, Log, StoreError, open};
use uuid::Uuid;

pub(crate) fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// Runs the suite in folders of its own under `url`.
pub(crate) async fn check(url: &str, options: &BTreeMap<String, String>) {
    let count = AtomicUsize::new(0);
    conformance::check(async || {
        let folder = format!("team/shop-{}", count.fetch_add(1, Ordering::Relaxed));
        let (url, options) = (url.to_owned(), options.clone());
        let place: Place =
            Box::new(move || Arc::new(ObjectCheckpoints::open(&url, &folder, &options).unwrap()));
        place
    })
    .await;
}

fn folder_store(folder: &Path) -> ObjectCheckpoints {
    let url = format!("file://{}", folder.display());
    ObjectCheckpoints::open(&url, "team/shop", &BTreeMap::new()).unwrap()
}

/// Every object below the folder, by its path.
fn objects(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(folder).unwrap();
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn new(id: u128) -> Log {
    Log::New {
        id: Uuid::from_u128(id),
    }
}

async fn claim(store: &ObjectCheckpoints, id: u128) -> Claim {
    open(&[store], new(id), "uid", |_| 0).await.unwrap().claim
}

async fn save(store: &ObjectCheckpoints, claim: &Claim, page: usize) {
    store
        .save(claim, page, Bytes::from_static(b"page"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_folder_keeps_what_a_store_has_to() {
    let folder = tempfile::tempdir().unwrap();
    check(&format!("file://{}", folder.path().display()), &BTreeMap::new()).await;
}

#[tokio::test]
async fn a_folder_may_be_called_anything() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("what? a #1 name, 100% ü");
    let store = ObjectCheckpoints::in_folder(&folder).unwrap();
    let first = claim(&store, 1).await;
    save(&store, &first, 7).await;
    assert!(
        folder.join("page-07/00000000-0000000000000000").is_file(),
        "{:?}",
        objects(root.path())
    );
    assert!(ObjectCheckpoints::in_folder(Path::new("relative")).is_err());
}

#[tokio::test]
async fn the_last_two_versions_of_a_page_are_kept_and_every_claim() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder_store(folder.path());
    let first = claim(&store, 1).await;
    for _ in 0..5 {
        save(&store, &first, 7).await;
    }
    assert_eq!(
        objects(folder.path()),
        [
            "team/shop/claim/00000000",
            "team/shop/page-07/00000000-0000000000000003",
            "team/shop/page-07/00000000-0000000000000004",
        ]
    );
    let after = folder_store(folder.path());
    let second = claim(&after, 2).await;
    save(&after, &second, 7).await;
    save(&after, &second, 7).await;
    assert_eq!(
        objects(folder.path()),
        [
            "team/shop/claim/00000000",
            "team/shop/claim/00000001",
            "team/shop/page-07/00000001-0000000000000000",
            "team/shop/page-07/00000001-0000000000000001",
        ]
    );
}

#[tokio::test]
async fn what_a_crash_left_behind_is_cleared_with_the_next_writes_a_handful_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder_store(folder.path());
    let first = claim(&store, 1).await;
    save(&store, &first, 7).await;
    let page = folder.path().join("team/shop/page-07");
    for number in 1..9 {
        std::fs::write(page.join(format!("00000000-{number:016x}")), "left behind").unwrap();
    }
    let store = folder_store(folder.path());
    save(&store, &first, 7).await;
    let left = objects(&page);
    assert_eq!(left.len(), 6, "{left:?}");
    save(&store, &first, 7).await;
    save(&store, &first, 7).await;
    assert_eq!(
        objects(&page),
        ["00000000-000000000000000a", "00000000-000000000000000b"]
    );
}

#[tokio::test]
async fn what_others_put_beside_it_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let beside = folder.path().join("team/shop");
    std::fs::create_dir_all(beside.join("claim")).unwrap();
    std::fs::write(beside.join("README"), "hands off").unwrap();
    std::fs::write(beside.join("claim/notes.txt"), "hands off").unwrap();
    let store = folder_store(folder.path());
    assert_eq!(claim(&store, 1).await.incarnation, 0);
}

#[tokio::test]
async fn a_claim_that_somebody_broke_stops_the_start_and_says_which_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let claims = folder.path().join("team/shop/claim");
    std::fs::create_dir_all(&claims).unwrap();
    std::fs::write(claims.join("00000002"), "{").unwrap();
    let refused = open(&[&folder_store(folder.path())], new(1), "uid", |_| 0)
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, StoreError::Damaged(text) if text.contains("claim/00000002")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_claim_far_above_the_one_before_is_one_more_object() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder_store(folder.path());
    let first = claim(&store, 1).await;
    let far = open(&[&store], new(2), "uid", |_| 3_000).await.unwrap().claim;
    assert_eq!(far.incarnation, 3_000);
    save(&folder_store(folder.path()), &far, 7).await;
    assert_eq!(store.save(&first, 7, Bytes::new()).await, Err(StoreError::Fenced));
    assert_eq!(
        objects(folder.path()),
        [
            "team/shop/claim/00000000",
            "team/shop/claim/00000001",
            "team/shop/page-07/00000001-0000000000000000",
        ]
    );
}

#[tokio::test]
async fn what_is_saved_after_claims_were_deleted_is_newer_than_what_was_saved_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder_store(folder.path());
    for id in 1..4 {
        let claim = claim(&store, id).await;
        store.save(&claim, 7, Bytes::from_static(b"old")).await.unwrap();
    }
    std::fs::remove_dir_all(folder.path().join("team/shop/claim")).unwrap();
    let next = claim(&store, 4).await;
    store.save(&next, 7, Bytes::from_static(b"new")).await.unwrap();
    let stored = folder_store(folder.path()).load().await.unwrap();
    assert_eq!(stored.pages, [(7, Bytes::from_static(b"new"))]);
    assert_eq!(
        objects(folder.path()),
        [
            "team/shop/claim/00000000",
            "team/shop/page-07/00000002-0000000000000000",
            "team/shop/page-07/00000003-0000000000000000",
        ]
    );
}

#[tokio::test]
async fn whoever_held_the_claim_before_one_that_was_deleted_is_stopped_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let former = folder_store(folder.path());
    let first = claim(&former, 1).await;
    let store = folder_store(folder.path());
    let second = claim(&store, 2).await;
    save(&store, &second, 7).await;
    std::fs::remove_file(folder.path().join("team/shop/claim/00000001")).unwrap();
    assert_eq!(
        store.save(&second, 7, Bytes::new()).await,
        Err(StoreError::Fenced)
    );
    let third = claim(&folder_store(folder.path()), 3).await;
    assert_eq!(
        former.save(&first, 7, Bytes::new()).await,
        Err(StoreError::Fenced)
    );
    store.save(&third, 7, Bytes::from_static(b"new")).await.unwrap();
    let stored = folder_store(folder.path()).load().await.unwrap();
    assert_eq!(stored.pages, [(7, Bytes::from_static(b"new"))]);
}
