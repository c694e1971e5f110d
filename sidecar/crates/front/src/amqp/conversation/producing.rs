//! From a delivery to its settlement.

use std::collections::VecDeque;
use std::task::Context;
use std::time::Instant;

use amqp::performative::Outcome;
use amqp::{Connection, DeliveryId, LinkId};
use broker::Appended;
use bytes::Bytes;

use super::{Conversation, Link};
use crate::amqp::error::Refusal;
use crate::amqp::producer::{Producer, Rejected};
use crate::http::{Door, Reservation};

/// Bytes of events that one connection has on their way to the disk. At it: the connection is not read until some are
/// durable. Enough for a disk that needs ten milliseconds at 800 MB/s.
pub(super) const IN_FLIGHT_MAX: usize = 8 << 20;
/// As [`IN_FLIGHT_MAX`], for events that are short.
pub(super) const DELIVERIES_MAX: usize = 16 << 10;

/// What came on a link.
pub(super) struct Incoming {
    /// None: it was settled when it came.
    pub(super) delivery: Option<DeliveryId>,
    pub(super) format: u32,
    pub(super) payload: Bytes,
    pub(super) came_at: Instant,
}

/// A delivery whose client waits for the disk.
pub(super) struct Acknowledgement {
    link: LinkId,
    /// None: it was settled when it came.
    delivery: Option<DeliveryId>,
    appended: Option<Appended>,
    bytes: usize,
    came_at: Instant,
    _budget: Reservation,
}

impl Conversation {
    pub(super) fn on_delivery(&mut self, link: LinkId, incoming: Incoming, machine: &mut Connection) {
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
                self.request(link, node, &incoming, machine);
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

    pub(super) fn producer(&mut self, link: LinkId) -> Option<&mut Producer> {
        match self.links.get_mut(&link).map(|attached| &mut attached.link) {
            Some(Link::Producer(producer)) => Some(producer),
            _ => None,
        }
    }

    /// Says that nothing of the delivery was stored. Some errors mean the link as a whole.
    pub(super) fn reject(
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
    pub(super) fn poll_acknowledgements(
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

    pub(super) fn refill(&mut self, link: LinkId, machine: &mut Connection) {
        if let Some(credit) = self.producer(link).and_then(Producer::refill) {
            machine.set_credit(link, credit);
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
