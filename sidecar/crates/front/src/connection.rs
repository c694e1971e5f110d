//! One task per connection: hyper drives the bytes, the door answers the requests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use runtime::TaskScope;

use crate::amqp;
use crate::http::{Admission, Door};
use crate::listener::Protocol;
use crate::phase::Phase;
use crate::socket::Socket;
use crate::transport::Transport;

/// How much of a connection hyper buffers, in each direction. It grows from 8 KiB as needed.
const BUFFER_BYTES: usize = 64 << 10;

/// After this long without a request a connection rests: what serves requests is given back until the next one comes.
pub(crate) const REST_AFTER: Duration = Duration::from_secs(1);

/// A connection on which nothing happens: not much more than its socket.
struct Resting {
    socket: Socket,
    /// Was read and belongs to the next request.
    unread: Bytes,
}

/// Serves requests until the client leaves, a timeout passes or `scope` is shut down.
pub(crate) async fn serve(
    socket: Socket,
    protocol: Protocol,
    door: Door,
    scope: TaskScope,
    admission: Admission,
) {
    let idle_timeout = door.limits().idle_timeout;
    let mut patience = idle_timeout;
    let mut resting = Resting {
        socket,
        unread: Bytes::new(),
    };
    loop {
        if resting.unread.is_empty() && !speaks(&resting.socket, patience, &scope).await {
            return resting.socket.close().await;
        }
        // On the heap, and only now: a connection that rests, or never speaks, costs neither this nor hyper's buffers.
        match Box::pin(drive(resting, protocol, door.clone(), scope.clone())).await {
            After::Rest(rested) => resting = rested,
            After::Upgrade(Resting { socket, unread }) => {
                return amqp::serve_web_socket(socket, unread, door, scope, admission).await;
            }
            After::End => return,
        }
        patience = idle_timeout.saturating_sub(REST_AFTER);
    }
}

/// Whether the client sends something in time.
async fn speaks(socket: &Socket, patience: Duration, scope: &TaskScope) -> bool {
    tokio::select! {
        biased;
        () = scope.cancelled() => false,
        outcome = tokio::time::timeout(patience, socket.speaks()) => matches!(outcome, Ok(Ok(true))),
    }
}

/// What a connection becomes when hyper lets go of it.
enum After {
    End,
    Rest(Resting),
    /// It is a WebSocket now.
    Upgrade(Resting),
}

/// Serves requests until the connection ends, rests or changes its protocol.
async fn drive(resting: Resting, protocol: Protocol, door: Door, scope: TaskScope) -> After {
    let Resting { socket, unread } = resting;
    let phase = Arc::new(Phase::new(socket.is_secure()));
    let transport = Transport::new(
        socket,
        unread,
        phase.clone(),
        door.metrics().clone(),
        door.limits(),
    );
    let head_bytes = usize::try_from(door.limits().head.get()).unwrap_or(usize::MAX);
    let (door, phase) = (&door, &phase);
    let service = service_fn(|request| door.answer(request, protocol, phase.enter()));
    let mut connection = http1::Builder::new()
        // Ours knows the difference between a slow head and an idle connection; hyper's does not.
        .header_read_timeout(None)
        .max_header_size(head_bytes)
        .max_buf_size(BUFFER_BYTES.max(head_bytes))
        .serve_connection(TokioIo::new(transport), service);
    let until_rest = std::future::poll_fn(|cx| {
        let mut outcome = Pin::new(&mut connection).poll(cx);
        // hyper asked for the next request while it answered this one, and was told to wait. It takes that for a
        // promise to be woken and does not ask again after the answer, but only then does the client's time run.
        if outcome.is_pending() && phase.is_unwatched() {
            outcome = Pin::new(&mut connection).poll(cx);
        }
        match outcome {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if phase.rests() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    let outcome = tokio::select! {
        outcome = until_rest => outcome,
        () = scope.cancelled() => {
            // Requests of this connection run inside the same task: they see it at their next poll, which is now.
            phase.stop();
            Pin::new(&mut connection).graceful_shutdown();
            Some((&mut connection).await)
        }
    };
    match outcome {
        Some(Err(error)) => {
            tracing::debug!(%error, "connection ended early");
            After::End
        }
        Some(Ok(())) if phase.is_upgraded() => After::Upgrade(Resting::from(connection.into_parts())),
        Some(Ok(())) => After::End,
        None => After::Rest(Resting::from(connection.into_parts())),
    }
}

impl<S> From<http1::Parts<TokioIo<Transport>, S>> for Resting {
    fn from(parts: http1::Parts<TokioIo<Transport>, S>) -> Self {
        Self {
            socket: parts.io.into_inner().into_socket(),
            unread: parts.read_buf,
        }
    }
}
