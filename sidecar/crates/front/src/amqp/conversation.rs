//! What each link of a connection is for, and what goes on between the broker and the client.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use amqp::performative::{Attach, Outcome, Role, SaslCode};
use amqp::{Accept, Condition, Connection, DeliveryId, Event, LinkId};
use auth::{Listen, Permit, Resource, Right, Send};
use broker::Appended;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use model::Timestamp;

use super::address::{Address, path_of};
use super::consumer::{self, Consumer, Fetched};
use super::error::{Refusal, Tail};
use super::exchange::Request;
use super::grants::Grants;
use super::metrics::ConditionLabels;
use super::producer::{self, Identify, Producer, Rejected, Target};
use super::selector::Unreadable;
use super::{cbs, management, selector};
use crate::http::{Door, Reservation};

/// Bytes of events that one connection has on their way to the disk. At it: the connection is not read until some are
/// durable. Enough for a disk that needs ten milliseconds at 800 MB/s.
const IN_FLIGHT_MAX: usize = 8 << 20;
/// As [`IN_FLIGHT_MAX`], for events that are short.
const DELIVERIES_MAX: usize = 16 << 10;
/// Answers that wait for the credit of one reply link. At it: the request is refused.
const REPLIES_MAX: usize = 256;
/// Requests that a client may have on their way to one node.
const REQUEST_CREDIT: u32 = 100;

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
    fetches: FuturesUnordered<BoxFuture<'static, Fetched>>,
    /// Some consumer may want to be told that there is no more.
    is_draining: bool,
    identifying: FuturesUnordered<BoxFuture<'static, Identified>>,
    /// When the next grant ends.
    expires_at: Option<Instant>,
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
    link: Link,
}

enum Link {
    Producer(Box<Producer>),
    Consumer(Box<Consumer>),
    Requests(Node),
    Replies(Replies),
}

/// Nodes that answer requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Cbs,
    Management,
}

/// The way back from a node.
struct Replies {
    node: Node,
    channel: Option<u16>,
    waiting: VecDeque<Bytes>,
}

/// A delivery whose client waits for the disk.
struct Acknowledgement {
    link: LinkId,
    /// None: it was settled when it came.
    delivery: Option<DeliveryId>,
    appended: Option<Appended>,
    bytes: usize,
    came_at: Instant,
    _budget: Reservation,
}

/// What came on a link.
struct Incoming {
    /// None: it was settled when it came.
    delivery: Option<DeliveryId>,
    format: u32,
    payload: Bytes,
    came_at: Instant,
}

/// Where a producer's events shall go, before it is known whether that exists.
enum Wanted {
    Hub,
    Partition(String),
    Publisher(String),
}

