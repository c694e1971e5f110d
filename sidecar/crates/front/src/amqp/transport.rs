//! The bytes below AMQP: a socket, or the messages of a WebSocket on one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::socket::Socket;

/// A message of ours holds at most this much.
const WRITE_BYTES: usize = 64 << 10;
/// A message of a client's: it may put several frames into one.
const READ_BYTES_MAX: usize = 4 << 20;
/// What waits inside the WebSocket for its socket.
const WRITE_BUFFER_MAX: usize = 256 << 10;
/// The library's own default would cost every idle connection 128 KiB.
const READ_BUFFER: usize = 4 << 10;

/// One connection's bytes, in both directions.
pub(super) enum Transport {
    Socket(Socket),
    WebSocket(Box<WebSocket>),
}

/// A WebSocket as a stream of bytes: where its messages begin and end means nothing.
pub(super) struct WebSocket {
    inner: WebSocketStream<Socket>,
    /// Of the message before.
    unread: Bytes,
}

impl Transport {
    /// `unread` was read behind the upgrade's request.
    pub(super) async fn web_socket(socket: Socket, unread: Bytes) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BUFFER_MAX)
            .max_message_size(Some(READ_BYTES_MAX))
            .max_frame_size(Some(READ_BYTES_MAX));
        let inner =
            WebSocketStream::from_partially_read(socket, unread.into(), Role::Server, Some(config)).await;
        Self::WebSocket(Box::new(WebSocket {
            inner,
            unread: Bytes::new(),
        }))
    }
}

impl WebSocket {
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) if !bytes.is_empty() => Ok(Some(bytes)),
                Some(Ok(Message::Text(_))) => Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "AMQP travels in binary messages",
                )),
                Some(Ok(Message::Close(_))) | None => Ok(None),
                // Pings are answered by the library.
                Some(Ok(_)) => continue,
                Some(Err(error)) => match error {
                    Error::ConnectionClosed | Error::AlreadyClosed => Ok(None),
                    error => Err(to_io(error)),
                },
            });
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(self.poll_message(cx))? {
                Some(bytes) => self.unread = bytes,
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread[..length]);
        self.unread.advance(length);
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.inner).poll_ready(cx)).map_err(to_io)?;
        let length = buf.len().min(WRITE_BYTES);
        let message = Message::Binary(Bytes::copy_from_slice(&buf[..length]));
        Pin::new(&mut self.inner).start_send(message).map_err(to_io)?;
        // What does not go out at once goes with the next write or flush.
        if let Poll::Ready(Err(error)) = Pin::new(&mut self.inner).poll_flush(cx) {
            return Poll::Ready(Err(to_io(error)));
        }
        Poll::Ready(Ok(length))
    }
}

fn to_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::WebSocket(socket) => socket.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_write(cx, buf),
            Self::WebSocket(socket) => socket.poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_flush(cx),
            Self::WebSocket(socket) => Pin::new(&mut socket.inner).poll_flush(cx).map_err(to_io),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::WebSocket(socket) => Pin::new(&mut socket.inner).poll_close(cx).map_err(to_io),
        }
    }
}
