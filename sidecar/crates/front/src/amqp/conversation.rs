//! What each link of a connection is for, and what goes on between the broker and the client.

mod attaching;
mod checking;
mod consuming;
mod expiring;
mod linkless;
mod owed;
mod producing;
mod requesting;
mod reviewing;

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};
use std::time::Instant;

use amqp::performative::SaslCode;
use amqp::{Condition, Connection, Event, LinkId};
use bytes::BytesMut;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use self::attaching::Identified;
use self::checking::{CHECKS_MAX, Checked};
use self::owed::Debt;
use self::producing::{Acknowledgement, DELIVERIES_MAX, IN_FLIGHT_MAX, Incoming};
use self::requesting::{Handled, Node, REPLIES_MAX, Replies};
use self::reviewing::Reviewed;
use super::consumer::{Consumer, Fetched};
use super::error::{Refusal, Tail};
use super::grants::{Grants, Showing, Slot};
use super::metrics::ConditionLabels;
use super::producer::Producer;
use crate::http::Door;

/// The conversation of one connection.
pub(super) struct Conversation {
    door: Door,
    /// What the client calls us; for texts only.
    host: String,
    grants: Grants,
    links: HashMap<LinkId, Attached>,
    /// In the order in which they were appended, which is that in which they become durable.
    acknowledgements: VecDeque<Acknowledgement>,
    /// Of the first acknowledgement.
    durable: Option<BoxFuture<'static, ()>>,
    in_flight: usize,
    /// Requests, in the order in which they came.
    handled: VecDeque<Handled>,
    /// Of the answers to them that are not sent.
    debt: Debt,
    /// Of the last token.
    shown: Showing,
    /// Bearer tokens that are being looked at, each for a request.
    checks: FuturesUnordered<BoxFuture<'static, Checked>>,
    /// When the grants are looked at again. None while they are, and if there are none.
    review_at: Option<Instant>,
    review: Option<BoxFuture<'static, Vec<Reviewed>>>,
    fetches: FuturesUnordered<BoxFuture<'static, Fetched>>,
    /// Some consumer may want to be told that there is no more.
    is_draining: bool,
    identifying: FuturesUnordered<BoxFuture<'static, Identified>>,
    /// When the next grant ends.
    expires_at: Option<Instant>,
    /// Links whose tokens allow less than they did, or are gone.
    doubtful: VecDeque<LinkId>,
    /// Since when nobody uses the connection. None while somebody does, and before the open.
    linkless_since: Option<Instant>,
    stopping: Stopping,
    scratch: BytesMut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    /// Nothing is read any more; what was sent is being settled.
    Settling,
    /// The close is out.
    Closed,
}

/// A link, and what gave the right to it.
struct Attached {
    /// The address without host, as it was written: what tokens are compared with.
    path: String,
    /// Where the token is that allows it. None: it is one to a node, which needs none.
    token: Option<Slot>,
    link: Link,
}

enum Link {
    Producer(Box<Producer>),
    Consumer(Box<Consumer>),
    Requests(Node),
    Replies(Replies),
}

impl Conversation {
    pub(super) fn new(door: Door) -> Self {
        Self {
            door,
            host: "localhost".to_owned(),
            grants: Grants::default(),
            links: HashMap::new(),
            acknowledgements: VecDeque::new(),
            durable: None,
            in_flight: 0,
            handled: VecDeque::new(),
            debt: Debt::default(),
            shown: Showing::default(),
            checks: FuturesUnordered::new(),
            review_at: None,
            review: None,
            fetches: FuturesUnordered::new(),
            is_draining: false,
            identifying: FuturesUnordered::new(),
            expires_at: None,
            doubtful: VecDeque::new(),
            linkless_since: None,
            stopping: Stopping::No,
            scratch: BytesMut::new(),
        }
    }

    /// Whether the client may say more.
    pub(super) fn wants_more(&self) -> bool {
        let has_room = self.in_flight < IN_FLIGHT_MAX && self.acknowledgements.len() < DELIVERIES_MAX;
        let answers = self.handled.len() < REPLIES_MAX && self.checks.len() < CHECKS_MAX;
        has_room && answers && !self.has_doubts() && self.stopping != Stopping::Settling
    }

    /// Whether the client has shown a token that is good for something.
    pub(super) fn has_grants(&self) -> bool {
        self.grants.allow_something()
    }

    /// There is no room for the rest of what the client has begun to send.
    pub(super) fn refuse_parts(&self, machine: &mut Connection) {
        let error = self.told(Refusal::too_many_parts(), "");
        machine.close(Some(error));
    }

    pub(super) fn stop(&mut self) {
        if self.stopping == Stopping::No {
            self.stopping = Stopping::Settling;
        }
    }

