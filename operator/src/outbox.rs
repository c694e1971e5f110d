//! Writes that may number in the thousands and depend on nothing but their object: statuses, and Secrets of one entity.
//!
//! A reconcile leaves them here and goes on; the newest of an object replaces an older one that has not been sent. A
//! bounded number is under way at once, statuses before Secrets. What fails for a while is sent again after a pause; what
//! was decided about an object that has changed since is dropped, because the change has its own reconcile.

mod queue;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use parking_lot::Mutex;
use runtime::TaskScope;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::Notify;

use crate::FIELD_MANAGER;
use crate::apply::{Applied, Applier, Assume, Failure, LOOK_AGAIN, Requests, chance};
use crate::cache::{Caches, Key, Resource, SeenStatus, Store, Versioned, WeftKind};
use crate::metrics::Metrics;
use crate::object::Prepared;
use queue::{Order, OutQueue};

/// Writes under way at once.
const AT_ONCE: usize = 16;
/// Pause before a write that failed for a while is sent again.
const PAUSE: Duration = Duration::from_millis(500);

/// A write about one object.
pub struct Job {
    /// The kind of the object that it is about.
    pub kind: crds::Kind,
    /// Where that object is.
    pub key: Key,
    /// `metadata.uid` of that object.
    pub uid: Box<str>,
    /// Tells this content from another.
    pub fingerprint: u64,
    /// What is written.
    pub content: Content,
}

/// See [`Job::content`].
pub enum Content {
    /// The object's own status.
    Status(serde_json::Value),
    /// The Secret of an entity, made when its turn comes: thousands of them ready would take more memory than all the
    /// rest of the operator. The second function is told when it is in effect.
    Secret(
        Arc<dyn Fn() -> Prepared + Send + Sync>,
        Arc<dyn Fn() + Send + Sync>,
    ),
}

/// Takes writes and carries them out. Cheap to clone.
#[derive(Clone)]
pub struct Outbox(Arc<Inner>);

struct Inner {
    queue: Mutex<OutQueue<Job>>,
    news: Notify,
    idle: Notify,
    client: Client,
    caches: Arc<Caches>,
    applier: Applier,
    requests: Requests,
    metrics: Arc<Metrics>,
    /// Told of a Kubernetes namespace whose write was dropped, and when to look at it again.
    later: Later,
}

/// Has a Kubernetes namespace looked at again after a while.
pub type Later = Arc<dyn Fn(&str, Duration) + Send + Sync>;

/// What an [`Outbox`] works with.
#[expect(missing_docs, reason = "the types say it")]
pub struct Parts {
    pub client: Client,
    pub caches: Arc<Caches>,
    pub applier: Applier,
    pub requests: Requests,
    pub metrics: Arc<Metrics>,
    pub later: Later,
}

