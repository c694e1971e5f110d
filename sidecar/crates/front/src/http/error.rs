//! What went wrong, in the words of the Event Grid namespace API. The only place that chooses them.
//!
//! Where Azure's answer is not known, it was chosen so that Azure's SDKs do the right thing: they retry every status
//! that carries `Retry-After`, and show the envelope's code and message otherwise.
//!
//! | status | code | when |
//! |---|---|---|
//! | 400 | `BadRequest`, `ArgumentInvalid` | the request breaks a rule; a parameter is out of range |
//! | 401 | `Unauthorized` | no credential, or one that proves nothing; `WWW-Authenticate` says what would |
//! | 403 | `Forbidden` | a credential that is good for something else |
//! | 404 | `NotFound` | no such path, topic, event subscription, dead letter or stream |
//! | 405 | `MethodNotAllowed` | with `Allow` |
//! | 408 | `RequestTimeout` | the body took too long; the connection is closed |
//! | 413 | `PayloadTooLarge` | event, batch, number of events or body |
//! | 414, 415 | `UriTooLong`, `UnsupportedMediaType` | |
//! | 429 | `QuotaExceeded` | the storage is full; `Retry-After: 5`, since consumers may free some of it any moment |
//! | 503 | `ServerBusy` | too much at once, stopping, or nobody can say what a bearer token is good for; `Retry-After` as the broker says, else 1 |
//! | 500 | `InternalServerError` | a fault of ours; the tracking id finds it in the log |

use std::borrow::Cow;
use std::time::Duration;

use auth::ErrorKind;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use model::{ByteCount, Timestamp, cloud_event};

use crate::http::body::Body;
use crate::http::tracking_id::TrackingId;
use crate::identity::Reason;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const XML: HeaderValue = HeaderValue::from_static("application/xml; charset=utf-8");
/// For tokens, and for what is said of them.
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const BROKER_ERRORCODE: HeaderName = HeaderName::from_static("broker-errorcode");

/// After a full disk: consumers free space within seconds if they run at all.
const QUOTA_RETRY: Duration = Duration::from_secs(5);
/// After a question about a right that found no answer: it is not asked again earlier.
const REVIEW_RETRY: Duration = Duration::from_secs(3);
/// After a limit of the door.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// A request that is not served, and what the client reads.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    extra: Extra,
    shape: Shape,
}

/// In whose words the body is.
#[derive(Clone, Copy, Debug)]
enum Shape {
    EventGrid,
    /// Event Hubs: XML.
    EventHubs,
    /// RFC 6749, section 5.2.
    OAuth,
}

/// The header that goes with some refusals.
#[derive(Debug)]
enum Extra {
    Nothing,
    RetryAfter(Duration),
    Allow(&'static str),
    /// The schemes that would be good, the best one first.
    Authenticate(&'static [&'static str]),
}

