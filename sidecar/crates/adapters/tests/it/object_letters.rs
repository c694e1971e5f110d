//! Dead letters: where the files are, and what is in them.

use std::collections::BTreeMap;

use adapters::object_store::{Letters, ObjectLetters};
use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::{Attribute, ObjectStoreExt};

use crate::moto;

fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

#[tokio::test]
async fn a_file_is_written_below_the_place_and_replaced_by_the_next_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/not/yet/", folder.path().display());
    let letters = ObjectLetters::open(&url, &BTreeMap::new()).unwrap();
    assert_eq!(letters.name(), url.trim_end_matches('/'));
    for content in ["[1,2]", "[1]"] {
        let path = path(&["shop", "orders", "billing", "x.json"]);
        letters.put(&path, Bytes::from(content)).await.unwrap();
        let file = folder.path().join("not/yet/shop/orders/billing/x.json");
        assert_eq!(std::fs::read_to_string(file).unwrap(), content);
    }
}

#[tokio::test]
async fn names_cannot_lead_out_of_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/box", folder.path().display());
    let letters = ObjectLetters::open(&url, &BTreeMap::new()).unwrap();
    let path = path(&["shop", "../../x", "..", "x.json"]);
    letters.put(&path, Bytes::from_static(b"[]")).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let shop = std::fs::read_dir(folder.path().join("box/shop")).unwrap();
    assert_eq!(shop.count(), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_to_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "in the way").unwrap();
    let url = format!("file://{}", blocked.display());
    let letters = ObjectLetters::open(&url, &BTreeMap::new()).unwrap();
    let refused = letters
        .put(&path(&["a", "b.json"]), Bytes::from_static(b"[]"))
        .await;
    assert!(refused.unwrap_err().to_string().contains("a/b.json"));
}

#[tokio::test]
async fn s3_knows_what_kind_of_file_it_is() {
    let (_server, options) = moto::start();
    let letters = ObjectLetters::open("s3://weft-checkpoints/letters", &options).unwrap();
    let path = path(&["shop", "orders", "x.json"]);
    letters.put(&path, Bytes::from_static(b"[1]")).await.unwrap();
    let builder = AmazonS3Builder::new().with_bucket_name("weft-checkpoints");
    let store = options.iter().fold(builder, |builder, (key, value)| {
        builder.with_config(key.parse().unwrap(), value)
    });
    let file = store.build().unwrap();
    let file = file.get(&"letters/shop/orders/x.json".into()).await.unwrap();
    let kind = file.attributes.get(&Attribute::ContentType).unwrap();
    assert_eq!(kind.as_ref(), "application/json");
    assert_eq!(file.bytes().await.unwrap(), "[1]");
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_named() {
    let (_server, options) = moto::start();
    let letters = ObjectLetters::open("s3://not-yet", &options).unwrap();
    let refused = letters.put(&path(&["x.json"]), Bytes::from_static(b"[]")).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("NoSuchBucket"), "{refused}");
}
