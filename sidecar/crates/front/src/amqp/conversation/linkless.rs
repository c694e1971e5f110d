//! Connections that nobody uses.

use std::time::Instant;

use amqp::Connection;

use super::requesting::{Node, Replies};
use super::{Attached, Conversation, Link, Stopping};
use crate::amqp::error::Refusal;

impl Conversation {
    /// The clock runs unless there is a link that is of use: one to `$cbs` alone is, to whom it has brought a grant.
    pub(super) fn note_use(&mut self) {
        let has_grants = self.has_grants();
        let is_used = self.links.values().any(|link| has_grants || !link.is_to_cbs());
        self.linkless_since = match self.linkless_since {
            _ if is_used => None,
            None => Some(self.door.monotonic()),
            since => since,
        };
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

impl Attached {
    fn is_to_cbs(&self) -> bool {
        matches!(
            self.link,
            Link::Requests(Node::Cbs) | Link::Replies(Replies { node: Node::Cbs, .. })
        )
    }
}
