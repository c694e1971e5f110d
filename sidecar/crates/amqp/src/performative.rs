//! The performatives of the transport (part 2, 2.7) and of SASL (part 5, 5.3.3), one file each.
//!
//! Reading is lenient where clients need it (trailing fields left out, descriptors as symbols or ulongs). Writing never
//! leaves out trailing nulls, since some clients index fields by position: every list is written with all its fields.

mod attach;
mod begin;
mod close;
mod detach;
mod disposition;
mod end;
mod flow;
mod open;
mod sasl;
mod source;
mod target;
mod transfer;

use bytes::{Buf as _, Bytes, BytesMut};

use crate::DecodeError;
use crate::wire::{Reader, code, descriptor};

pub use attach::{Attach, ReceiverSettleMode, Role, SenderSettleMode};
pub use begin::Begin;
pub use close::Close;
pub use detach::Detach;
pub use disposition::{DeliveryState, Disposition, Outcome};
pub use end::End;
pub use flow::Flow;
pub use open::Open;
pub use sasl::{SaslChallenge, SaslCode, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse};
pub use source::Source;
pub use target::Target;
pub use transfer::Transfer;

/// What an AMQP frame carries, apart from a transfer's payload.
#[derive(Clone, Debug, PartialEq)]
pub enum Performative {
    Open(Box<Open>),
    Begin(Box<Begin>),
    Attach(Box<Attach>),
    Flow(Flow),
    Transfer(Transfer),
    Disposition(Disposition),
    Detach(Detach),
    End(End),
    Close(Close),
}

impl Performative {
    /// Takes a performative off the front; what is left is the payload.
    ///
    /// # Errors
    /// When the bytes are none. What is left of `input` is then unspecified.
    pub fn decode(input: &mut Bytes) -> Result<Self, DecodeError> {
        let whole = std::mem::take(input);
        let mut reader = Reader::new(&whole);
        let performative = Self::read(&mut reader)?;
        let length = whole.len() - reader.rest().len();
        *input = whole;
        input.advance(length);
        Ok(performative)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const WHAT: &str = "a performative";
        if reader.byte()? != code::DESCRIBED {
            return Err(DecodeError::NotDescribed { what: WHAT });
        }
        match reader.descriptor()? {
            Some(descriptor::OPEN) => Open::decode(reader).map(Box::new).map(Self::Open),
            Some(descriptor::BEGIN) => Begin::decode(reader).map(Box::new).map(Self::Begin),
            Some(descriptor::ATTACH) => Attach::decode(reader).map(Box::new).map(Self::Attach),
            Some(descriptor::FLOW) => Flow::decode(reader).map(Self::Flow),
            Some(descriptor::TRANSFER) => Transfer::decode(reader).map(Self::Transfer),
            Some(descriptor::DISPOSITION) => Disposition::decode(reader).map(Self::Disposition),
            Some(descriptor::DETACH) => Detach::decode(reader).map(Self::Detach),
            Some(descriptor::END) => End::decode(reader).map(Self::End),
            Some(descriptor::CLOSE) => Close::decode(reader).map(Self::Close),
            _ => Err(DecodeError::WrongDescriptor { what: WHAT }),
        }
    }

    /// Appends the performative.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Open(open) => open.encode(out),
            Self::Begin(begin) => begin.encode(out),
            Self::Attach(attach) => attach.encode(out),
            Self::Flow(flow) => flow.encode(out),
            Self::Transfer(transfer) => transfer.encode(out),
            Self::Disposition(disposition) => disposition.encode(out),
            Self::Detach(detach) => detach.encode(out),
            Self::End(end) => end.encode(out),
            Self::Close(close) => close.encode(out),
        }
    }
}
