//! Why something was not done with a container or a blob.

use std::time::Duration;

use storage::Full;

/// Why an operation on a container or a blob did not happen. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is not 3 to 63 lower-case letters, digits and single hyphens that begin and end with a letter or digit.
    #[error(
        "the container's name must be 3 to 63 lower-case letters, digits and single hyphens, and begin and end with a \
         letter or digit"
    )]
    InvalidContainerName,
    /// It is not 1 to 1,024 characters, none of them a control character.
    #[error("the blob's name must have 1 to 1024 characters, none of them a control character")]
    InvalidBlobName,
    /// It was never used, so there is nothing to delete.
    #[error("the container does not exist")]
    ContainerNotFound,
    /// It was created before, or used.
    #[error("the container exists already")]
    ContainerAlreadyExists,
    /// There is no such blob.
    #[error("the blob does not exist")]
    BlobNotFound,
    /// There is such a blob, and the condition was that there is none.
    #[error("the blob exists already")]
    BlobAlreadyExists,
    /// The blob is another version than the condition names.
    #[error("the condition is not met by the blob as it is")]
    ConditionNotMet,
    /// What was given can never fit.
    #[error("{what} has {bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// There are as many containers as there may be.
    #[error("there are {limit} containers, which is the limit: delete some that are not used any more")]
    TooManyContainers {
        /// How many there may be.
        limit: usize,
    },
    /// There are as many blobs as there may be, in all containers together.
    #[error("there are {limit} blobs, which is the limit: delete some that are not used any more")]
    TooManyBlobs {
        /// How many there may be.
        limit: usize,
    },
    /// There is no room, in the log or for blobs at all.
    #[error("storage is full: {reason}")]
    Full {
        /// What is full, in words for the user.
        reason: String,
    },
    /// Too much waits for the disk at this moment.
    #[error("busy, retry after {} s", retry_after.as_secs())]
    Busy {
        /// When to try again; at least one second.
        retry_after: Duration,
    },
    /// The disk does not take what has to be written first. Try again later.
    #[error("unavailable")]
    Unavailable,
    /// The broker is stopping.
    #[error("the broker is stopping")]
    Closed,
    /// A fault of ours; it has been logged.
    #[error("internal error")]
    Internal,
}

impl From<Full> for CheckpointError {
    fn from(full: Full) -> Self {
        match full {
            Full::Log | Full::Stream => Self::Full {
                reason: full.to_string(),
            },
            Full::Backlog => Self::Busy {
                retry_after: Duration::from_secs(1),
            },
            // Half a segment holds the longest blob.
            Full::Oversize { .. } => {
                tracing::error!(%full, "write a blob");
                Self::Internal
            }
            Full::Closed => Self::Closed,
        }
    }
}
