//! Who attaches to what.

use amqp::performative::{Attach, Role};
use amqp::{Accept, Connection, LinkId};
use auth::{Error, Listen, Permit, Right, Send};

use super::requesting::{Node, accept_replies, accept_requests};
use super::{Attached, Conversation, Link};
use crate::amqp::address::{Address, path_of};
use crate::amqp::consumer::{self, Consumer};
use crate::amqp::error::Refusal;
use crate::amqp::grants::Slot;
use crate::amqp::producer::{self, Identify, Producer, Target};
use crate::amqp::{management, selector};

/// Where a producer's events shall go, before it is known whether that exists.
enum Wanted {
    Hub,
    Partition(String),
    Publisher(String),
}

/// An idempotent producer that the broker knows by now.
pub(super) struct Identified {
    link: LinkId,
    producer: Box<Producer>,
    reply: Accept,
    path: String,
    outcome: Result<(), Identify>,
}

impl Conversation {
    pub(super) fn on_attach(&mut self, link: LinkId, attach: Attach, machine: &mut Connection) {
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

    pub(super) fn keep(&mut self, link: LinkId, attached: Attached, machine: &mut Connection) {
        self.door.amqp().metrics.links.inc();
        self.links.insert(link, attached);
        self.note_use();
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
        let (token, permit) = self.permit_send(&path)?;
        let hub = self.hub(&hub)?;
        let target = match wanted {
            Wanted::Hub => Target::Hub,
            Wanted::Publisher(publisher) => Target::publisher(publisher)?,
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
        Ok(Some(Attached {
            path,
            token: Some(token),
            link: Link::Producer(producer),
        }))
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

    pub(super) fn on_identified(&mut self, identified: Identified, machine: &mut Connection) {
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
        // The claim may have ended meanwhile, when nobody looked after this link.
        let refusal = match (outcome, self.permit_send(&path)) {
            (Ok(()), Err(_)) => Refusal::expired(&self.host, &path),
            (Ok(()), Ok((token, _))) => {
                machine.accept_receiver(link, reply, Producer::first_credit());
                let attached = Attached {
                    path,
                    token: Some(token),
                    link: Link::Producer(producer),
                };
                return self.keep(link, attached, machine);
            }
            (Err(Identify::NotAPartition), _) => Refusal::idempotence_needs_a_partition(),
            (Err(Identify::Refused(error)), _) => {
                Refusal::from_append(&error, &self.host, producer.hub().name())
            }
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
        let (token, permit) = self.permit_listen(&path)?;
        let hub = self.hub(&hub)?;
        if !hub.consumer_group(&group) {
            return Err(Refusal::consumer_group_not_found(&self.host, hub.name(), &group));
        }
        let partition = partition_of(&hub, &partition)?;
        let filter = attach.source.as_ref().map(|source| &source.filter[..]);
        let start = selector::start(filter.unwrap_or_default())
            .map_err(|unreadable| Refusal::start_unreadable(unreadable, &partition))?;
        let options = consumer::options(attach);
        let epoch = options.epoch;
        let receiver = partition
            .receive(&permit, &group, start, options)
            .map_err(|error| Refusal::from_receive(&error, &self.host, hub.name(), &group, epoch))?;
        machine.accept_sender(link, reply(attach));
        Ok(Some(Attached {
            path,
            token: Some(token),
            link: Link::Consumer(Box::new(Consumer::new(attach, partition, receiver))),
        }))
    }

    fn hub(&self, name: &str) -> Result<broker::Hub, Refusal> {
        let hub = self.door.broker().hub(name);
        hub.ok_or_else(|| Refusal::hub_not_found(&self.host, name))
    }

    /// The permit, and where the token is that gives it.
    pub(super) fn permit_send(&self, path: &str) -> Result<(Slot, Permit<Send>), Refusal> {
        self.grants
            .permit_send(path, self.door.now())
            .map_err(|error| self.unauthorized(Right::Send, path, &error))
    }

    /// The permit, and where the token is that gives it.
    pub(super) fn permit_listen(&self, path: &str) -> Result<(Slot, Permit<Listen>), Refusal> {
        self.grants
            .permit_listen(path, self.door.now())
            .map_err(|error| self.unauthorized(Right::Listen, path, &error))
    }

    fn unauthorized(&self, right: Right, path: &str, error: &Error) -> Refusal {
        self.door.identity().on_refused(error);
        Refusal::unauthorized(right, &self.host, path, error)
    }
}

/// Both ends as the client named them: some look for what they asked for.
pub(super) fn reply(attach: &Attach) -> Accept {
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
