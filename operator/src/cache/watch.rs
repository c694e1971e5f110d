//! One watch that feeds one [`Store`].

use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use kube::api::Api;
use kube::core::NamespaceResourceScope;
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event};
use kube::{Resource, ResourceExt};
use runtime::TaskScope;
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::store::{Change, Key, Store, Versioned};
use crate::metrics::{Metrics, Watched};

/// Objects per page of a list: a page is in memory as JSON while it is read.
const PAGE: u32 = 250;

/// What a watch does with the objects it hears of.
pub(super) struct Feed<K, T> {
    /// Where from; also tells whether an object that a list leaves out is really gone.
    pub(super) api: Api<K>,
    /// The one Kubernetes namespace that is watched, unless all are.
    pub(super) scope: Option<String>,
    /// Which objects, as a label selector; all if empty.
    pub(super) labels: &'static str,
    /// Word for logs and metrics.
    pub(super) kind: &'static str,
    /// What of an object is kept.
    pub(super) keep: fn(K) -> T,
    /// Whether an object that a *list* leaves out is asked for by name before it is forgotten. A list that is wrong
    /// must not take anything out of a configuration.
    pub(super) doubtful: bool,
    /// Where to.
    pub(super) store: Arc<Store<T>>,
    /// Told of every Kubernetes namespace in which something changed.
    pub(super) changed: Arc<dyn Fn(&str) + Send + Sync>,
    /// Where to count.
    pub(super) metrics: Arc<Metrics>,
}

impl<K, T> Feed<K, T>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    K: Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    T: Versioned + Send + Sync + 'static,
{
    /// Watches until `scope` is cancelled; `synced` turns true after the first complete list.
    pub(super) async fn run(self, synced: watch::Sender<bool>, scope: TaskScope) {
        let mut config = watcher::Config::default().page_size(PAGE);
        if !self.labels.is_empty() {
            config = config.labels(self.labels);
        }
        let events = watcher::watcher(self.api.clone(), config).backoff(Pauses::default());
        tokio::select! {
            () = self.follow(events, &synced) => {}
            () = scope.cancelled() => {}
        }
    }

    async fn follow(
        &self,
        events: impl Stream<Item = watcher::Result<Event<K>>>,
        synced: &watch::Sender<bool>,
    ) {
        let mut events = std::pin::pin!(events);
        let mut listed = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Apply(object)) => drop(self.put(object)),
                Ok(Event::Delete(object)) => self.delete(&object),
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => drop(listed.insert(self.put(object))),
                Ok(Event::InitDone) => {
                    self.forget_unlisted(std::mem::take(&mut listed)).await;
                    synced.send_replace(true);
                }
                Err(error) => self.failed(&error),
            }
            self.count();
        }
    }

    fn put(&self, object: K) -> Key {
        let key = key_of(&object);
        if self.store.put(key.clone(), (self.keep)(object)) == Change::News {
            (self.changed)(&key.namespace);
        }
        key
    }

    fn delete(&self, object: &K) {
        let key = key_of(object);
        let uid = object.meta().uid.as_deref().unwrap_or_default();
        if self.store.delete(&key, uid, super::version_of(object.meta())) == Change::News {
            (self.changed)(&key.namespace);
        }
    }

    async fn forget_unlisted(&self, listed: HashSet<Key>) {
        for key in self.store.keys(self.scope.as_deref()) {
            if listed.contains(&key) || (self.doubtful && !self.gone(&key).await) {
                continue;
            }
            if self.store.forget(&key) == Change::News {
                (self.changed)(&key.namespace);
            }
        }
    }

    /// Asks for the object itself, until there is an answer.
    async fn gone(&self, key: &Key) -> bool {
        let api: Api<K> = self.api.clone().constrain(&key.namespace);
        let mut pause = Duration::from_millis(100);
        loop {
            let asked = tokio::time::timeout(super::PATIENCE, api.get_metadata_opt(&key.name)).await;
            if let Ok(Ok(found)) = asked {
                return found.is_none();
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }

    fn failed(&self, error: &watcher::Error) {
        let kind = self.kind;
        self.metrics.watch_errors.get_or_create(&Watched { kind }).inc();
        if is_forbidden(error) {
            tracing::warn!(kind, %error, "not allowed to watch: the operator's role lacks a rule");
        } else if is_unreadable(error) {
            tracing::warn!(kind, %error, "an object is there that this version cannot read: nothing of its kind is followed");
        } else {
            tracing::debug!(kind, %error, "a watch failed and is resumed");
        }
    }

    fn count(&self) {
        let gauge = self
            .metrics
            .cached_objects
            .get_or_create_owned(&Watched { kind: self.kind });
        gauge.set(i64::try_from(self.store.len()).unwrap_or(i64::MAX));
    }
}

/// Pauses between attempts to watch: short at first, because an API server that restarts is back within seconds.
#[derive(Default)]
struct Pauses(u32);

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = Duration::from_millis(100)
            .saturating_mul(1 << self.0.min(6))
            .min(Duration::from_secs(5));
        self.0 = self.0.saturating_add(1);
        Some(pause)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.0 = 0;
    }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    let code = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => status.code,
        watcher::Error::WatchError(status) => status.code,
        _ => 0,
    };
    code == 403
}

fn is_unreadable(error: &watcher::Error) -> bool {
    matches!(
        error,
        watcher::Error::InitialListFailed(kube::Error::SerdeError(_))
            | watcher::Error::WatchFailed(kube::Error::SerdeError(_))
    )
}

fn key_of(object: &impl ResourceExt) -> Key {
    let namespace = object.meta().namespace.as_deref().unwrap_or_default();
    Key::new(namespace, object.meta().name.as_deref().unwrap_or_default())
}
