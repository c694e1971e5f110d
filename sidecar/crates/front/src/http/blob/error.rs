//! What went wrong, in the words of Azure Blob Storage. The only place that chooses them.
//!
//! Codes decide what SDKs do: `ConditionNotMet` and `BlobAlreadyExists` mean to a checkpoint store that another was
//! faster, `BlobNotFound` that it must write the blob whole. Status 503 is tried again by all of them; a limit that only
//! an administrator can lift is 403, since it would be in vain, and 409 would be taken for a lost race.
//!
//! | status | code | when |
//! |---|---|---|
//! | 304 | `ConditionNotMet` | a read whose `If-None-Match` or `If-Modified-Since` says that nothing is new |
//! | 400 | `InvalidUri`, `InvalidResourceName`, `InvalidQueryParameterValue`, `UnsupportedQueryParameter`, `OutOfRangeQueryParameterValue` | path or query |
//! | 400 | `InvalidHeaderValue`, `MissingRequiredHeader`, `UnsupportedHeader`, `InvalidMetadata`, `EmptyMetadataKey`, `MetadataTooLarge`, `InvalidInput` | headers, body |
//! | 401 | `NoAuthenticationInformation`, `InvalidAuthenticationInfo` | no credential; a bearer token that proves nothing. With a challenge |
//! | 403 | `AuthenticationFailed` | a signature or key that proves nothing |
//! | 403 | `AuthorizationProtocolMismatch` | a signature for HTTPS alone, over HTTP |
//! | 403 | `AuthorizationPermissionMismatch`, `KeyBasedAuthenticationNotPermitted` | a caller who is known but may not; keys are switched off |
//! | 403 | `AccountLimitExceeded` | as many containers or blobs as there may be |
//! | 404 | `ContainerNotFound`, `BlobNotFound` | |
//! | 405 | `UnsupportedHttpVerb` | with `Allow` |
//! | 408 | `RequestTimeout` | the body took too long; the connection is closed |
//! | 409 | `ContainerAlreadyExists`, `BlobAlreadyExists` | |
//! | 412 | `ConditionNotMet` | a condition of a write, or `If-Match` and `If-Unmodified-Since` of a read |
//! | 413 | `RequestBodyTooLarge` | |
//! | 416 | `InvalidRange` | the blob is shorter |
//! | 500 | `InternalError` | a fault of ours; the request id finds it in the log |
//! | 501 | `NotImplemented` | the service has it, and this is no storage account |
//! | 503 | `ServerBusy` | too much at once, stopping, a full disk, or nobody can say what the caller may; `Retry-After` |

use std::borrow::Cow;

use broker::{CheckpointError, METADATA_BYTES_MAX};
use http::header::{ALLOW, CONTENT_RANGE, CONTENT_TYPE, HOST, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::http::Call;
use crate::http::body::Body;
use crate::http::error::Refusal as Unread;

use super::xml::Xml;

const ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");
const XML: HeaderValue = HeaderValue::from_static("application/xml");

/// After a full disk: consumers free space within seconds if they run at all.
const FULL_RETRY: u64 = 5;

/// A request that is not served, and what the client reads.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    extra: Extra,
}

