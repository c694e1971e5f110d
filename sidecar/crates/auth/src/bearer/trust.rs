//! The issuers that are trusted, and what of theirs was verified while they are.

use std::sync::Arc;

use model::Timestamp;
use parking_lot::RwLock;

use super::claims::Claims;
use super::issuer::{Issuers, Mapping};
use super::jws::Jws;
use super::keys::{Keys, NoKey};
use super::{Issuer, Verified};
use crate::Error;
use crate::bounded::Bounded;
use crate::error::shown;

/// So many tokens are remembered: of 1 KiB each, as the cluster's are, 2 MiB.
const REMEMBERED_MAX: usize = 2_048;

/// What is remembered lives and dies with the keys that it was verified with.
pub(super) struct Trust {
    issuers: Vec<Trusted>,
    remembered: RwLock<Bounded<Tail, Remembered>>,
}

pub(super) struct Trusted {
    url: Arc<str>,
    audiences: Vec<String>,
    keys: Keys,
    mapping: Mapping,
}

/// The end of a token, which is of its signature: no two tokens that were verified share it by chance, and it is hashed
/// in a tenth of the time of the whole.
type Tail = [u8; TAIL_BYTES];
const TAIL_BYTES: usize = 48;

struct Remembered {
    token: Box<str>,
    verified: Verified,
}

/// Why a token is not good.
pub(super) struct Refused {
    pub(super) error: Error,
    /// Whether it might be with the keys that its issuer publishes now.
    pub(super) wants_keys: bool,
}

impl Trust {
    pub(super) fn new(issuers: Issuers) -> Self {
        Self {
            issuers: issuers.0.into_iter().map(Trusted::new).collect(),
            remembered: RwLock::new(Bounded::new(REMEMBERED_MAX)),
        }
    }

    /// The issuer of that URL.
    pub(super) fn find(&self, url: &str) -> Result<&Trusted, Error> {
        if self.issuers.is_empty() {
            return Err(Error::NoIssuer);
        }
        let mut issuers = self.issuers.iter();
        issuers
            .find(|issuer| *issuer.url == *url)
            .ok_or_else(|| Error::UnknownIssuer(shown(url)))
    }

    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, Refused> {
        if let Some(verified) = self.recall(token) {
            verified.must_be_alive(now)?;
            return Ok(verified);
        }
        let jws = Jws::parse(token)?;
        let algorithm = jws.algorithm()?;
        let claims = jws.claims()?;
        let issuer = self.find(claims.issuer()?)?;
        issuer.keys.verify(&jws, algorithm)?;
        let verified = issuer.accept(&claims, now)?;
        self.remember(token, &verified);
        Ok(verified)
    }

    fn recall(&self, token: &str) -> Option<Verified> {
        let tail: &Tail = token.as_bytes().last_chunk()?;
        let remembered = self.remembered.read();
        let known = remembered.get(tail)?;
        // Whoever found the right tail had the token: comparing the rest in constant time would hide nothing.
        (*known.token == *token).then(|| known.verified.clone())
    }

    fn remember(&self, token: &str, verified: &Verified) {
        let Some(tail) = token.as_bytes().last_chunk() else {
            return;
        };
        let known = Remembered {
            token: token.into(),
            verified: verified.clone(),
        };
        self.remembered.write().insert(*tail, known);
    }
}

impl Trusted {
    fn new(issuer: Issuer) -> Self {
        Self {
            keys: Keys::new(&issuer.keys),
            url: issuer.url.into(),
            audiences: issuer.audiences,
            mapping: issuer.mapping,
        }
    }

    /// Of a token that this issuer signed.
    fn accept(&self, claims: &Claims, now: Timestamp) -> Result<Verified, Error> {
        claims.must_be_for(&self.audiences)?;
        let expires = claims.must_be_valid(now)?;
        Ok(Verified {
            subject: Arc::new(self.mapping.subject(claims)?),
            expires,
            issuer: Arc::clone(&self.url),
        })
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self {
            error,
            wants_keys: false,
        }
    }
}

impl From<NoKey> for Refused {
    fn from(reason: NoKey) -> Self {
        Self {
            error: Error::BearerBadSignature,
            wants_keys: reason == NoKey::Unknown,
        }
    }
}
