//! Publishing: structured, batch and binary mode.

use auth::Resource;
use broker::TraceContext;
use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use model::Event;
use model::cloud_event;

use super::api_version::failed_token_shape;
use crate::http::body::Body;
use crate::http::error::Refusal;
use crate::http::{Call, credential, json};

/// As much as the W3C asks everybody to pass on.
const TRACESTATE_BYTES: usize = 512;

/// How the request carries its events.
enum Mode {
    /// A JSON object or an array of them. The media type says which, but clients do not keep to it.
    Json,
    /// Attributes in `ce-` headers, data in the body.
    Binary,
}

pub(super) async fn answer(call: &mut Call<'_>, topic: &str) -> Result<Response<Body>, Refusal> {
    let door = call.door;
    let shown = credential::shown(call.parts)?;
    let resource = Resource::topic(topic);
    let permit = door
        .authorizer()
        .permit_send(&shown.credential(), &resource, door.now())?;
    let target = door
        .broker()
        .topic(topic)
        .ok_or_else(|| Refusal::topic_not_found(topic))?;
    failed_token_shape(call.query())?;
    let mode = mode(call)?;
    // Held until the events are durable: that is how long the bytes are in memory.
    let (body, _reservation) = call
        .body
        .read(door.limits().publish.batch_bytes_max, door)
        .await?;
    let published = match mode {
        Mode::Json => {
            let events = cloud_event::structured_or_batch(&body, &door.limits().publish)?;
            target.publish(&permit, &events, trace_context(call)).await
        }
        Mode::Binary => {
            let event = binary(call, &body)?;
            target.publish(&permit, &[event], trace_context(call)).await
        }
    };
    published.map_err(|error| match error {
        broker::Error::NotFound => Refusal::topic_not_found(topic),
        other => Refusal::from(other),
    })?;
    Ok(json(Bytes::from_static(b"{}")))
}

/// By media type without its parameters, as the CloudEvents HTTP binding has it: what begins with
/// `application/cloudevents` is JSON, everything else is the data of an event whose attributes are headers.
fn mode(call: &Call<'_>) -> Result<Mode, Refusal> {
    let content_type = call.header(CONTENT_TYPE.as_str());
    let media_type = content_type.map_or("", |value| value.split(';').next().unwrap_or(value).trim());
    if media_type.eq_ignore_ascii_case("application/cloudevents+json")
        || media_type.eq_ignore_ascii_case("application/cloudevents-batch+json")
    {
        return Ok(Mode::Json);
    }
    // Without any attribute it is a forgotten media type rather than a forgotten `ce-id`.
    if call
        .parts
        .headers
        .keys()
        .any(|name| name.as_str().starts_with("ce-"))
    {
        return Ok(Mode::Binary);
    }
    Err(Refusal::media_type(content_type))
}

fn binary(call: &Call<'_>, body: &Bytes) -> Result<Event, Refusal> {
    let headers = &call.parts.headers;
    let content_type = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let attributes = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    Ok(cloud_event::binary(
        attributes,
        content_type,
        body,
        &call.door.limits().publish,
    )?)
}

/// What does not look like the W3C headers is left out: it would be stamped on every event of the request.
fn trace_context<'r>(call: &'r Call<'_>) -> TraceContext<'r> {
    let Some(traceparent) = call.header("traceparent").filter(|text| is_traceparent(text)) else {
        return TraceContext::default();
    };
    let tracestate = call
        .header("tracestate")
        .filter(|text| text.len() <= TRACESTATE_BYTES);
    TraceContext {
        traceparent: Some(traceparent),
        tracestate,
    }
}

/// `00-` and 32, 16 and 2 hexadecimal digits.
fn is_traceparent(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 55
        && text.bytes().enumerate().all(|(index, byte)| match index {
            2 | 35 | 52 => byte == b'-',
            _ => is_digit(byte),
        })
}