/// The header that goes with some refusals.
#[derive(Debug)]
enum Extra {
    Nothing,
    RetryAfter(u64),
    Allow(&'static str),
    /// Where a bearer token is to be had.
    Challenge,
    /// Of how many bytes the range is none.
    Length(usize),
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            extra: Extra::Nothing,
        }
    }

    fn with(self, extra: Extra) -> Self {
        Self { extra, ..self }
    }

    fn bad_request(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn invalid_uri(rule: &'static str) -> Self {
        Self::bad_request("InvalidUri", format!("The URI is not valid: {rule}."))
    }

    pub(super) fn invalid_query(name: &str, rule: &str) -> Self {
        let message = format!("The query parameter '{name}' is not valid: {rule}.");
        Self::bad_request("InvalidQueryParameterValue", message)
    }

    pub(super) fn out_of_range(name: &str, rule: &str) -> Self {
        let message = format!("The query parameter '{name}' is out of range: {rule}.");
        Self::bad_request("OutOfRangeQueryParameterValue", message)
    }

    pub(super) fn unsupported_query(name: &str) -> Self {
        let message = format!(
            "The query parameter '{name}' is not supported. Supported are restype, comp, prefix, delimiter, marker, \
             maxresults, include, timeout and those of a shared access signature."
        );
        Self::bad_request("UnsupportedQueryParameter", message)
    }

    pub(super) fn invalid_header(name: &str, rule: &str) -> Self {
        let message = format!("The header '{name}' is not valid: {rule}.");
        Self::bad_request("InvalidHeaderValue", message)
    }

    pub(super) fn missing_header(name: &str, rule: &str) -> Self {
        let message = format!("The header '{name}' is missing: {rule}.");
        Self::bad_request("MissingRequiredHeader", message)
    }

    pub(super) fn unsupported_header(name: &str, rule: &str) -> Self {
        let message = format!("The header '{name}' is not supported: {rule}.");
        Self::bad_request("UnsupportedHeader", message)
    }

    pub(super) fn invalid_metadata(name: &str, rule: &str) -> Self {
        let message = format!("The metadata '{name}' is not valid: {rule}.");
        Self::bad_request("InvalidMetadata", message)
    }

    pub(super) fn empty_metadata_name() -> Self {
        let message = "A header 'x-ms-meta-' has no name behind it: send x-ms-meta-NAME.";
        Self::bad_request("EmptyMetadataKey", message)
    }

    pub(super) fn metadata_too_large() -> Self {
        let message = format!(
            "The names and values of the metadata are longer than {METADATA_BYTES_MAX} bytes together."
        );
        Self::bad_request("MetadataTooLarge", message)
    }

    /// What the service has and this does not. `rule` says what there is instead.
    pub(super) fn not_implemented(rule: &str) -> Self {
        let message = format!(
            "This is Weft's checkpoint store, which has what checkpoint stores use of Azure Blob Storage: {rule}."
        );
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message)
    }

    pub(super) fn method(allow: &'static str) -> Self {
        let message = format!("The resource does not support this method. It supports {allow}.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UnsupportedHttpVerb", message).with(Extra::Allow(allow))
    }

    /// A read that would show what the client has.
    pub(super) fn not_modified() -> Self {
        Self::new(StatusCode::NOT_MODIFIED, "ConditionNotMet", "")
    }

    pub(super) fn condition_not_met() -> Self {
        let message = "The blob is not as the conditional headers say: it has another ETag or was modified at another time. \
                       Read it again, and decide anew.";
        Self::new(StatusCode::PRECONDITION_FAILED, "ConditionNotMet", message)
    }

    pub(super) fn invalid_range(length: usize) -> Self {
        let message =
            format!("The range begins behind the end of the blob, which has a length of {length} bytes.");
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", message).with(Extra::Length(length))
    }

    pub(super) fn body_too_large(limit: usize) -> Self {
        let message = format!(
            "The body is longer than {limit} bytes, which is what a blob of a checkpoint store may hold. Keep data \
             elsewhere."
        );
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestBodyTooLarge", message)
    }

    pub(super) fn busy(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServerBusy", message).with(Extra::RetryAfter(1))
    }

    /// Who calls is not known.
    pub(super) fn unauthenticated(code: &'static str, message: String) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message).with(Extra::Challenge)
    }

    pub(super) fn forbidden(code: &'static str, message: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// The body was not read to its end.
    pub(super) fn unread(refusal: &Unread, limit: usize) -> Self {
        match refusal.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::body_too_large(limit),
            StatusCode::REQUEST_TIMEOUT => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "RequestTimeout",
                "The body did not arrive in time.",
            ),
            StatusCode::SERVICE_UNAVAILABLE => {
                Self::busy("Too many requests are being read at this moment. Try again later.")
            }
            _ => Self::bad_request("InvalidInput", "The body ended early or is not well-formed."),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> &'static str {
        self.code
    }

    pub(super) fn into_response(self, call: &Call<'_>) -> Response<Body> {
        let body = match self.status {
            // Has no body by definition.
            StatusCode::NOT_MODIFIED => Vec::new(),
            _ => self.document(call),
        };
        let mut response = Response::new(Body::Whole(body.into()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if self.status != StatusCode::NOT_MODIFIED {
            headers.insert(CONTENT_TYPE, XML);
        }
        headers.insert(ERROR_CODE, HeaderValue::from_static(self.code));
        match self.extra {
            Extra::Nothing => None,
            Extra::RetryAfter(seconds) => headers.insert(RETRY_AFTER, HeaderValue::from(seconds)),
            Extra::Allow(methods) => headers.insert(ALLOW, HeaderValue::from_static(methods)),
            Extra::Challenge => headers.insert(WWW_AUTHENTICATE, challenge(call)),
            Extra::Length(length) => HeaderValue::try_from(format!("bytes */{length}"))
                .ok()
                .and_then(|range| headers.insert(CONTENT_RANGE, range)),
        };
        response
    }

    fn document(&self, call: &Call<'_>) -> Vec<u8> {
        let message = format!(
            "{}\nRequestId:{}\nTime:{}",
            self.message,
            call.tracking_id,
            call.door.now()
        );
        let mut xml = Xml::new();
        xml.open("Error")
            .text("Code", self.code)
            .text("Message", &message)
            .close("Error");
        xml.into_bytes()
    }
}

/// Storage's own form of a challenge, which the SDKs take apart: parameters without quotes and commas, of which the first
/// is a URL whose first segment is the tenant. Ours is `adfs`, as it is in a Namespace's settings; a client asks its
/// credential once more, and gives up if that has no better token.
fn challenge(call: &Call<'_>) -> HeaderValue {
    let host = host(call);
    let text = format!(
        "Bearer authorization_uri=https://{host}/adfs/oauth2/authorize resource_id=https://storage.azure.com"
    );
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
}

/// The host that the client wrote, if it is one; else the Namespace's name.
pub(super) fn host<'r>(call: &Call<'r>) -> &'r str {
    let is_of_hosts = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    let host = call.parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    host.filter(|host| !host.is_empty() && host.bytes().all(is_of_hosts))
        .unwrap_or_else(|| call.door.namespace())
}

