//! Part 2, 2.7.3.

use bytes::BytesMut;

use super::{Source, Target};
use crate::wire::{Decode, Encode, Reader, code, descriptor, put_described_list};
use crate::{DecodeError, Fields, Symbol, Value};

/// Attaches a link to a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Attach {
    pub name: String,
    pub handle: u32,
    /// The sender of the attach is ….
    pub role: Role,
    pub snd_settle_mode: SenderSettleMode,
    pub rcv_settle_mode: ReceiverSettleMode,
    pub source: Option<Source>,
    /// None also for a transaction coordinator, which [`Attach::is_coordinator`] tells.
    pub target: Option<Target>,
    /// The target is a transaction coordinator (part 4), which we do not have. Never written.
    pub is_coordinator: bool,
    /// A map; kept only to know whether it is empty.
    pub unsettled: Value,
    pub incomplete_unsettled: bool,
    /// Present if the role is sender.
    pub initial_delivery_count: Option<u32>,
    /// In bytes; None and 0 mean that there is no limit.
    pub max_message_size: Option<u64>,
    pub offered_capabilities: Vec<Symbol>,
    pub desired_capabilities: Vec<Symbol>,
    pub properties: Fields,
}

impl Attach {
    /// After the descriptor.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.list("attach", |fields| {
            let name = fields.required("attach.name")?;
            let handle = fields.required("attach.handle")?;
            let role = fields.required("attach.role")?;
            let snd_settle_mode = fields.or_default("attach.snd-settle-mode")?;
            let rcv_settle_mode = fields.or_default("attach.rcv-settle-mode")?;
            let source = fields.next("attach.source")?;
            let (target, is_coordinator) = match fields.next("attach.target")? {
                Some(AnyTarget::Target(target)) => (Some(target), false),
                Some(AnyTarget::Coordinator) => (None, true),
                None => (None, false),
            };
            Ok(Self {
                name,
                handle,
                role,
                snd_settle_mode,
                rcv_settle_mode,
                source,
                target,
                is_coordinator,
                unsettled: fields.or_default("attach.unsettled")?,
                incomplete_unsettled: fields.or_default("attach.incomplete-unsettled")?,
                initial_delivery_count: fields.next("attach.initial-delivery-count")?,
                max_message_size: fields.next("attach.max-message-size")?,
                offered_capabilities: fields.or_default("attach.offered-capabilities")?,
                desired_capabilities: fields.or_default("attach.desired-capabilities")?,
                properties: fields.or_default("attach.properties")?,
            })
        })
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::ATTACH, out, |fields| {
            fields.put(&self.name);
            fields.put(&self.handle);
            fields.put(&self.role);
            fields.put(&self.snd_settle_mode);
            fields.put(&self.rcv_settle_mode);
            fields.put(&self.source);
            fields.put(&self.target);
            fields.put(&self.unsettled);
            fields.put(&self.incomplete_unsettled);
            fields.put(&self.initial_delivery_count);
            fields.put(&self.max_message_size);
            fields.put(&self.offered_capabilities);
            fields.put(&self.desired_capabilities);
            fields.put(&self.properties);
        });
    }
}

/// What may stand in the field `target`.
enum AnyTarget {
    Target(Target),
    Coordinator,
}

impl Decode for AnyTarget {
    fn accepts(code: u8) -> bool {
        code == code::DESCRIBED
    }

    fn decode(_: u8, field: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.deeper(1, |reader| match reader.descriptor()? {
            Some(descriptor::TARGET) => Target::decode(reader).map(Self::Target),
            Some(descriptor::COORDINATOR) => reader.list("coordinator", |_| Ok(Self::Coordinator)),
            _ => Err(DecodeError::WrongDescriptor { what: field }),
        })
    }
}

/// Part 2, 2.8.1: which end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `false` on the wire.
    Sender,
    /// `true` on the wire.
    Receiver,
}

/// Part 2, 2.8.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SenderSettleMode {
    /// 0
    Unsettled,
    /// 1
    Settled,
    /// 2
    #[default]
    Mixed,
}

/// Part 2, 2.8.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiverSettleMode {
    /// 0
    #[default]
    First,
    /// 1
    Second,
}

impl Decode for Role {
    fn accepts(code: u8) -> bool {
        bool::accepts(code)
    }

    fn decode(code: u8, field: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let receiver = bool::decode(code, field, reader)?;
        Ok(if receiver { Self::Receiver } else { Self::Sender })
    }
}

impl Encode for Role {
    fn encode(&self, out: &mut BytesMut) {
        matches!(self, Self::Receiver).encode(out);
    }
}

impl Decode for SenderSettleMode {
    fn accepts(code: u8) -> bool {
        u8::accepts(code)
    }

    fn decode(code: u8, field: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::decode(code, field, reader)? {
            0 => Ok(Self::Unsettled),
            1 => Ok(Self::Settled),
            2 => Ok(Self::Mixed),
            _ => Err(DecodeError::Invalid { field }),
        }
    }
}

impl Encode for SenderSettleMode {
    fn encode(&self, out: &mut BytesMut) {
        let mode: u8 = match self {
            Self::Unsettled => 0,
            Self::Settled => 1,
            Self::Mixed => 2,
        };
        mode.encode(out);
    }
}

impl Decode for ReceiverSettleMode {
    fn accepts(code: u8) -> bool {
        u8::accepts(code)
    }

    fn decode(code: u8, field: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::decode(code, field, reader)? {
            0 => Ok(Self::First),
            1 => Ok(Self::Second),
            _ => Err(DecodeError::Invalid { field }),
        }
    }
}

impl Encode for ReceiverSettleMode {
    fn encode(&self, out: &mut BytesMut) {
        let mode: u8 = match self {
            Self::First => 0,
            Self::Second => 1,
        };
        mode.encode(out);
    }
}
