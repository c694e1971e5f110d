//! From the broker to a consumer, as far as its credit goes.

use amqp::{Connection, LinkId};

use super::{Attached, Conversation, Link};
use crate::amqp::consumer::Fetched;
use crate::amqp::error::Refusal;

impl Conversation {
    pub(super) fn on_flow(&mut self, link: LinkId, machine: &mut Connection) {
        self.advance(link, machine);
    }

    /// Sends what the link has and its client can take, and fetches more.
    pub(super) fn advance(&mut self, link: LinkId, machine: &mut Connection) {
        let now = self.door.now();
        match self.links.get_mut(&link).map(|attached| &mut attached.link) {
            Some(Link::Replies(replies)) => replies.send(link, machine),
            Some(Link::Consumer(consumer)) => {
                consumer.send(link, machine, now, &mut self.scratch);
                self.fetch(link, machine);
            }
            Some(Link::Producer(_) | Link::Requests(_)) | None => {}
        }
    }

    /// Begins a fetch, unless one is under way: for events, or just to hear that the place was taken.
    fn fetch(&mut self, link: LinkId, machine: &mut Connection) {
        let Some(Attached {
            link: Link::Consumer(consumer),
            ..
        }) = self.links.get_mut(&link)
        else {
            return;
        };
        let wants_events = !consumer.has_ready() && machine.credit(link) > 0;
        self.is_draining |= machine.is_draining(link);
        if let Some(fetch) = consumer.begin_fetch(link, wants_events) {
            self.fetches.push(fetch);
        }
    }

    pub(super) fn on_fetched(&mut self, fetched: Fetched, machine: &mut Connection) {
        let Fetched {
            link,
            receiver,
            outcome,
        } = fetched;
        let Some(Attached {
            link: Link::Consumer(consumer),
            path,
            ..
        }) = self.links.get_mut(&link)
        else {
            return;
        };
        match outcome {
            Ok(events) => {
                consumer.fetched(receiver, events);
                self.advance(link, machine);
            }
            Err(reason) => {
                let refusal = Refusal::from_receiver(&reason, &self.host, path);
                self.end(link, refusal, machine);
            }
        }
    }

    /// Part 2, 2.6.7: every fetch was asked by now, so there is nothing at the moment for those that still wait.
    pub(super) fn drain(&self, machine: &mut Connection) {
        for (link, attached) in &self.links {
            if let Link::Consumer(consumer) = &attached.link
                && !consumer.has_ready()
            {
                machine.drained(*link);
            }
        }
    }
}
