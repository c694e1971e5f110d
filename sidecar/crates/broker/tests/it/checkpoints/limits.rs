//! What is too much.

use std::time::Duration;

use broker::*;
use bytes::Bytes;
use model::ByteCount;
use runtime::Clock;

use super::positions::*;
use crate::it::eventhubs::world::*;

async fn put_content(world: &World, name: &str, content: Content) -> Result<Written, CheckpointError> {
    let checkpoints = world.broker.checkpoints();
    let conditions = Conditions::default();
    checkpoints
        .put(&SEND, CONTAINER, name, content, &conditions)
        .await
}

fn body(bytes: usize) -> Content {
    Content {
        body: Bytes::from(vec![b'x'; bytes]),
        ..Content::default()
    }
}

#[tokio::test]
async fn a_blob_may_have_64_kib_and_8_kib_of_metadata() {
    let world = World::over(Ground::embedded(ByteCount::mib(32))).await;
    let described = |bytes: usize| content(&[("n", &"v".repeat(bytes - 1))]);
    let largest = Content {
        body: body(BODY_BYTES_MAX).body,
        ..described(METADATA_BYTES_MAX)
    };
    put_content(&world, "a", largest).await.unwrap();
    for content in [body(BODY_BYTES_MAX + 1), described(METADATA_BYTES_MAX + 1)] {
        let metadata = content.metadata.clone();
        let refused = put_content(&world, "b", content).await;
        assert!(
            matches!(refused, Err(CheckpointError::TooLarge { .. })),
            "{refused:?}"
        );
        if !metadata.is_empty() {
            let conditions = Conditions::default();
            let set = world
                .broker
                .checkpoints()
                .set_metadata(&SEND, CONTAINER, "a", metadata, &conditions);
            assert!(matches!(set.await, Err(CheckpointError::TooLarge { .. })));
        }
    }
    assert_eq!(blobs(&world).await.len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn there_are_at_most_a_thousand_containers() {
    let world = World::new().await;
    let checkpoints = world.broker.checkpoints();
    for n in 0..CONTAINERS_MAX {
        let name = format!("c{n:04}");
        checkpoints.create_container(&SEND, &name).await.unwrap();
    }
    let refused = CheckpointError::TooManyContainers {
        limit: CONTAINERS_MAX,
    };
    let created = checkpoints.create_container(&SEND, "another").await;
    assert_eq!(created, Err(refused.clone()));
    assert_eq!(put_content(&world, "a", body(1)).await, Err(refused));
    let deleted = checkpoints.delete_container(&MANAGE, "c0500").await;
    assert_eq!(deleted, Ok(()));
    put_content(&world, "a", body(1)).await.unwrap();
    let page = checkpoints.containers(&LISTEN, "c0", Some("c0498"), 2);
    let page = page.await;
    let names: Vec<&str> = page.items.iter().map(|container| &*container.name).collect();
    assert_eq!(names, ["c0499", "c0501"]);
    assert_eq!(page.next.as_deref(), Some("c0501"));
    world.stop().await;
}

#[tokio::test]
async fn a_hundred_thousand_blobs_are_listed_page_by_page_also_after_a_restart() {
    let mut world = World::new().await;
    let count = 100_000;
    for n in 0..count {
        put(&world, &format!("{n:06}"), &[]).await;
    }
    for _ in 0..2 {
        let (mut listed, mut pages, mut after) = (0, 0, None);
        let begun = Clock::system().monotonic();
        loop {
            let checkpoints = world.broker.checkpoints();
            let page = checkpoints.list(&LISTEN, CONTAINER, "", "", after.as_deref(), 100);
            let page = page.await.unwrap();
            for blob in ungrouped(page.items) {
                assert_eq!(blob.name, format!("{listed:06}"));
                listed += 1;
            }
            pages += 1;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((listed, pages), (count, count / 100));
        // If each page looked at all blobs it would take minutes.
        let took = Clock::system().monotonic() - begun;
        assert!(took < Duration::from_secs(20), "{took:?}");
        world = world.restart().await;
    }
    world.stop().await;
}

/// A snapshot of all blobs has to fit beside the log.
#[tokio::test]
async fn a_small_log_holds_few_blobs() {
    let world = World::over(Ground::embedded(ByteCount::mib(16))).await;
    let mut count = 0;
    let refused = loop {
        match put_content(&world, &count.to_string(), body(30_000)).await {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, CheckpointError::Full { .. }), "{refused}");
    assert!(
        (7..=9).contains(&count),
        "{count} blobs of 30 kB in a 64th of 16 MiB"
    );
    // What makes no more of them goes on.
    put_content(&world, "0", body(30_000)).await.unwrap();
    put_content(&world, "0", body(10)).await.unwrap();
    put_content(&world, "another", body(20_000)).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn a_full_disk_refuses_positions_and_lets_blobs_be_deleted() {
    let world = World::over(Ground::embedded(ByteCount::mib(8))).await;
    put(&world, "a", &[]).await;
    put(&world, "b", &[]).await;
    let event = "x".repeat(30_000);
    let mut refused = 0;
    // The last small holes, too.
    while refused < 50 {
        let partition = world.partition(0);
        let events = [Bytes::from(event.clone())];
        match partition.append(&SEND, &events, None) {
            Ok(appended) => appended.durable().await,
            Err(AppendError::Refused(Error::Full { .. })) => {
                world.pass(Duration::from_secs(1)).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    let mut full = None;
    for _ in 0..1000 {
        match put_content(&world, "a", body(30_000)).await {
            Ok(_) => (),
            Err(error) => {
                full = Some(error);
                break;
            }
        }
    }
    assert!(matches!(full, Some(CheckpointError::Full { .. })), "{full:?}");
    let before = blob(&world, "b").await.unwrap();
    let checkpoints = world.broker.checkpoints();
    let conditions = if_is(before.etag);
    let delete = checkpoints.delete_blob(&SEND, CONTAINER, "b", &conditions);
    assert_eq!(delete.await, Ok(()));
    assert_eq!(blob(&world, "b").await, Err(CheckpointError::BlobNotFound));
    // Events that are overdue make room.
    world.pass(2 * DAY).await;
    world.forgotten().await;
    for _ in 0..1000 {
        if put_content(&world, "a", body(30_000)).await.is_ok() {
            return world.stop().await;
        }
        world.clock.advance(Duration::from_millis(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the log stays full");
}

#[tokio::test]
async fn a_content_type_may_have_1_kib() {
    let world = World::new().await;
    let typed = |bytes: usize| Content {
        content_type: Some("t".repeat(bytes)),
        ..content(&[("n", &"v".repeat(METADATA_BYTES_MAX - 1))])
    };
    put_content(&world, "a", typed(CONTENT_TYPE_BYTES_MAX))
        .await
        .unwrap();
    let refused = put_content(&world, "a", typed(CONTENT_TYPE_BYTES_MAX + 1)).await;
    assert!(
        matches!(refused, Err(CheckpointError::TooLarge { .. })),
        "{refused:?}"
    );
    // Whatever may be put, can be taken from a copy.
    let origin = Origin {
        incarnation: 1,
        restored: world.broker.saved(),
    };
    let again = World::born(Ground::memory(), origin).await;
    assert_eq!(blobs(&again).await, blobs(&world).await);
    world.stop().await;
    again.stop().await;
}

/// The reserve is for what makes room. Positions release no event.
#[tokio::test]
async fn positions_leave_the_reserve_to_what_makes_room() {
    use storage::{Record, RecordKind, Reservation, StreamId};
    let store = storage::memory::Store::bounded(ByteCount::mib(1), ByteCount::mib(1));
    let world = World::over(Ground::Memory(store)).await;
    put(&world, "a", &[]).await;
    let everything = vec![0; 1 << 20];
    let record = Record {
        stream: StreamId(AUDIT),
        sequence: model::SequenceNumber::new(1),
        kind: RecordKind::EVENT,
        time: world.clock.now(),
        payload: &everything,
    };
    world.log.append(Reservation::none(), &[record]);
    let refused = put_content(&world, "a", body(1)).await;
    assert!(
        matches!(refused, Err(CheckpointError::Full { .. })),
        "{refused:?}"
    );
    let checkpoints = world.broker.checkpoints();
    let set = checkpoints
        .set_metadata(&SEND, CONTAINER, "a", Metadata::new(), &ALWAYS)
        .await;
    assert!(matches!(set, Err(CheckpointError::Full { .. })), "{set:?}");
    let created = checkpoints.create_container(&SEND, "another").await;
    assert!(
        matches!(created, Err(CheckpointError::Full { .. })),
        "{created:?}"
    );
    let deleted = checkpoints.delete_blob(&SEND, CONTAINER, "a", &ALWAYS).await;
    assert_eq!(deleted, Ok(()));
    let deleted = checkpoints.delete_container(&MANAGE, CONTAINER).await;
    assert_eq!(deleted, Ok(()));
    world.stop().await;
}
