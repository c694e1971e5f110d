//! Accepting connections, up to a limit.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use runtime::{TaskScope, accept_one};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::http::{Admission, Door};
use crate::socket::Socket;
use crate::tls::{Alpn, Certificate};
use crate::{amqp, connection};

/// Connections over the limit that are told so at the same time. Further ones are closed without a word.
const REFUSALS: usize = 64;

const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    retry-after: 1\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\n\
    broker-errorcode: ServerBusy\r\ncontent-length: 107\r\n\r\n\
    {\"error\":{\"code\":\"ServerBusy\",\"message\":\"Too many connections are open. Close some, or try again later.\"}}\n";

/// A bound port. Connections wait in the kernel's backlog until [`Door::open`] accepts them.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
}

impl Listener {
    /// Binds `address`; port 0 takes any free one.
    ///
    /// # Errors
    /// What the system says, most often that the port is taken.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            inner: TcpListener::bind(address).await?,
        })
    }

    /// Takes over a listener that somebody else bound, say a service manager.
    ///
    /// # Errors
    /// When it cannot be made non-blocking, or outside a tokio runtime.
    pub fn from_std(listener: StdListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            inner: TcpListener::from_std(listener)?,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// See [`accept_one`].
    pub(crate) async fn accept(&self) -> (TcpStream, SocketAddr) {
        accept_one(&self.inner).await
    }
}

impl From<TcpListener> for Listener {
    fn from(inner: TcpListener) -> Self {
        Self { inner }
    }
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    /// HTTP with containers of blobs at its root.
    Blob,
    Amqp,
}

impl Protocol {
    /// The task of one connection.
    const fn task(self) -> &'static str {
        match self {
            Self::Http | Self::Blob => "http connection",
            Self::Amqp => "amqp connection",
        }
    }

    const fn accept_task(self) -> &'static str {
        match self {
            Self::Http => "http accept",
            Self::Blob => "blob accept",
            Self::Amqp => "amqp accept",
        }
    }

    const fn alpn(self) -> Alpn {
        match self {
            Self::Http | Self::Blob => Alpn::Http1,
            Self::Amqp => Alpn::None,
        }
    }

    async fn serve(self, socket: Socket, door: Door, scope: TaskScope, admission: Admission) {
        match self {
            Self::Http | Self::Blob => connection::serve(socket, self, door, scope, admission).await,
            Self::Amqp => amqp::serve(socket, door, scope, admission).await,
        }
    }
}

impl Door {
    /// Serves plaintext HTTP/1 on `listener` until `scope` is shut down.
    ///
    /// Shutting `scope` down stops accepting, answers waiting receives with no events, lets requests in flight
    /// finish with `Connection: close`, and reports `http connection` if one misses the deadline.
    pub fn open(&self, listener: Listener, scope: &TaskScope) {
        self.open_plain(Protocol::Http, listener, scope);
    }

    /// As [`Door::open`], over TLS with `certificate`, which may be replaced while the door is open.
    pub fn open_tls(&self, listener: Listener, certificate: &Certificate, scope: &TaskScope) {
        self.open_secure(Protocol::Http, listener, certificate, scope);
    }

    /// Serves AMQP 1.0 without TLS on `listener` until `scope` is shut down.
    ///
    /// Shutting `scope` down stops accepting, settles what is on its way to the disk, closes connections with
    /// `amqp:connection:forced`, and reports `amqp connection` if one misses the deadline.
    pub fn open_amqp(&self, listener: Listener, scope: &TaskScope) {
        self.open_plain(Protocol::Amqp, listener, scope);
    }

    /// As [`Door::open_amqp`], over TLS from the first byte.
    pub fn open_amqps(&self, listener: Listener, certificate: &Certificate, scope: &TaskScope) {
        self.open_secure(Protocol::Amqp, listener, certificate, scope);
    }

    /// Serves the checkpoint store without TLS on `listener`, until `scope` is shut down: HTTP/1 whose paths are
    /// `/{container}/{blob}`, as a storage account has them. The other HTTP doors have the same below `/checkpoints`.
    pub fn open_blob(&self, listener: Listener, scope: &TaskScope) {
        self.open_plain(Protocol::Blob, listener, scope);
    }

    /// As [`Door::open_blob`], over TLS.
    pub fn open_blob_tls(&self, listener: Listener, certificate: &Certificate, scope: &TaskScope) {
        self.open_secure(Protocol::Blob, listener, certificate, scope);
    }

