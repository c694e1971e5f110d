//! Receiving, with a long poll.

use std::io::Write as _;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use broker::Delivery;
use http::Response;

use super::Target;
use super::api_version::failed_token_shape;
use crate::http::body::{Body, Reserved};
use crate::http::error::Refusal;
use crate::http::path::parameter;
use crate::http::{Call, json};
use crate::phase::Phase;

const MAX_EVENTS: RangeInclusive<u64> = 1..=100;
const MAX_EVENTS_DEFAULT: u64 = 1;
/// In seconds.
const MAX_WAIT_TIME: RangeInclusive<u64> = 10..=120;
const MAX_WAIT_TIME_DEFAULT: u64 = 60;

/// What stands around one event, generously.
const EVENT_FRAME_BYTES: usize = 112;

pub(super) async fn answer(call: &mut Call<'_>, target: &Target<'_>) -> Result<Response<Body>, Refusal> {
    let door = call.door;
    failed_token_shape(call.query())?;
    let max_events = max_events(call.query())?;
    let max_wait = max_wait_time(call.query())?;
    if door.answers().is_exhausted() {
        door.metrics().refused_answers.inc();
        return Err(Refusal::too_many_answers());
    }
    // A body means nothing here, though some clients send one. It is read all the same: hyper notices that a client
    // has left only when nothing of its request is unread. It must not be held during the wait.
    drop(call.body.read(door.limits().settle_body, door).await?);
    let receive = target.subscription.receive(&target.permit, max_events, max_wait);
    let deliveries = match call.phase() {
        Some(phase) => unless_stopping(phase, receive).await.unwrap_or(Ok(Vec::new())),
        None => receive.await,
    };
    let deliveries = deliveries.map_err(|error| target.refuse(error))?;
    let document = document(&deliveries);
    let reservation = door.answers().take(document.len());
    Ok(json(Reserved::freeze(document, reservation)))
}

fn max_events(query: Option<&str>) -> Result<usize, Refusal> {
    let value = integer(query, "maxEvents")?.unwrap_or(MAX_EVENTS_DEFAULT);
    match usize::try_from(value) {
        Ok(count) if MAX_EVENTS.contains(&value) => Ok(count),
        _ => Err(Refusal::argument_invalid(
            "Invalid maxEvents parameter: it must be from 1 to 100",
        )),
    }
}

fn max_wait_time(query: Option<&str>) -> Result<Duration, Refusal> {
    let seconds = integer(query, "maxWaitTime")?.unwrap_or(MAX_WAIT_TIME_DEFAULT);
    if !MAX_WAIT_TIME.contains(&seconds) {
        // Azure's words, to the letter.
        return Err(Refusal::argument_invalid("Invalid maxWaitTime parameter"));
    }
    Ok(Duration::from_secs(seconds))
}

/// An unsigned parameter. The error's words are Azure's, whose service is evidently written in Rust.
pub(super) fn integer(query: Option<&str>, name: &str) -> Result<Option<u64>, Refusal> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|error| format!("Error parsing query parameters: {error}"))
    };
    parameter(query, name)
        .map(parse)
        .transpose()
        .map_err(Refusal::bad_request)
}

/// None if the connection is told to stop while `future` is pending. The connection's task polls its requests after
/// it was told so, which saves a registration per request.
///
/// # Cancel safety
/// As `future`.
async fn unless_stopping<T>(phase: &Phase, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if phase.is_stopping() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// The events stand in the answer as they lie in the log.
fn document(deliveries: &[Delivery]) -> Vec<u8> {
    let size: usize = deliveries
        .iter()
        .map(|delivery| delivery.event.len() + EVENT_FRAME_BYTES)
        .sum();
    let mut json = Vec::with_capacity(size + EVENT_FRAME_BYTES);
    let mut count = itoa::Buffer::new();
    json.extend_from_slice(br#"{"value":["#);
    for (index, delivery) in deliveries.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        json.extend_from_slice(br#"{"brokerProperties":{"lockToken":""#);
        write!(json, "{}", delivery.lock_token).expect("writing to memory cannot fail");
        json.extend_from_slice(br#"","deliveryCount":"#);
        json.extend_from_slice(count.format(delivery.delivery_count).as_bytes());
        json.extend_from_slice(br#"},"event":"#);
        json.extend_from_slice(&delivery.event);
        json.push(b'}');
    }
    json.extend_from_slice(b"]}");
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(outcome: Result<T, Refusal>) -> String {
        outcome.unwrap_err().message().to_owned()
    }

    #[test]
    fn parameters_out_of_range_are_refused_in_azures_words() {
        assert_eq!(max_events(None).unwrap(), 1);
        assert_eq!(max_events(Some("maxEvents=100")).unwrap(), 100);
        assert_eq!(
            max_wait_time(Some("maxWaitTime=10")).unwrap(),
            Duration::from_secs(10)
        );
        assert_eq!(
            message(max_events(Some("maxEvents=-1"))),
            "Error parsing query parameters: invalid digit found in string"
        );
        for query in ["maxEvents=0", "maxEvents=101", "maxEvents=18446744073709551615"] {
            assert!(
                message(max_events(Some(query))).starts_with("Invalid maxEvents parameter"),
                "{query}"
            );
        }
        for query in ["maxWaitTime=9", "maxWaitTime=121"] {
            assert_eq!(
                message(max_wait_time(Some(query))),
                "Invalid maxWaitTime parameter",
                "{query}"
            );
        }
    }

    #[test]
    fn a_poll_that_ends_without_events_still_has_a_value() {
        assert_eq!(document(&[]), br#"{"value":[]}"#);
    }
}
