//! What one peer tells the other when something is wrong.

use std::fmt;

use bytes::BytesMut;

use crate::wire::{Decode, Encode, Reader, code, descriptor, put_described_list};
use crate::{DecodeError, Fields, Symbol};

/// Part 2, 2.8.14: the error that a detach, end, close or rejected outcome carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// What kind of error.
    pub condition: Condition,
    /// For a person. Always written, since some clients read it without looking whether it is there.
    pub description: String,
    /// More about it. Null on the wire if there is nothing: clients look at it, but into it only after a redirection.
    pub info: Fields,
}

impl Error {
    /// Without further information.
    pub fn new(condition: Condition, description: impl Into<String>) -> Self {
        Self {
            condition,
            description: description.into(),
            info: Fields::new(),
        }
    }
}

impl Decode for Error {
    fn accepts(code: u8) -> bool {
        code == code::DESCRIBED
    }

    fn decode(_: u8, _: &'static str, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.described_list(descriptor::ERROR, "error", |fields| {
            Ok(Self {
                condition: Condition(fields.required("error.condition")?),
                description: fields.or_default("error.description")?,
                info: fields.or_default("error.info")?,
            })
        })
    }
}

impl Encode for Error {
    fn encode(&self, out: &mut BytesMut) {
        put_described_list(descriptor::ERROR, out, |fields| {
            fields.put(&self.condition.0);
            fields.put(&self.description);
            fields.put(&self.info);
        });
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.condition.0, self.description)
    }
}

/// A symbol that programs decide by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition(pub Symbol);

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident = $symbol:literal;)*) => {
        impl Condition {
            $($(#[$doc])* pub const $name: Self = Self(Symbol::from_static($symbol));)*
        }
    };
}

// Parts 2.8.15 to 2.8.18; those of Azure are in front.
conditions! {
    /// An error of ours.
    INTERNAL_ERROR = "amqp:internal-error";
    /// What was named does not exist.
    NOT_FOUND = "amqp:not-found";
    /// The credential does not allow it.
    UNAUTHORIZED_ACCESS = "amqp:unauthorized-access";
    /// Bytes that cannot be decoded.
    DECODE_ERROR = "amqp:decode-error";
    /// A bound of ours.
    RESOURCE_LIMIT_EXCEEDED = "amqp:resource-limit-exceeded";
    /// Against the rules in this state.
    NOT_ALLOWED = "amqp:not-allowed";
    /// A field with an impossible value.
    INVALID_FIELD = "amqp:invalid-field";
    /// Something that we do not do.
    NOT_IMPLEMENTED = "amqp:not-implemented";
    /// Used by somebody else.
    RESOURCE_LOCKED = "amqp:resource-locked";
    /// What must hold does not.
    PRECONDITION_FAILED = "amqp:precondition-failed";
    /// It is gone.
    RESOURCE_DELETED = "amqp:resource-deleted";
    /// A frame in the wrong state.
    ILLEGAL_STATE = "amqp:illegal-state";
    /// A frame larger than agreed.
    FRAME_SIZE_TOO_SMALL = "amqp:frame-size-too-small";
    /// An operator closes it.
    CONNECTION_FORCED = "amqp:connection:forced";
    /// A frame that cannot be understood.
    FRAMING_ERROR = "amqp:connection:framing-error";
    /// More than the session's window allows.
    WINDOW_VIOLATION = "amqp:session:window-violation";
    /// The link is attached already.
    ERRANT_LINK = "amqp:session:errant-link";
    /// The handle is in use.
    HANDLE_IN_USE = "amqp:session:handle-in-use";
    /// The handle is not attached.
    UNATTACHED_HANDLE = "amqp:session:unattached-handle";
    /// An operator detaches it.
    DETACH_FORCED = "amqp:link:detach-forced";
    /// More than the link's credit allows.
    TRANSFER_LIMIT_EXCEEDED = "amqp:link:transfer-limit-exceeded";
    /// The message is larger than the link allows.
    MESSAGE_SIZE_EXCEEDED = "amqp:link:message-size-exceeded";
    /// Somebody else took the link over.
    STOLEN = "amqp:link:stolen";
}
