//! What a checkpoint store asks for, one thing after another.

use std::time::Duration;

use broker::*;
use bytes::Bytes;

use super::positions::*;
use crate::it::eventhubs::world::*;

#[tokio::test]
async fn a_blob_is_found_as_it_was_put() {
    for ground in Ground::each() {
        let world = World::over(ground).await;
        let checkpoints = world.broker.checkpoints();
        let given = Content {
            metadata: metadata(&[("offset", "17"), ("a", "")]),
            content_type: Some(String::from("text/plain")),
            body: Bytes::from_static(b"\0body"),
        };
        let name = "shop.ns.svc:5671/hub/$default/checkpoint/0";
        let put = checkpoints.put(&SEND, CONTAINER, name, given.clone(), &ALWAYS);
        let written = put.await.unwrap();
        assert_eq!(written.last_modified, world.clock.now());
        let found = blob(&world, name).await.unwrap();
        assert_eq!(*found.content, given);
        assert_eq!((found.etag, found.name.as_str()), (written.etag, name));
        assert_eq!(found.created, written.last_modified);
        world.clock.advance(Duration::from_secs(5));
        let set = checkpoints.set_metadata(&SEND, CONTAINER, name, metadata(&[("offset", "18")]), &ALWAYS);
        let set = set.await.unwrap();
        assert!(set.etag > written.etag && set.last_modified > written.last_modified);
        let changed = blob(&world, name).await.unwrap();
        assert_eq!(changed.content.metadata, metadata(&[("offset", "18")]));
        assert_eq!(changed.content.body, given.body);
        assert_eq!(changed.content.content_type, given.content_type);
        assert_eq!(changed.created, written.last_modified);
        assert_eq!(blobs(&world).await, std::slice::from_ref(&changed));
        let restarted = world.restart().await;
        assert_eq!(blobs(&restarted).await, [changed]);
        restarted.stop().await;
    }
}

#[tokio::test]
async fn a_container_exists_as_soon_as_it_is_used_and_asking_creates_none() {
    let world = World::new().await;
    let checkpoints = world.broker.checkpoints();
    let unused = checkpoints.container(&LISTEN, CONTAINER).await.unwrap();
    assert_eq!(unused.name, CONTAINER);
    assert!(blobs(&world).await.is_empty());
    assert_eq!(blob(&world, "a").await, Err(CheckpointError::BlobNotFound));
    let deleted = checkpoints.delete_container(&MANAGE, CONTAINER).await;
    assert_eq!(deleted, Err(CheckpointError::ContainerNotFound));
    assert!(containers(&world).await.is_empty());
    put(&world, "a", &[]).await;
    let used = checkpoints.container(&LISTEN, CONTAINER).await.unwrap();
    assert!(used.etag > unused.etag);
    put(&world, "b", &[]).await;
    assert_eq!(containers(&world).await, [used]);
    let again = checkpoints.create_container(&SEND, CONTAINER).await;
    assert_eq!(again, Err(CheckpointError::ContainerAlreadyExists));
    let created = checkpoints.create_container(&SEND, "another").await;
    let found = checkpoints.container(&LISTEN, "another").await;
    assert_eq!(found, created);
    let deleted = checkpoints.delete_container(&MANAGE, CONTAINER).await;
    assert_eq!(deleted, Ok(()));
    assert_eq!(blob(&world, "a").await, Err(CheckpointError::BlobNotFound));
    let world = world.restart().await;
    assert_eq!(containers(&world).await, [created.unwrap()]);
    world.stop().await;
}

