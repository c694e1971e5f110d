//! What is told before something is durable, and after.

use std::time::Duration;

use broker::*;
use futures_util::FutureExt;
use model::ByteCount;
use storage::shadow::Survivors;

use super::positions::*;
use crate::it::eventhubs::world::*;

#[tokio::test]
async fn nobody_is_told_of_a_blob_before_it_is_durable() {
    let world = World::over(Ground::embedded(ByteCount::mib(4))).await;
    put(&world, "before", &[]).await;
    let held = world.disk().hold();
    let checkpoints = world.broker.checkpoints();
    let claim = || {
        let checkpoints = checkpoints.clone();
        world.spawn(async move {
            checkpoints
                .put(&SEND, CONTAINER, "a", Content::default(), &if_none())
                .await
        })
    };
    let first = claim();
    tokio::time::sleep(Duration::from_millis(20)).await;
    // A refusal says that the blob exists, and so do a look at it and a list.
    let second = claim();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!first.is_finished() && !second.is_finished());
    assert!(blob(&world, "a").now_or_never().is_none());
    assert!(blobs(&world).now_or_never().is_none());
    drop(held);
    assert!(first.await.unwrap().is_ok());
    assert_eq!(second.await.unwrap(), Err(CheckpointError::BlobAlreadyExists));
    assert!(blob(&world, "a").await.is_ok());
    // Nothing is on its way: nobody has to wait.
    let held = world.disk().hold();
    assert_eq!(blobs(&world).now_or_never().map(|blobs| blobs.len()), Some(2));
    drop(held);
    world.stop().await;
}

#[tokio::test]
async fn a_version_that_a_power_cut_took_away_does_not_share_its_etag() {
    let world = World::over(Ground::embedded(ByteCount::mib(4))).await;
    let before = put(&world, "a", &[]).await;
    let held = world.disk().hold();
    let checkpoints = world.broker.checkpoints().clone();
    world.spawn(async move {
        for _ in 0..10 {
            let put = checkpoints.put(&SEND, CONTAINER, "a", Content::default(), &ALWAYS);
            // It is begun, and nobody waits for it.
            let _ = put.now_or_never();
        }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    // The clock of this world stands still.
    let after = world.power_cut(Survivors::None).await;
    drop(held);
    assert_eq!(blob(&after, "a").await.unwrap().etag, before.etag);
    let written = put(&after, "a", &[]).await;
    let lost = 10;
    let number = |etag: ETag| u64::from_str_radix(&etag.to_string()[2..], 16).expect("it is a number");
    assert!(number(written.etag) > number(before.etag) + lost);
    after.stop().await;
}