impl From<CheckpointError> for Refusal {
    fn from(error: CheckpointError) -> Self {
        use CheckpointError as E;
        let message = sentence(&error);
        match error {
            E::InvalidContainerName | E::InvalidBlobName => Self::bad_request("InvalidResourceName", message),
            E::ContainerNotFound => Self::new(StatusCode::NOT_FOUND, "ContainerNotFound", message),
            E::ContainerAlreadyExists => Self::new(StatusCode::CONFLICT, "ContainerAlreadyExists", message),
            E::BlobNotFound => Self::new(StatusCode::NOT_FOUND, "BlobNotFound", message),
            E::BlobAlreadyExists => Self::new(StatusCode::CONFLICT, "BlobAlreadyExists", message),
            E::ConditionNotMet => Self::condition_not_met(),
            // The content type counts as metadata.
            E::TooLarge {
                limit: METADATA_BYTES_MAX,
                ..
            } => Self::bad_request("MetadataTooLarge", message),
            E::TooLarge { .. } => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestBodyTooLarge", message),
            E::TooManyContainers { .. } | E::TooManyBlobs { .. } => {
                Self::new(StatusCode::FORBIDDEN, "AccountLimitExceeded", message)
            }
            E::Full { .. } => {
                let fix = "Delete or purge what nobody needs, or enlarge the Namespace's storage.";
                Self::busy(format!("{message} {fix}")).with(Extra::RetryAfter(FULL_RETRY))
            }
            E::Busy { retry_after } => {
                Self::busy("Too much waits for the disk at this moment. Try again later.")
                    .with(Extra::RetryAfter(retry_after.as_secs().max(1)))
            }
            E::Unavailable => Self::busy("The disk does not take anything now. Try again later."),
            E::Closed => Self::busy("The broker is stopping. Try again."),
            E::Internal => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                "The request failed inside the broker. Its log has the cause under this request id.",
            ),
        }
    }
}

/// An error of ours as a sentence: errors begin with a small letter and have no full stop.
pub(super) fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).chain(['.']).collect()
}
