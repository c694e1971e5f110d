//! Links on which clients send events.

use amqp::performative::Attach;
use amqp::{Accept, Fields, Symbol, Value};
use auth::{Permit, Send};
use broker::{AppendError, Appended, Hub, Partition, ProducerOptions, ProducerStamp};
use bytes::Bytes;

use super::error::Refusal;
use super::stored::{self, Incoming, PARTITION_KEY_CHARACTERS_MAX};

const IDEMPOTENT: &str = "com.microsoft:idempotent-producer";
const PRODUCER_ID: &str = "com.microsoft:producer-id";
const PRODUCER_EPOCH: &str = "com.microsoft:producer-epoch";
const PRODUCER_SEQUENCE: &str = "com.microsoft:producer-sequence-number";

/// Messages that a client may have on their way. Bytes are bounded elsewhere.
const CREDIT: u32 = 1_000;

/// Where the events of a link go.
#[derive(Debug)]
pub(crate) enum Target {
    /// By partition key, or one partition after the other.
    Hub,
    Partition(Partition),
    /// By its name.
    Publisher(String),
}

/// A link on which a client sends events.
#[derive(Debug)]
pub(crate) struct Producer {
    /// Good until the grant behind it ends, at which its link is detached.
    permit: Permit<Send>,
    hub: Hub,
    target: Target,
    idempotent: Option<broker::Producer>,
    /// What is left of the credit that it was given, for all we know: some clients send without.
    credit: u32,
    /// Deliveries that are not durable yet.
    pub(super) outstanding: u32,
}

impl Target {
    /// # Errors
    /// The name is longer than a partition key may be, which it becomes.
    pub(crate) fn publisher(name: String) -> Result<Self, Refusal> {
        match name.chars().count() {
            0..=PARTITION_KEY_CHARACTERS_MAX => Ok(Self::Publisher(name)),
            characters => Err(Refusal::partition_key_too_long(characters)),
        }
    }
}

impl Producer {
    pub(crate) fn new(permit: Permit<Send>, hub: Hub, target: Target) -> Self {
        Self {
            permit,
            hub,
            target,
            idempotent: None,
            credit: CREDIT,
            outstanding: 0,
        }
    }

    /// The credit to begin with.
    pub(super) const fn first_credit() -> u32 {
        CREDIT
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Begins the epoch of an idempotent producer, if the client wants to be one. What it has to be told is in the reply's
    /// properties.
    ///
    /// # Errors
    /// It was replaced by one with a higher epoch, or its link is not that of a partition.
    pub(super) async fn identify(&mut self, attach: &Attach, reply: &mut Accept) -> Result<(), Identify> {
        let Target::Partition(partition) = &self.target else {
            return Err(Identify::NotAPartition);
        };
        let options = ProducerOptions {
            id: integer(&attach.properties, PRODUCER_ID),
            epoch: integer(&attach.properties, PRODUCER_EPOCH).and_then(|epoch| epoch.try_into().ok()),
            last_sequence: integer(&attach.properties, PRODUCER_SEQUENCE)
                .and_then(|sequence| sequence.try_into().ok()),
        };
        let producer = partition
            .open_producer(&self.permit, options)
            .await
            .map_err(Identify::Refused)?;
        reply.offered_capabilities.push(Symbol::from_static(IDEMPOTENT));
        reply.properties = vec![
            (Symbol::from_static(PRODUCER_ID), Value::Long(producer.id)),
            (Symbol::from_static(PRODUCER_EPOCH), Value::Short(producer.epoch)),
            (
                Symbol::from_static(PRODUCER_SEQUENCE),
                producer.last_sequence.map_or(Value::Null, Value::Int),
            ),
        ];
        self.idempotent = Some(producer);
        Ok(())
    }

    /// Appends the events of a message or a batch. None: there are none in it.
    pub(crate) fn append(&self, format: u32, payload: &Bytes) -> Result<Option<Appended>, Rejected> {
        let publisher = match &self.target {
            Target::Publisher(name) => Some(name.as_str()),
            Target::Hub | Target::Partition(_) => None,
        };
        let incoming = Incoming::read(format, payload, publisher).map_err(|error| {
            Rejected::Refused(match error {
                stored::Error::Malformed(error) => Refusal::undecodable(&error),
                stored::Error::PartitionKey { characters } => Refusal::partition_key_too_long(characters),
            })
        })?;
        if incoming.events.is_empty() {
            return Ok(None);
        }
        let stamp = self.stamp(&incoming)?;
        let partition = self.partition(&incoming)?;
        let appended = partition.append(&self.permit, &incoming.events, stamp);
        appended.map(Some).map_err(Rejected::Append)
    }

    fn partition(&self, incoming: &Incoming) -> Result<Partition, Rejected> {
        let key = incoming.partition_key.as_deref();
        Ok(match (&self.target, key) {
            (Target::Partition(partition), _) => partition.clone(),
            (Target::Hub | Target::Publisher(_), Some(key)) => self.hub.partition_for_key(key.as_bytes()),
            (Target::Hub | Target::Publisher(_), None) => self.hub.next_partition(),
        })
    }

    /// What an idempotent producer says about its events: on the batch, or on its first event.
    fn stamp(&self, incoming: &Incoming) -> Result<Option<ProducerStamp>, Rejected> {
        let Some(producer) = self.idempotent else {
            return Ok(None);
        };
        let first_sequence = incoming.producer_sequence.ok_or_else(|| {
            Rejected::Refused(Refusal::argument(
                "An idempotent producer must annotate its events with com.microsoft:producer-sequence-number.",
            ))
        })?;
        Ok(Some(ProducerStamp {
            id: producer.id,
            epoch: producer.epoch,
            first_sequence,
        }))
    }

    /// A delivery came.
    pub(super) fn on_delivery(&mut self) {
        self.credit = self.credit.saturating_sub(1);
    }

    /// The credit to give now, if it is time. What is not durable yet counts against it, so that a slow disk slows its
    /// producers down.
    pub(super) fn refill(&mut self) -> Option<u32> {
        if self.credit > CREDIT / 2 {
            return None;
        }
        let credit = CREDIT
            .saturating_sub(self.outstanding.saturating_sub(CREDIT / 2))
            .max(1);
        if credit <= self.credit {
            return None;
        }
        self.credit = credit;
        Some(credit)
    }
}

/// Whether a client wants to be an idempotent producer.
pub(super) fn wants_idempotence(attach: &Attach) -> bool {
    attach
        .desired_capabilities
        .iter()
        .any(|capability| *capability == IDEMPOTENT)
}

/// Why a client does not become an idempotent producer.
#[derive(Debug)]
pub(super) enum Identify {
    /// Numbers are those of one partition.
    NotAPartition,
    Refused(AppendError),
}

/// Why a delivery is not stored.
#[derive(Debug)]
pub(crate) enum Rejected {
    Refused(Refusal),
    Append(AppendError),
}

fn integer(properties: &Fields, name: &str) -> Option<i64> {
    let (_, value) = properties.iter().find(|(key, _)| *key == name)?;
    value.as_integer()
}
