//! Where a client may put its credential.

use std::borrow::Cow;

use auth::Credential;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::http::error::Refusal;
use crate::http::path::{parameter, percent_decode};

const KEY: &str = "aeg-sas-key";
const TOKEN: &str = "aeg-sas-token";

/// A credential as it was sent. Owns what had to be decoded.
pub(crate) enum Shown<'r> {
    AccessKey(Cow<'r, str>),
    SharedAccessSignature(&'r str),
    Bearer(&'r str),
    Nothing,
}

impl Shown<'_> {
    pub(crate) fn credential(&self) -> Credential<'_> {
        match self {
            Self::AccessKey(key) => Credential::AccessKey(key),
            Self::SharedAccessSignature(token) => Credential::SharedAccessSignature(token),
            Self::Bearer(token) => Credential::Bearer(token),
            Self::Nothing => Credential::None,
        }
    }
}

/// Looks in `Authorization`, then `aeg-sas-key`, then `aeg-sas-token`, then the query; the first one found counts.
pub(crate) fn shown(parts: &Parts) -> Result<Shown<'_>, Refusal> {
    if let Some(value) = parts.headers.get(AUTHORIZATION) {
        return authorization(value.to_str().map_err(|_| Refusal::credential_unreadable())?);
    }
    if let Some(value) = parts.headers.get(KEY) {
        let key = value.to_str().map_err(|_| Refusal::credential_unreadable())?;
        return Ok(Shown::AccessKey(Cow::Borrowed(key)));
    }
    if let Some(value) = parts.headers.get(TOKEN) {
        let token = value.to_str().map_err(|_| Refusal::credential_unreadable())?;
        return Ok(Shown::SharedAccessSignature(token));
    }
    match parameter(parts.uri.query(), KEY) {
        Some(key) => percent_decode(key)
            .map(Shown::AccessKey)
            .ok_or_else(Refusal::credential_unreadable),
        None => Ok(Shown::Nothing),
    }
}

fn authorization(value: &str) -> Result<Shown<'_>, Refusal> {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("SharedAccessKey") {
        return Ok(Shown::AccessKey(Cow::Borrowed(rest)));
    }
    if scheme.eq_ignore_ascii_case("SharedAccessSignature") {
        return Ok(Shown::SharedAccessSignature(rest));
    }
    if scheme.eq_ignore_ascii_case("Bearer") {
        return Ok(Shown::Bearer(rest));
    }
    Err(Refusal::scheme_unknown())
}
