//! The keys that an issuer publishes (RFC 7517), as far as they verify tokens.

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};

use super::jws::Jws;

/// So many keys are tried for one token, if it does not say which is meant or several have that name.
const TRIED_MAX: usize = 8;

/// The keys of one issuer.
pub(super) struct Keys(Vec<Key>);

struct Key {
    name: Option<String>,
    kind: Kind,
    /// If it is there, the key verifies no other.
    algorithm: Option<KeyAlgorithm>,
    key: DecodingKey,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// Why no key verifies a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer may have published it since we asked.
    Unknown,
    /// The key is known, and did not make that signature.
    Mismatch,
}

impl Keys {
    pub(super) fn new(published: &JwkSet) -> Self {
        Self(published.keys.iter().filter_map(Key::new).collect())
    }

    pub(super) fn verify(&self, jws: &Jws<'_>, algorithm: Algorithm) -> Result<(), NoKey> {
        let wanted = jws.header.kid.as_deref();
        let is_meant = |key: &&Key| wanted.is_none() || key.name.as_deref() == wanted;
        let is_known = wanted.is_some() && self.0.iter().any(|key| is_meant(&key));
        let mut tried = self
            .0
            .iter()
            .filter(is_meant)
            .filter(|key| key.fits(algorithm))
            .take(TRIED_MAX);
        if tried.any(|key| key.made(jws, algorithm)) {
            Ok(())
        } else if is_known {
            Err(NoKey::Mismatch)
        } else {
            Err(NoKey::Unknown)
        }
    }
}

impl Key {
    /// Nothing for a key that verifies no tokens: one for encryption, a shared secret, a curve that is not accepted.
    fn new(published: &Jwk) -> Option<Self> {
        let common = &published.common;
        let is_for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
        let operations = common.key_operations.as_ref();
        let verifies = operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !is_for_signatures || !verifies {
            return None;
        }
        let kind = match &published.algorithm {
            AlgorithmParameters::RSA(_) => Kind::Rsa,
            AlgorithmParameters::EllipticCurve(parameters) => match parameters.curve {
                EllipticCurve::P256 => Kind::P256,
                EllipticCurve::P384 => Kind::P384,
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(parameters) => match parameters.curve {
                EllipticCurve::Ed25519 => Kind::Ed25519,
                _ => return None,
            },
            _ => return None,
        };
        Some(Self {
            name: common.key_id.clone(),
            kind,
            algorithm: common.key_algorithm,
            key: DecodingKey::from_jwk(published).ok()?,
        })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let kind = match algorithm {
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => Kind::Rsa,
            Algorithm::ES256 => Kind::P256,
            Algorithm::ES384 => Kind::P384,
            Algorithm::EdDSA => Kind::Ed25519,
            // HMAC, and what that crate may learn one day: not accepted.
            _ => return false,
        };
        let published = self.algorithm.is_none_or(|only| only == algorithm.into());
        kind == self.kind && published
    }

    fn made(&self, jws: &Jws<'_>, algorithm: Algorithm) -> bool {
        let verified =
            jsonwebtoken::crypto::verify(jws.signature, jws.signed.as_bytes(), &self.key, algorithm);
        verified.unwrap_or(false)
    }
}
