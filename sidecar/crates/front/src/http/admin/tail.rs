//! Watching a topic as events are published.

use std::time::Duration;

use auth::Resource;
use broker::{Tail, Tailed};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use tokio::sync::OwnedSemaphorePermit;

use super::permit_listen;
use crate::http::Call;
use crate::http::body::Body;
use crate::http::error::Refusal;

/// After this long without an event an empty line is sent: writing is how a dead client is noticed.
const QUIET: Duration = Duration::from_secs(15);

/// The broker keeps a bounded number of events for a tail that is slow; one that falls further behind is told how
/// many it missed.
pub(super) fn answer(call: &mut Call<'_>, topic: &str) -> Result<Response<Body>, Refusal> {
    let permit = permit_listen(call, &Resource::topic(topic))?;
    let target = call
        .door
        .broker()
        .topic(topic)
        .ok_or_else(|| Refusal::topic_not_found(topic))?;
    let Ok(place) = call.door.tails().clone().try_acquire_owned() else {
        call.door.metrics().refused_tails.inc();
        return Err(Refusal::too_many_tails(call.door.limits().tails));
    };
    let lines = Lines {
        tail: target.tail(&permit),
        _place: place,
    };
    let frames = Box::pin(stream::unfold(lines, async |mut lines| {
        Some((lines.next().await?, lines))
    }));
    let body = match call.busy.take() {
        Some(busy) => Body::Stream(frames, busy),
        None => Body::Whole(Bytes::new()),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

struct Lines {
    tail: Tail,
    /// One of the tails that the door allows.
    _place: OwnedSemaphorePermit,
}

impl Lines {
    /// # Cancel safety
    /// Cancel safe, since [`Tail::next`] is.
    async fn next(&mut self) -> Option<Bytes> {
        match tokio::time::timeout(QUIET, self.tail.next()).await {
            Ok(tailed) => tailed.map(line),
            Err(_) => Some(Bytes::from_static(b"\n")),
        }
    }
}

fn line(tailed: Tailed) -> Bytes {
    match tailed {
        Tailed::Event(event) => {
            let mut line = BytesMut::with_capacity(event.len() + 16);
            line.put_slice(br#"{"event":"#);
            // Raw line breaks in JSON are white space between tokens: a string cannot hold them unescaped.
            line.extend(event.iter().map(|byte| {
                if matches!(byte, b'\n' | b'\r') {
                    b' '
                } else {
                    *byte
                }
            }));
            line.put_slice(b"}\n");
            line.freeze()
        }
        Tailed::Missed(count) => Bytes::from(format!("{{\"missed\":{count}}}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_one_json_object_per_line() {
        let event = line(Tailed::Event(Bytes::from_static(br#"{"id":"1"}"#)));
        assert_eq!(&event[..], b"{\"event\":{\"id\":\"1\"}}\n");
        let pretty = line(Tailed::Event(Bytes::from_static(b"{\r\n\"id\": \"1\"\n}")));
        assert_eq!(&pretty[..], b"{\"event\":{  \"id\": \"1\" }}\n");
        assert_eq!(&line(Tailed::Missed(3))[..], b"{\"missed\":3}\n");
    }
}
