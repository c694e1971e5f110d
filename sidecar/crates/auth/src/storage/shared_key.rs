//! `Authorization: SharedKey ACCOUNT:SIGNATURE`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;

use super::{Request, canonical, date};
use crate::Error;
use crate::error::shown;
use crate::key_ring::{KeyRing, Match, SIGNATURE_LENGTH};

/// A request must have been signed within this of now: older ones may be somebody's recording.
const AGE_MAX: Duration = Duration::from_secs(15 * 60);

/// The signature of one request by somebody who has a key of the account. It is well formed; nothing else is known of it.
pub struct SharedKey {
    /// What may have been signed; one text or two.
    texts: Vec<String>,
    signature: [u8; SIGNATURE_LENGTH],
    signed_at: Timestamp,
}

impl SharedKey {
    /// Reads the value of the header `Authorization` of `request` to `account`.
    ///
    /// # Errors
    /// `MalformedSharedKey`, `WrongAccount`.
    pub fn read(authorization: &str, request: &Request<'_>, account: &str) -> Result<Self, Error> {
        let (name, signature) = shown_parts(authorization)?;
        if name != account {
            return Err(Error::WrongAccount {
                found: shown(name),
                expected: account.to_owned(),
            });
        }
        let dated = request.header("x-ms-date").or_else(|| request.header("date"));
        Ok(Self {
            texts: canonical::texts(request, account)
                .ok_or(Error::MalformedSharedKey("the query is not URL-encoded UTF-8"))?,
            signature: signature_of(signature).ok_or(Error::MalformedSharedKey(
                "the signature is no base64 of an HMAC-SHA256",
            ))?,
            signed_at: dated.and_then(date::of_header).ok_or(Error::MalformedSharedKey(
                "neither `x-ms-date` nor `Date` is a date such as Sun, 22 Nov 2026 03:05:10 GMT",
            ))?,
        })
    }

    pub(crate) fn signer<'a>(&self, keys: &'a KeyRing) -> Result<Match<'a>, Error> {
        let found = self
            .texts
            .iter()
            .find_map(|text| keys.find_signer(text, &self.signature));
        found.ok_or_else(|| Error::BadRequestSignature(expected(self.texts.first())))
    }

    pub(crate) fn must_be_recent(&self, now: Timestamp) -> Result<(), Error> {
        let apart = now
            .saturating_sub(self.signed_at)
            .max(self.signed_at.saturating_sub(now));
        if apart <= AGE_MAX {
            Ok(())
        } else {
            Err(Error::RequestTooOld(self.signed_at))
        }
    }
}

impl std::fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedKey(***)")
    }
}

/// Account and signature.
fn shown_parts(authorization: &str) -> Result<(&str, &str), Error> {
    let (scheme, rest) = authorization
        .split_once(' ')
        .ok_or(Error::MalformedSharedKey("it has no account"))?;
    if scheme.eq_ignore_ascii_case("SharedKeyLite") {
        return Err(Error::MalformedSharedKey(
            "its scheme is SharedKeyLite, which signs less of the request; sign with SharedKey",
        ));
    }
    if !scheme.eq_ignore_ascii_case("SharedKey") {
        return Err(Error::MalformedSharedKey("it is another scheme"));
    }
    rest.trim()
        .split_once(':')
        .ok_or(Error::MalformedSharedKey("it has no colon after the account"))
}

/// The bytes of a signature.
pub(super) fn signature_of(base64: &str) -> Option<[u8; SIGNATURE_LENGTH]> {
    STANDARD.decode(base64).ok()?.try_into().ok()
}

/// A text that was expected to be signed, short enough for a message.
pub(super) fn expected(text: Option<&String>) -> String {
    const CHARACTERS_MAX: usize = 2_000;
    text.into_iter()
        .flat_map(|text| text.chars())
        .take(CHARACTERS_MAX)
        .collect()
}
