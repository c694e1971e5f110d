//! Many consumers that want the same partition at once.

use broker::*;
use futures_util::future::join_all;
use model::ByteCount;

use super::positions::*;
use crate::it::eventhubs::world::*;

/// Everybody claims the blob under the same condition; the ETags of those who were told that they have it.
async fn claim(world: &World, conditions: &Conditions) -> Vec<ETag> {
    let claims = (0..32).map(|n| {
        let checkpoints = world.broker.checkpoints().clone();
        let conditions = conditions.clone();
        world.spawn(async move {
            let content = content(&[("ownerid", &n.to_string())]);
            checkpoints
                .put(&SEND, CONTAINER, "ownership/0", content, &conditions)
                .await
        })
    });
    let claims = join_all(claims.collect::<Vec<_>>()).await;
    let won = claims
        .into_iter()
        .filter_map(|claim| match claim.expect("it ends") {
            Ok(written) => Some(written.etag),
            Err(CheckpointError::BlobAlreadyExists | CheckpointError::ConditionNotMet) => None,
            Err(error) => panic!("{error}"),
        });
    won.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_one_of_many_claims_wins() {
    let world = World::over(Ground::embedded(ByteCount::mib(16))).await;
    let mut conditions = if_none();
    for _ in 0..50 {
        let won = claim(&world, &conditions).await;
        let [etag] = won[..] else {
            panic!("{won:?} won");
        };
        assert_eq!(blob(&world, "ownership/0").await.unwrap().etag, etag);
        conditions = if_is(etag);
    }
    world.stop().await;
}