impl Outbox {
    /// An empty one. It does nothing until [`Outbox::run`].
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            queue: Mutex::default(),
            news: Notify::new(),
            idle: Notify::new(),
            client: parts.client,
            caches: parts.caches,
            applier: parts.applier,
            requests: parts.requests,
            metrics: parts.metrics,
            later: parts.later,
        }))
    }

    /// Leaves a write. An older one of the same object and sort that was not sent yet is replaced; one that says the
    /// same is not sent twice. Whether it says something else than the one that was left here before and is not done.
    pub fn put(&self, job: Job) -> bool {
        let order = match job.content {
            Content::Status(_) => Order::First,
            Content::Secret(..) => Order::Later,
        };
        let (id, fingerprint) = (id(order, &job.uid), job.fingerprint);
        let mut queue = self.0.queue.lock();
        let is_new = queue.newest(&id) != Some(fingerprint);
        if queue.put(order, id, fingerprint, job) {
            self.0.news.notify_one();
        }
        is_new
    }

    /// Takes back the status of the object with this uid that was not sent yet. If one is under way already, what the object
    /// says then is to be looked at at the moment that is returned.
    pub fn withdraw_status(&self, uid: &str, now: Instant) -> Option<Instant> {
        let mut queue = self.0.queue.lock();
        let is_under_way = !queue.is_empty() && queue.withdraw(&id(Order::First, uid));
        is_under_way.then(|| now + PAUSE)
    }

    /// Carries out what is left here, until `scope` is cancelled.
    pub async fn run(self, scope: TaskScope) {
        let workers = (0..AT_ONCE).map(|_| scope.spawn("outbox", self.clone().work(scope.clone())));
        for worker in workers.collect::<Vec<_>>() {
            // A worker that panicked has been logged by its scope.
            drop(worker.await);
        }
    }

    /// Resolves when nothing is left and nothing is under way.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn flushed(&self) {
        loop {
            let idle = self.0.idle.notified();
            if self.0.queue.lock().is_empty() {
                return;
            }
            idle.await;
        }
    }

    /// Forgets everything that has not been sent: another operator decides now.
    pub fn clear(&self) {
        self.0.queue.lock().clear();
    }

    async fn work(self, scope: TaskScope) {
        loop {
            let taken = self.0.queue.lock().take();
            let Some((id, job)) = taken else {
                tokio::select! {
                    () = self.0.news.notified() => continue,
                    () = scope.cancelled() => return,
                }
            };
            // There may be more, and a notification wakes one worker.
            self.0.news.notify_one();
            let again = tokio::select! {
                again = self.carry_out(&job) => again,
                () = scope.cancelled() => return,
            };
            if again {
                tokio::time::sleep(PAUSE.mul_f64(0.5 + chance())).await;
            }
            let left = {
                let mut queue = self.0.queue.lock();
                queue.done(&id, again.then_some(job));
                queue.len()
            };
            self.0
                .metrics
                .pending_statuses
                .set(i64::try_from(left).unwrap_or(i64::MAX));
            if left == 0 {
                self.0.idle.notify_waiters();
            }
            self.0.news.notify_one();
        }
    }

    /// Whether the job has to be sent again.
    async fn carry_out(&self, job: &Job) -> bool {
        let outcome = match &job.content {
            Content::Status(status) => self.write_status(job, status).await,
            Content::Secret(make, written) => match self.0.applier.apply(&make(), Assume::SameObject).await {
                Ok(Applied::InEffect | Applied::Written) => {
                    written();
                    Ok(())
                }
                Ok(applied) => {
                    tracing::warn!(kind = %job.kind, name = &*job.key.name, ?applied, "no connection Secret");
                    (self.0.later)(&job.key.namespace, LOOK_AGAIN);
                    Ok(())
                }
                Err(failure) => Err(failure),
            },
        };
        match outcome {
            Ok(()) | Err(Failure::NotLeading) => false,
            Err(Failure::Unavailable(why)) => {
                tracing::debug!(kind = %job.kind, name = &*job.key.name, why, "a write is sent again");
                true
            }
            Err(Failure::Refused(why)) => {
                tracing::warn!(kind = %job.kind, name = &*job.key.name, why, "a write is refused");
                (self.0.later)(&job.key.namespace, LOOK_AGAIN);
                false
            }
            // Most likely a watch is behind: it needs a moment, not another request.
            Err(Failure::Conflict(_) | Failure::Gone(_)) => {
                (self.0.later)(&job.key.namespace, PAUSE);
                false
            }
        }
    }

    async fn write_status(&self, job: &Job, status: &serde_json::Value) -> Result<(), Failure> {
        let caches = &self.0.caches;
        match job.kind {
            crds::Kind::Namespace => self.patch_status(job, status, &caches.namespaces).await,
            crds::Kind::Topic => self.patch_status(job, status, &caches.topics).await,
            crds::Kind::EventSubscription => {
                self.patch_status(job, status, &caches.event_subscriptions).await
            }
            crds::Kind::Hub => self.patch_status(job, status, &caches.hubs).await,
        }
    }

    /// A JSON patch, because of its `test`: in a merge patch of a status the API server ignores a uid.
    async fn patch_status<K>(
        &self,
        job: &Job,
        status: &serde_json::Value,
        store: &Store<Resource<K>>,
    ) -> Result<(), Failure>
    where
        K: WeftKind
            + kube::Resource<Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        // It may have been decided from a cache that did not have the answer to the write before. Nothing has changed since
        // then, so nothing has a new time of transition either.
        let known = store
            .get(&job.key.namespace, &job.key.name)
            .filter(|known| known.uid() == &*job.uid);
        let says_it =
            |known: &SeenStatus| SeenStatus::read(status).is_ok_and(|it| it.says_the_same_as(known));
        if known.is_some_and(|known| says_it(&known.status)) {
            return Ok(());
        }
        let operations = json!([
            {"op": "test", "path": "/metadata/uid", "value": job.uid},
            {"op": "add", "path": "/status", "value": status},
        ]);
        let patch =
            serde_json::from_value(operations).map_err(|error| Failure::Refused(error.to_string()))?;
        let patch: Patch<()> = Patch::Json(patch);
        let api: Api<K> = Api::namespaced(self.0.client.clone(), &job.key.namespace);
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let send = || api.patch_status(&job.key.name, &parameters, &patch);
        let answer = self.0.requests.write(job.kind.as_str(), "status", send).await?;
        store.put(job.key.clone(), Resource::keep(answer));
        Ok(())
    }
}

/// Tells the jobs of one object and sort from all others.
fn id(order: Order, uid: &str) -> Box<str> {
    format!("{order:?}{uid}").into()
}
