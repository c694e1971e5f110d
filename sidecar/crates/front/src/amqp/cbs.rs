//! Claims-based security: a client puts tokens to `$cbs` and then attaches to what they allow.

use amqp::{Condition, Value};
use auth::{Error, Resource};
use model::Timestamp;

use super::address;
use super::exchange::{Request, Response};
use super::grants::Grants;
use crate::http::Door;

/// The token types of the SDKs, and the aliases that other stacks use.
const SAS: [&str; 2] = ["servicebus.windows.net:sastoken", "amqp:swt"];
const JWT: [&str; 2] = ["jwt", "amqp:jwt"];

/// They are kept for as long as the connection. The longest address of a hub has less than half of this.
const AUDIENCE_BYTES_MAX: usize = 1_024;

/// Checks the token and keeps what it allows.
pub(super) fn put_token(request: &Request, grants: &mut Grants, door: &Door, now: Timestamp) -> Response {
    if request.text("operation") != Some("put-token") {
        return refuse(
            501,
            Condition::NOT_IMPLEMENTED,
            "$cbs knows the operation put-token only.",
        );
    }
    let (Some(audience), Some(kind), Some(token)) =
        (request.text("name"), request.text("type"), request.body())
    else {
        let missing =
            "BadRequest: put-token needs the application properties name and type, and a token as its body.";
        return refuse(400, Condition::INVALID_FIELD, missing);
    };
    if JWT.contains(&kind) {
        let bearer = "InvalidTokenType: bearer tokens are not supported; use a connection string with a key.";
        return refuse(401, Condition::UNAUTHORIZED_ACCESS, bearer);
    }
    if !SAS.contains(&kind) {
        let unknown = format!(
            "InvalidTokenType: the token type '{kind}' is not known; use '{}'.",
            SAS[0]
        );
        return refuse(400, Condition::NOT_IMPLEMENTED, unknown);
    }
    if audience.len() > AUDIENCE_BYTES_MAX {
        let long = format!("InvalidAudience: an audience has at most {AUDIENCE_BYTES_MAX} bytes.");
        return refuse(400, Condition::INVALID_FIELD, long);
    }
    let path = address::path_of(audience);
    let granted = door.authorizer().grant(token, now).and_then(|grant| {
        // The audience of a token for all of the Namespace is empty.
        let resource = match path.is_empty() {
            true => Resource::Namespace,
            false => Resource::Hub(&path),
        };
        grant.must_cover(&resource)?;
        Ok(grant)
    });
    match granted.map(|grant| grants.put(audience, grant)) {
        Ok(true) => Response::ok(202, "Accepted", Value::Null),
        Ok(false) => refuse(
            403,
            Condition::RESOURCE_LIMIT_EXCEEDED,
            "QuotaExceeded: too many tokens were put on this connection; open another one.",
        ),
        Err(error) => refuse(401, Condition::UNAUTHORIZED_ACCESS, describe(&error)),
    }
}

fn refuse(status: u16, condition: Condition, description: impl Into<String>) -> Response {
    Response::error(status, condition, description.into())
}

/// The codes before the colon are Azure's.
fn describe(error: &Error) -> String {
    let code = match error {
        Error::BadSignatureOfRule(_) | Error::BadSignature | Error::WrongKey => {
            return format!("InvalidSignature: The token has an invalid signature. {error}.");
        }
        Error::Expired(_) => "ExpiredToken",
        Error::OutOfScope(_) => "InvalidAudience",
        Error::Missing | Error::Malformed(_) | Error::MalformedSignature(_) => "MalformedToken",
        Error::LacksRight { .. } => "InsufficientClaims",
    };
    format!("{code}: {error}.")
}
