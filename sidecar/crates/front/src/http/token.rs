//! The token endpoint, in the workload-identity shape that Azure's SDKs know: tenant `adfs`, so that none of them asks
//! Microsoft anything (`AZURE_TENANT_ID=adfs`, `AZURE_AUTHORITY_HOST` = this endpoint).
//!
//! | request | answer |
//! |---|---|
//! | `GET /adfs/.well-known/openid-configuration` | where the rest is, under the name that the client used |
//! | `GET /adfs/keys` | no keys: what it gives out was signed by others, and programs do not look inside |
//! | `POST /adfs/oauth2/v2.0/token`, `POST /adfs/oauth2/token` | `{"access_token":"…","token_type":"Bearer","expires_in":3600}` |
//!
//! The access token is the assertion itself, once it was verified as every door verifies it: nothing is signed here, so
//! there is no key to guard, and none to share between replicas. What it allows is asked when it is used.
//!
//! Any query string is ignored: one SDK adds a correlation id there.

mod request;
mod scope;

use auth::ErrorKind;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::{Method, Response};
use model::{ByteCount, Timestamp};
use serde::Serialize;

use self::request::Request;
use super::body::Body;
use super::error::{NO_STORE, Refusal};
use super::{Call, json};
use crate::operation::Operation;

/// A ServiceAccount token has one or two KiB.
const BODY_MAX: ByteCount = ByteCount::kib(64);
const FORM: &str = "application/x-www-form-urlencoded";

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Discovery,
    Keys,
    Token,
}

impl Route {
    /// None if the path is not one of this API. The tenant is `adfs` in lower case: SDKs treat any other one differently.
    pub(super) fn parse(path: &str) -> Option<Self> {
        // An authority given with a trailing slash makes some clients send two.
        match path.trim_start_matches('/') {
            "adfs/.well-known/openid-configuration" => Some(Self::Discovery),
            "adfs/keys" => Some(Self::Keys),
            "adfs/oauth2/v2.0/token" | "adfs/oauth2/token" => Some(Self::Token),
            _ => None,
        }
    }

    pub(super) const fn operation(self) -> Operation {
        match self {
            Self::Discovery | Self::Keys | Self::Token => Operation::Token,
        }
    }
}

/// Every refusal is OAuth's.
pub(super) async fn answer(call: &mut Call<'_>, route: Route) -> Result<Response<Body>, Refusal> {
    let outcome = match route {
        Route::Discovery => discovery(call),
        Route::Keys => call
            .require_method(&Method::GET, "GET")
            .map(|()| document(&Keys { keys: [] })),
        Route::Token => token(call).await,
    };
    outcome.map_err(|refusal| {
        let refusal = refusal.into_oauth();
        call.door.identity().on_request_refused(refusal.code());
        refusal
    })
}

#[derive(Serialize)]
struct Keys {
    keys: [(); 0],
}

#[derive(Serialize)]
struct Configuration {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    token_endpoint_auth_methods_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 1],
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
}

fn discovery(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    call.require_method(&Method::GET, "GET")?;
    let scheme = match call.phase().is_some_and(crate::phase::Phase::is_secure) {
        true => "https",
        false => "http",
    };
    let authority = format!("{scheme}://{}/adfs", host(call)?);
    Ok(document(&Configuration {
        authorization_endpoint: format!("{authority}/oauth2/authorize"),
        token_endpoint: format!("{authority}/oauth2/v2.0/token"),
        jwks_uri: format!("{authority}/keys"),
        issuer: authority,
        token_endpoint_auth_methods_supported: ["private_key_jwt"],
        grant_types_supported: ["client_credentials"],
        response_types_supported: ["token"],
        response_modes_supported: ["query"],
        subject_types_supported: ["public"],
    }))
}

fn document(document: &impl Serialize) -> Response<Body> {
    json(serde_json::to_vec(document).expect("strings are always JSON"))
}

/// The name, and port, under which the client reached this endpoint.
fn host<'c>(call: &'c Call<'_>) -> Result<&'c str, Refusal> {
    let named = match call.parts.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => call.header(HOST.as_str()),
    };
    let is_plain = |host: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        !host.is_empty() && host.bytes().all(plain)
    };
    named.filter(is_plain).ok_or_else(|| {
        Refusal::of_token(
            "invalid_request",
            "The header Host must be the name of this endpoint, with its port unless that is the default one",
        )
    })
}

/// The answer that all SDKs take, and cache: no `id_token`, no `scope`, and a number of seconds.
#[derive(Serialize)]
struct Granted<'t> {
    access_token: &'t str,
    token_type: &'static str,
    expires_in: u64,
}

async fn token(call: &mut Call<'_>) -> Result<Response<Body>, Refusal> {
    call.require_method(&Method::POST, "POST")?;
    let door = call.door;
    let media_type = call.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(FORM) {
        return Err(Refusal::of_token(
            "invalid_request",
            format!("The body must be a form: Content-Type: {FORM}"),
        ));
    }
    let (body, _reservation) = call.body.read(BODY_MAX, door).await?;
    let has_secret = call.parts.headers.contains_key(AUTHORIZATION);
    let request = Request::read(&body, has_secret, host(call)?)?;
    let now = door.now();
    let verified = door
        .authorizer()
        .verify(&request.assertion, now)
        .map_err(|error| {
            door.identity().on_refused(&error);
            refuse(error)
        })?;
    door.identity().issued.inc();
    tracing::debug!(subject = verified.subject.username, "gave a token");
    let mut response = document(&Granted {
        access_token: &request.assertion,
        token_type: "Bearer",
        expires_in: seconds_until(verified.expires, now),
    });
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    Ok(response)
}

fn seconds_until(expires: Timestamp, now: Timestamp) -> u64 {
    expires.saturating_sub(now).as_secs()
}

fn refuse(error: auth::Error) -> Refusal {
    match error.kind() {
        // 503, and the SDKs try again.
        ErrorKind::Unavailable => Refusal::from(error),
        ErrorKind::Unauthenticated | ErrorKind::Forbidden => Refusal::of_token(
            "invalid_client",
            format!("The client_assertion (the content of AZURE_FEDERATED_TOKEN_FILE) is refused: {error}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_token_paths_and_a_doubled_slash_are_known_and_other_tenants_are_not() {
        for path in [
            "/adfs/oauth2/v2.0/token",
            "/adfs/oauth2/token",
            "//adfs/oauth2/v2.0/token",
        ] {
            assert_eq!(Route::parse(path), Some(Route::Token), "{path}");
        }
        let discovery = "/adfs/.well-known/openid-configuration";
        assert_eq!(Route::parse(discovery), Some(Route::Discovery));
        for path in [
            "/ADFS/oauth2/token",
            "/common/oauth2/v2.0/token",
            "/adfs",
            "/adfs/oauth2/token/",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }
}
