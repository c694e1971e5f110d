//! Grants end, and with them the links that they allowed.

use std::time::{Duration, Instant};

use amqp::{Connection, LinkId};
use model::Timestamp;

use super::{Attached, Conversation, Link};
use crate::amqp::error::Refusal;

impl Conversation {
    /// Answers requests whose time has come, and looks after grants that have ended.
    pub(in crate::amqp) fn on_timeout(&mut self, machine: &mut Connection, now: Instant) {
        self.answer_requests(machine, now);
        if self.expires_at.is_none_or(|at| at > now) {
            return;
        }
        let time = self.door.now();
        self.grants.forget_expired(time);
        self.expect_expiry(time);
        let unjustified = |attached: &Attached| match &attached.link {
            Link::Producer(_) => self.permit_send(&attached.path).is_err(),
            Link::Consumer(_) => self.permit_listen(&attached.path).is_err(),
            Link::Requests(_) | Link::Replies(_) => false,
        };
        let ended = self.links.iter().filter(|(_, attached)| unjustified(attached));
        let ended: Vec<(LinkId, String)> = ended
            .map(|(link, attached)| (*link, attached.path.clone()))
            .collect();
        for (link, path) in ended {
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

    /// Detaches a link that was attached.
    pub(super) fn end(&mut self, link: LinkId, refusal: Refusal, machine: &mut Connection) {
        let path = self.links.get(&link).map(|attached| attached.path.clone());
        let error = self.told(refusal, &path.unwrap_or_default());
        self.forget(link);
        machine.detach(link, Some(error));
    }
}
