//! One look at one Kubernetes namespace, and everything that follows from it.
//!
//! `plan` has to see all objects of a Kubernetes namespace together, so that is the unit of work. A reconcile reads as a
//! page: dereference (a snapshot of the caches), plan, decide, bring into effect, say what became of it. It writes only
//! what differs, so one that finds nothing to do costs nothing, and what it wrote comes back as events that change
//! nothing more.

mod bring;
mod decide;
mod dispatch;
mod entity_secrets;
mod findings;
mod lead;
mod letters;
mod plane;
mod snapshot;
mod statuses;
mod tell;
mod volumes;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use parking_lot::Mutex;
use plan::{Configuration, Inputs, Plan};
use runtime::Clock;

pub use decide::Settings;
pub use dispatch::Dispatch;
pub use lead::lead;

use crate::apply::{Applier, Failure, Requests};
use crate::cache::Caches;
use crate::events::Events;
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::queue::Outcome;
use letters::Stores;
use plane::{Affair, Plane};
use snapshot::{Snapshot, Surroundings};

/// Namespaces of one Kubernetes namespace that are brought into effect at once.
const AT_ONCE: usize = 4;
/// Deadlines further away than this are looked at again before; nothing is done then.
const FARTHEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What reconciles work with.
#[expect(missing_docs, reason = "the types say it")]
pub struct Reconciler {
    pub client: Client,
    pub caches: Arc<Caches>,
    pub requests: Requests,
    pub applier: Applier,
    pub outbox: Outbox,
    pub events: Events,
    pub settings: Settings,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    /// What is remembered from one reconcile to the next; it makes them cheaper, and knows what the caches do not know
    /// yet.
    pub planes: Planes,
}

/// See [`Reconciler::planes`].
#[derive(Default)]
pub struct Planes(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Plane>>>>);

impl Planes {
    fn get(&self, namespace: &str) -> Arc<tokio::sync::Mutex<Plane>> {
        self.0.lock().entry(namespace.to_owned()).or_default().clone()
    }

    fn forget(&self, namespace: &str) {
        self.0.lock().remove(namespace);
    }

    /// Forgets everything: another operator may have acted meanwhile.
    pub fn clear(&self) {
        self.0.lock().clear();
    }
}

/// The two clocks at the beginning of a reconcile.
#[derive(Clone, Copy, Debug)]
struct Now {
    wall: Timestamp,
    monotonic: Instant,
}

impl Now {
    /// When a moment of the wall clock will be.
    fn at(&self, then: Timestamp) -> Instant {
        let left = then.duration_since(self.wall);
        self.monotonic + Duration::try_from(left).unwrap_or(Duration::ZERO).min(FARTHEST)
    }
}

/// When to look again.
#[derive(Clone, Copy, Debug, Default)]
struct Again {
    at: Option<Instant>,
    failed: bool,
}

impl Again {
    fn at(&mut self, then: Instant) {
        self.at = Some(self.at.map_or(then, |known| known.min(then)));
    }
}

impl Reconciler {
    /// Looks at one Kubernetes namespace and does what follows.
    pub async fn reconcile(&self, namespace: &str) -> Outcome {
        let began = self.clock.monotonic();
        let plane = self.planes.get(namespace);
        let mut plane = plane.lock().await;
        let mut busy = Duration::ZERO;
        let outcome = self.look_after(namespace, &mut plane, &mut busy).await;
        let took = self.clock.monotonic().saturating_duration_since(began);
        let failed = !matches!(outcome, Ok(Again { failed: false, .. }));
        self.metrics.reconciled(took, failed);
        tracing::debug!(namespace, ?took, ?busy, failed, "reconciled");
        match outcome {
            Ok(again) if !again.failed => Outcome::Done {
                again_at: again.at,
                busy,
            },
            _ => dispatch::failed(),
        }
    }

    async fn look_after(&self, name: &str, plane: &mut Plane, busy: &mut Duration) -> Result<Again, Failure> {
        let now = Now {
            wall: crate::now(&self.clock),
            monotonic: self.clock.monotonic(),
        };
        let seen = Snapshot::take(&self.caches, name);
        if seen.is_empty() {
            self.planes.forget(name);
            return Ok(Again::default());
        }
        let mut again = Again::default();
        self.look_at_references(&seen, plane, now, &mut again).await?;
        let planned = self.plan_what_fits(&seen, plane, busy);
        plane.keep_only(&seen.living());
        let found = self.bring_about(&seen, plane, &planned, now, &mut again).await?;
        let planned = match found {
            false => planned,
            // Something in the way shows only when it is met; what is said must know of it.
            true => self.plan(&seen, plane, busy),
        };
        self.look_after_volumes(&seen, plane, now, &mut again).await?;
        let began = self.clock.monotonic();
        self.say(name, &seen, plane, &planned, now, &mut again);
        self.hand_out_secrets(&seen, plane, &planned);
        let took = self.clock.monotonic().saturating_duration_since(began);
        self.metrics.status_seconds.observe(took.as_secs_f64());
        *busy += took;
        Ok(again)
    }

