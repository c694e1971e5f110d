//! What topics, event subscriptions and hubs mean; knows no protocol.
//!
//! [`Broker`] is the one handle. Behind it a single task owns every topic of the Namespace: a machine without IO
//! ([`topics`]) that takes commands and `now`, and a thin shell that appends to the log what the machine decided. Hubs
//! ([`eventhubs`]) have a state per partition instead, and the blobs of consumers ([`checkpoints`]) one of their own, which
//! whoever appends or reads locks for a moment. Nothing is answered before it is durable.

mod broker;
mod checkpoints;
mod configuration;
mod dead_letters;
mod delivery;
mod error;
mod eventhubs;
mod lock_token;
mod snapshots;
mod tail;
mod topics;

/// What the fuzz target calls, which is built with `--cfg fuzzing`. Plain `cargo test` replays its corpus.
#[cfg(any(test, fuzzing))]
#[path = "../fuzz/checks/filters.rs"]
pub mod checks;

pub use broker::{
    Broker, Origin, RECEIVE_BYTES_MAX, StreamInfo, StreamKind, StreamState, Subscription, Topic,
    TraceContext, least_incarnation,
};
pub use checkpoints::{
    BLOBS_MAX, BODY_BYTES_MAX, Blob, CONTAINERS_MAX, CONTENT_TYPE_BYTES_MAX, CheckpointError, Checkpoints,
    Conditions, Container, Content, ETag, Lag, Listed, METADATA_BYTES_MAX, Metadata, NotAnETag, Page, Tags,
    Written,
};
pub use configuration::{
    DeletionConfig, DeletionPolicy, FilterConfig, HubConfig, Operator, Predicate, SUBSCRIPTIONS_MAX,
    SubscriptionConfig, TopicConfig,
};
pub use dead_letters::{DeadLetter, DeadLetters, Redrive, RedriveError};
pub use delivery::Delivery;
pub use error::{Error, SettleError, StartError};
pub use eventhubs::{
    AppendError, Appended, ConsumerGroup, Follower, Hub, PARTITIONS_MAX, Partition, PartitionProperties,
    Producer, ProducerOptions, ProducerStamp, RECEIVERS_MAX, Reading, ReceiveError, Received, Receiver,
    ReceiverError, ReceiverOptions, StartPosition,
};
pub use lock_token::{LockToken, Undecodable};
pub use tail::{Tail, Tailed};
