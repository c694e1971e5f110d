//! Time: how long the peer may be silent, and how long we may (part 2, 2.4.5).

use std::time::{Duration, Instant};

use super::fault::Fault;
use super::{CLOSE_TIMEOUT, Connection, State};

/// The shortest idle-time-out that we keep to; a peer that wants to hear from us more often is told so.
pub(super) const IDLE_TIME_OUT_MIN: Duration = Duration::from_millis(100);

/// What the connection knows about time. `now` is that of the last call that had one, so that "sent" may be too early, which
/// makes the next empty frame early and never late.
#[derive(Debug)]
pub(super) struct Clock {
    began: Instant,
    pub(super) now: Instant,
    received: Instant,
    sent: Instant,
}

impl Clock {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            began: now,
            now,
            received: now,
            sent: now,
        }
    }

    pub(super) fn on_received(&mut self) {
        self.received = self.now;
    }

    pub(super) fn on_sent(&mut self) {
        self.sent = self.now;
    }
}

impl Connection {
    /// When to call [`Connection::on_timeout`], if nothing else happens before.
    pub fn poll_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Closed => None,
            State::Closing { until } => Some(until.unwrap_or(self.clock.now)),
            State::Open => match (self.silence_deadline(), self.heartbeat_deadline()) {
                (Some(silence), Some(heartbeat)) => Some(silence.min(heartbeat)),
                (silence, heartbeat) => silence.or(heartbeat),
            },
            State::Greeting
            | State::Offered
            | State::Authenticating
            | State::Authenticated
            | State::Opening => Some(self.clock.began + self.config.open_timeout),
        }
    }

    /// Meets the deadlines that have passed.
    pub fn on_timeout(&mut self, now: Instant) {
        self.clock.now = now;
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if !is_due(self.poll_deadline()) {
            return;
        }
        match self.state {
            State::Closed => {}
            State::Closing { until: None } => {
                let until = Some(now + CLOSE_TIMEOUT);
                self.state = State::Closing { until };
            }
            State::Closing { until: Some(_) } => self.state = State::Closed,
            State::Open if is_due(self.silence_deadline()) => self.on_silence(),
            State::Open => self.on_heartbeat(),
            State::Greeting
            | State::Offered
            | State::Authenticating
            | State::Authenticated
            | State::Opening => self.fail(Fault::open_timeout(self.config.open_timeout)),
        }
    }

    fn silence_deadline(&self) -> Option<Instant> {
        let idle_time_out = self.config.idle_time_out;
        (!idle_time_out.is_zero()).then(|| self.clock.received + 2 * idle_time_out)
    }

    fn heartbeat_deadline(&self) -> Option<Instant> {
        let idle_time_out = self.peer.idle_time_out?;
        Some(self.clock.sent + idle_time_out / 2)
    }

    fn on_silence(&mut self) {
        if self.is_held_up {
            // It is us who do not listen.
            self.clock.on_received();
        } else {
            self.fail(Fault::silence(self.config.idle_time_out));
        }
    }

    /// A peer that does not take what is there needs no empty frame on top.
    fn on_heartbeat(&mut self) {
        if self.output.is_empty() {
            crate::frame::write_empty(&mut self.output);
        }
        self.clock.on_sent();
    }
}
