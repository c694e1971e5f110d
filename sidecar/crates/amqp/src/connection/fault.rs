//! Everything that a peer can do wrong: what it is called, what we say about it, and how much it costs.

use std::time::Duration;

use crate::frame::{FrameError, MIN_MAX_FRAME_SIZE};
use crate::{Condition, Error};

/// What has to go.
#[derive(Debug)]
pub(super) enum Fault {
    /// The connection.
    Close(Box<Error>),
    /// The session on whose channel it happened.
    End(Box<Error>),
    /// The link with this handle.
    Detach(u32, Box<Error>),
}

fn close(condition: Condition, description: impl Into<String>) -> Fault {
    Fault::Close(Box::new(Error::new(condition, description)))
}

fn end(condition: Condition, description: impl Into<String>) -> Fault {
    Fault::End(Box::new(Error::new(condition, description)))
}

fn detach(handle: u32, condition: Condition, description: impl Into<String>) -> Fault {
    Fault::Detach(handle, Box::new(Error::new(condition, description)))
}

/// The connection goes.
impl Fault {
    pub(super) fn frame(error: FrameError) -> Self {
        let condition = match error {
            FrameError::Undecodable(_) => Condition::DECODE_ERROR,
            FrameError::ProtocolHeader
            | FrameError::TooLarge { .. }
            | FrameError::TooSmall { .. }
            | FrameError::DataOffset { .. }
            | FrameError::UnknownType(_) => Condition::FRAMING_ERROR,
        };
        close(condition, error.to_string())
    }

    pub(super) fn protocol(wanted: &str) -> Self {
        close(
            Condition::FRAMING_ERROR,
            format!("the connection does not begin with the protocol header of {wanted}"),
        )
    }

    pub(super) fn sasl(description: impl Into<String>) -> Self {
        close(Condition::UNAUTHORIZED_ACCESS, description)
    }

    pub(super) fn late_sasl() -> Self {
        close(
            Condition::FRAMING_ERROR,
            "a frame of the security layer after the security layer was left",
        )
    }

    pub(super) fn not_opened() -> Self {
        close(Condition::ILLEGAL_STATE, "a frame before the connection's open")
    }

    pub(super) fn opened_twice() -> Self {
        close(Condition::ILLEGAL_STATE, "a second open on the same connection")
    }

    pub(super) fn max_frame_size(size: u32) -> Self {
        close(
            Condition::INVALID_FIELD,
            format!(
                "the open's max-frame-size is {size}; everybody must be able to read {MIN_MAX_FRAME_SIZE} bytes"
            ),
        )
    }

    pub(super) fn idle_time_out(wanted: u32, min: u128) -> Self {
        close(
            Condition::INVALID_FIELD,
            format!("the open's idle-time-out is {wanted} ms; the shortest that is kept to is {min} ms"),
        )
    }

    pub(super) fn open_timeout(after: Duration) -> Self {
        close(
            Condition::RESOURCE_LIMIT_EXCEEDED,
            format!("the connection was not open after {} seconds", after.as_secs()),
        )
    }

    pub(super) fn silence(idle_time_out: Duration) -> Self {
        close(
            Condition::RESOURCE_LIMIT_EXCEEDED,
            format!(
                "nothing was heard for twice the idle-time-out of {} seconds, not even an empty frame; \
                 the client is taken for lost",
                idle_time_out.as_secs()
            ),
        )
    }

    pub(super) fn channel_too_high(channel: u16, max: u16) -> Self {
        close(
            Condition::FRAMING_ERROR,
            format!("channel {channel} is above the channel-max of {max}"),
        )
    }

    pub(super) fn channel_in_use(channel: u16) -> Self {
        close(
            Condition::ILLEGAL_STATE,
            format!("a begin on channel {channel}, on which there is a session already"),
        )
    }

    pub(super) fn no_session(channel: u16) -> Self {
        close(
            Condition::ILLEGAL_STATE,
            format!("a frame on channel {channel}, on which there is no session"),
        )
    }

    pub(super) fn remote_channel(channel: u16) -> Self {
        close(
            Condition::INVALID_FIELD,
            format!("the begin answers one on channel {channel}; none was sent there"),
        )
    }

    pub(super) fn handle_too_high(handle: u32, max: u32) -> Self {
        close(
            Condition::FRAMING_ERROR,
            format!("handle {handle} is above the handle-max of {max}"),
        )
    }

    pub(super) fn undetached(max: usize) -> Self {
        close(
            Condition::RESOURCE_LIMIT_EXCEEDED,
            format!("more than {max} refused links were not detached by the client"),
        )
    }

    pub(super) fn assembly(max: usize) -> Self {
        close(
            Condition::RESOURCE_LIMIT_EXCEEDED,
            format!(
                "messages of which only a part was sent hold more than {max} bytes; finish one before the next"
            ),
        )
    }
}

/// The session goes.
impl Fault {
    pub(super) fn too_many_sessions(max: usize) -> Self {
        end(
            Condition::RESOURCE_LIMIT_EXCEEDED,
            format!("the connection has {max} sessions, which is the limit; end one before the next"),
        )
    }

    pub(super) fn handle_in_use(handle: u32) -> Self {
        end(
            Condition::HANDLE_IN_USE,
            format!("an attach with handle {handle}, which is in use"),
        )
    }

    pub(super) fn handle_unanswerable(handle: u32, max: u32) -> Self {
        end(
            Condition::NOT_ALLOWED,
            format!("an attach with handle {handle} from a client whose own handle-max is {max}"),
        )
    }

    pub(super) fn unattached_handle(handle: u32) -> Self {
        end(
            Condition::UNATTACHED_HANDLE,
            format!("a frame for handle {handle}, which is not attached"),
        )
    }

    pub(super) fn transfer_to_sender(handle: u32) -> Self {
        end(
            Condition::NOT_ALLOWED,
            format!("a transfer on handle {handle}, on which the client is the receiver"),
        )
    }
}

/// The link goes.
impl Fault {
    pub(super) fn resumed(handle: u32) -> Self {
        detach(
            handle,
            Condition::NOT_IMPLEMENTED,
            "deliveries cannot be resumed; send the message anew",
        )
    }

    pub(super) fn no_delivery_id(handle: u32) -> Self {
        detach(
            handle,
            Condition::INVALID_FIELD,
            "the first transfer of a delivery has no delivery-id",
        )
    }

    pub(super) fn delivery_tag(handle: u32, len: usize) -> Self {
        detach(
            handle,
            Condition::INVALID_FIELD,
            format!("a delivery-tag of {len} bytes; 32 are allowed"),
        )
    }

    pub(super) fn other_delivery(handle: u32, delivery: u32, begun: u32) -> Self {
        detach(
            handle,
            Condition::NOT_ALLOWED,
            format!(
                "a transfer of delivery {delivery} before delivery {begun} of the same link was complete"
            ),
        )
    }
}

/// Why the application is not even asked about a link.
pub(super) fn too_many_links(max: usize) -> Error {
    Error::new(
        Condition::RESOURCE_LIMIT_EXCEEDED,
        format!("the connection has {max} links, which is the limit; detach one before the next"),
    )
}

/// As [`too_many_links`].
pub(super) fn coordinator() -> Error {
    Error::new(
        Condition::NOT_IMPLEMENTED,
        "there are no transactions here, and so no coordinator to attach to",
    )
}
