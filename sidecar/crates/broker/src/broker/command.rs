//! What callers ask the owner to do.

use std::sync::Arc;

use bytes::Bytes;
use model::{SequenceNumber, Timestamp, Uid};
use storage::Commit;
use tokio::sync::oneshot;

use super::returned::Batch;
use super::routes::TopicRoute;
use crate::configuration::{DeletionConfig, TopicConfig};
use crate::topics::effects::{Place, ReceiverId};
use crate::topics::engine::{Incoming, Redriven, Settlement};
use crate::{Error, LockToken, RedriveError, SettleError, StreamInfo};

/// The answer, and what has to be durable before anybody is told.
pub(crate) type Reply<T> = oneshot::Sender<Result<(T, Option<Commit>), Error>>;

/// None: nothing came for as long as the receiver was willing to wait.
pub(crate) type ReceiveReply = oneshot::Sender<Result<Option<Batch>, Error>>;

/// Events of one request. What became of them is counted and shown by the owner, for the client may leave before it is
/// known.
pub(crate) struct Publication {
    pub(crate) route: Arc<TopicRoute>,
    /// Those that somebody wants, as they are stored.
    pub(crate) events: Vec<Incoming>,
    /// How many there are, wanted or not.
    pub(crate) count: usize,
    /// All of them, if somebody looks at the topic.
    pub(crate) shown: Vec<Bytes>,
}

pub(crate) enum Command {
    Publish {
        publication: Publication,
        reply: Reply<()>,
    },
    Receive {
        place: Place,
        receiver: ReceiverId,
        max_events: usize,
        deadline: Timestamp,
        reply: ReceiveReply,
    },
    Settle {
        place: Place,
        settlement: Settlement,
        tokens: Vec<LockToken>,
        reply: Reply<Vec<Result<(), SettleError>>>,
    },
    Configure {
        topics: Vec<TopicConfig>,
        deletion: DeletionConfig,
        reply: Reply<()>,
    },
    List {
        topic: Uid,
        after: u64,
        limit: usize,
        reply: Reply<Vec<SequenceNumber>>,
    },
    /// All letters come from the topic `source`.
    Redrive {
        topic: Uid,
        source: Uid,
        letters: Vec<Redriven>,
        reply: Reply<Vec<Result<(), RedriveError>>>,
    },
    /// Dead letters of `topic`.
    Remove {
        topic: Uid,
        sequences: Vec<SequenceNumber>,
        reply: Reply<()>,
    },
    Streams {
        reply: Reply<Vec<StreamInfo>>,
    },
    Purge {
        uid: Uid,
        reply: Reply<()>,
    },
}
