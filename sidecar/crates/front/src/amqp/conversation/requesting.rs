//! Requests to `$cbs` and `$management`, and the way back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use amqp::performative::{Attach, Outcome};
use amqp::{Connection, DeliveryId, LinkId};
use bytes::Bytes;
use model::ByteCount;

use super::attaching::reply;
use super::producing::Incoming;
use super::{Attached, Conversation, Link};
use crate::amqp::error::Refusal;
use crate::amqp::exchange::Request;
use crate::amqp::{cbs, management};

/// Answers that wait for the credit of one reply link. At it: the request is not answered.
pub(super) const REPLIES_MAX: usize = 256;
/// Requests that a client may have on their way to one node.
pub(super) const REQUEST_CREDIT: u32 = 100;

/// A token and what surrounds it is far shorter. Answers repeat parts of their requests, and wait for credit.
const REQUEST_BYTES_MAX: usize = 16 << 10;

/// When a request is settled and answered, after it came. One SDK hands a request to its connection before it notes that it
/// waits for the outcome, and on more than one thread: what is quicker is lost to it, and it waits for ever.
const ANSWER_AFTER: Duration = Duration::from_millis(2);

/// A request that was handled and whose client is to be told.
pub(super) struct Handled {
    link: LinkId,
    node: Node,
    /// None: it was settled when it came.
    delivery: Option<DeliveryId>,
    reply: Bytes,
    due: Instant,
}

/// Nodes that answer requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Cbs,
    Management,
}

/// The way back from a node.
pub(super) struct Replies {
    node: Node,
    channel: Option<u16>,
    waiting: VecDeque<Bytes>,
}

impl Conversation {
    pub(super) fn request(
        &mut self,
        link: LinkId,
        node: Node,
        incoming: &Incoming,
        machine: &mut Connection,
    ) {
        if incoming.payload.len() > REQUEST_BYTES_MAX {
            let limit = ByteCount(REQUEST_BYTES_MAX as u64);
            let refusal = Refusal::message_too_large(incoming.payload.len() as u64, limit);
            let error = self.told(refusal, "$management");
            self.forget(link);
            return machine.detach(link, Some(error));
        }
        let request = match Request::read(&incoming.payload) {
            Ok(request) => request,
            Err(error) => {
                let error = self.told(Refusal::undecodable(&error), "$management");
                self.forget(link);
                return machine.detach(link, Some(error));
            }
        };
        let response = match node {
            Node::Cbs => {
                let now = self.door.now();
                let response = cbs::put_token(&request, &mut self.grants, &self.door, now);
                self.expect_expiry(now);
                response
            }
            Node::Management => management::read(&request, &self.grants, &self.door, &self.host),
        };
        if let Some(condition) = &response.condition {
            self.count_refusal(condition);
            tracing::debug!(?node, status = response.status, %response.description, "a request was refused");
        }
        self.handled.push_back(Handled {
            link,
            node,
            delivery: incoming.delivery,
            reply: response.encode(&request),
            due: incoming.came_at + ANSWER_AFTER,
        });
        machine.set_credit(link, REQUEST_CREDIT);
    }

    /// When [`Conversation::answer_requests`] has something to do.
    pub(super) fn answer_due(&self) -> Option<Instant> {
        self.handled.front().map(|first| first.due)
    }

    /// Both at once: a client that has its answer may end the session, and then wants to hear nothing more of it.
    pub(super) fn answer_requests(&mut self, machine: &mut Connection, now: Instant) {
        while let Some(first) = self.handled.pop_front_if(|first| first.due <= now) {
            self.reply(first.link, first.node, first.reply, machine);
            if let Some(delivery) = first.delivery {
                machine.settle(first.link, delivery, Outcome::Accepted);
            }
        }
    }

    /// Sends it back on the link of the same session from the same node.
    fn reply(&mut self, request_link: LinkId, node: Node, reply: Bytes, machine: &mut Connection) {
        let Some(channel) = machine.channel(request_link) else {
            // The client has left.
            return;
        };
        let way = self
            .links
            .iter_mut()
            .filter_map(|(link, attached)| match &mut attached.link {
                Link::Replies(replies) if replies.node == node && replies.channel == Some(channel) => {
                    Some((*link, replies))
                }
                _ => None,
            })
            // A client may have more than one pair; the newest is the one that it uses.
            .max_by_key(|(link, _)| *link);
        let Some((link, replies)) = way else {
            let refusal = Refusal::argument(
                "There is no link in this session to answer on; attach the receiver first.",
            );
            let error = self.told(refusal, "$management");
            self.forget(request_link);
            return machine.detach(request_link, Some(error));
        };
        if replies.waiting.len() < REPLIES_MAX {
            replies.waiting.push_back(reply);
        }
        self.advance(link, machine);
    }
}

impl Replies {
    pub(super) fn send(&mut self, link: LinkId, machine: &mut Connection) {
        while machine.credit(link) > 0 {
            let Some(reply) = self.waiting.pop_front() else {
                break;
            };
            machine.send(link, 0, &[&reply]);
        }
        if machine.is_draining(link) {
            machine.drained(link);
        }
    }
}

pub(super) fn accept_requests(
    link: LinkId,
    attach: &Attach,
    node: Node,
    machine: &mut Connection,
) -> Attached {
    machine.accept_receiver(link, reply(attach), REQUEST_CREDIT);
    Attached {
        path: String::new(),
        link: Link::Requests(node),
    }
}

pub(super) fn accept_replies(
    link: LinkId,
    attach: &Attach,
    node: Node,
    machine: &mut Connection,
) -> Attached {
    machine.accept_sender(link, reply(attach));
    let replies = Replies {
        node,
        channel: machine.channel(link),
        waiting: VecDeque::new(),
    };
    Attached {
        path: String::new(),
        link: Link::Replies(replies),
    }
}
