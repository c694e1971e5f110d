//! Request bodies, read up to a limit; response bodies, written whole or as they come.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use model::ByteCount;

use crate::http::Door;
use crate::http::error::Refusal;
use crate::http::in_flight::Reservation;
use crate::phase::Busy;

/// The most that is allocated on a client's word alone, before the bytes have come.
const ALLOCATED_AHEAD: u64 = 64 << 10;

/// The most that is read only to be thrown away, so that the connection can go on; and how long that may take.
const DISCARDED_MAX: u64 = 64 << 10;
const DISCARD: Duration = Duration::from_secs(1);

/// The body of a request, and whether it has been read to its end.
pub(crate) struct RequestBody {
    incoming: Incoming,
    ended: bool,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming) -> Self {
        let ended = incoming.is_end_stream();
        Self { incoming, ended }
    }

    /// False if the client may still be sending.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// For a request that is refused without its body: reads the rest if it is small and, by all appearances, on its
    /// way. Otherwise the connection cannot go on.
    pub(crate) async fn discard(&mut self, is_expecting: bool) {
        let is_small = self
            .incoming
            .size_hint()
            .upper()
            .is_some_and(|length| length <= DISCARDED_MAX);
        if self.ended || is_expecting || !is_small {
            return;
        }
        let rest = async { while let Some(Ok(_)) = self.incoming.frame().await {} };
        self.ended = tokio::time::timeout(DISCARD, rest).await.is_ok() && self.incoming.is_end_stream();
    }

    /// Reads the whole body. The reservation must be kept for as long as the bytes are.
    pub(crate) async fn read(
        &mut self,
        limit: ByteCount,
        door: &Door,
    ) -> Result<(Bytes, Reservation), Refusal> {
        if self.incoming.size_hint().lower() > limit.get() {
            return Err(Refusal::body_too_large(limit));
        }
        match tokio::time::timeout(door.limits().body_timeout, self.collect(limit, door)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                door.metrics().refused_slow_body.inc();
                Err(Refusal::body_too_slow(door.limits().body_timeout))
            }
        }
    }

    async fn collect(&mut self, limit: ByteCount, door: &Door) -> Result<(Bytes, Reservation), Refusal> {
        let mut reservation = door.bodies().reserve_nothing();
        let mut first = Bytes::new();
        let mut joined = BytesMut::new();
        while let Some(frame) = self.incoming.frame().await {
            let Ok(data) = frame.map_err(|_| Refusal::body_broken())?.into_data() else {
                continue;
            };
            let length = first.len() + joined.len() + data.len();
            if length as u64 > limit.get() {
                return Err(Refusal::body_too_large(limit));
            }
            if !reservation.grow(data.len()) {
                door.metrics().refused_bodies.inc();
                return Err(Refusal::too_many_bodies());
            }
            // Most bodies come in one piece, which is then used as it lies in the read buffer.
            if length == data.len() {
                first = data;
                continue;
            }
            if joined.is_empty() {
                let expected = self.incoming.size_hint().lower().min(ALLOCATED_AHEAD);
                joined.reserve(length + usize::try_from(expected).unwrap_or(0));
                joined.extend_from_slice(&std::mem::take(&mut first));
            }
            joined.extend_from_slice(&data);
        }
        self.ended = true;
        let body = if joined.is_empty() { first } else { joined.freeze() };
        Ok((body, reservation))
    }
}

/// The body of an answer.
pub(crate) enum Body {
    Whole(Bytes),
    /// Frames as they come. The connection counts as busy until the last one, which comes at once when it stops.
    Stream(Pin<Box<dyn Stream<Item = Bytes> + Send>>, Busy),
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => None,
            Self::Whole(bytes) => Some(std::mem::take(bytes)),
            Self::Stream(_, busy) if busy.phase().is_stopping() => None,
            Self::Stream(frames, _) => ready!(frames.as_mut().poll_next(cx)),
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(..) => SizeHint::default(),
        }
    }
}

/// Bytes that give their reservation back once the last of them has been written.
pub(crate) struct Reserved {
    bytes: Vec<u8>,
    _reservation: Reservation,
}

impl Reserved {
    pub(crate) fn freeze(bytes: Vec<u8>, reservation: Reservation) -> Bytes {
        Bytes::from_owner(Self {
            bytes,
            _reservation: reservation,
        })
    }
}

impl AsRef<[u8]> for Reserved {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
