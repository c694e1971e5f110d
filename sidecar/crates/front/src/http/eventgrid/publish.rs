//! Publishing: structured, batch and binary mode.

use auth::Resource;
use broker::TraceContext;
use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use model::cloud_event::Mode;

use super::api_version::failed_token_shape;
use crate::http::body::Body;
use crate::http::error::Refusal;
use crate::http::{Call, json};

/// As much as the W3C asks everybody to pass on.
const TRACESTATE_BYTES: usize = 512;

pub(super) async fn answer(call: &mut Call<'_>, topic: &str) -> Result<Response<Body>, Refusal> {
    let door = call.door;
    let permit = call.permit_send(&Resource::topic(topic)).await?;
    let target = door
        .broker()
        .topic(topic)
        .ok_or_else(|| Refusal::topic_not_found(topic))?;
    failed_token_shape(call.query())?;
    let content_type = call
        .parts
        .headers
        .get(CONTENT_TYPE)
        .map(http::HeaderValue::as_bytes);
    // Before the body is read: a request in no mode is refused without it.
    let mode = Mode::of(headers(call), content_type)?;
    // Held until the events are durable: that is how long the bytes are in memory.
    let (body, _reservation) = call
        .body
        .read(door.limits().publish.batch_bytes_max, door)
        .await?;
    let events = mode.read(headers(call), content_type, &body, &door.limits().publish)?;
    let published = target.publish(&permit, &events, trace_context(call)).await;
    published.map_err(|error| match error {
        broker::Error::NotFound => Refusal::topic_not_found(topic),
        other => Refusal::from(other),
    })?;
    Ok(json(Bytes::from_static(b"{}")))
}

fn headers<'r>(call: &'r Call<'_>) -> impl Iterator<Item = (&'r str, &'r [u8])> {
    let headers = call.parts.headers.iter();
    headers.map(|(name, value)| (name.as_str(), value.as_bytes()))
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