    fn open_plain(&self, protocol: Protocol, listener: Listener, scope: &TaskScope) {
        let accept = accept_plain(protocol, self.clone(), listener, scope.clone());
        scope.spawn(protocol.accept_task(), accept);
    }

    fn open_secure(
        &self,
        protocol: Protocol,
        listener: Listener,
        certificate: &Certificate,
        scope: &TaskScope,
    ) {
        let acceptor = tokio_rustls::TlsAcceptor::from(certificate.server_config(protocol.alpn()));
        let accept = accept_tls(protocol, self.clone(), listener, acceptor, scope.clone());
        scope.spawn(protocol.accept_task(), accept);
    }
}

async fn accept_plain(protocol: Protocol, door: Door, listener: Listener, scope: TaskScope) {
    let refusals = Arc::new(tokio::sync::Semaphore::new(REFUSALS));
    loop {
        let stream = tokio::select! {
            biased;
            () = scope.cancelled() => return,
            (stream, _peer) = listener.accept() => stream,
        };
        match door.admit(protocol) {
            Some(admission) => {
                set_options(&stream);
                let serve = protocol.serve(Socket::Plain(stream), door.clone(), scope.clone(), admission);
                scope.spawn(protocol.task(), serve);
            }
            // AMQP has no word for it before a client has spoken.
            None if protocol == Protocol::Amqp => {}
            None => {
                if let Ok(permit) = refusals.clone().try_acquire_owned() {
                    scope.spawn("http refusal", async move {
                        let _permit = permit;
                        refuse(stream).await;
                    });
                }
            }
        }
    }
}

async fn accept_tls(
    protocol: Protocol,
    door: Door,
    listener: Listener,
    acceptor: tokio_rustls::TlsAcceptor,
    scope: TaskScope,
) {
    loop {
        let stream = tokio::select! {
            biased;
            () = scope.cancelled() => return,
            (stream, _peer) = listener.accept() => stream,
        };
        // A refusal inside TLS would first cost a handshake, which is what the limit protects.
        let Some(admission) = door.admit(protocol) else {
            continue;
        };
        set_options(&stream);
        let (door, acceptor, connection_scope) = (door.clone(), acceptor.clone(), scope.clone());
        scope.spawn(protocol.task(), async move {
            if let Some(socket) = handshake(&door, &acceptor, stream, &connection_scope).await {
                protocol.serve(socket, door, connection_scope, admission).await;
            }
        });
    }
}

async fn handshake(
    door: &Door,
    acceptor: &tokio_rustls::TlsAcceptor,
    stream: TcpStream,
    scope: &TaskScope,
) -> Option<Socket> {
    let patience = door.limits().handshake_timeout;
    let outcome = tokio::select! {
        // What a handshake has read is lost with it, and so is the connection: nothing to keep.
        () = scope.cancelled() => return None,
        outcome = tokio::time::timeout(patience, acceptor.accept(stream)) => outcome,
    };
    match outcome {
        Ok(Ok(stream)) => Some(Socket::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            door.metrics().refused_handshake.inc();
            tracing::debug!(%error, "TLS handshake failed");
            None
        }
        Err(_) => {
            door.metrics().refused_handshake.inc();
            tracing::debug!("TLS handshake took too long");
            None
        }
    }
}

fn set_options(stream: &TcpStream) {
    // Answers are written whole; waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "set TCP_NODELAY failed");
    }
}

/// Says why, and reads for a moment, so that the answer is not lost to a reset.
async fn refuse(mut stream: TcpStream) {
    if stream.try_write(TOO_MANY_CONNECTIONS).is_err() {
        return;
    }
    let _ = tokio::io::AsyncWriteExt::shutdown(&mut stream).await;
    let mut scratch = [0; 1024];
    let drain = async { while matches!(stream.read(&mut scratch).await, Ok(1..)) {} };
    let _ = tokio::time::timeout(Duration::from_millis(500), drain).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F>(_: impl Fn(Protocol, Socket, Door, TaskScope, Admission) -> F) -> usize {
        size_of::<F>()
    }

    /// Every connection has it, however idle.
    #[test]
    fn a_connection_takes_little_room_as_a_task() {
        let bytes = size_of_future(Protocol::serve);
        assert!(bytes <= 1_536, "{bytes} bytes");
    }
}
