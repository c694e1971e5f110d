//! What everybody who fetches an issuer's keys needs: when to ask, and how to read the answer.

use std::sync::Arc;
use std::time::Duration;

use auth::{Jwk, JwkSet};
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Keys are fetched again after this time. Issuers announce a key long before they sign with it.
const INTERVAL: Duration = Duration::from_secs(300);

/// A token with an unknown key has them fetched at once, but no more often than this: anybody can make such
/// tokens.
const INTERVAL_MIN: Duration = Duration::from_secs(5);

/// After a failure the next try comes after this time, and then twice as late from time to time.
const RETRY: Duration = Duration::from_secs(1);

/// More keys than any issuer has; what is beyond them is not read.
const KEYS_MAX: usize = 100;

/// What is read of `/.well-known/openid-configuration`.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    #[cfg(feature = "oidc")]
    pub(crate) jwks_uri: String,
}

/// Says when to ask.
#[derive(Debug)]
pub(crate) struct Pace {
    wants_keys: Arc<Notify>,
    asked_at: Option<Instant>,
    failures: u32,
}

impl Pace {
    /// `wants_keys` is notified when somebody met a token with an unknown key.
    pub(crate) fn new(wants_keys: Arc<Notify>) -> Self {
        Self {
            wants_keys,
            asked_at: None,
            failures: 0,
        }
    }

    /// Until it is time to ask: at once the first time.
    ///
    /// # Cancel safety
    /// Cancel safe, but for a wish that was heard just then; whoever has it will say so again.
    pub(crate) async fn wait(&self) {
        let Some(asked_at) = self.asked_at else {
            return;
        };
        let regular = asked_at + self.interval();
        tokio::select! {
            () = sleep_until(regular) => {}
            () = self.wants_keys.notified() => sleep_until(regular.min(asked_at + INTERVAL_MIN)).await,
        }
    }

    /// It was asked now.
    pub(crate) fn asked(&mut self, has_failed: bool) {
        self.asked_at = Some(Instant::now());
        self.failures = match has_failed {
            true => self.failures.saturating_add(1),
            false => 0,
        };
    }

    fn interval(&self) -> Duration {
        match self.failures {
            0 => INTERVAL,
            failures => RETRY.saturating_mul(1 << (failures - 1).min(20)).min(INTERVAL),
        }
    }
}

/// Where an answer stops to be what it should, and how. What stands there is not told: whoever names an issuer could read
/// with it what only the pod can reach.
pub(crate) fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Data => "a field is missing or of another type",
        Category::Syntax | Category::Eof | Category::Io => "it is no JSON",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// The kinds of keys (RFC 7518, section 6.1; RFC 8037) that can be public.
const KINDS: [&str; 3] = ["EC", "OKP", "RSA"];

/// The keys in an answer. A key of a kind that is not known to us does not make the others useless.
///
/// # Errors
/// In words: there is no key that can be used.
pub(crate) fn read_keys(json: &[u8]) -> Result<JwkSet, String> {
    #[derive(Deserialize)]
    struct Keys {
        keys: Vec<Value>,
    }
    let Keys { keys } =
        serde_json::from_slice(json).map_err(|error| format!("no JSON Web Key Set: {}", place(&error)))?;
    let readable = keys
        .into_iter()
        .take(KEYS_MAX)
        .filter(|key| key["kty"].as_str().is_some_and(|kind| KINDS.contains(&kind)))
        .filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
    let keys = JwkSet {
        keys: readable.collect(),
    };
    match keys.keys.is_empty() {
        true => Err("the JSON Web Key Set holds no key that can be used".into()),
        false => Ok(keys),
    }
}

#[cfg(test)]
mod tests;
