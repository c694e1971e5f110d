//! Following the configuration at the API server.

use std::sync::Arc;
use std::time::Duration;

use config::{Configuration, Problem, objects};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::Api;
use kube::runtime::watcher;
use kube::{Resource, ResourceExt};
use prometheus_client::metrics::gauge::Gauge;
use runtime::TaskScope;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::Pod;
use super::backoff::{Backoff, after};
use super::local::look_again;
use super::mirror::{Heard, Mirror};
use super::pieces::{Pieces, Unknown};
use super::reach::{News, Reach, is_watch_refused, why, why_not_watched};
use super::watch::Watched;

/// How often the mounted files are looked at while the API server is lost.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// An answer that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// After so many tries a shard that does not fit its head is a problem to be told: usually the next head is there at the
/// second try.
const STUCK: u32 = 6;

/// Owns the [`Mirror`]; tells it what the API server says, and everybody else what it makes of that.
pub(super) struct Follower {
    pub(super) pod: Arc<Pod>,
    pub(super) mirror: Mirror,
    pub(super) reach: Reach,
    /// The same for `/metrics`.
    pub(super) answers: Gauge,
    /// Whether there is a [`Mirror::problem`], for `/metrics`.
    pub(super) is_unusable: Gauge,
    /// A head has come from the API server.
    pub(super) has_heard: bool,
    /// Fields that were spoken of already.
    pub(super) told: Unknown,
    pub(super) configuration: watch::Sender<Option<Arc<Configuration>>>,
    pub(super) problem: watch::Sender<Option<Problem>>,
    pub(super) pieces: watch::Sender<Option<Arc<Pieces>>>,
    pub(super) again: watch::Sender<()>,
}

type Fetched = (usize, Result<Option<ConfigMap>, kube::Error>);

/// Shards on their way.
#[derive(Default)]
struct Fetches {
    running: FuturesUnordered<BoxFuture<'static, Fetched>>,
    backoff: Backoff,
    retry_at: Option<Instant>,
    failure: Option<String>,
}

impl Follower {
    pub(super) fn kubernetes_namespace(&self) -> &str {
        &self.pod.kubernetes_namespace
    }

