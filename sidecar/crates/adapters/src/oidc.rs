//! Issuers of bearer tokens outside of the cluster, found by OpenID Connect Discovery 1.0.

mod client;
mod found;

use std::sync::Arc;
use std::time::Duration;

use auth::{Issuer, JwkSet};
use runtime::TaskScope;
use tokio::sync::{Notify, watch};

use crate::issuer_keys::Pace;
use client::Client;
use found::Found;

/// Tasks that only wait end at once when they are told to.
const PATIENCE: Duration = Duration::from_secs(1);

/// Follows the keys of outside issuers: `{url}/.well-known/openid-configuration` says where they are.
///
/// Everything is fetched over HTTPS, without following redirects, within ten seconds and 1 MiB; through the
/// proxy that the environment names. A key that is known stays known while its issuer does not answer.
#[derive(Debug)]
pub struct Discovery;

impl Discovery {
    /// Follows the issuers in `wanted`, whenever that changes the new ones, in tasks of `scope`. Each is
    /// asked every five minutes, and soon after `wants_keys` is notified (a token has an unknown key).
    ///
    /// What is given out holds the issuers that are wanted and whose keys are known. One that is not wanted
    /// any more is gone from it at once.
    pub fn start(
        wanted: watch::Receiver<Vec<config::Issuer>>,
        wants_keys: Arc<Notify>,
        scope: &TaskScope,
    ) -> watch::Receiver<Vec<Issuer>> {
        let found = Arc::new(Found::default());
        let issuers = found.issuers();
        scope.spawn("oidc discovery", run(wanted, found, wants_keys, scope.clone()));
        issuers
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
        found.retain(&issuers);
        let followers = scope.child("oidc issuers");
        for issuer in issuers {
            let follower = Follower {
                issuer,
                found: found.clone(),
                pace: Pace::new(wants_keys.clone()),
                was_told: false,
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
    /// That it does not answer was said.
    was_told: bool,
}

impl Follower {
    async fn run(mut self, scope: TaskScope) {
        let client = match Client::new(&self.issuer) {
            Ok(client) => client,
            Err(reason) => return self.on_failure(&reason),
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
        if std::mem::take(&mut self.was_told) {
            tracing::info!(issuer = self.issuer.url, "the issuer says its keys again");
        }
        self.found.put(&self.issuer, keys);
    }

    fn on_failure(&mut self, reason: &str) {
        let issuer = &self.issuer.url;
        if std::mem::replace(&mut self.was_told, true) {
            tracing::debug!(issuer, "issuer: {reason}");
        } else if self.found.knows(&self.issuer) {
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
