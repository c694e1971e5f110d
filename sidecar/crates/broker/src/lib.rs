//! What topics and event subscriptions mean; knows no protocol.
//!
//! [`Broker`] is the one handle. Behind it a single task owns every topic of the Namespace: a machine without IO
//! ([`topics`]) that takes commands and `now`, and a thin shell that appends to the log what the machine decided.
//! Nothing is answered before it is durable.

mod broker;
mod configuration;
mod dead_letters;
mod delivery;
mod error;
mod lock_token;
mod tail;
mod topics;

/// What the fuzz target calls, which is built with `--cfg fuzzing`. Plain `cargo test` replays its corpus.
#[cfg(any(test, fuzzing))]
#[path = "../fuzz/checks/filters.rs"]
pub mod checks;

pub use broker::{Broker, RECEIVE_BYTES_MAX, StreamInfo, StreamState, Subscription, Topic, TraceContext};
pub use configuration::{
    DeletionConfig, DeletionPolicy, FilterConfig, Operator, Predicate, SUBSCRIPTIONS_MAX, SubscriptionConfig,
    TopicConfig,
};
pub use dead_letters::{DeadLetter, DeadLetters, Redrive, RedriveError};
pub use delivery::Delivery;
pub use error::{Error, SettleError, StartError};
pub use lock_token::{LockToken, Undecodable};
pub use tail::{Tail, Tailed};