const EVERY_SCHEME: &[&str] = &["SharedAccessKey", "Bearer"];
/// Where access keys are switched off.
const TOKENS_ONLY: &[&str] = &["Bearer"];
/// For who shows a bearer token. RFC 6750, section 3.1.
const ANOTHER_TOKEN: &[&str] = &["Bearer error=\"invalid_token\""];

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            extra: Extra::Nothing,
            shape: Shape::EventGrid,
        }
    }

    fn with(self, extra: Extra) -> Self {
        Self { extra, ..self }
    }

    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(crate) fn argument_invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ArgumentInvalid", message)
    }

    pub(crate) fn topic_not_found(topic: &str) -> Self {
        Self::not_found(format!("Topic '{topic}' is not found"))
    }

    pub(crate) fn subscription_not_found(topic: &str, subscription: &str) -> Self {
        Self::not_found(format!(
            "Event subscription '{subscription}' of topic '{topic}' is not found"
        ))
    }

    pub(crate) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", message)
    }

    pub(crate) fn no_route() -> Self {
        Self::not_found(
            "No such path. Publish with POST /topics/{topic}:publish; receive with POST \
             /topics/{topic}/eventsubscriptions/{subscription}:receive (also acknowledge, release, reject, renewLock); \
             send to an event hub with POST /{hub}/messages",
        )
    }

    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let message = match allow {
            "GET" => "This path is only answered with GET",
            _ => "This path is only answered with POST",
        };
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message).with(Extra::Allow(allow))
    }

    pub(crate) fn target_too_long(limit: ByteCount) -> Self {
        let message = format!("The path and query are longer than {limit}. Send the credential in a header");
        Self::new(StatusCode::URI_TOO_LONG, "UriTooLong", message)
    }

    pub(crate) fn body_too_large(limit: ByteCount) -> Self {
        Self::too_large(format!(
            "The request's body is larger than {limit}. Send several smaller requests"
        ))
    }

    pub(crate) fn too_large(message: String) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", message)
    }

    pub(crate) fn body_too_slow(limit: Duration) -> Self {
        let message = format!("The request's body did not arrive within {} s", limit.as_secs());
        Self::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", message)
    }

    /// Seldom read by anybody: the client left, or broke the chunked coding.
    pub(crate) fn body_broken() -> Self {
        Self::bad_request("The request's body ended early or is not well-formed")
    }

    pub(crate) fn too_many_bodies() -> Self {
        Self::busy(
            "Too many requests are being read at this moment. Try again later",
            BUSY_RETRY,
        )
    }

    pub(crate) fn too_many_answers() -> Self {
        Self::busy(
            "Too many events are being sent to receivers at this moment. Try again later",
            BUSY_RETRY,
        )
    }

    pub(crate) fn too_many_tails(limit: usize) -> Self {
        Self::busy(
            format!("{limit} tails are open, which is the limit. Close one"),
            BUSY_RETRY,
        )
    }

    fn busy(message: impl Into<Cow<'static, str>>, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServerBusy", message).with(Extra::RetryAfter(retry_after))
    }

    fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message).with(Extra::Authenticate(EVERY_SCHEME))
    }

    pub(crate) fn credential_unreadable() -> Self {
        Self::unauthorized(
            "The credential has bytes that are not printable ASCII, or a broken percent-encoding",
        )
    }

    pub(crate) fn scheme_unknown() -> Self {
        Self::unauthorized(
            "The scheme of the Authorization header is unknown. Use Authorization: Bearer TOKEN, SharedAccessKey KEY, \
             or SharedAccessSignature TOKEN",
        )
    }

    /// There is no room for events; `fix` is what helps.
    pub(crate) fn full(reason: &str, fix: &str) -> Self {
        let message = format!("The storage is full: {reason}. {fix}");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "QuotaExceeded", message)
            .with(Extra::RetryAfter(QUOTA_RETRY))
    }

    pub(crate) fn internal() -> Self {
        let message = "The broker failed to serve the request. Its log has the cause under this tracking id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message)
    }

    /// The same in the words of Event Hubs, whose errors are XML.
    pub(crate) fn into_xml(self) -> Self {
        Self {
            shape: Shape::EventHubs,
            ..self
        }
    }

    /// A request for a token that is not granted; `code` is one of RFC 6749, section 5.2.
    pub(crate) fn of_token(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            shape: Shape::OAuth,
            ..Self::new(StatusCode::BAD_REQUEST, code, message)
        }
    }

    /// The same to who asks for a token.
    pub(crate) fn into_oauth(self) -> Self {
        let code = match self.status {
            _ if matches!(self.shape, Shape::OAuth) => self.code,
            StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
            StatusCode::INTERNAL_SERVER_ERROR => "server_error",
            _ => "invalid_request",
        };
        Self {
            code,
            shape: Shape::OAuth,
            ..self
        }
    }

    /// The code as it travels.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn into_response(self, tracking_id: TrackingId, now: Timestamp) -> Response<Body> {
        let (content_type, envelope) = match self.shape {
            Shape::EventGrid => (JSON, self.envelope(tracking_id, now)),
            Shape::EventHubs => (XML, self.xml(tracking_id, now)),
            Shape::OAuth => (JSON, self.oauth(tracking_id, now)),
        };
        let mut response = Response::new(Body::Whole(envelope));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type);
        match self.shape {
            Shape::EventGrid | Shape::EventHubs => {
                headers.insert(BROKER_ERRORCODE, HeaderValue::from_static(self.code));
            }
            // RFC 6749, section 5.1, which section 5.2 leans on.
            Shape::OAuth => {
                headers.insert(CACHE_CONTROL, NO_STORE);
            }
        }
        match self.extra {
            Extra::Nothing => {}
            Extra::RetryAfter(after) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
            }
            Extra::Allow(methods) => {
                headers.insert(ALLOW, HeaderValue::from_static(methods));
            }
            Extra::Authenticate(schemes) => {
                for scheme in schemes {
                    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
                }
            }
        }
        response
    }

    fn oauth(&self, tracking_id: TrackingId, now: Timestamp) -> Bytes {
        let text = |text: &str| serde_json::to_string(text).expect("a string is always JSON");
        let json = format!(
            r#"{{"error":"{}","error_description":{},"timestamp":"{now}","trace_id":"{tracking_id}"}}"#,
            self.code,
            text(&self.message),
        );
        Bytes::from(json)
    }

    fn xml(&self, tracking_id: TrackingId, now: Timestamp) -> Bytes {
        let (code, message) = (self.status.as_u16(), escaped(&self.message));
        Bytes::from(format!(
            "<Error><Code>{code}</Code><Detail>{message}. TrackingId:{tracking_id}_G0, Timestamp:{now}</Detail></Error>"
        ))
    }

    fn envelope(&self, tracking_id: TrackingId, now: Timestamp) -> Bytes {
        let text = |text: &str| serde_json::to_string(text).expect("a string is always JSON");
        let json = format!(
            r#"{{"error":{{"code":"{}","message":{},"timestamp_utc":"{}","tracking_id":"{tracking_id}"}}}}"#,
            self.code,
            text(&self.message),
            nanoseconds(now),
        );
        Bytes::from(json)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// RFC 3339 the way Azure's envelope has it: nanoseconds, and `+00:00` instead of `Z`.
fn nanoseconds(now: Timestamp) -> String {
    let text = now.to_string();
    let seconds = text.get(.."2023-06-16T16:20:18".len()).unwrap_or(&text);
    format!("{seconds}.{:06}000+00:00", now.as_micros().rem_euclid(1_000_000))
}

impl From<auth::Error> for Refusal {
    fn from(error: auth::Error) -> Self {
        let message = error.to_string();
        match error.kind() {
            ErrorKind::Unauthenticated => {
                Self::unauthorized(message).with(Extra::Authenticate(schemes_instead(&error)))
            }
            ErrorKind::Forbidden => Self::new(StatusCode::FORBIDDEN, "Forbidden", message),
            ErrorKind::Unavailable => Self::busy(message, REVIEW_RETRY),
        }
    }
}

/// What to show instead of what was refused.
fn schemes_instead(error: &auth::Error) -> &'static [&'static str] {
    match Reason::of(error) {
        Some(_) => ANOTHER_TOKEN,
        None if matches!(error, auth::Error::LocalAuthDisabled) => TOKENS_ONLY,
        None => EVERY_SCHEME,
    }
}

