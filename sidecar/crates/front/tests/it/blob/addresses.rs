//! Where containers and blobs are.

use crate::blob::{Blobs, CHECKPOINT, VERSION};
use crate::client::Client;
use crate::world::ROOT;

#[tokio::test]
async fn a_blob_is_the_same_one_at_each_of_its_addresses() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    let etag = client
        .put_blob("/box/localhost%3A5671/hub/%24default/ownership/0", &[], "")
        .await;
    // As Python's asynchronous client writes it, its other one, JavaScript's; with the account before it.
    for target in [
        "/box/localhost:5671/hub/$default/ownership/0",
        "/box/localhost%3A5671/hub/%24default/ownership/0",
        "/box/localhost%3A5671%2Fhub%2F%24default%2Fownership%2F0",
        "/shop/box/localhost:5671/hub/$default/ownership/0",
    ] {
        assert_eq!(
            client.head_of(target).await.header("etag"),
            Some(&*etag),
            "{target}"
        );
    }
    let mut main = Client::connect(blobs.world.address).await.with_key(ROOT);
    for target in [
        "/checkpoints/box/localhost:5671/hub/$default/ownership/0",
        "/checkpoints/shop/box/localhost:5671/hub/%24default/ownership/0",
    ] {
        assert_eq!(
            main.head_of(target).await.header("etag"),
            Some(&*etag),
            "{target}"
        );
    }
    let elsewhere = main.head_of("/box/localhost:5671/hub/$default/ownership/0").await;
    assert_eq!(elsewhere.status, 404);
}

#[tokio::test]
async fn a_list_says_at_which_address_it_was_asked_for() {
    let blobs = Blobs::start().await;
    let mut main = Client::connect(blobs.world.address).await.with_key(ROOT);
    for (target, endpoint) in [
        ("/checkpoints?comp=list", "http://weft/checkpoints/"),
        ("/checkpoints/shop/?comp=list", "http://weft/checkpoints/shop/"),
    ] {
        let list = main.get(target).await;
        let expected = format!("ServiceEndpoint=\"{endpoint}\"");
        assert!(list.text().contains(&expected), "{target}: {}", list.text());
    }
}

#[tokio::test]
async fn a_container_with_the_accounts_name_comes_after_the_account() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    client.put_blob("/shop/shop/a/b", &[], "x").await;
    assert_eq!(client.get("/shop/shop/a/b").await.text(), "x");
    let lost = client.get("/shop?restype=container&comp=list").await;
    assert_eq!((lost.status, lost.storage_code()), (400, "InvalidUri"));
    assert!(lost.text().contains("/shop/shop"), "{}", lost.text());
}

#[tokio::test]
async fn what_names_neither_a_container_nor_a_blob_is_refused_with_the_rule() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    for (method, target, hint) in [
        ("GET", "/blob-of-root", "restype=container"),
        (
            "GET",
            "/devstoreaccount1/box?restype=container&comp=list",
            "account",
        ),
        ("GET", "/box/%zz", "percent"),
        ("PUT", "//box/blob", "empty segment"),
    ] {
        let refused = client.call(method, target, &[VERSION], "").await;
        assert_eq!(
            (refused.status, refused.storage_code()),
            (400, "InvalidUri"),
            "{target}"
        );
        assert!(refused.text().contains(hint), "{target}: {}", refused.text());
    }
}

#[tokio::test]
async fn the_blob_door_serves_blobs_only_and_hubs_hide_no_container() {
    let blobs = Blobs::start().await;
    let mut client = blobs.client().await;
    client.put_blob(CHECKPOINT, &[], "").await;
    // On the main door this would send to a hub.
    client.put_blob("/telemetry/messages", &[], "x").await;
    assert_eq!(client.get("/telemetry/messages").await.text(), "x");
}
