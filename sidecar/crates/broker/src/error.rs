//! What a caller of the broker is told, by what it can do about it.

use std::time::Duration;

use storage::Full;

/// Why an operation on a topic, a subscription or a hub did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The topic, subscription or hub is not declared (any more). Do not retry.
    #[error("not found")]
    NotFound,
    /// The log has no room. Settling events or enlarging the storage helps.
    #[error("storage is full: {reason}")]
    Full {
        /// What is full, in words for the user.
        reason: String,
    },
    /// Too much is waiting at this moment.
    #[error("busy, retry after {} s", retry_after.as_secs())]
    Busy {
        /// When to try again; at least one second.
        retry_after: Duration,
    },
    /// The broker is stopping.
    #[error("the broker is stopping")]
    Closed,
    /// The request breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// The broker cannot serve now, through no fault of the caller.
    #[error("unavailable")]
    Unavailable,
    /// A fault of ours; it has been logged.
    #[error("internal error")]
    Internal,
}

/// Why one lock token was not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// The lock ran out, the event is settled already, or the token belongs to another subscription.
    #[error("Token has expired.")]
    LockLost,
    /// The token cannot be decoded.
    #[error("Cannot decode lockToken")]
    BadToken,
}

/// Why the broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The stored state cannot be read; its data was not touched.
    #[error("read the broker's snapshot: {0}")]
    Snapshot(String),
}

/// What the log's refusal means for who asked for room.
pub(crate) fn refused(full: Full) -> Error {
    match full {
        Full::Log | Full::Stream => Error::Full {
            reason: full.to_string(),
        },
        Full::Backlog => Error::Busy {
            retry_after: Duration::from_secs(1),
        },
        Full::Oversize { .. } => Error::Invalid(full.to_string()),
        Full::Closed => Error::Closed,
    }
}
