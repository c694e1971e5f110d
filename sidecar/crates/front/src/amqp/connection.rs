//! One task per connection: bytes in and out of the protocol's machine, and whatever the conversation waits for.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use amqp::{Connection, Event};
use bytes::{Buf, BytesMut};
use runtime::TaskScope;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Sleep;
use tokio_util::io::poll_read_buf;

use super::conversation::Conversation;
use super::transport::Transport;
use crate::http::{Admission, Door, Reservation};

/// What a connection reads at first, and once a read has filled that.
const READ_BYTES: [usize; 2] = [4 << 10, 64 << 10];
/// No more is asked of the machine, and nothing is read, while this much waits for the socket.
const OUTPUT_MAX: usize = 256 << 10;
/// What is read after the goodbye, only to be forgotten.
const LINGER_BYTES: usize = 8 << 20;
/// Of messages of which only a part has come, before a client has shown a token.
const STRANGERS_BYTES_MAX: usize = 64 << 10;
/// How long a goodbye may take, from our close to the peer's.
const GOODBYE: Duration = Duration::from_secs(2);

/// Converses with a client until either side leaves or `scope` is shut down.
pub(super) async fn serve(transport: Transport, door: Door, scope: TaskScope, admission: Admission) {
    let _admission = admission;
    // On the heap: the future is moved before it is run.
    let mut driver = Box::new(Driver::new(transport, door));
    let stopped = tokio::select! {
        () = std::future::poll_fn(|cx| driver.poll(cx)) => false,
        () = scope.cancelled() => true,
    };
    if stopped {
        driver.stop();
        std::future::poll_fn(|cx| driver.poll(cx)).await;
    }
    let _ = tokio::time::timeout(GOODBYE, driver.leave()).await;
}

