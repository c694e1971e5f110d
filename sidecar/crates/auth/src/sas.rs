//! SAS tokens of Event Grid: `r=RESOURCE&e=EXPIRY&s=SIGNATURE`, each value URL-encoded. Those of Event Hubs are in
//! [`service_bus`].
//!
//! The signature is the HMAC-SHA256 of the text before `&s=` exactly as it was received. It is never decoded and encoded
//! again: producers differ in which characters they encode, in the case of the hexadecimal digits, and in `+` or `%20`
//! for a space.

mod expiry;
pub(crate) mod scope;
pub(crate) mod service_bus;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;

use crate::Error;
use crate::key_ring::SIGNATURE_LENGTH;
use crate::url::{Plus, decode as url_decode};
use scope::Scope;

/// A token that is well formed; nothing else is known of it.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    /// What the signature is made of.
    pub(crate) signed: &'a str,
    pub(crate) signature: [u8; SIGNATURE_LENGTH],
    pub(crate) scope: Scope,
    expiry: Timestamp,
}

impl<'a> Token<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Error> {
        let (signed, signature) = text
            .rsplit_once("&s=")
            .ok_or(Error::Malformed("it has no `&s=`"))?;
        let (resource, expiry) = signed
            .strip_prefix("r=")
            .and_then(|rest| rest.split_once("&e="))
            .ok_or(Error::Malformed("it does not begin with `r=…&e=…`"))?;
        if resource.contains('&') || expiry.contains('&') {
            return Err(Error::Malformed("it has parts other than `r`, `e` and `s`"));
        }
        Ok(Self {
            signed,
            signature: decode_signature(signature)?,
            scope: Scope::parse(&url_decode(resource, Plus::Space).ok_or(Error::Malformed(BAD_ENCODING))?)?,
            expiry: expiry::parse(&url_decode(expiry, Plus::Space).ok_or(Error::Malformed(BAD_ENCODING))?)
                .ok_or(Error::Malformed(
                    "`e` is no date and time, as in 1/31/2030 3:04:05 AM",
                ))?,
        })
    }

    pub(crate) fn must_be_alive(&self, now: Timestamp) -> Result<(), Error> {
        if now < self.expiry {
            Ok(())
        } else {
            Err(Error::Expired(self.expiry))
        }
    }
}

const BAD_ENCODING: &str = "a value is not URL-encoded UTF-8";

fn decode_signature(encoded: &str) -> Result<[u8; SIGNATURE_LENGTH], Error> {
    // Base64 has no spaces, so a plus sign that somebody forgot to encode can only be itself.
    let base64 = url_decode(encoded, Plus::Itself).ok_or(Error::Malformed(BAD_ENCODING))?;
    let bytes = STANDARD
        .decode(base64)
        .map_err(|_| Error::Malformed("`s` is no base64"))?;
    bytes
        .try_into()
        .map_err(|_| Error::Malformed("`s` is no HMAC-SHA256: it must have 32 bytes"))
}
