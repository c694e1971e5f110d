//! Claims-based security: a client puts tokens to `$cbs` and then attaches to what they allow.

use amqp::{Condition, Value};
use auth::{Error, ErrorKind, Grant};
use model::Timestamp;

use super::address;
use super::error::Refusal;
use super::exchange::{Request, Response, Step};
use super::grants::{Grants, Showing};
use crate::http::Door;

/// The token types of the SDKs, and the aliases that other stacks use.
const SAS: [&str; 2] = ["servicebus.windows.net:sastoken", "amqp:swt"];
const JWT: [&str; 2] = ["jwt", "amqp:jwt"];

/// They are kept for as long as the connection. The longest address of a hub has less than half of this.
const AUDIENCE_BYTES_MAX: usize = 1_024;

/// Keeps what a SAS token allows. What a bearer token allows has to be found out; [`checked`] goes on from there.
pub(super) fn put_token(
    request: &Request,
    grants: &mut Grants,
    shown: Showing,
    door: &Door,
    now: Timestamp,
) -> Step {
    let put = match Put::read(request) {
        Ok(put) => put,
        Err(refused) => return Step::Answer(refused),
    };
    let path = address::path_of(put.audience);
    if put.is_bearer {
        return Step::Check {
            token: put.token.to_owned(),
            path,
        };
    }
    let granted = door.authorizer().grant(put.token, now).and_then(|grant| {
        grant.must_cover(&address::resource(&path))?;
        Ok(grant)
    });
    Step::Answer(match granted {
        Ok(grant) => keep(grants, put.audience, shown, Ok(grant), now),
        Err(error) => refuse_token(&error),
    })
}

/// Keeps what was found out about a bearer token.
pub(super) fn checked(
    request: &Request,
    outcome: Result<Grant, Error>,
    grants: &mut Grants,
    shown: Showing,
    now: Timestamp,
) -> Response {
    let put = match Put::read(request) {
        Ok(put) => put,
        Err(refused) => return refused,
    };
    match outcome {
        // As in Azure: the token is good, and the link that it does not allow is refused, in words that name the verb.
        Ok(_) | Err(Error::LacksVerb { .. }) => keep(grants, put.audience, shown, outcome, now),
        Err(error) => refuse_token(&error),
    }
}

/// A request that is in order.
struct Put<'r> {
    audience: &'r str,
    token: &'r str,
    is_bearer: bool,
}

impl<'r> Put<'r> {
    fn read(request: &'r Request) -> Result<Self, Response> {
        if request.text("operation") != Some("put-token") {
            return Err(refuse(
                501,
                Condition::NOT_IMPLEMENTED,
                "$cbs knows the operation put-token only.",
            ));
        }
        let (Some(audience), Some(kind), Some(token)) =
            (request.text("name"), request.text("type"), request.body())
        else {
            let missing = "BadRequest: put-token needs the application properties name and type, and a token as its \
                           body.";
            return Err(refuse(400, Condition::INVALID_FIELD, missing));
        };
        let is_bearer = JWT.contains(&kind);
        if !is_bearer && !SAS.contains(&kind) {
            let unknown = format!(
                "InvalidTokenType: the token type '{}' is not known; use '{}' or '{}'.",
                auth::shown(kind),
                JWT[0],
                SAS[0]
            );
            return Err(refuse(400, Condition::NOT_IMPLEMENTED, unknown));
        }
        if audience.len() > AUDIENCE_BYTES_MAX {
            let long = format!("InvalidAudience: an audience has at most {AUDIENCE_BYTES_MAX} bytes.");
            return Err(refuse(400, Condition::INVALID_FIELD, long));
        }
        Ok(Self {
            audience,
            token,
            is_bearer,
        })
    }
}

fn keep(
    grants: &mut Grants,
    audience: &str,
    shown: Showing,
    grant: Result<Grant, Error>,
    now: Timestamp,
) -> Response {
    match grants.put(audience, shown, grant, now) {
        true => Response::ok(202, "Accepted", Value::Null),
        false => refuse(
            403,
            Condition::RESOURCE_LIMIT_EXCEEDED,
            "QuotaExceeded: too many tokens were put on this connection; open another one.",
        ),
    }
}

fn refuse_token(error: &Error) -> Response {
    match error.kind() {
        ErrorKind::Unavailable => {
            let Refusal { condition, reason } = Refusal::undecided(error);
            refuse(503, condition, reason)
        }
        ErrorKind::Unauthenticated | ErrorKind::Forbidden => {
            refuse(401, Condition::UNAUTHORIZED_ACCESS, describe(error))
        }
    }
}

fn refuse(status: u16, condition: Condition, description: impl Into<String>) -> Response {
    Response::error(status, condition, description.into())
}

/// The codes before the colon are Azure's.
fn describe(error: &Error) -> String {
    let code = match error {
        Error::BadSignatureOfRule(_)
        | Error::BadSignature
        | Error::WrongKey
        | Error::BearerBadSignature
        | Error::AlgorithmRefused(_) => {
            return format!("InvalidSignature: The token has an invalid signature. {error}.");
        }
        Error::Expired(_) | Error::BearerExpired(_) => "ExpiredToken",
        Error::OutOfScope(_) | Error::WrongAudience { .. } => "InvalidAudience",
        Error::UnknownIssuer(_) | Error::NoIssuer => "InvalidIssuer",
        Error::BearerNotYetValid(_) => "TokenNotYetValid",
        Error::LocalAuthDisabled => "LocalAuthDisabled",
        Error::LacksRight { .. } | Error::LacksVerb { .. } => "InsufficientClaims",
        // What is left cannot be read, or belongs to other doors.
        _ => "MalformedToken",
    };
    format!("{code}: {error}.")
}
