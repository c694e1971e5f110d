//! Requests to `$cbs` and `$management`, and the way back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use amqp::performative::{Attach, Outcome};
use amqp::{Connection, DeliveryId, LinkId};
use bytes::Bytes;
use model::ByteCount;

use super::attaching::reply;
use super::owed::Owed;
use super::producing::Incoming;
use super::{Attached, Conversation, Link, Stopping};
use crate::amqp::error::Refusal;
use crate::amqp::exchange::{Request, Response, Step};
use crate::amqp::grants::Showing;
use crate::amqp::{cbs, management};
use crate::http::Reservation;

/// Answers that wait for the credit of one reply link. At it: the request is not answered.
pub(super) const REPLIES_MAX: usize = 256;
/// Requests that a client may have on their way to one node.
pub(super) const REQUEST_CREDIT: u32 = 100;

/// A token and what surrounds it is far shorter. Answers repeat parts of their requests, and wait for credit.
const REQUEST_BYTES_MAX: usize = 32 << 10;

/// When a request is settled and answered, after it came. One SDK hands a request to its connection before it notes that it
/// waits for the outcome, and on more than one thread: what is quicker is lost to it, and it waits for ever.
const ANSWER_AFTER: Duration = Duration::from_millis(2);

/// A request that was handled and whose client is to be told.
pub(super) struct Handled {
    link: LinkId,
    node: Node,
    /// None: it was settled when it came.
    delivery: Option<DeliveryId>,
    reply: Reply,
    due: Instant,
}

pub(super) enum Reply {
    Ready(Owed),
    /// A token is being looked at.
    Awaited(Box<Awaited>),
}

/// A request whose answer depends on its token.
pub(super) struct Awaited {
    pub(super) shown: Showing,
    pub(super) request: Request,
    pub(super) _budget: Reservation,
}

/// Nodes that answer requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Cbs,
    Management,
}

/// The way back from a node.
pub(super) struct Replies {
    pub(super) node: Node,
    channel: Option<u16>,
    waiting: VecDeque<Owed>,
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
            Err(refusal) => {
                let error = self.told(refusal, "$management");
                self.forget(link);
                return machine.detach(link, Some(error));
            }
        };
        let reply = self.handle(node, request, incoming.payload.len());
        self.handled.push_back(Handled {
            link,
            node,
            delivery: incoming.delivery,
            reply,
            due: incoming.came_at + ANSWER_AFTER,
        });
        machine.set_credit(link, REQUEST_CREDIT);
        if node == Node::Cbs {
            self.on_put(incoming.came_at);
        }
        self.limit_debt(machine);
    }

    /// A token may have been put, perhaps in the place of another.
    pub(super) fn on_put(&mut self, now: Instant) {
        self.expect_expiry(self.door.now());
        self.expect_review(now);
        self.note_use();
    }

    /// Closes the connection if its client asks much and takes no answers.
    pub(super) fn limit_debt(&mut self, machine: &mut Connection) {
        if self.stopping == Stopping::No && self.debt.is_too_much(self.has_grants()) {
            self.stopping = Stopping::Closed;
            let error = self.told(Refusal::too_many_answers(), "");
            machine.close(Some(error));
        }
    }

    fn handle(&mut self, node: Node, request: Request, bytes: usize) -> Reply {
        self.shown = self.shown.next();
        let step = match node {
            Node::Cbs => {
                let now = self.door.now();
                cbs::put_token(&request, &mut self.grants, self.shown, &self.door, now)
            }
            Node::Management => management::read(&request, &self.grants, &self.door, &self.host),
        };
        match step {
            Step::Answer(response) => {
                self.on_response(node, &response);
                self.ready(&response, &request)
            }
            Step::Check { token, path } => self.check(request, token, path, bytes),
        }
    }

    pub(super) fn ready(&self, response: &Response, request: &Request) -> Reply {
        Reply::Ready(self.debt.owe(response.encode(request)))
    }

    /// Counts it if it says no.
    pub(super) fn on_response(&mut self, node: Node, response: &Response) {
        if node == Node::Management && response.condition.is_none() {
            self.note_answer();
        }
        if let Some(condition) = &response.condition {
            self.count_refusal(condition);
            tracing::debug!(?node, status = response.status, %response.description, "a request was refused");
        }
    }

    /// The request with this token, and its place.
    pub(super) fn take_awaited(&mut self, shown: Showing) -> Option<(usize, Node, Box<Awaited>)> {
        let awaits =
            |handled: &Handled| matches!(&handled.reply, Reply::Awaited(awaited) if awaited.shown == shown);
        let place = self.handled.iter().position(awaits)?;
        let handled = self.handled.get_mut(place)?;
        match std::mem::replace(&mut handled.reply, Reply::Ready(self.debt.owe(Bytes::new()))) {
            Reply::Awaited(awaited) => Some((place, handled.node, awaited)),
            Reply::Ready(_) => None,
        }
    }

    pub(super) fn set_reply(&mut self, place: usize, reply: Reply) {
        if let Some(handled) = self.handled.get_mut(place) {
            handled.reply = reply;
        }
    }

    /// The first request that can be answered: on its own link none before it waits.
    fn next_answer(&self) -> Option<(usize, Instant)> {
        let mut waiting: Vec<LinkId> = Vec::new();
        self.handled.iter().enumerate().find_map(|(place, handled)| {
            if waiting.contains(&handled.link) {
                return None;
            }
            match handled.reply {
                Reply::Ready(_) => Some((place, handled.due)),
                Reply::Awaited(_) => {
                    waiting.push(handled.link);
                    None
                }
            }
        })
    }

    /// When [`Conversation::answer_requests`] has something to do.
    pub(super) fn answer_due(&self) -> Option<Instant> {
        self.next_answer().map(|(_, due)| due)
    }

    /// Both at once: a client that has its answer may end the session, and then wants to hear nothing more of it.
    pub(super) fn answer_requests(&mut self, machine: &mut Connection, now: Instant) {
        while let Some((place, due)) = self.next_answer()
            && due <= now
        {
            let Some(Handled {
                link,
                node,
                delivery,
                reply: Reply::Ready(reply),
                ..
            }) = self.handled.remove(place)
            else {
                return;
            };
            self.reply(link, node, reply, machine);
            if let Some(delivery) = delivery {
                machine.settle(link, delivery, Outcome::Accepted);
            }
        }
    }

    /// Sends it back on the link of the same session from the same node.
    fn reply(&mut self, request_link: LinkId, node: Node, reply: Owed, machine: &mut Connection) {
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
            machine.send(link, 0, &[reply.bytes()]);
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
        token: None,
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
        token: None,
        link: Link::Replies(replies),
    }
}
