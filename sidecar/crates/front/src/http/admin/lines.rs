//! Answers without an end: JSON, one document a line.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt as _, stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use tokio::sync::OwnedSemaphorePermit;

use crate::http::Call;
use crate::http::body::Body;
use crate::http::error::Refusal;

/// After this long without a line an empty one is sent: writing is how a dead client is noticed.
const QUIET: Duration = Duration::from_secs(15);

/// One of the tails that the door allows.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(super) fn take(call: &Call<'_>) -> Result<Self, Refusal> {
        match call.door.tails().clone().try_acquire_owned() {
            Ok(permit) => Ok(Self { _permit: permit }),
            Err(_) => {
                call.door.metrics().refused_tails.inc();
                Err(Refusal::too_many_tails(call.door.limits().tails))
            }
        }
    }
}

/// Answers with `lines` until they end, `end` comes, the client leaves or the door closes. Dropping a `next()` of them loses nothing.
pub(super) fn answer(
    call: &mut Call<'_>,
    place: Place,
    lines: impl Stream<Item = Bytes> + Send + 'static,
    end: BoxFuture<'static, ()>,
) -> Response<Body> {
    let lines = lines.take_until(end);
    let lines = stream::unfold((Box::pin(lines), place), async |(mut lines, place)| {
        let line = match tokio::time::timeout(QUIET, lines.next()).await {
            Ok(line) => line?,
            Err(_) => Bytes::from_static(b"\n"),
        };
        Some((line, (lines, place)))
    });
    let body = match call.busy.take() {
        Some(busy) => Body::Stream(Box::pin(lines), busy),
        None => Body::Whole(Bytes::new()),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