impl From<broker::Error> for Refusal {
    fn from(error: broker::Error) -> Self {
        use broker::Error as E;
        match error {
            // Whoever knows the name says so before it comes to this.
            E::NotFound => Self::not_found("The topic or event subscription is not found"),
            E::Full { reason } => Self::full(
                &reason,
                "Let consumers acknowledge events, purge what nobody needs, or enlarge the Namespace's storage",
            ),
            E::Busy { retry_after } => Self::busy(
                "Too many requests wait at this moment. Try again later",
                retry_after,
            ),
            E::Closed => Self::busy("The broker is stopping. Try again", BUSY_RETRY),
            E::Unavailable => Self::busy("The broker cannot serve now. Try again later", BUSY_RETRY),
            E::Invalid(reason) => Self::bad_request(reason),
            E::Internal => Self::internal(),
        }
    }
}

impl From<cloud_event::Error> for Refusal {
    fn from(error: cloud_event::Error) -> Self {
        use cloud_event::Error as E;
        let message = error.to_string();
        match error {
            E::TooManyEvents { .. } | E::EventTooLarge { .. } | E::BatchTooLarge { .. } => {
                Self::too_large(message)
            }
            E::ContentType(_) => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UnsupportedMediaType",
                message,
            ),
            E::InvalidUtf8 { .. }
            | E::InvalidJson(_)
            | E::NotAnEvent
            | E::EmptyBatch
            | E::Missing(_)
            | E::NotANonEmptyString(_)
            | E::NotAString(_)
            | E::SpecVersion(_)
            | E::Time(_)
            | E::Duplicate(_)
            | E::ExtensionName(_)
            | E::ExtensionValue(_)
            | E::DataTwice
            | E::InvalidBase64
            | E::InvalidHeader(_)
            | E::InvalidContentType
            | E::DataContentTypeHeader
            | E::InvalidJsonData(_) => Self::bad_request(message),
        }
    }
}
