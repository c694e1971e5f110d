//! One task per connection: hyper drives the bytes, the door answers the requests.

use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use runtime::TaskScope;

use crate::http::{Admission, Door};
use crate::phase::Phase;
use crate::socket::Socket;
use crate::transport::Transport;

/// How much of a connection hyper buffers, in each direction. It grows from 8 KiB as needed.
const BUFFER_BYTES: usize = 64 << 10;

/// Serves requests until the client leaves, a timeout passes or `scope` is shut down.
pub(crate) async fn serve(socket: Socket, door: Door, scope: TaskScope, admission: Admission) {
    let _admission = admission;
    // A connection that never speaks costs this future and a timer, not hyper's buffers.
    let first_byte = tokio::time::timeout(door.limits().idle_timeout, socket.readable());
    tokio::select! {
        biased;
        () = scope.cancelled() => return,
        outcome = first_byte => {
            if !matches!(outcome, Ok(Ok(()))) {
                return;
            }
        }
    }
    Box::pin(drive(socket, door, scope)).await;
}

async fn drive(socket: Socket, door: Door, scope: TaskScope) {
    let phase = Arc::new(Phase::default());
    let transport = Transport::new(socket, phase.clone(), door.metrics().clone(), door.limits());
    let head_bytes = usize::try_from(door.limits().head.get()).unwrap_or(usize::MAX);
    let (door, phase) = (&door, &phase);
    let service = service_fn(|request| door.answer(request, phase.enter()));
    let mut connection = pin!(
        http1::Builder::new()
            // Ours knows the difference between a slow head and an idle connection; hyper's does not.
            .header_read_timeout(None)
            .max_header_size(head_bytes)
            .max_buf_size(BUFFER_BYTES.max(head_bytes))
            .serve_connection(TokioIo::new(transport), service)
    );
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = scope.cancelled() => {
            // Requests of this connection run inside the same task: they see it at their next poll, which is now.
            phase.stop();
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "connection ended early");
    }
}
