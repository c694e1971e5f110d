//! Who asks, and whether they may.

use auth::storage::{Request, Sas, SharedKey, Target};
use auth::{Credential, Error, ErrorKind, Listen, Manage, Permit, Resource, Send};
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::http::Call;
use crate::http::credential;
use crate::phase::Phase;

use super::error::{Refusal, sentence};

/// A credential as it was sent: one of Azure Storage's kinds, or one that every HTTP door takes.
enum Shown<'r> {
    SharedKey(SharedKey),
    Sas(Sas),
    Other(credential::Shown<'r>),
}

impl Shown<'_> {
    fn credential(&self) -> Credential<'_> {
        match self {
            Self::SharedKey(key) => Credential::SharedKey(key),
            Self::Sas(sas) => Credential::StorageSas(sas),
            Self::Other(shown) => shown.credential(),
        }
    }

    /// Whether a better one might be had for the asking.
    fn is_token_or_nothing(&self) -> bool {
        matches!(
            self,
            Self::Other(credential::Shown::Bearer(_) | credential::Shown::Nothing)
        )
    }
}

/// May the caller look at blobs?
pub(super) async fn permit_listen(call: &Call<'_>, target: Target<'_>) -> Result<Permit<Listen>, Refusal> {
    let (authorizer, now) = (call.door.authorizer(), call.door.now());
    let shown = shown(call, target)?;
    let outcome = authorizer
        .permit_listen(&shown.credential(), &Resource::Checkpoints, now)
        .await;
    outcome.map_err(|error| refusal(call, &shown, &error))
}

/// May the caller write and delete blobs?
pub(super) async fn permit_send(call: &Call<'_>, target: Target<'_>) -> Result<Permit<Send>, Refusal> {
    let (authorizer, now) = (call.door.authorizer(), call.door.now());
    let shown = shown(call, target)?;
    let outcome = authorizer
        .permit_send(&shown.credential(), &Resource::Checkpoints, now)
        .await;
    outcome.map_err(|error| refusal(call, &shown, &error))
}

/// May the caller delete a container with all that is in it?
pub(super) async fn permit_manage(call: &Call<'_>, target: Target<'_>) -> Result<Permit<Manage>, Refusal> {
    let (authorizer, now) = (call.door.authorizer(), call.door.now());
    let shown = shown(call, target)?;
    let outcome = authorizer
        .permit_manage(&shown.credential(), &Resource::Checkpoints, now)
        .await;
    outcome.map_err(|error| refusal(call, &shown, &error))
}

/// `Authorization`, if it is there, goes before the query.
fn shown<'r>(call: &Call<'r>, target: Target<'_>) -> Result<Shown<'r>, Refusal> {
    let (parts, account) = (call.parts, call.door.namespace());
    let scheme = parts
        .headers
        .get(AUTHORIZATION)
        .map(|value| value.to_str().unwrap_or_default());
    match scheme {
        Some(value) if has_scheme(value, "SharedKey") || has_scheme(value, "SharedKeyLite") => {
            let headers = headers(parts);
            SharedKey::read(value, &request(parts, &headers), account)
                .map(Shown::SharedKey)
                .map_err(|error| unproven(&error))
        }
        None if Sas::is_meant(parts.uri.query()) => {
            let headers = headers(parts);
            let sas = Sas::read(&request(parts, &headers), &target, account)
                .map_err(|error| unproven(&error))?;
            must_come_safely(call, &sas)?;
            Ok(Shown::Sas(sas))
        }
        _ => credential::shown(parts).map(Shown::Other).map_err(|_| {
            Refusal::forbidden(
                "AuthenticationFailed",
                "The credential cannot be read. Send Authorization with SharedKey ACCOUNT:SIGNATURE, Bearer TOKEN, \
                 SharedAccessKey KEY or SharedAccessSignature TOKEN, or a shared access signature in the query."
                    .to_owned(),
            )
        }),
    }
}

/// A signature may say that it is for HTTPS alone.
fn must_come_safely(call: &Call<'_>, sas: &Sas) -> Result<(), Refusal> {
    if sas.is_https_only() && !call.phase().is_some_and(Phase::is_secure) {
        return Err(Refusal::forbidden(
            "AuthorizationProtocolMismatch",
            "The shared access signature is for HTTPS only (`spr=https`). Use an https URL.".to_owned(),
        ));
    }
    Ok(())
}

fn has_scheme(value: &str, scheme: &str) -> bool {
    let (found, _) = value.split_once(' ').unwrap_or((value, ""));
    found.eq_ignore_ascii_case(scheme)
}

/// The headers that can have been signed.
fn headers(parts: &Parts) -> Vec<(&str, &str)> {
    let texts = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    texts.collect()
}

fn request<'r>(parts: &'r Parts, headers: &'r [(&'r str, &'r str)]) -> Request<'r> {
    Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers,
    }
}

fn refusal(call: &Call<'_>, shown: &Shown<'_>, error: &Error) -> Refusal {
    call.door.identity().on_refused(error);
    let message = sentence(error);
    match error {
        Error::LocalAuthDisabled => Refusal::forbidden("KeyBasedAuthenticationNotPermitted", message),
        Error::Missing => Refusal::unauthenticated(
            "NoAuthenticationInformation",
            "There is no credential. Send Authorization with SharedKey ACCOUNT:SIGNATURE or Bearer TOKEN, or a shared access \
             signature in the query."
                .to_owned(),
        ),
        _ => match error.kind() {
            ErrorKind::Unavailable => Refusal::busy(message),
            ErrorKind::Forbidden => Refusal::forbidden("AuthorizationPermissionMismatch", message),
            ErrorKind::Unauthenticated if shown.is_token_or_nothing() => {
                Refusal::unauthenticated("InvalidAuthenticationInfo", message)
            }
            ErrorKind::Unauthenticated => unproven(error),
        },
    }
}

/// The service's answer to a signature, which no asking makes better.
fn unproven(error: &Error) -> Refusal {
    Refusal::forbidden("AuthenticationFailed", sentence(error))
}
