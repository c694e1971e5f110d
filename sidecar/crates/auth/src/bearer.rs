//! Bearer tokens: signed JWTs (RFC 7519, 7515) of the issuers that are trusted.
//!
//! The signature is verified by `jsonwebtoken`; what is around it is done here, because that crate asks the machine's
//! clock, parses the payload twice and cannot say which issuer's keys are meant. Nothing of a token is believed, and
//! nothing but its issuer and key is looked at, before its signature is known to be right.

mod claims;
mod issuer;
mod jws;
mod keys;
mod mapping;
mod trust;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use model::Timestamp;
use tokio::sync::Notify;

use crate::{Error, Subject};
pub use issuer::{Issuer, Issuers, Mapping};
use trust::Trust;

/// A token may have so many bytes. Those of Kubernetes have about a thousand; groups make others longer.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// The clocks of issuers and ours differ by at most this much.
pub(crate) const LEEWAY: Duration = Duration::from_secs(60);

/// What is known of a token that is good.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Who shows it.
    pub subject: Arc<Subject>,
    /// Its `exp`. Doors accept it for a minute more, because clocks differ.
    pub expires: Timestamp,
    /// What was shown, for whoever verifies it again.
    pub(crate) token: Bearer,
}

/// The text of a token that was good. While it is remembered, all who show it share one.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bearer(Arc<str>);

impl Bearer {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Bearer {
    fn from(token: &str) -> Self {
        Self(token.into())
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(***)")
    }
}

impl Verified {
    pub(crate) fn must_be_alive(&self, now: Timestamp) -> Result<(), Error> {
        if now < self.expires + LEEWAY {
            Ok(())
        } else {
            Err(Error::BearerExpired(self.expires))
        }
    }
}

/// Verifies tokens against the issuers that are trusted now, and remembers which were good.
pub(crate) struct Verifier {
    trust: ArcSwap<Trust>,
    wants_keys: Arc<Notify>,
}

impl Verifier {
    /// Trusts nobody yet.
    pub(crate) fn new() -> Self {
        Self {
            trust: ArcSwap::from_pointee(Trust::new(Issuers::default())),
            wants_keys: Arc::default(),
        }
    }

    /// From now on. What was verified before is verified again.
    pub(crate) fn trust(&self, issuers: Issuers) {
        self.trust.store(Arc::new(Trust::new(issuers)));
    }

    /// Told whenever a token of a trusted issuer names a key that is not known, or its issuer's keys are not known yet.
    pub(crate) fn wants_keys(&self) -> Arc<Notify> {
        Arc::clone(&self.wants_keys)
    }

    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, Error> {
        let verified = self.trust.load().verify(token, now);
        verified.map_err(|refused| {
            if refused.wants_keys {
                // Wakes whoever listens; if nobody does at the moment, the next one who comes to listen.
                self.wants_keys.notify_waiters();
                self.wants_keys.notify_one();
            }
            refused.error
        })
    }
}
