//! S3, as moto speaks it.

use std::collections::BTreeMap;
use std::process::Command;

use adapters::object_store::ObjectCheckpoints;
use checkpoint::{CheckpointStore, StoreError, Stored};

use crate::object_checkpoints::{check, options};
use crate::server::Server;
use crate::toolbox;

pub(crate) fn start() -> (Server, BTreeMap<String, String>) {
    let mut command = Command::new(toolbox::moto().join("bin/moto_server"));
    let server = Server::start(
        command
            .args(["-H", "127.0.0.1", "-p", "0"])
            .env("PYTHONUNBUFFERED", "1"),
    );
    assert_eq!(server.put("/weft-checkpoints", ""), 200);
    let endpoint = format!("http://{}", server.address);
    let options = options(&[
        ("aws_access_key_id", "test"),
        ("aws_secret_access_key", "test"),
        ("aws_region", "us-east-1"),
        ("aws_endpoint", &endpoint),
        ("aws_allow_http", "true"),
    ]);
    (server, options)
}

#[tokio::test]
async fn s3_keeps_what_a_store_has_to() {
    let (_server, options) = start();
    check("s3://weft-checkpoints/some/path", &options).await;
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_waited_for_in_words_that_help() {
    let (server, options) = start();
    let store = ObjectCheckpoints::open("s3://not-yet", "team/shop", &options).unwrap();
    let refused = store.load().await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Unavailable(text) if text.contains("NoSuchBucket")),
        "{refused}"
    );
    assert_eq!(server.put("/not-yet", ""), 200);
    assert_eq!(store.load().await.unwrap(), Stored::default());
}

#[tokio::test]
async fn a_server_that_is_gone_is_worth_another_try() {
    let (server, options) = start();
    let store = ObjectCheckpoints::open("s3://weft-checkpoints", "team/shop", &options).unwrap();
    drop(server);
    let away = store.load().await.unwrap_err();
    assert!(matches!(away, StoreError::Unavailable(_)), "{away}");
}
