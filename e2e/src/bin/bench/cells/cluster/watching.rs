//! A watch: what the API server says is measured when it says so, not when somebody looks.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use crds::{
    shared::Status,
    v1alpha1::{EventSubscription, Topic},
};
use e2e::cluster::Cluster;
use futures_util::StreamExt as _;
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ListParams, WatchEvent, WatchParams},
};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

/// More than any cell causes.
const AT_MOST_UNREAD: usize = 1 << 17;

/// The changes of some objects, from the moment of [`begin`](Self::begin).
pub(super) struct Watching<K> {
    cluster: Cluster,
    changes: mpsc::Receiver<kube::Result<WatchEvent<K>>>,
}

impl<K> Watching<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    /// Of all objects of an API, or of the one that has this name.
    pub(super) fn begin(cluster: &Cluster, api: &Api<K>, name: Option<&str>) -> anyhow::Result<Self> {
        let one = ListParams::default().limit(1);
        let mut parameters = WatchParams::default();
        if let Some(name) = name {
            parameters = parameters.fields(&format!("metadata.name={name}"));
        }
        let changes = cluster.block_on(async {
            let list = api.list_metadata(&one).await.context("list before a watch")?;
            let version = list.metadata.resource_version.unwrap_or_default();
            let mut changes = api.watch(&parameters, &version).await.context("watch")?.boxed();
            // The API server ends a watch that nobody reads, as this one while another is waited for.
            let (keep, kept) = mpsc::channel(AT_MOST_UNREAD);
            tokio::spawn(async move {
                while let Some(change) = changes.next().await {
                    if keep.send(change).await.is_err() {
                        return;
                    }
                }
            });
            anyhow::Ok(kept)
        })?;
        Ok(Self {
            cluster: cluster.clone(),
            changes,
        })
    }

    /// Waits for a change that `wanted` makes something of.
    pub(super) fn until<T>(
        &mut self,
        at_most: Duration,
        mut wanted: impl FnMut(&WatchEvent<K>) -> Option<T>,
    ) -> anyhow::Result<T> {
        let start = Instant::now();
        loop {
            let left = at_most.saturating_sub(start.elapsed());
            let next = self
                .cluster
                .block_on(async { tokio::time::timeout(left, self.changes.recv()).await });
            match next.with_context(|| format!("nothing of the kind within {at_most:?}"))? {
                Some(Ok(WatchEvent::Error(status))) => bail!("the watch failed: {status:?}"),
                Some(Ok(event)) => {
                    if let Some(found) = wanted(&event) {
                        return Ok(found);
                    }
                }
                None => bail!("the API server ended the watch"),
                Some(Err(error)) => return Err(error).context("watch"),
            }
        }
    }
}

/// A resource of ours with conditions.
pub(super) trait Reports: Resource {
    fn status(&self) -> Option<&Status>;
}

impl Reports for Topic {
    fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }
}

impl Reports for EventSubscription {
    fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }
}

/// The name of an object that has become ready in its current generation.
pub(super) fn ready<K: Reports>(event: &WatchEvent<K>) -> Option<String> {
    let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else {
        return None;
    };
    let conditions = &object.status()?.conditions;
    let ready = conditions.iter().any(|condition| {
        condition.type_ == "Ready"
            && condition.status == "True"
            && condition.observed_generation == object.meta().generation
    });
    ready.then(|| object.name_any())
}
