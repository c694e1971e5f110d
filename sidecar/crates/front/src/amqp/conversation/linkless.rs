//! Connections that nobody uses.

use std::time::Instant;

use amqp::Connection;

use super::{Conversation, Stopping};
use crate::amqp::error::Refusal;

impl Conversation {
    /// The clock runs unless there is a link, and a grant: anybody may attach to `$cbs` and `$management`, and whoever has
    /// lost their grants is about to lose the other links.
    pub(super) fn note_use(&mut self) {
        let is_used = self.has_grants() && !self.links.is_empty();
        self.linkless_since = match self.linkless_since {
            _ if is_used => None,
            None => Some(self.door.monotonic()),
            since => since,
        };
    }

    /// The clock begins anew: `$management` has told something to a client that shows a token with each request, and puts
    /// none.
    pub(super) fn note_answer(&mut self) {
        self.linkless_since = self.linkless_since.map(|_| self.door.monotonic());
    }

    /// When the connection has been without use for too long.
    pub(super) fn linkless_deadline(&self) -> Option<Instant> {
        let since = self.linkless_since.filter(|_| self.stopping == Stopping::No)?;
        Some(since + self.door.limits().linkless)
    }

    /// Closes it if so.
    pub(super) fn close_linkless(&mut self, machine: &mut Connection, now: Instant) {
        if self.linkless_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        if !self.identifying.is_empty() {
            // There will be one.
            self.linkless_since = Some(now);
            return;
        }
        self.linkless_since = None;
        self.stopping = Stopping::Closed;
        let error = self.told(Refusal::linkless(self.door.limits().linkless), "");
        machine.close(Some(error));
    }
}