struct Driver {
    transport: Transport,
    door: Door,
    machine: Connection,
    conversation: Conversation,
    input: BytesMut,
    output: BytesMut,
    /// For messages of which only a part has come.
    assembling: Reservation,
    /// The last read filled its buffer.
    is_busy: bool,
    /// The socket is of no more use.
    has_ended: bool,
    /// Since when the socket takes nothing.
    stalled: Option<Instant>,
    /// When to leave whatever the peer does.
    leave_at: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Driver {
    fn new(transport: Transport, door: Door) -> Self {
        let machine = Connection::new(super::config(&door), door.monotonic());
        Self {
            transport,
            conversation: Conversation::new(door.clone()),
            machine,
            input: BytesMut::new(),
            output: BytesMut::new(),
            assembling: door.bodies().reserve_nothing(),
            is_busy: false,
            has_ended: false,
            stalled: None,
            leave_at: None,
            alarm: None,
            door,
        }
    }

    /// No more is read; what was sent is settled when it is durable, and then the connection is closed.
    fn stop(&mut self) {
        self.conversation.stop();
    }

    /// Shuts our side and reads on for a moment: closing a socket with something unread in it would make the kernel throw
    /// away what the client has yet to read, such as why the connection was closed.
    async fn leave(&mut self) {
        self.conversation.leave();
        if self.transport.shutdown().await.is_err() {
            return;
        }
        let mut left = LINGER_BYTES;
        // On the heap: it would be part of every connection's task otherwise.
        let mut scratch = vec![0; 4 << 10];
        while let Ok(read @ 1..) = self.transport.read(&mut scratch).await {
            left = left.saturating_sub(read);
            if left == 0 {
                return;
            }
        }
    }

    /// Ready when the connection has ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = self.door.monotonic();
            let read = self.poll_read(cx, now);
            self.hear(now);
            let went_on = self.conversation.poll(cx, &mut self.machine, now);
            let wrote = self.poll_write(cx, now);
            let rang = self.poll_alarm(cx, now);
            // An answer may let frames be read that waited for it, and output that was taken lets links send again.
            self.hear(now);
            if self.is_over() {
                return Poll::Ready(());
            }
            if self.conversation.has_doubts() {
                // There may be many links to look at: other connections have their turn in between.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !(read || went_on || wrote || rang) {
                return Poll::Pending;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.has_ended || self.machine.is_closed() && self.machine.buffered() == 0 && self.output.is_empty()
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let is_full = self.output.len() > OUTPUT_MAX || !self.conversation.wants_more();
        if self.has_ended || is_full || !self.machine.wants_bytes() {
            return false;
        }
        let appetite = READ_BYTES[usize::from(self.is_busy)];
        self.input.reserve(appetite);
        match poll_read_buf(Pin::new(&mut self.transport), cx, &mut self.input) {
            Poll::Pending => {
                self.is_busy = false;
                if self.input.is_empty() {
                    self.input = BytesMut::new();
                }
                false
            }
            Poll::Ready(Ok(0)) => {
                self.has_ended = true;
                true
            }
            Poll::Ready(Ok(read)) => {
                self.is_busy = read >= appetite;
                self.door.amqp().metrics.bytes_in.inc_by(read as u64);
                self.machine.on_bytes(&mut self.input, now);
                self.pay_for_parts();
                true
            }
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, "read from an AMQP connection");
                self.has_ended = true;
                true
            }
        }
    }

    /// Parts of messages count like messages on their way to the disk. Whoever may do nothing yet has no use for large ones.
    fn pay_for_parts(&mut self) {
        let bytes = self.machine.assembling();
        let is_known = bytes <= STRANGERS_BYTES_MAX || self.conversation.has_grants();
        if !is_known || !self.assembling.resize(bytes) {
            self.door.amqp().metrics.refused_in_flight.inc();
            self.conversation.refuse_parts(&mut self.machine);
        }
    }

    fn hear(&mut self, now: Instant) {
        while let Some(event) = self.machine.poll_event() {
            if let Event::Closed { error } = &event {
                tracing::debug!(?error, "an AMQP connection was closed by its client");
            }
            self.conversation.on_event(event, &mut self.machine, now);
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut moved = false;
        while !self.has_ended {
            if self.output.len() < OUTPUT_MAX {
                self.machine.poll_transmit(&mut self.output);
            }
            if self.output.is_empty() {
                self.rest_output(cx);
                break;
            }
            match Pin::new(&mut self.transport).poll_write(cx, &self.output) {
                Poll::Pending => {
                    self.stalled.get_or_insert(now);
                    break;
                }
                Poll::Ready(Ok(written @ 1..)) => {
                    self.door.amqp().metrics.bytes_out.inc_by(written as u64);
                    self.output.advance(written);
                    self.stalled = None;
                }
                Poll::Ready(outcome) => {
                    tracing::debug!(?outcome, "write to an AMQP connection");
                    self.has_ended = true;
                }
            }
            moved = true;
        }
        moved
    }

    /// Everything is written, or on its way inside the transport.
    fn rest_output(&mut self, cx: &mut Context<'_>) {
        // The machine hands over a buffer of its own each time.
        self.output = BytesMut::new();
        if let Poll::Ready(Err(error)) = Pin::new(&mut self.transport).poll_flush(cx) {
            tracing::debug!(%error, "flush an AMQP connection");
            self.has_ended = true;
        }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        if self.machine.is_closed() || self.conversation.has_said_goodbye() {
            self.leave_at.get_or_insert(now + GOODBYE);
        }
        let write_deadline = self.stalled.map(|since| since + self.door.limits().write_timeout);
        let deadlines = [
            self.machine.poll_deadline(),
            self.conversation.deadline(),
            write_deadline,
            self.leave_at,
        ];
        let Some(deadline) = deadlines.into_iter().flatten().min() else {
            self.alarm = None;
            return false;
        };
        if deadline <= now {
            self.on_deadline(now, write_deadline);
            return true;
        }
        let deadline = deadline.into();
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        alarm.as_mut().poll(cx).is_ready()
    }

    fn on_deadline(&mut self, now: Instant, write_deadline: Option<Instant>) {
        let is_past = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if is_past(write_deadline) {
            self.door.amqp().metrics.refused_slow_reader.inc();
            self.has_ended = true;
        }
        if is_past(self.leave_at) {
            self.has_ended = true;
        }
        self.machine.on_timeout(now);
        self.conversation.on_timeout(&mut self.machine, now);
    }
}