    /// Only a plan tells whose credentials one pod needs. Each round refuses somebody, so there is a last one.
    fn plan_what_fits(&self, seen: &Snapshot, plane: &mut Plane, busy: &mut Duration) -> Plan {
        loop {
            let planned = self.plan(seen, plane, busy);
            let refused = letters::refused(&planned, &self.caches);
            if refused.is_empty() {
                return planned;
            }
            plane.letters.extend(refused);
        }
    }

    fn plan(&self, seen: &Snapshot, plane: &mut Plane, busy: &mut Duration) -> Plan {
        let began = self.clock.monotonic();
        let inputs = Inputs {
            namespaces: seen.namespaces.iter().map(|one| &one.object).collect(),
            topics: seen.topics.iter().map(|one| &one.object).collect(),
            event_subscriptions: seen.event_subscriptions.iter().map(|one| &one.object).collect(),
            hubs: seen.hubs.iter().map(|one| &one.object).collect(),
            findings: plane.findings(),
        };
        let planned = plan::plan_again(&inputs, &mut plane.memo);
        let took = self.clock.monotonic().saturating_duration_since(began);
        self.metrics.plan_seconds.observe(took.as_secs_f64());
        *busy += took;
        planned
    }

    /// Brings every accepted Namespace into effect. Whether anything was found that makes one unacceptable.
    async fn bring_about(
        &self,
        seen: &Snapshot,
        plane: &mut Plane,
        planned: &Plan,
        now: Now,
        again: &mut Again,
    ) -> Result<bool, Failure> {
        let claims: Vec<_> = seen.claims.iter().map(|claim| &claim.object).collect();
        let mut work = Vec::new();
        for configuration in &planned.configurations {
            let affair = plane
                .affairs
                .remove(&configuration.object_uid)
                .unwrap_or_default();
            work.push(self.bring_one(seen, &claims, configuration, affair, now));
        }
        let mut done = stream::iter(work).buffer_unordered(AT_ONCE);
        let (mut found, mut stopped) = (false, None);
        while let Some((uid, affair, outcome)) = done.next().await {
            found |= affair.finding.is_some() || affair.taken.is_some();
            if let Some(at) = affair.again_at {
                again.at(at);
            }
            plane.affairs.insert(uid, affair);
            match outcome {
                Ok(failed) => again.failed |= failed,
                Err(failure) => stopped = Some(failure),
            }
        }
        stopped.map_or(Ok(found), Err)
    }

    /// Returns the affair with what became of it, and whether it is worth another try.
    async fn bring_one(
        &self,
        seen: &Snapshot,
        claims: &[&PersistentVolumeClaim],
        configuration: &Configuration,
        mut affair: Affair,
        now: Now,
    ) -> (String, Affair, Result<bool, Failure>) {
        let uid = configuration.object_uid.clone();
        let Some(namespace) = seen.namespace(&uid).map(|one| &one.object) else {
            return (uid, affair, Ok(false));
        };
        let Some(around) = Surroundings::take(&self.caches, namespace) else {
            return (uid, affair, Ok(false));
        };
        affair.begin();
        if namespace.spec.paused == Some(true) {
            affair.pause(configuration);
            return (uid, affair, Ok(false));
        }
        let living = seen.living();
        let secrets = around.secrets.as_ref().and_then(|secret| secret.whole());
        let letters = Stores::of(configuration, &self.caches, secrets);
        let inputs = decide::Inputs {
            letters: &letters,
            settings: &self.settings,
            namespace,
            around: &around,
            claims,
            is_living: &|uid| living.contains(uid),
            now: now.wall,
        };
        let decided = match decide::decide(&inputs, configuration) {
            Ok(decided) => decided,
            Err(trouble) => {
                let failed = affair.trouble(trouble);
                return (uid, affair, Ok(failed));
            }
        };
        let mut configuration = configuration.clone();
        if let Some(data_uid) = &decided.data_uid {
            configuration.namespace.uid.clone_from(data_uid);
        }
        if let Some(capacity) = decided.capacity_bytes {
            let planned = &mut configuration.settings.storage_capacity_bytes;
            *planned = capacity.min(*planned);
        }
        let memory = &mut affair.configuration;
        let brought = bring::bring(
            &self.applier,
            &self.caches,
            &around,
            &decided,
            configuration,
            memory,
        )
        .await;
        let outcome = brought.map(|brought| {
            self.tell_of(namespace, &decided, &brought);
            affair.brought(decided, brought, now)
        });
        (uid, affair, outcome)
    }
}
