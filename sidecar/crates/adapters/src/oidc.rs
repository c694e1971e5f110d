//! Issuers of bearer tokens outside of the cluster, found by OpenID Connect Discovery 1.0.

mod client;
mod found;
mod keeper;
mod kept;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use auth::{Issuers, JwkSet};
use runtime::TaskScope;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::issuer_keys::Pace;
use client::Client;
use found::Found;
pub use found::Trouble;
use keeper::Keeper;

/// Tasks that only wait end at once when they are told to.
const PATIENCE: Duration = Duration::from_secs(1);

/// An issuer that does not say its keys is a [`Trouble`] from the first try on that fails so long after the first one.
const HICCUP: Duration = Duration::from_secs(30);

/// Follows the keys of outside issuers: `{url}/.well-known/openid-configuration` says where they are.
///
/// Everything is fetched over HTTPS, without following redirects, within ten seconds and 1 MiB; through the
/// proxy that the environment names. A key that is known stays known while its issuer does not answer, also
/// after a restart: the last good ones are kept on the volume.
#[derive(Debug)]
pub struct Discovery;

/// What is found out of the issuers that are wanted.
#[derive(Debug)]
pub struct Following {
    /// With their keys, or as awaited until these are known. One that is not wanted any more is gone from it at once.
    pub issuers: watch::Receiver<Issuers>,
    /// Who of them does not say its keys, in the order in which they are wanted; nothing if none is wanted, or as long as it
    /// is not known of all of them.
    pub troubles: watch::Receiver<Option<Vec<Trouble>>>,
}

impl Discovery {
    /// Reads what is kept in `folder` and follows the issuers in `wanted`, whenever that changes the new ones,
    /// in tasks of `scope`. Each is asked every five minutes, and soon after `wants_keys` is notified (a token
    /// has an unknown key).
    pub fn start(
        wanted: watch::Receiver<Vec<config::Issuer>>,
        folder: PathBuf,
        wants_keys: Arc<Notify>,
        scope: &TaskScope,
    ) -> Following {
        Self::start_with(HICCUP, wanted, folder, wants_keys, scope)
    }

    fn start_with(
        hiccup: Duration,
        wanted: watch::Receiver<Vec<config::Issuer>>,
        folder: PathBuf,
        wants_keys: Arc<Notify>,
        scope: &TaskScope,
    ) -> Following {
        let kept = kept::load(&folder);
        let found = Arc::new(Found::new(kept.clone(), hiccup));
        found.want(&wanted.borrow());
        let following = Following {
            issuers: found.issuers(),
            troubles: found.troubles(),
        };
        let keeper = Keeper::new(folder, found.clone(), kept);
        scope.spawn("oidc keys", keeper.run(scope.clone()));
        scope.spawn("oidc discovery", run(wanted, found, wants_keys, scope.clone()));
        following
    }
}

async fn run(
    mut wanted: watch::Receiver<Vec<config::Issuer>>,
    found: Arc<Found>,
    wants_keys: Arc<Notify>,
    scope: TaskScope,
) {
    loop {
        let issuers = wanted.borrow_and_update().clone();
        found.want(&issuers);
        let followers = scope.child("oidc issuers");
        for issuer in issuers {
            let follower = Follower {
                issuer,
                found: found.clone(),
                pace: Pace::new(wants_keys.clone()),
                failing_since: None,
            };
            followers.spawn("oidc issuer", follower.run(followers.clone()));
        }
        let changed = tokio::select! {
            () = scope.cancelled() => return,
            changed = wanted.changed() => changed,
        };
        if changed.is_err() {
            // Nobody will want others any more.
            return scope.cancelled().await;
        }
        // So that none of them gives out an issuer that is not wanted.
        followers.shutdown(PATIENCE).await;
    }
}

/// Follows one issuer.
struct Follower {
    issuer: config::Issuer,
    found: Arc<Found>,
    pace: Pace,
    failing_since: Option<Instant>,
}

impl Follower {
    async fn run(mut self, scope: TaskScope) {
        let client = match Client::new(&self.issuer) {
            Ok(client) => client,
            Err(reason) => {
                self.on_failure(&reason);
                return self.found.fail(&self.issuer, &reason, false);
            }
        };
        loop {
            tokio::select! {
                () = scope.cancelled() => return,
                () = self.pace.wait() => {}
            }
            let outcome = tokio::select! {
                () = scope.cancelled() => return,
                outcome = client.keys(&self.issuer.url) => outcome,
            };
            self.pace.asked(outcome.is_err());
            match outcome {
                Ok(keys) => self.on_keys(keys),
                Err(reason) => self.on_failure(&reason),
            }
        }
    }

    fn on_keys(&mut self, keys: JwkSet) {
        if self.failing_since.take().is_some() {
            tracing::info!(issuer = self.issuer.url, "the issuer says its keys again");
        }
        self.found.put(&self.issuer, keys);
    }

    fn on_failure(&mut self, reason: &str) {
        let issuer = &self.issuer.url;
        if let Some(since) = self.failing_since {
            tracing::debug!(issuer, "issuer: {reason}");
            if since.elapsed() >= self.found.hiccup() {
                self.found.fail(&self.issuer, reason, true);
            }
            return;
        }
        self.failing_since = Some(Instant::now());
        if self.found.knows(&self.issuer) {
            tracing::warn!(
                issuer,
                "the issuer does not say its keys; those that were known last stay: {reason}"
            );
        } else {
            tracing::warn!(
                issuer,
                "the issuer does not say its keys; none of its tokens is accepted until it does: {reason}"
            );
        }
    }
}

#[cfg(test)]
mod tests;
