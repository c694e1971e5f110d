//! One link: which end is ours, and what it says.

use super::event::{Event, LinkId};
use super::receiver::Receiver;
use super::sender::{Drain, Sender};
use crate::performative::{Attach, Detach, Flow, ReceiverSettleMode, Role, SenderSettleMode, Source, Target};
use crate::{Error, Fields, Symbol, Value};

#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    /// What is still needed for the answer to the peer's attach.
    pub(super) asked: Option<Box<Asked>>,
    pub(super) endpoint: Endpoint,
    /// A flow of the link is to be written.
    pub(super) flow_due: bool,
}

/// Which end is ours.
#[derive(Debug)]
pub(super) enum Endpoint {
    Receiver(Receiver),
    Sender(Sender),
}

/// An attach of the peer that has no answer yet.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) name: String,
    /// The peer's.
    pub(super) role: Role,
    pub(super) snd_settle_mode: SenderSettleMode,
}

/// How the application answers an attach. Name, handle, role and settle modes are filled in by the machine.
#[derive(Clone, Debug, Default)]
pub struct Accept {
    /// Never left out on the wire, since some clients take a link without it for refused.
    pub source: Source,
    /// As [`Accept::source`].
    pub target: Target,
    /// In bytes. Some clients size their batches by it.
    pub max_message_size: Option<u64>,
    pub properties: Fields,
    pub offered_capabilities: Vec<Symbol>,
    pub desired_capabilities: Vec<Symbol>,
}

impl Link {
    pub(super) fn new(id: LinkId, attach: &Attach) -> Self {
        let endpoint = match attach.role {
            Role::Sender => Endpoint::Receiver(Receiver::new(attach.initial_delivery_count.unwrap_or(0))),
            Role::Receiver => Endpoint::Sender(Sender::default()),
        };
        Self {
            id,
            asked: Some(Box::new(Asked::new(attach))),
            endpoint,
            flow_due: false,
        }
    }

    pub(super) fn is_attached(&self) -> bool {
        self.asked.is_none()
    }

    /// Deliveries that the application has and that are not settled.
    pub(super) fn unsettled(&self) -> u32 {
        match &self.endpoint {
            Endpoint::Receiver(receiver) => receiver.unsettled,
            Endpoint::Sender(_) => 0,
        }
    }

    /// Bytes of a delivery that is not complete.
    pub(super) fn assembling(&self) -> usize {
        match &self.endpoint {
            Endpoint::Receiver(receiver) => receiver.assembling(),
            Endpoint::Sender(_) => 0,
        }
    }

    /// A sender's flow says nothing that we do not know. If the application has something to learn, it is returned; what it
    /// does not know yet it learns when it answers the attach.
    pub(super) fn on_flow(&mut self, flow: &Flow) -> Option<Event> {
        let has_changed = match &mut self.endpoint {
            Endpoint::Sender(sender) => sender.on_flow(flow),
            Endpoint::Receiver(_) => false,
        };
        if has_changed && self.is_attached() {
            self.wake()
        } else {
            None
        }
    }

    /// If we send on it.
    pub(super) fn wake(&self) -> Option<Event> {
        matches!(self.endpoint, Endpoint::Sender(_)).then_some(Event::Flow { link: self.id })
    }

    /// Completes a flow of the session by the link's part.
    pub(super) fn fill(&self, handle: u32, flow: Flow) -> Flow {
        let (delivery_count, credit, drain) = match &self.endpoint {
            Endpoint::Receiver(receiver) => (receiver.delivery_count, receiver.credit, false),
            Endpoint::Sender(sender) => (sender.delivery_count, sender.credit, sender.drain != Drain::Off),
        };
        Flow {
            handle: Some(handle),
            delivery_count: Some(delivery_count),
            link_credit: Some(credit),
            drain,
            ..flow
        }
    }
}

impl Asked {
    pub(super) fn new(attach: &Attach) -> Self {
        Self {
            name: attach.name.clone(),
            role: attach.role,
            snd_settle_mode: attach.snd_settle_mode,
        }
    }

    /// What we deliver is settled. What we receive is settled by us in one step, whatever the peer would like.
    pub(super) fn accept(self, handle: u32, accept: Accept) -> Attach {
        let snd_settle_mode = match self.role {
            Role::Sender => self.snd_settle_mode,
            Role::Receiver => SenderSettleMode::Settled,
        };
        Attach {
            snd_settle_mode,
            source: Some(accept.source),
            target: Some(accept.target),
            max_message_size: accept.max_message_size,
            offered_capabilities: accept.offered_capabilities,
            desired_capabilities: accept.desired_capabilities,
            properties: accept.properties,
            ..self.refuse(handle)
        }
    }

    /// Part 2, 2.6.3: without source and target, to be followed by a detach.
    pub(super) fn refuse(self, handle: u32) -> Attach {
        let (role, initial_delivery_count) = match self.role {
            Role::Sender => (Role::Receiver, None),
            Role::Receiver => (Role::Sender, Some(0)),
        };
        Attach {
            name: self.name,
            handle,
            role,
            snd_settle_mode: self.snd_settle_mode,
            rcv_settle_mode: ReceiverSettleMode::First,
            source: None,
            target: None,
            is_coordinator: false,
            unsettled: Value::Null,
            incomplete_unsettled: false,
            initial_delivery_count,
            max_message_size: None,
            offered_capabilities: Vec::new(),
            desired_capabilities: Vec::new(),
            properties: Fields::new(),
        }
    }
}

/// For good.
pub(super) fn detach(handle: u32, error: Option<Error>) -> Detach {
    Detach {
        handle,
        closed: true,
        error,
    }
}