    /// Gives up all places and room: a client that comes back at once must not meet itself.
    pub(super) fn leave(&mut self) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        links.into_iter().for_each(|link| self.forget(link));
        self.fetches = FuturesUnordered::new();
        self.identifying = FuturesUnordered::new();
        self.acknowledgements = VecDeque::new();
        self.handled = VecDeque::new();
        self.checks = FuturesUnordered::new();
        self.doubtful = VecDeque::new();
        self.review = None;
    }

    pub(super) fn has_said_goodbye(&self) -> bool {
        self.stopping == Stopping::Closed
    }

    /// When [`Conversation::on_timeout`] wants to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.expires_at,
            self.answer_due(),
            self.review_at,
            self.linkless_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    pub(super) fn on_event(&mut self, event: Event, machine: &mut Connection, now: Instant) {
        match event {
            Event::Sasl {
                mechanism, response, ..
            } => {
                let code = self.authenticate(mechanism.as_str(), response.as_deref());
                machine.sasl_outcome(code);
            }
            Event::Opened { hostname, .. } => {
                if let Some(host) = hostname.filter(|host| !host.is_empty()) {
                    self.host = auth::shown(&host);
                }
                self.linkless_since = Some(now);
                // Whoever authenticated with a key has a grant.
                self.expect_review(now);
            }
            Event::Attached { link, attach } => self.on_attach(link, *attach, machine),
            Event::Delivery {
                link,
                delivery,
                message_format,
                settled,
                payload,
            } => {
                let delivery = Incoming {
                    delivery: (!settled).then_some(delivery),
                    format: message_format,
                    payload,
                    came_at: now,
                };
                self.on_delivery(link, delivery, machine);
            }
            Event::TooLarge {
                link,
                delivery,
                settled,
                size,
            } => {
                let refusal = Refusal::message_too_large(size, self.door.limits().message);
                if let Some(producer) = self.producer(link) {
                    producer.on_delivery();
                }
                self.reject(link, (!settled).then_some(delivery), refusal, machine);
                self.refill(link, machine);
            }
            Event::Flow { link } => self.on_flow(link, machine),
            Event::Detached { link, .. } => self.forget(link),
            Event::Closed { .. } => {
                let links: Vec<LinkId> = self.links.keys().copied().collect();
                links.into_iter().for_each(|link| self.forget(link));
            }
        }
    }

    /// Those that show nothing here show it to `$cbs`.
    fn authenticate(&mut self, mechanism: &str, response: Option<&[u8]>) -> SaslCode {
        if mechanism != "PLAIN" {
            return SaslCode::Ok;
        }
        // RFC 4616: authorization identity, NUL, authentication identity, NUL, password.
        let text = response.and_then(|response| std::str::from_utf8(response).ok());
        let mut parts = text.unwrap_or_default().splitn(3, '\0');
        let (_, rule, key) = (parts.next(), parts.next(), parts.next());
        let granted = self
            .door
            .authorizer()
            .grant_for_key(rule.unwrap_or_default(), key.unwrap_or_default());
        let now = self.door.now();
        match granted.map(|grant| self.grants.put("", self.shown, Ok(grant), now)) {
            Ok(true) => SaslCode::Ok,
            Ok(false) | Err(_) => SaslCode::Auth,
        }
    }

    /// Does what has become possible. Returns whether there was something.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, machine: &mut Connection, now: Instant) -> bool {
        let mut moved = self.settle_doubts(machine);
        moved |= self.poll_acknowledgements(cx, machine, now);
        while let Poll::Ready(Some(fetched)) = self.fetches.poll_next_unpin(cx) {
            self.on_fetched(fetched, machine);
            moved = true;
        }
        while let Poll::Ready(Some(identified)) = self.identifying.poll_next_unpin(cx) {
            self.on_identified(identified, machine);
            moved = true;
        }
        while let Poll::Ready(Some(checked)) = self.checks.poll_next_unpin(cx) {
            self.on_checked(checked, machine, now);
            moved = true;
        }
        moved |= self.poll_review(cx, now);
        if self.is_draining {
            self.is_draining = false;
            self.drain(machine);
        }
        if self.stopping == Stopping::Settling && self.acknowledgements.is_empty() {
            self.stopping = Stopping::Closed;
            let error = self.told(Refusal::stopping(), "");
            machine.close(Some(error));
            moved = true;
        }
        moved
    }

    fn forget(&mut self, link: LinkId) {
        if self.links.remove(&link).is_some() {
            self.door.amqp().metrics.links.dec();
        }
        if self.links.is_empty() {
            self.links = HashMap::new();
        }
        self.note_use();
    }

    /// The refusal as the client reads it, counted and logged.
    fn told(&self, refusal: Refusal, address: &str) -> amqp::Error {
        let tracking_id = self.door.tracking_id();
        self.count_refusal(&refusal.condition);
        if refusal.is_internal() {
            tracing::error!(%tracking_id, address, "an AMQP request failed inside the broker");
        } else {
            tracing::debug!(%tracking_id, address, condition = %refusal.condition.0, reason = refusal.reason, "refused");
        }
        let now = self.door.now();
        refusal.into_error(Tail {
            tracking_id,
            address,
            now,
        })
    }

    fn count_refusal(&self, condition: &Condition) {
        let condition = condition.0.as_str().to_owned();
        let refusals = &self.door.amqp().metrics.refusals;
        refusals.get_or_create(&ConditionLabels { condition }).inc();
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let links = i64::try_from(self.links.len()).unwrap_or(i64::MAX);
        self.door.amqp().metrics.links.dec_by(links);
    }
}