#[tokio::test]
async fn conditions_are_refused_in_the_words_that_a_checkpoint_store_waits_for() {
    let world = World::new().await;
    let checkpoints = world.broker.checkpoints();
    let set = |conditions| async move {
        checkpoints
            .set_metadata(&SEND, CONTAINER, "a", Metadata::new(), &conditions)
            .await
    };
    let put = |conditions| async move {
        checkpoints
            .put(&SEND, CONTAINER, "a", Content::default(), &conditions)
            .await
    };
    let delete =
        |conditions| async move { checkpoints.delete_blob(&SEND, CONTAINER, "a", &conditions).await };
    assert_eq!(set(if_none()).await, Err(CheckpointError::BlobNotFound));
    assert_eq!(delete(if_none()).await, Err(CheckpointError::BlobNotFound));
    let first = put(if_none()).await.unwrap().etag;
    assert_eq!(put(if_none()).await, Err(CheckpointError::BlobAlreadyExists));
    assert_eq!(set(if_none()).await, Err(CheckpointError::ConditionNotMet));
    let second = set(if_is(first)).await.unwrap().etag;
    for refused in [set(if_is(first)).await, put(if_is(first)).await] {
        assert_eq!(refused, Err(CheckpointError::ConditionNotMet));
    }
    assert_eq!(delete(if_is(first)).await, Err(CheckpointError::ConditionNotMet));
    assert_eq!(delete(if_is(second)).await, Ok(()));
    assert_eq!(put(if_is(second)).await, Err(CheckpointError::ConditionNotMet));
    assert_eq!(set(if_is(second)).await, Err(CheckpointError::BlobNotFound));
    let text = world.registry.encode();
    for line in [
        "weft_checkpoints_writes_total 3",
        "weft_checkpoints_conditions_refused_total 6",
        "weft_checkpoints_blobs 0",
    ] {
        assert!(
            text.lines().any(|other| other == line),
            "{line} is not in\n{text}"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn names_that_azure_refuses_are_refused_by_everything() {
    let world = World::new().await;
    let checkpoints = world.broker.checkpoints();
    let conditions = Conditions::default();
    let refused = CheckpointError::InvalidContainerName;
    let put = checkpoints.put(&SEND, "A", "a", Content::default(), &conditions);
    assert_eq!(put.await, Err(refused.clone()));
    let set = checkpoints.set_metadata(&SEND, "A", "a", Metadata::new(), &conditions);
    assert_eq!(set.await, Err(refused.clone()));
    let delete = checkpoints.delete_blob(&SEND, "A", "a", &conditions);
    assert_eq!(delete.await, Err(refused.clone()));
    assert_eq!(
        checkpoints.create_container(&SEND, "A").await,
        Err(refused.clone())
    );
    let delete = checkpoints.delete_container(&MANAGE, "A").await;
    assert_eq!(delete, Err(refused.clone()));
    assert_eq!(checkpoints.container(&LISTEN, "A").await, Err(refused.clone()));
    let list = checkpoints.list(&LISTEN, "A", "", "", None, 1).await;
    assert_eq!(list, Err(refused.clone()));
    assert_eq!(checkpoints.blob(&LISTEN, "A", "a").await, Err(refused));
    let put = checkpoints.put(&SEND, CONTAINER, "", Content::default(), &conditions);
    assert_eq!(put.await, Err(CheckpointError::InvalidBlobName));
    assert_eq!(blob(&world, "").await, Err(CheckpointError::InvalidBlobName));
    assert!(containers(&world).await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn a_list_goes_on_after_its_marker_and_keeps_to_its_prefix() {
    let world = World::new().await;
    for name in ["a/1", "a/2", "a/3", "b/1", "a", "c"] {
        put(&world, name, &[]).await;
    }
    let checkpoints = world.broker.checkpoints();
    let list = |prefix, after, max| async move {
        let page = checkpoints.list(&LISTEN, CONTAINER, prefix, "", after, max);
        let page = page.await.expect("the name is valid");
        let names: Vec<String> = ungrouped(page.items).into_iter().map(|blob| blob.name).collect();
        (names.join(" "), page.next.unwrap_or_default())
    };
    let page = |names: &str, next: &str| (String::from(names), String::from(next));
    assert_eq!(list("", None, 100).await, page("a a/1 a/2 a/3 b/1 c", ""));
    assert_eq!(list("a/", None, 2).await, page("a/1 a/2", "a/2"));
    assert_eq!(list("a/", Some("a/2"), 2).await, page("a/3", ""));
    assert_eq!(list("a/", None, 3).await, page("a/1 a/2 a/3", ""));
    assert_eq!(list("a/", Some("0"), 1).await, page("a/1", "a/1"));
    assert_eq!(list("a/", Some("b"), 1).await, page("", ""));
    assert_eq!(list("d", None, 1).await, page("", ""));
    // A page makes progress, whatever is asked for.
    assert_eq!(list("", None, 0).await, page("a", "a"));
    world.stop().await;
}

#[tokio::test]
async fn etags_never_go_back_and_times_follow_the_clock() {
    let world = World::over(Ground::memory()).await;
    let first = put(&world, "a", &[]).await;
    let ground = world.ground.clone();
    world.stop().await;
    drop(world);
    // A machine whose clock was ahead, and was set back by hours.
    let earlier = runtime::Clock::manual(first.last_modified - 2 * HOUR);
    let mut world = World::unconfigured(ground, earlier.clone(), telemetry());
    let mut newest = first.etag;
    for name in ["a", "b", "c"] {
        let written = put(&world, name, &[]).await;
        assert!(written.etag > newest);
        assert_eq!(written.last_modified, earlier.now());
        newest = written.etag;
        world = world.restart().await;
    }
    let unused = world.broker.checkpoints().container(&LISTEN, "unused").await;
    assert_eq!(unused.unwrap().last_modified, earlier.now());
    world.stop().await;
}

#[tokio::test]
async fn a_list_with_a_delimiter_shows_each_group_once_and_goes_on_behind_it() {
    let world = World::new().await;
    let last = char::MAX;
    for name in ["a", "a/1", "a/2", &format!("a/{last}"), "a0", "b//1", "b/1", "c"] {
        put(&world, name, &[]).await;
    }
    let checkpoints = world.broker.checkpoints();
    let list = |prefix, delimiter, after, max| async move {
        let page = checkpoints.list(&LISTEN, CONTAINER, prefix, delimiter, after, max);
        let page = page.await.expect("the name is valid");
        let shown = page.items.into_iter().map(|listed| match listed {
            Listed::Blob(blob) => blob.name,
            Listed::Group(group) => format!("[{group}]"),
        });
        (shown.collect::<Vec<_>>().join(" "), page.next.unwrap_or_default())
    };
    let page = |names: &str, next: &str| (String::from(names), String::from(next));
    assert_eq!(list("", "/", None, 100).await, page("a [a/] a0 [b/] c", ""));
    assert_eq!(list("", "/", None, 2).await, page("a [a/]", "a/"));
    assert_eq!(list("", "/", Some("a/"), 2).await, page("a0 [b/]", "b/"));
    assert_eq!(list("", "/", Some("b/"), 1).await, page("c", ""));
    assert_eq!(list("b/", "/", None, 9).await, page("[b//] b/1", ""));
    assert_eq!(list("b/", "/", Some("b//"), 9).await, page("b/1", ""));
    assert_eq!(
        list("a/", "/", Some("a/"), 9).await,
        page(&format!("a/1 a/2 a/{last}"), "")
    );
    // Somebody may have listed it without a delimiter before.
    assert_eq!(list("", "/", Some("a/1"), 2).await, page("[a/] a0", "a0"));
    assert_eq!(list("", "//", None, 0).await, page("a", "a"));
    assert_eq!(list("a", "", Some("a/"), 1).await, page("a/1", "a/1"));
    assert_eq!(list("d", "/", None, 1).await, page("", ""));
    let never = checkpoints.list(&LISTEN, "never", "", "/", None, 9).await;
    assert!(never.unwrap().items.is_empty());
    world.stop().await;
}
