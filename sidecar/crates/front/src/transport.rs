//! A socket with manners: it counts bytes, gives up on clients that stall, and closes without losing the answer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::connection::REST_AFTER;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::phase::Phase;
use crate::socket::Socket;

const REQUEST_TIMEOUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How much is read, and how long, after an answer that left before its request was complete.
const LINGER_BYTES: usize = 64 << 20;
const LINGER: Duration = Duration::from_secs(2);

/// Wraps a [`Socket`] for hyper. Three clocks, of which at most one runs:
/// waiting for a request (until the connection rests), reading its head (`head_timeout`), and writing to a client that takes
/// nothing (`write_timeout`). Bodies are timed by whoever reads them.
pub(crate) struct Transport {
    socket: Socket,
    /// Comes before what the socket has: the beginning of a request.
    unread: Bytes,
    phase: Arc<Phase>,
    metrics: Arc<Metrics>,
    timeouts: Timeouts,
    read_timer: Timer,
    write_timer: Timer,
    /// The count of requests when this head, or this wait, began.
    request: u32,
    waiting: Waiting,
    /// The last write or flush was not taken whole.
    blocked: bool,
    closing: Closing,
}

enum Closing {
    NotYet,
    /// Our side is shut; this many bytes of the client's are still read and thrown away.
    Lingering(usize),
}

#[derive(Clone, Copy)]
struct Timeouts {
    head: Duration,
    idle: Duration,
    write: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// Nothing of the next request has come.
    ForRequest,
    /// A part of its head has come.
    ForHead,
}

impl Transport {
    /// `unread` was read from the socket before.
    pub(crate) fn new(
        socket: Socket,
        unread: Bytes,
        phase: Arc<Phase>,
        metrics: Arc<Metrics>,
        limits: &Limits,
    ) -> Self {
        let timeouts = Timeouts {
            head: limits.head_timeout,
            idle: limits.idle_timeout,
            write: limits.write_timeout,
        };
        Self {
            socket,
            unread,
            phase,
            metrics,
            timeouts,
            read_timer: Timer::default(),
            write_timer: Timer::default(),
            request: 0,
            waiting: Waiting::ForRequest,
            blocked: false,
            closing: Closing::NotYet,
        }
    }

    pub(crate) fn into_socket(self) -> Socket {
        self.socket
    }

    /// Called when bytes came: the next request has begun, unless they belong to a body.
    fn on_read(&mut self) {
        self.phase.rest(false);
        if self.phase.is_busy() {
            return;
        }
        self.notice_new_request();
        if self.waiting == Waiting::ForRequest {
            self.waiting = Waiting::ForHead;
            self.read_timer.stop();
        }
    }

    fn notice_new_request(&mut self) {
        if self.request != self.phase.requests() {
            self.request = self.phase.requests();
            self.waiting = Waiting::ForRequest;
            self.read_timer.stop();
        }
    }

    /// Called when nothing came. Ready when the client's time is up.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.phase.watch(!self.phase.is_busy());
        if self.phase.is_busy() {
            return Poll::Pending;
        }
        self.notice_new_request();
        let patience = match self.waiting {
            Waiting::ForRequest => self.timeouts.idle.min(REST_AFTER),
            Waiting::ForHead => self.timeouts.head,
        };
        ready!(self.read_timer.poll(cx, patience));
        match self.waiting {
            Waiting::ForRequest if self.timeouts.idle > REST_AFTER => {
                self.phase.rest(!self.blocked);
                if self.blocked {
                    // hyper does not read again when the answer is out: the clock goes on by itself.
                    self.read_timer.stop();
                    ready!(self.read_timer.poll(cx, patience));
                }
                Poll::Pending
            }
            // Reads as an end of file: hyper closes an idle connection without complaint.
            Waiting::ForRequest => Poll::Ready(Ok(())),
            Waiting::ForHead => {
                self.metrics.refused_slow_head.inc();
                // Best effort: whoever sends its head byte by byte seldom reads.
                let _ = Pin::new(&mut self.socket).poll_write(cx, REQUEST_TIMEOUT);
                let _ = Pin::new(&mut self.socket).poll_flush(cx);
                Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the request's head took too long",
                )))
            }
        }
    }

    fn on_write<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.blocked = outcome.is_pending();
        if outcome.is_ready() {
            self.write_timer.stop();
            return outcome;
        }
        ready!(self.write_timer.poll(cx, self.timeouts.write));
        self.metrics.refused_slow_reader.inc();
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client takes no more of its answer",
        )))
    }

    /// Reads and forgets what the client still sends, until it stops, sends too much or takes too long.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 4096];
        while let Closing::Lingering(left @ 1..) = self.closing {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.socket).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    self.closing = Closing::Lingering(left.saturating_sub(buf.filled().len()));
                }
                Poll::Ready(_) => break,
                Poll::Pending => return self.read_timer.poll(cx, LINGER),
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.unread.is_empty() {
            let length = this.unread.len().min(buf.remaining());
            buf.put_slice(&this.unread.split_to(length));
            this.on_read();
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.socket).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                this.metrics.bytes_in.inc_by((buf.filled().len() - before) as u64);
                this.on_read();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => this.poll_patience(cx),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.socket).poll_write(cx, buf);
        count_written(&this.metrics, &outcome);
        this.on_write(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.socket).poll_write_vectored(cx, bufs);
        count_written(&this.metrics, &outcome);
        this.on_write(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.socket).poll_flush(cx);
        this.on_write(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Closing::NotYet = this.closing {
            let outcome = Pin::new(&mut this.socket).poll_shutdown(cx);
            ready!(this.on_write(cx, outcome))?;
            this.read_timer.stop();
            this.closing = Closing::Lingering(if this.phase.lingers() { LINGER_BYTES } else { 0 });
        }
        this.poll_linger(cx).map(Ok)
    }
}

fn count_written(metrics: &Metrics, outcome: &Poll<io::Result<usize>>) {
    if let Poll::Ready(Ok(bytes)) = outcome {
        metrics.bytes_out.inc_by(*bytes as u64);
    }
}

/// A timer that costs nothing until it is needed, and no trip to the timer wheel when it is started again later than
/// before: it lets the old alarm ring and goes back to sleep.
#[derive(Default)]
struct Timer {
    deadline: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    fn stop(&mut self) {
        self.deadline = None;
    }

    /// Ready once `patience` has passed since the first call after [`Timer::stop`].
    fn poll(&mut self, cx: &mut Context<'_>, patience: Duration) -> Poll<()> {
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + patience);
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(cx));
            if alarm.deadline() >= deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
    }
}