    pub(super) async fn run(mut self, config_maps: Api<ConfigMap>, secrets: Api<Secret>, scope: TaskScope) {
        let mut head = Watched::new(config_maps.clone(), objects::head(&self.pod.namespace));
        let mut keys = Watched::new(secrets, objects::secrets(&self.pod.namespace));
        let mut fetches = Fetches::default();
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = scope.cancelled() => return,
                event = head.next() => self.on_head(event, &mut fetches),
                event = keys.next() => self.on_keys(event),
                Some(fetched) = fetches.running.next() => self.on_shard(fetched, &mut fetches),
                () = at(fetches.retry_at) => fetches.retry_at = None,
                _ = looks.tick(), if self.reach.is_lost() => look_again(&mut self.mirror, &self.pod),
            }
            self.publish();
            self.fetch_missing(&config_maps, &mut fetches);
        }
    }

    fn on_head(&mut self, event: watcher::Result<Option<ConfigMap>>, fetches: &mut Fetches) {
        let Some(head) = self.heard(event) else { return };
        let Some(json) = head.data.as_ref().and_then(|data| data.get(objects::HEAD_KEY)) else {
            tracing::debug!("the ConfigMap {} has no {}", head.name_any(), objects::HEAD_KEY);
            return;
        };
        let is_first = !std::mem::replace(&mut self.has_heard, true);
        match self.mirror.on_head(json.as_bytes()) {
            // Somebody touched it, or an outage is over: what we reported may be lost.
            Heard::Known if !is_first => {
                self.again.send_replace(());
            }
            Heard::Newer => *fetches = Fetches::default(),
            Heard::Known | Heard::Awaited | Heard::Unusable => {}
        }
    }

    fn on_keys(&mut self, event: watcher::Result<Option<Secret>>) {
        if let Some(secret) = self.heard(event) {
            let data = secret.data.unwrap_or_default();
            let value = |key| data.get(key).map(|bytes| bytes.0.as_slice());
            self.mirror
                .on_keys(value(objects::SECRETS_REVISION_KEY), value(objects::SECRETS_KEY));
        }
    }

    /// The object, if there is one and it is ours. One that was deleted changes nothing: the last good one stays.
    fn heard<K>(&mut self, event: watcher::Result<Option<K>>) -> Option<K>
    where
        K: Resource<DynamicType = ()>,
    {
        match event {
            Ok(object) => {
                self.on_answer();
                object.filter(|object| self.is_ours(object))
            }
            Err(error) => {
                self.on_failure(is_watch_refused(&error), &why_not_watched(&error));
                None
            }
        }
    }

    fn is_ours<K: Resource<DynamicType = ()>>(&self, object: &K) -> bool {
        let owner = object
            .meta()
            .labels
            .as_ref()
            .and_then(|labels| labels.get(objects::NAMESPACE_UID_LABEL));
        let is_foreign = owner.is_some_and(|owner| *owner != self.pod.namespace_uid);
        if is_foreign {
            let (kind, name) = (K::kind(&()), object.name_any());
            tracing::debug!("{kind} {name} was left behind by another Namespace");
        }
        !is_foreign
    }

    fn fetch_missing(&self, api: &Api<ConfigMap>, fetches: &mut Fetches) {
        if !fetches.running.is_empty() || fetches.retry_at.is_some() {
            return;
        }
        for index in self.mirror.missing() {
            let (api, name) = (api.clone(), objects::shard(&self.pod.namespace, index));
            let fetch = async move {
                let answer = tokio::time::timeout(PATIENCE, api.get_opt(&name)).await;
                let too_late = || kube::Error::Service("the API server did not answer in time".into());
                (index, answer.unwrap_or_else(|_| Err(too_late())))
            };
            fetches.running.push(fetch.boxed());
        }
    }

    fn on_shard(&mut self, (index, answer): Fetched, fetches: &mut Fetches) {
        if let Err(reason) = self.take_shard(index, answer) {
            fetches.failure = Some(reason);
        }
        if !fetches.running.is_empty() {
            return;
        }
        let Some(reason) = fetches.failure.take() else {
            return;
        };
        // All have come, and something is missing.
        tracing::debug!("configuration: {reason}; trying again");
        fetches.retry_at = Some(after(fetches.backoff.next()));
        if fetches.backoff.tries() == STUCK {
            self.mirror.on_stuck(&reason);
        }
    }

    fn take_shard(
        &mut self,
        index: usize,
        answer: Result<Option<ConfigMap>, kube::Error>,
    ) -> Result<(), String> {
        let name = objects::shard(&self.pod.namespace, index);
        let found = answer.map_err(|error| format!("get the ConfigMap {name}: {}", why(&error)))?;
        let object = found
            .filter(|object| self.is_ours(object))
            .ok_or_else(|| format!("there is no ConfigMap {name}"))?;
        let gzip = object
            .binary_data
            .and_then(|mut data| data.remove(objects::SHARD_KEY))
            .ok_or_else(|| format!("the ConfigMap {name} has no {}", objects::SHARD_KEY))?;
        self.mirror
            .on_shard(index, gzip.0.into())
            .map_err(|error| error.to_string())
    }

    /// There is no way to the API server, and so nothing to follow.
    pub(super) fn on_no_way(&mut self, error: &str) {
        self.on_failure(false, error);
        look_again(&mut self.mirror, &self.pod);
        self.publish();
    }

    fn on_answer(&mut self) {
        self.answers.set(1);
        if self.reach.on_answer() == Some(News::IsBack) {
            tracing::info!("the API server answers again");
        }
    }

    fn on_failure(&mut self, refused: bool, error: &str) {
        self.answers.set(0);
        let meanwhile = match self.mirror.configuration() {
            Some(configuration) => {
                let revision = configuration.document.head.revision;
                format!("the configuration stays at revision {revision} unless the mounted files change")
            }
            None => "there is no configuration to begin with".to_owned(),
        };
        match self.reach.on_failure(refused) {
            Some(News::WentAway) => tracing::warn!("the API server does not answer; {meanwhile}: {error}"),
            Some(News::Refuses) => tracing::warn!("the API server refuses; {meanwhile}: {error}"),
            Some(News::IsBack) | None => tracing::debug!("API server: {error}"),
        }
    }

    fn publish(&mut self) {
        let unknown: Vec<_> = self.mirror.unknown.difference(&self.told).cloned().collect();
        if !unknown.is_empty() {
            tracing::warn!(
                fields = unknown.join(", "),
                "the configuration has fields that this version does not know; they have no effect"
            );
            self.told.extend(unknown);
        }
        let configuration = self.mirror.configuration();
        self.configuration.send_if_modified(|present| {
            let is_new = !same(present.as_ref(), configuration.as_ref());
            *present = configuration;
            is_new
        });
        let pieces = self.mirror.pieces();
        self.pieces.send_if_modified(|present| {
            let is_new = !same(present.as_ref(), pieces.as_ref());
            *present = pieces;
            is_new
        });
        let problem = self.mirror.problem();
        self.is_unusable.set(i64::from(problem.is_some()));
        self.problem.send_if_modified(|present| {
            let is_new = *present != problem;
            *present = problem;
            is_new
        });
    }
}

fn same<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
    one.map(Arc::as_ptr) == other.map(Arc::as_ptr)
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
