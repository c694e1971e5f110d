//! The issuer of the cluster's ServiceAccount tokens, and its keys.

mod kept;

use std::path::PathBuf;
use std::sync::Arc;

use auth::{Issuer, Mapping};
use config::objects::TOKEN_AUDIENCE;
use runtime::TaskScope;
use tokio::sync::{Notify, watch};

use super::api_server::ApiServer;
use super::reach::why;
use crate::issuer_keys::{Metadata, Pace, read_keys};
use kept::Kept;

/// Every ServiceAccount may read both, unless somebody took that away.
const METADATA: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/openid/v1/jwks";

/// Follows the keys that the API server publishes. The last good ones are kept on the volume, so that a pod
/// that starts while the API server is away still knows whose signature to trust.
#[derive(Debug)]
pub struct ClusterKeys;

impl ClusterKeys {
    /// Reads what is kept in `folder` and leaves the API server to a task in `scope`, which asks every five
    /// minutes, and soon after `wants_keys` is notified (a token has an unknown key).
    ///
    /// The issuer that is given out changes when its keys do. It is `None` as long as nothing is known.
    pub fn start(
        server: ApiServer,
        folder: PathBuf,
        wants_keys: Arc<Notify>,
        scope: &TaskScope,
    ) -> watch::Receiver<Option<Issuer>> {
        let kept = kept::load(&folder);
        let (issuer, issuers) = watch::channel(kept.clone().map(issuer_of));
        let follower = Follower {
            server,
            folder,
            known: kept,
            is_kept: true,
            pace: Pace::new(wants_keys),
            issuer,
            was_told: false,
        };
        scope.spawn("cluster keys", follower.run(scope.clone()));
        issuers
    }
}

fn issuer_of(kept: Kept) -> Issuer {
    Issuer {
        url: kept.issuer,
        audiences: vec![TOKEN_AUDIENCE.to_owned()],
        keys: kept.keys,
        mapping: Mapping::ServiceAccounts,
    }
}

struct Follower {
    server: ApiServer,
    folder: PathBuf,
    known: Option<Kept>,
    /// What is known is on the volume.
    is_kept: bool,
    pace: Pace,
    issuer: watch::Sender<Option<Issuer>>,
    /// That there are no keys was said.
    was_told: bool,
}

impl Follower {
    async fn run(mut self, scope: TaskScope) {
        loop {
            tokio::select! {
                () = scope.cancelled() => return,
                () = self.pace.wait() => {}
            }
            let outcome = tokio::select! {
                () = scope.cancelled() => return,
                outcome = self.fetch() => outcome,
            };
            self.pace.asked(outcome.is_err());
            match outcome {
                Ok(found) => self.on_keys(found).await,
                Err(reason) => self.on_failure(&reason),
            }
        }
    }

    async fn fetch(&self) -> Result<Kept, String> {
        let metadata = self.get(METADATA).await?;
        let Metadata { issuer, .. } =
            serde_json::from_str(&metadata).map_err(|error| format!("{METADATA}: {error}"))?;
        let keys = self.get(KEYS).await?;
        let keys = read_keys(keys.as_bytes()).map_err(|reason| format!("{KEYS}: {reason}"))?;
        Ok(Kept { issuer, keys })
    }

    async fn get(&self, path: &str) -> Result<String, String> {
        let request = http::Request::get(path)
            .body(Vec::new())
            .map_err(|error| error.to_string())?;
        let answer = self
            .server
            .ask(async move |client| client.request_text(request).await);
        answer.await.map_err(|error| format!("{path}: {}", why(&error)))
    }

    async fn on_keys(&mut self, found: Kept) {
        if std::mem::take(&mut self.was_told) {
            tracing::info!("the API server says again who signs ServiceAccount tokens");
        }
        if self.known.as_ref() != Some(&found) {
            tracing::debug!(
                issuer = found.issuer,
                keys = found.keys.keys.len(),
                "cluster keys"
            );
            self.issuer.send_replace(Some(issuer_of(found.clone())));
            self.known = Some(found);
            self.is_kept = false;
        }
        if !self.is_kept {
            self.keep().await;
        }
    }

    /// What cannot be kept now is tried again with the next answer.
    async fn keep(&mut self) {
        let Some(known) = self.known.clone() else {
            return;
        };
        let folder = self.folder.clone();
        let stored = tokio::task::spawn_blocking(move || kept::store(&folder, &known)).await;
        match stored.map_err(std::io::Error::other).flatten() {
            Ok(()) => self.is_kept = true,
            Err(error) => tracing::warn!(
                "cannot keep the cluster's keys in {}: {error}",
                self.folder.display()
            ),
        }
    }

    fn on_failure(&mut self, reason: &str) {
        if std::mem::replace(&mut self.was_told, true) {
            tracing::debug!("cluster keys: {reason}");
            return;
        }
        match &self.known {
            Some(_) => tracing::warn!(
                "the API server does not say who signs ServiceAccount tokens; the keys that were known last stay: {reason}"
            ),
            None => tracing::warn!(
                "the API server does not say who signs ServiceAccount tokens; none is accepted until it does: {reason}"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
