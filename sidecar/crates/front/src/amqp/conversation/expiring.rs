//! Grants end, and with them the links that they allowed.
//!
//! A link is looked at when the token that allowed it is gone, or allows less: another one may do so, too.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use amqp::{Connection, LinkId};
use model::Timestamp;

use super::{Attached, Conversation, Link};
use crate::amqp::error::Refusal;

/// Links that are looked at before other connections have their turn: to end one takes some microseconds.
const LINKS_A_TURN: usize = 64;

impl Conversation {
    /// Does what is due: answers requests, looks after grants that have ended or are to be reviewed, and closes a connection
    /// that nobody uses.
    pub(in crate::amqp) fn on_timeout(&mut self, machine: &mut Connection, now: Instant) {
        self.answer_requests(machine, now);
        self.begin_review(now);
        self.close_linkless(machine, now);
        if self.expires_at.is_none_or(|at| at > now) {
            return;
        }
        let time = self.door.now();
        self.grants.forget_expired(time);
        self.expect_expiry(time);
        self.note_use();
    }

    pub(super) fn expect_expiry(&mut self, now: Timestamp) {
        self.expires_at = self.grants.next_expiry().map(|expiry| {
            // A moment later than that, so that it is over for certain.
            self.door.monotonic() + expiry.saturating_sub(now) + Duration::from_millis(1)
        });
    }

    /// Whether there are links that may not be allowed any more.
    pub(in crate::amqp) fn has_doubts(&self) -> bool {
        !self.doubtful.is_empty() || self.grants.have_lessened()
    }

    /// Looks for a token that allows them, and ends those for which there is none; as many as one turn may take. Returns
    /// whether there was one.
    pub(super) fn settle_doubts(&mut self, machine: &mut Connection) -> bool {
        if self.grants.have_lessened() {
            self.doubt_lessened();
        }
        let turn = self.doubtful.len().min(LINKS_A_TURN);
        let links: Vec<LinkId> = self.doubtful.drain(..turn).collect();
        for link in &links {
            self.settle_doubt(*link, machine);
        }
        if self.doubtful.is_empty() {
            self.doubtful = VecDeque::new();
        }
        !links.is_empty()
    }

    fn doubt_lessened(&mut self) {
        let lessened = self.grants.take_lessened();
        let is_doubtful = |attached: &Attached| attached.token.is_some_and(|token| lessened.contains(&token));
        let doubtful = self.links.iter().filter(|(_, attached)| is_doubtful(attached));
        self.doubtful.extend(doubtful.map(|(link, _)| *link));
    }

    fn settle_doubt(&mut self, link: LinkId, machine: &mut Connection) {
        let Some(Attached {
            path,
            token: Some(before),
            link: kind,
        }) = self.links.get(&link)
        else {
            // It has left.
            return;
        };
        let found = match kind {
            Link::Producer(_) => self.permit_send(path).map(|(token, _)| token),
            Link::Consumer(_) => self.permit_listen(path).map(|(token, _)| token),
            Link::Requests(_) | Link::Replies(_) => return,
        };
        let refusal = match found {
            Ok(token) => {
                if let Some(attached) = self.links.get_mut(&link) {
                    attached.token = Some(token);
                }
                return;
            }
            Err(_) if !self.grants.hold_one_in(*before) => Refusal::expired(&self.host, path),
            Err(refusal) => refusal,
        };
        self.end(link, refusal, machine);
    }

    /// Detaches a link that was attached.
    pub(super) fn end(&mut self, link: LinkId, refusal: Refusal, machine: &mut Connection) {
        let path = self.links.get(&link).map(|attached| attached.path.clone());
        let error = self.told(refusal, &path.unwrap_or_default());
        self.forget(link);
        machine.detach(link, Some(error));
    }
}
