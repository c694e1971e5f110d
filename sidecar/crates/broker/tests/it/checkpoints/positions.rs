//! Words for tests: what a checkpoint store does with its blobs.

use std::collections::HashSet;

use auth::{Listen, Manage, Permit, Send};
use broker::*;

use crate::it::eventhubs::world::World;

pub(super) const CONTAINER: &str = "checkpoints";
pub(super) const SEND: Permit<Send> = Permit::internal();
pub(super) const LISTEN: Permit<Listen> = Permit::internal();
pub(super) const MANAGE: Permit<Manage> = Permit::internal();
pub(super) static ALWAYS: Conditions = Conditions {
    if_match: None,
    if_none_match: None,
    if_modified_since: None,
    if_unmodified_since: None,
};

pub(super) fn metadata(pairs: &[(&str, &str)]) -> Metadata {
    let owned = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
    pairs.iter().map(owned).collect()
}

pub(super) fn content(pairs: &[(&str, &str)]) -> Content {
    Content {
        metadata: metadata(pairs),
        ..Content::default()
    }
}

pub(super) fn if_none() -> Conditions {
    Conditions {
        if_none_match: Some(Tags::Any),
        ..Conditions::default()
    }
}

pub(super) fn if_is(etag: ETag) -> Conditions {
    Conditions {
        if_match: Some(Tags::These(vec![format!("\"{etag}\"")])),
        ..Conditions::default()
    }
}

pub(super) async fn put(world: &World, name: &str, pairs: &[(&str, &str)]) -> Written {
    let checkpoints = world.broker.checkpoints();
    let put = checkpoints.put(&SEND, CONTAINER, name, content(pairs), &ALWAYS);
    put.await.expect("there is room")
}

pub(super) async fn blob(world: &World, name: &str) -> Result<Blob, CheckpointError> {
    let checkpoints = world.broker.checkpoints();
    checkpoints.blob(&LISTEN, CONTAINER, name).await
}

/// All blobs of the container.
pub(super) async fn blobs(world: &World) -> Vec<Blob> {
    let checkpoints = world.broker.checkpoints();
    let list = checkpoints.list(&LISTEN, CONTAINER, "", "", None, 5000);
    let page = list.await.expect("the name is valid");
    assert_eq!(page.next, None);
    ungrouped(page.items)
}

/// Of a list without a delimiter.
pub(super) fn ungrouped(items: Vec<Listed>) -> Vec<Blob> {
    let blob = |listed| match listed {
        Listed::Blob(blob) => blob,
        Listed::Group(group) => panic!("{group} is a group"),
    };
    items.into_iter().map(blob).collect()
}

pub(super) async fn containers(world: &World) -> Vec<Container> {
    let checkpoints = world.broker.checkpoints();
    let page = checkpoints.containers(&LISTEN, "", None, 5000).await;
    page.items
}

/// ETags that were given.
#[derive(Debug, Default)]
pub(super) struct Given(HashSet<ETag>);

impl Given {
    pub(super) fn note(&mut self, etag: ETag) {
        assert!(self.0.insert(etag), "{etag} is given for the second time");
    }
}
