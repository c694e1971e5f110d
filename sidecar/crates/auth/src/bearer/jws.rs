//! The outside of a token: `HEADER.PAYLOAD.SIGNATURE`, each base64url (RFC 7515, section 7.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;

use super::TOKEN_BYTES_MAX;
use super::claims::Claims;
use crate::Error;
use crate::error::shown;

/// A token that is well formed; nothing else is known of it.
pub(super) struct Jws<'a> {
    /// `HEADER.PAYLOAD`: what is signed.
    pub(super) signed: &'a str,
    /// Still base64url.
    pub(super) signature: &'a str,
    pub(super) header: Header,
    payload: &'a str,
}

/// What the header says (RFC 7515, section 4.1). Keys that a token brings along are never looked at.
#[derive(Deserialize)]
pub(super) struct Header {
    alg: String,
    pub(super) kid: Option<String>,
    crit: Option<serde_json::Value>,
}

impl<'a> Jws<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, Error> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Error::BearerMalformed("it is longer than 16 KiB"));
        }
        let parts = token
            .rsplit_once('.')
            .and_then(|(signed, signature)| Some((signed, signed.split_once('.')?, signature)));
        let Some((signed, (header, payload), signature)) = parts else {
            return Err(Error::BearerMalformed(
                "it is no JWT of three parts with dots between",
            ));
        };
        if payload.contains('.') {
            return Err(Error::BearerMalformed("it has more than three parts"));
        }
        let header = decode(header)
            .and_then(|json| serde_json::from_slice::<Header>(&json).ok())
            .ok_or(Error::BearerMalformed(
                "its header is no base64url of JSON with `alg`",
            ))?;
        // Section 4.1.11: what must be understood and is not is refused, and there is nothing that we understand.
        if header.crit.is_some() {
            return Err(Error::BearerMalformed(
                "its header has `crit`, which demands extensions that are not known here",
            ));
        }
        Ok(Self {
            signed,
            signature,
            header,
            payload,
        })
    }

    /// Only signatures whose keys are public: under `none` anybody, and under HMAC whoever reads the public key, could
    /// make a token.
    pub(super) fn algorithm(&self) -> Result<Algorithm, Error> {
        Ok(match self.header.alg.as_str() {
            "RS256" => Algorithm::RS256,
            "RS384" => Algorithm::RS384,
            "RS512" => Algorithm::RS512,
            "PS256" => Algorithm::PS256,
            "PS384" => Algorithm::PS384,
            "PS512" => Algorithm::PS512,
            "ES256" => Algorithm::ES256,
            "ES384" => Algorithm::ES384,
            "EdDSA" => Algorithm::EdDSA,
            other => return Err(Error::AlgorithmRefused(shown(other))),
        })
    }

    /// What it says; to be believed only once its signature is known to be right.
    pub(super) fn claims(&self) -> Result<Claims, Error> {
        decode(self.payload)
            .and_then(|json| serde_json::from_slice(&json).ok())
            .map(Claims)
            .ok_or(Error::BearerMalformed(
                "its payload is no base64url of a JSON object",
            ))
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
