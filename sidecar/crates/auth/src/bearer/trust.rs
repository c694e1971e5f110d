//! The issuers that are trusted, and what of theirs was verified while they are.

use std::sync::Arc;

use model::Timestamp;
use parking_lot::RwLock;

use super::claims::Claims;
use super::issuer::{Issuers, Mapping};
use super::jws::Jws;
use super::keys::{Keys, NoKey};
use super::{Bearer, Issuer, Verified};
use crate::bounded::Bounded;
use crate::error::shown;
use crate::{Error, Subject};

/// So many tokens are remembered: of 1 KiB each, as the cluster's are, 2 MiB.
const REMEMBERED_MAX: usize = 2_048;

/// What is remembered lives and dies with the keys that it was verified with.
pub(super) struct Trust {
    known: Vec<Trusted>,
    /// URLs of issuers whose keys are not known yet.
    awaited: Vec<String>,
    awaits_cluster: bool,
    remembered: RwLock<Bounded<Tail, Verified>>,
}

struct Trusted {
    url: String,
    audiences: Vec<String>,
    keys: Keys,
    mapping: Mapping,
}

/// The end of a token, which is of its signature: no two tokens that were verified share it by chance, and it is hashed
/// in a tenth of the time of the whole.
type Tail = [u8; TAIL_BYTES];
const TAIL_BYTES: usize = 48;

/// Why a token is not good.
pub(super) struct Refused {
    pub(super) error: Error,
    /// Whether it might be with the keys that its issuer publishes now.
    pub(super) wants_keys: bool,
}

impl Trust {
    pub(super) fn new(issuers: Issuers) -> Self {
        Self {
            known: issuers.known.into_iter().map(Trusted::new).collect(),
            awaited: issuers.awaited,
            awaits_cluster: issuers.awaits_cluster,
            remembered: RwLock::new(Bounded::new(REMEMBERED_MAX)),
        }
    }

    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, Refused> {
        if let Some(verified) = self.recall(token) {
            verified.must_be_alive(now)?;
            return Ok(verified);
        }
        let jws = Jws::parse(token)?;
        let algorithm = jws.algorithm()?;
        let claims = jws.claims()?;
        let issuer = self.issuer_of(&claims)?;
        issuer.keys.verify(&jws, algorithm)?;
        let (subject, expires) = issuer.accept(&claims, now)?;
        let verified = Verified {
            subject: Arc::new(subject),
            expires,
            token: Bearer::from(token),
        };
        self.remember(&verified);
        Ok(verified)
    }

    fn issuer_of(&self, claims: &Claims) -> Result<&Trusted, Refused> {
        let url = claims.issuer()?;
        if let Some(issuer) = self.known.iter().find(|issuer| issuer.url == url) {
            return Ok(issuer);
        }
        if self.awaits(url, claims) {
            return Err(Refused {
                error: Error::Unavailable(format!(
                    "the keys of the issuer `{}` are not known yet",
                    shown(url)
                )),
                wants_keys: true,
            });
        }
        let trusts_nobody = self.known.is_empty() && self.awaited.is_empty() && !self.awaits_cluster;
        Err(Refused::from(match trusts_nobody {
            true => Error::NoIssuer,
            false => Error::UnknownIssuer(shown(url)),
        }))
    }

    /// Whether a token may be of an issuer that is trusted and whose keys are not known yet. What it claims only decides
    /// which refusal is told.
    fn awaits(&self, url: &str, claims: &Claims) -> bool {
        let is_awaited = self.awaited.iter().any(|awaited| awaited == url);
        is_awaited || (self.awaits_cluster && claims.are_of_service_account())
    }

    fn recall(&self, token: &str) -> Option<Verified> {
        let tail: &Tail = token.as_bytes().last_chunk()?;
        let remembered = self.remembered.read();
        let known = remembered.get(tail)?;
        // Whoever found the right tail had the token: comparing the rest in constant time would hide nothing.
        (known.token.as_str() == token).then(|| known.clone())
    }

    fn remember(&self, verified: &Verified) {
        if let Some(tail) = verified.token.as_str().as_bytes().last_chunk() {
            self.remembered.write().insert(*tail, verified.clone());
        }
    }
}

impl Trusted {
    fn new(issuer: Issuer) -> Self {
        Self {
            keys: Keys::new(&issuer.keys),
            url: issuer.url,
            audiences: issuer.audiences,
            mapping: issuer.mapping,
        }
    }

    /// Who shows a token that this issuer signed, and until when.
    fn accept(&self, claims: &Claims, now: Timestamp) -> Result<(Subject, Timestamp), Error> {
        claims.must_be_for(&self.audiences)?;
        let expires = claims.must_be_valid(now)?;
        Ok((self.mapping.subject(claims)?, expires))
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

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::{Jwk, JwkSet};
    use jsonwebtoken::{Algorithm, EncodingKey, Header};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_795_953_600_000_000);

    fn cluster(key: &EncodingKey) -> Issuers {
        Issuers::from(vec![Issuer {
            url: "https://cluster".into(),
            audiences: vec!["weft".into()],
            keys: JwkSet {
                keys: vec![Jwk::from_encoding_key(key, Algorithm::ES256).unwrap()],
            },
            mapping: Mapping::ServiceAccounts,
        }])
    }

    #[test]
    fn a_token_that_is_shown_again_takes_no_more_memory_and_is_never_printed() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let key = EncodingKey::from_ec_der(pair.serialized_der());
        let claims = serde_json::json!({
            "iss": "https://cluster", "sub": "system:serviceaccount:shop:web", "aud": "weft", "exp": 1_795_957_200,
        });
        let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &key).unwrap();
        let trust = Trust::new(cluster(&key));
        let verify = || {
            trust
                .verify(&token, NOW)
                .map_err(|refused| refused.error)
                .unwrap()
        };
        let (first, second) = (verify(), verify());
        assert!(std::ptr::eq(first.token.as_str(), second.token.as_str()));
        assert!(!format!("{first:?}").contains(&token));
    }
}
