//! Grants end, and with them the links that they allowed.

use std::time::{Duration, Instant};

use amqp::{Connection, LinkId};
use model::Timestamp;

use super::{Attached, Conversation, Link};
use crate::amqp::error::Refusal;

impl Conversation {
    /// Does what is due: answers requests, looks after grants that have ended or are to be reviewed, and closes a connection
    /// that nobody uses.
    pub(in crate::amqp) fn on_timeout(&mut self, machine: &mut Connection, now: Instant) {
        self.answer_requests(machine, now);
        self.begin_review(machine, now);
        self.close_linkless(machine, now);
        if self.expires_at.is_none_or(|at| at > now) {
            return;
        }
        let time = self.door.now();
        self.grants.forget_expired(time);
        self.expect_expiry(time);
        self.note_use();
        for (link, path, _) in self.unjustified() {
            let refusal = Refusal::expired(&self.host, &path);
            self.end(link, refusal, machine);
        }
    }

    pub(super) fn expect_expiry(&mut self, now: Timestamp) {
        self.expires_at = self.grants.next_expiry().map(|expiry| {
            // A moment later than that, so that it is over for certain.
            self.door.monotonic() + expiry.saturating_sub(now) + Duration::from_millis(1)
        });
    }

    /// Ends the links that no grant allows any more.
    pub(super) fn end_unjustified(&mut self, machine: &mut Connection) {
        for (link, _, refusal) in self.unjustified() {
            self.end(link, refusal, machine);
        }
    }

    /// Those links, with their paths and why.
    fn unjustified(&self) -> Vec<(LinkId, String, Refusal)> {
        let refusal = |attached: &Attached| match &attached.link {
            Link::Producer(_) => self.permit_send(&attached.path).err(),
            Link::Consumer(_) => self.permit_listen(&attached.path).err(),
            Link::Requests(_) | Link::Replies(_) => None,
        };
        let links = self.links.iter();
        links
            .filter_map(|(link, attached)| Some((*link, attached.path.clone(), refusal(attached)?)))
            .collect()
    }

    /// Detaches a link that was attached.
    pub(super) fn end(&mut self, link: LinkId, refusal: Refusal, machine: &mut Connection) {
        let path = self.links.get(&link).map(|attached| attached.path.clone());
        let error = self.told(refusal, &path.unwrap_or_default());
        self.forget(link);
        machine.detach(link, Some(error));
    }
}