/// An idempotent producer that the broker knows by now.
struct Identified {
    link: LinkId,
    producer: Box<Producer>,
    reply: Accept,
    path: String,
    outcome: Result<(), Identify>,
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
            fetches: FuturesUnordered::new(),
            is_draining: false,
            identifying: FuturesUnordered::new(),
            expires_at: None,
            stopping: Stopping::No,
            scratch: BytesMut::new(),
        }
    }

    /// Whether the client may say more.
    pub(super) fn wants_more(&self) -> bool {
        let has_room = self.in_flight < IN_FLIGHT_MAX && self.acknowledgements.len() < DELIVERIES_MAX;
        has_room && self.stopping != Stopping::Settling
    }

    pub(super) fn stop(&mut self) {
        if self.stopping == Stopping::No {
            self.stopping = Stopping::Settling;
        }
    }

    pub(super) fn has_said_goodbye(&self) -> bool {
        self.stopping == Stopping::Closed
    }

    /// When [`Conversation::on_timeout`] wants to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.expires_at
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
                    self.host = host;
                }
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
        match granted.map(|grant| self.grants.put("", grant)) {
            Ok(true) => SaslCode::Ok,
            Ok(false) | Err(_) => SaslCode::Auth,
        }
    }

    // Attaching.

    fn on_attach(&mut self, link: LinkId, attach: Attach, machine: &mut Connection) {
        let path = match attach.role {
            Role::Sender => attach
                .target
                .as_ref()
                .and_then(|target| target.address.as_deref()),
            Role::Receiver => attach
                .source
                .as_ref()
                .and_then(|source| source.address.as_deref()),
        };
        let address = path.unwrap_or_default().to_owned();
        let outcome = match attach.role {
            Role::Sender => self.attach_producer(link, &attach, &address, machine),
            Role::Receiver => self.attach_consumer(link, &attach, &address, machine),
        };
        match outcome {
            Ok(Some(attached)) => self.keep(link, attached, machine),
            // It is being identified.
            Ok(None) => {}
            Err(refusal) => {
                let error = self.told(refusal, &address);
                machine.refuse(link, error);
            }
        }
    }

    fn keep(&mut self, link: LinkId, attached: Attached, machine: &mut Connection) {
        self.door.amqp().metrics.links.inc();
        self.links.insert(link, attached);
        self.advance(link, machine);
    }

    /// A link on which the client sends.
    fn attach_producer(
        &mut self,
        link: LinkId,
        attach: &Attach,
        address: &str,
        machine: &mut Connection,
    ) -> Result<Option<Attached>, Refusal> {
        let path = path_of(address);
        let (hub, wanted) = match Address::parse(address) {
            Address::Cbs => return Ok(Some(accept_requests(link, attach, Node::Cbs, machine))),
            Address::Management => return Ok(Some(accept_requests(link, attach, Node::Management, machine))),
            Address::Hub { hub } => (hub, Wanted::Hub),
            Address::Publisher { hub, publisher } => (hub, Wanted::Publisher(publisher)),
            Address::Partition { hub, partition } => (hub, Wanted::Partition(partition)),
            Address::ConsumerGroup { .. } => return Err(Refusal::wrong_direction(address, true)),
            Address::Unknown => return Err(Refusal::address_unknown(address)),
        };
        // Who may not is not told what exists.
        let permit = self.permit_send(&path)?;
        let hub = self.hub(&hub)?;
        let target = match wanted {
            Wanted::Hub => Target::Hub,
            Wanted::Publisher(publisher) => Target::Publisher(publisher),
            Wanted::Partition(id) => Target::Partition(partition_of(&hub, &id)?),
        };
        let limit = self.door.limits().message.get();
        let asked = attach.max_message_size.filter(|size| *size > 0);
        let reply = Accept {
            max_message_size: Some(asked.map_or(limit, |asked| asked.min(limit))),
            ..reply(attach)
        };
        let producer = Box::new(Producer::new(permit, hub, target));
        if producer::wants_idempotence(attach) {
            self.identify(link, producer, reply, attach.clone(), path);
            return Ok(None);
        }
        machine.accept_receiver(link, reply, Producer::first_credit());
        let link = Link::Producer(producer);
        Ok(Some(Attached { path, link }))
    }

    fn identify(
        &self,
        link: LinkId,
        mut producer: Box<Producer>,
        mut reply: Accept,
        attach: Attach,
        path: String,
    ) {
        self.identifying.push(Box::pin(async move {
            let outcome = producer.identify(&attach, &mut reply).await;
            Identified {
                link,
                producer,
                reply,
                path,
                outcome,
            }
        }));
    }

    fn on_identified(&mut self, identified: Identified, machine: &mut Connection) {
        let Identified {
            link,
            producer,
            reply,
            path,
            outcome,
        } = identified;
        if machine.channel(link).is_none() {
            // It left meanwhile.
            return;
        }
        let refusal = match outcome {
            Ok(()) => {
                machine.accept_receiver(link, reply, Producer::first_credit());
                let link_kind = Link::Producer(producer);
                return self.keep(
                    link,
                    Attached {
                        path,
                        link: link_kind,
                    },
                    machine,
                );
            }
            Err(Identify::NotAPartition) => Refusal::idempotence_needs_a_partition(),
            Err(Identify::Refused(error)) => Refusal::from_append(&error, &self.host, producer.hub().name()),
        };
        let error = self.told(refusal, &path);
        machine.refuse(link, error);
    }

    /// A link on which the client receives.
    fn attach_consumer(
        &mut self,
        link: LinkId,
        attach: &Attach,
        address: &str,
        machine: &mut Connection,
    ) -> Result<Option<Attached>, Refusal> {
        let path = path_of(address);
        let (hub, group, partition) = match Address::parse(address) {
            Address::Cbs => return Ok(Some(accept_replies(link, attach, Node::Cbs, machine))),
            Address::Management => return Ok(Some(accept_replies(link, attach, Node::Management, machine))),
            Address::ConsumerGroup {
                hub,
                group,
                partition,
            } => (hub, group, partition),
            Address::Hub { .. } | Address::Partition { .. } | Address::Publisher { .. } => {
                return Err(Refusal::wrong_direction(address, false));
            }
            Address::Unknown => return Err(Refusal::address_unknown(address)),
        };
        let permit = self.permit_listen(&path)?;
        let hub = self.hub(&hub)?;
        if !hub.consumer_group(&group) {
            return Err(Refusal::consumer_group_not_found(&self.host, hub.name(), &group));
        }
        let partition = partition_of(&hub, &partition)?;
        let filter = attach.source.as_ref().map(|source| &source.filter[..]);
        let start = selector::start(filter.unwrap_or_default())
            .map_err(|Unreadable(reason)| Refusal::argument(reason))?;
        let options = consumer::options(attach);
        let epoch = options.epoch;
        let receiver = partition
            .receive(&permit, &group, start, options)
            .map_err(|error| Refusal::from_receive(&error, &self.host, hub.name(), &group, epoch))?;
        machine.accept_sender(link, reply(attach));
        let link = Link::Consumer(Box::new(Consumer::new(attach, partition, receiver)));
        Ok(Some(Attached { path, link }))
    }

    fn hub(&self, name: &str) -> Result<broker::Hub, Refusal> {
        let hub = self.door.broker().hub(name);
        hub.ok_or_else(|| Refusal::hub_not_found(&self.host, name))
    }

    fn permit_send(&self, path: &str) -> Result<Permit<Send>, Refusal> {
        let (resource, now) = (Resource::Hub(path), self.door.now());
        self.grants
            .check(|grant| grant.permit_send(&resource, now))
            .map_err(|error| Refusal::unauthorized(Right::Send, &self.host, path, &error))
    }

    fn permit_listen(&self, path: &str) -> Result<Permit<Listen>, Refusal> {
        let (resource, now) = (Resource::Hub(path), self.door.now());
        self.grants
            .check(|grant| grant.permit_listen(&resource, now))
            .map_err(|error| Refusal::unauthorized(Right::Listen, &self.host, path, &error))
    }

    // Deliveries.

    fn on_delivery(&mut self, link: LinkId, incoming: Incoming, machine: &mut Connection) {
        match self.links.get_mut(&link).map(|attached| &mut attached.link) {
            Some(Link::Producer(producer)) => {
                producer.on_delivery();
                let outcome = append(&self.door, &self.host, producer, &incoming);
                if outcome.is_ok() {
                    producer.outstanding += 1;
                }
                self.on_append(link, incoming, outcome, machine);
            }
            Some(Link::Requests(node)) => {
                let node = *node;
                self.request(link, node, &incoming.payload, machine);
                if let Some(delivery) = incoming.delivery {
                    machine.settle(link, delivery, Outcome::Accepted);
                }
                machine.set_credit(link, REQUEST_CREDIT);
            }
            // Nothing comes on a link on which we send, and nothing from one that is gone.
            Some(Link::Consumer(_) | Link::Replies(_)) | None => {}
        }
    }

    fn on_append(
        &mut self,
        link: LinkId,
        incoming: Incoming,
        outcome: Result<(Option<Appended>, Reservation), Refusal>,
        machine: &mut Connection,
    ) {
        match outcome {
            Ok((appended, budget)) => {
                let bytes = incoming.payload.len();
                self.in_flight += bytes;
                self.acknowledgements.push_back(Acknowledgement {
                    link,
                    delivery: incoming.delivery,
                    appended,
                    bytes,
                    came_at: incoming.came_at,
                    _budget: budget,
                });
            }
            Err(refusal) => {
                self.reject(link, incoming.delivery, refusal, machine);
                self.refill(link, machine);
            }
        }
    }

    fn producer(&mut self, link: LinkId) -> Option<&mut Producer> {
        match self.links.get_mut(&link).map(|attached| &mut attached.link) {
            Some(Link::Producer(producer)) => Some(producer),
            _ => None,
        }
    }

    /// Says that nothing of the delivery was stored. Some errors mean the link as a whole.
    fn reject(
        &mut self,
        link: LinkId,
        delivery: Option<DeliveryId>,
        refusal: Refusal,
        machine: &mut Connection,
    ) {
        let path = self.links.get(&link).map(|attached| attached.path.clone());
        let path = path.unwrap_or_default();
        let ends_link = refusal.ends_link() || delivery.is_none();
        let error = self.told(refusal, &path);
        match delivery {
            Some(delivery) if !ends_link => {
                machine.settle(link, delivery, Outcome::Rejected(Some(error)));
            }
            _ => {
                self.forget(link);
                machine.detach(link, Some(error));
            }
        }
    }

    /// Settles what has become durable. Returns whether there was something.
    fn poll_acknowledgements(
        &mut self,
        cx: &mut Context<'_>,
        machine: &mut Connection,
        now: Instant,
    ) -> bool {
        let mut settled = false;
        while let Some(first) = self.acknowledgements.front() {
            if let Some(appended) = &first.appended
                && !appended.is_durable()
            {
                let durable = self.durable.get_or_insert_with(|| Box::pin(appended.durable()));
                if durable.as_mut().poll(cx).is_pending() {
                    break;
                }
            }
            self.durable = None;
            if let Some(acknowledgement) = self.acknowledgements.pop_front() {
                self.acknowledge(acknowledgement, machine, now);
            }
            settled = true;
        }
        if settled && self.acknowledgements.is_empty() {
            self.acknowledgements = VecDeque::new();
        }
        settled
    }

    fn acknowledge(&mut self, acknowledgement: Acknowledgement, machine: &mut Connection, now: Instant) {
        let Acknowledgement {
            link,
            delivery,
            bytes,
            came_at,
            ..
        } = acknowledgement;
        self.in_flight -= bytes;
        let took = now.saturating_duration_since(came_at);
        self.door
            .amqp()
            .metrics
            .settle_seconds
            .observe(took.as_secs_f64());
        let Some(producer) = self.producer(link) else {
            return;
        };
        producer.outstanding -= 1;
        let credit = producer.refill();
        if let Some(delivery) = delivery {
            machine.settle(link, delivery, Outcome::Accepted);
        }
        if let Some(credit) = credit {
            machine.set_credit(link, credit);
        }
    }

    fn refill(&mut self, link: LinkId, machine: &mut Connection) {
        if let Some(credit) = self.producer(link).and_then(Producer::refill) {
            machine.set_credit(link, credit);
        }
    }

    // Requests and replies.

    fn request(&mut self, link: LinkId, node: Node, payload: &Bytes, machine: &mut Connection) {
        let request = match Request::read(payload) {
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
        self.reply(link, node, response.encode(&request), machine);
    }

    /// Sends it back on the link of the same session from the same node.
    fn reply(&mut self, request_link: LinkId, node: Node, reply: Bytes, machine: &mut Connection) {
        let channel = machine.channel(request_link);
        let way = self
            .links
            .iter_mut()
            .find_map(|(link, attached)| match &mut attached.link {
                Link::Replies(replies) if replies.node == node && replies.channel == channel => {
                    Some((*link, replies))
                }
                _ => None,
            });
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

    // Going on.

    fn on_flow(&mut self, link: LinkId, machine: &mut Connection) {
        self.advance(link, machine);
    }

    /// Sends what the link has and its client can take, and fetches more.
    fn advance(&mut self, link: LinkId, machine: &mut Connection) {
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

    fn on_fetched(&mut self, fetched: Fetched, machine: &mut Connection) {
        let Fetched {
            link,
            receiver,
            outcome,
        } = fetched;
        let Some(Attached {
            link: Link::Consumer(consumer),
            path,
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

    /// Does what has become possible. Returns whether there was something.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, machine: &mut Connection, now: Instant) -> bool {
        let mut moved = self.poll_acknowledgements(cx, machine, now);
        while let Poll::Ready(Some(fetched)) = self.fetches.poll_next_unpin(cx) {
            self.on_fetched(fetched, machine);
            moved = true;
        }
        while let Poll::Ready(Some(identified)) = self.identifying.poll_next_unpin(cx) {
            self.on_identified(identified, machine);
            moved = true;
        }
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

    /// Part 2, 2.6.7: every fetch was asked by now, so there is nothing at the moment for those that still wait.
    fn drain(&self, machine: &mut Connection) {
        for (link, attached) in &self.links {
            if let Link::Consumer(consumer) = &attached.link
                && !consumer.has_ready()
            {
                machine.drained(*link);
            }
        }
    }

    // Ends.

    /// Looks after grants that have ended.
    pub(super) fn on_timeout(&mut self, machine: &mut Connection, now: Instant) {
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

    fn expect_expiry(&mut self, now: Timestamp) {
        self.expires_at = self.grants.next_expiry().map(|expiry| {
            // A moment later than that, so that it is over for certain.
            self.door.monotonic() + expiry.saturating_sub(now) + Duration::from_millis(1)
        });
    }

    /// Detaches a link that was attached.
    fn end(&mut self, link: LinkId, refusal: Refusal, machine: &mut Connection) {
        let path = self.links.get(&link).map(|attached| attached.path.clone());
        let error = self.told(refusal, &path.unwrap_or_default());
        self.forget(link);
        machine.detach(link, Some(error));
    }

    fn forget(&mut self, link: LinkId) {
        if self.links.remove(&link).is_some() {
            self.door.amqp().metrics.links.dec();
        }
        if self.links.is_empty() {
            self.links = HashMap::new();
        }
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

impl Replies {
    fn send(&mut self, link: LinkId, machine: &mut Connection) {
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

/// What the client sent, as far as it is in order and there is room for it.
fn append(
    door: &Door,
    host: &str,
    producer: &Producer,
    incoming: &Incoming,
) -> Result<(Option<Appended>, Reservation), Refusal> {
    let (payload, limit) = (&incoming.payload, door.limits().message);
    if payload.len() as u64 > limit.get() {
        return Err(Refusal::message_too_large(payload.len() as u64, limit));
    }
    let mut budget = door.bodies().reserve_nothing();
    if !budget.grow(payload.len()) {
        door.amqp().metrics.refused_in_flight.inc();
        return Err(Refusal::too_much_in_flight());
    }
    match producer.append(incoming.format, payload) {
        Ok(appended) => Ok((appended, budget)),
        Err(Rejected::Refused(refusal)) => Err(refusal),
        Err(Rejected::Append(error)) => Err(Refusal::from_append(&error, host, producer.hub().name())),
    }
}

fn accept_requests(link: LinkId, attach: &Attach, node: Node, machine: &mut Connection) -> Attached {
    machine.accept_receiver(link, reply(attach), REQUEST_CREDIT);
    Attached {
        path: String::new(),
        link: Link::Requests(node),
    }
}

fn accept_replies(link: LinkId, attach: &Attach, node: Node, machine: &mut Connection) -> Attached {
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

/// Both ends as the client named them: some look for what they asked for.
fn reply(attach: &Attach) -> Accept {
    Accept {
        source: attach.source.clone().unwrap_or_default(),
        target: attach.target.clone().unwrap_or_default(),
        max_message_size: None,
        properties: Vec::new(),
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
    }
}

fn partition_of(hub: &broker::Hub, id: &str) -> Result<broker::Partition, Refusal> {
    management::partition(hub, id)
        .ok_or_else(|| Refusal::partition_unknown(hub.name(), id, hub.partition_count()))
}
