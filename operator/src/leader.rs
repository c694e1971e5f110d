//! One operator acts, the others wait with warm caches: agreed on through a Kubernetes Lease.
//!
//! [`Election`] decides, without IO or clock; [`run`] reads and writes the Lease and tells the outcome through a
//! [`Leadership`]. The rules are those of every Kubernetes controller: a Lease counts as abandoned when it has not
//! changed for its duration *as this process observed it*, so that clocks need not agree; whoever leads stops at once
//! when it could not renew for [`RENEW_DEADLINE`], which is well before anybody else may take over, also when the API
//! server does not answer at all.

mod election;
mod lease;

use std::time::Duration;

use kube::Client;
use runtime::{Clock, TaskScope};
use tokio::sync::watch;

pub use election::{Election, LEASE_DURATION, RENEW_DEADLINE};
use lease::{LeaseApi, Written};

/// Name of the Lease.
pub const LEASE: &str = "weft-operator";
/// How often the Lease is renewed by who leads.
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked at by who waits, and tried again after an error.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Longest that one request about the Lease may take; shorter than what is left when one fails.
const PATIENCE: Duration = Duration::from_secs(4);
/// Longest that giving the Lease back may hold up the end of the process.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);

/// Whether this operator leads, for whoever writes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Leadership(watch::Receiver<bool>);

impl Leadership {
    /// A leadership that follows `leading`.
    pub fn following(leading: watch::Receiver<bool>) -> Self {
        Self(leading)
    }

    /// Whether this operator leads right now. Asked before every write.
    pub fn leads(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when this operator leads; never if it is being stopped.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn gained(&mut self) {
        self.reached(true).await;
    }

    /// Resolves when this operator does not lead, or no longer.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn lost(&mut self) {
        self.reached(false).await;
    }

    async fn reached(&mut self, state: bool) {
        let waited = self.0.wait_for(|leading| *leading == state).await.is_ok();
        if !waited && state {
            std::future::pending::<()>().await;
        }
    }
}

/// Whose Lease, and where.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Kubernetes namespace of the Lease.
    pub namespace: String,
    /// What is written as the holder.
    pub identity: String,
}

/// Takes part until `scope` is cancelled; then gives the Lease back if it is held.
pub async fn run(
    client: Client,
    candidate: Candidate,
    clock: Clock,
    leading: watch::Sender<bool>,
    scope: TaskScope,
) {
    let api = LeaseApi::new(client, &candidate.namespace);
    let mut election = Election::new(candidate.identity);
    loop {
        let pause = round(&api, &mut election, &clock).await;
        announce(&leading, election.leads(clock.monotonic()), &election);
        // Sleeps no longer than leadership lasts: it ends by itself, without news from the API server.
        let left = election
            .leads_until()
            .map(|at| at.saturating_duration_since(clock.monotonic()));
        let nap = left.map_or(pause, |left| pause.min(left.max(Duration::from_millis(1))));
        tokio::select! {
            () = tokio::time::sleep(nap) => announce(&leading, election.leads(clock.monotonic()), &election),
            () = scope.cancelled() => break,
        }
    }
    let held = election.leads(clock.monotonic());
    leading.send_replace(false);
    if let Some(lease) = held.then(|| election.release(crate::now(&clock))).flatten() {
        let released = tokio::time::timeout(RELEASE_PATIENCE, api.write(&lease)).await;
        tracing::info!(
            released = matches!(released, Ok(Written::Stored(_))),
            "stopped leading"
        );
    }
}

fn announce(leading: &watch::Sender<bool>, leads: bool, election: &Election) {
    let changed = leading.send_if_modified(|before| std::mem::replace(before, leads) != leads);
    if changed && leads {
        tracing::info!(identity = election.identity(), "leading");
    } else if changed {
        tracing::warn!(holder = election.holder(), "no longer leading");
    }
}

/// Renews, takes or looks at the Lease once. Returns how long to wait before the next round.
async fn round(api: &LeaseApi, election: &mut Election, clock: &Clock) -> Duration {
    let began = clock.monotonic();
    if !election.leads(began) {
        match tokio::time::timeout(PATIENCE, api.read()).await {
            Ok(Ok(lease)) => election.observe(lease, began),
            Ok(Err(error)) => {
                tracing::debug!(%error, "cannot read the Lease");
                return LOOK_EVERY;
            }
            Err(_) => return LOOK_EVERY,
        }
    }
    let Some(lease) = election.attempt(began, crate::now(clock)) else {
        return LOOK_EVERY;
    };
    // Never longer than leadership lasts: its end is announced between rounds.
    let left = election
        .leads_until()
        .map(|at| at.saturating_duration_since(began));
    let patience = left.map_or(PATIENCE, |left| PATIENCE.min(left));
    match tokio::time::timeout(patience, api.write(&lease)).await {
        Ok(Written::Stored(lease)) => {
            election.won(*lease, began);
            RENEW_EVERY
        }
        Ok(Written::Lost) => {
            election.contested();
            Duration::from_millis(200)
        }
        Ok(Written::Failed(error)) => {
            tracing::warn!(%error, "cannot write the Lease");
            LOOK_EVERY
        }
        Err(_) => Duration::ZERO,
    }
}
