//! What the operator (or local mode) tells a sidecar: one [`Document`] and one [`Secrets`].
//!
//! A document travels in pieces, because a Kubernetes object has a size limit and most changes touch one
//! topic: a small [`Head`] with the settings, the revision and the [`Digest`] of every piece, and
//! [`SHARD_COUNT`] pieces, each a [`Shard`] of topics and event hubs. Writers write the shards first and the head last;
//! a reader takes a shard only if its bytes have the digest that the head names ([`Head::vouches_for`]),
//! and puts the pieces together with [`Document::assemble`].
//!
//! `plan` writes these types and `sidecar` reads them, and nothing else is shared between the two. Values
//! here are already valid: every default is applied, every reference is resolved to a uid, every duration
//! is a number of seconds. This crate therefore knows serde and nothing else: no Kubernetes, no clock, no
//! JSON library.
//!
//! Readers ignore fields that they do not know (operator and sidecar are upgraded apart) and should count
//! them with `serde_ignored`; a change that an older reader must not ignore raises [`FORMAT`].

mod configuration;
mod digest;
mod document;
mod filter;
mod head;
pub mod objects;
mod report;
mod secrets;
mod shard;
mod stores;

pub use configuration::Configuration;
pub use digest::{Digest, ParseDigestError};
pub use document::{AssembleError, Document};
pub use filter::{Filter, Operator, Predicate};
pub use head::{
    AuthorizationRule, Checkpoint, DeletionPolicy, Head, Issuer, NamespaceIdentity, Right, Settings,
};
pub use report::{
    GROUPS_LISTED, GroupLag, IssuersReport, LAGS_LISTED, Lag, PodReport, Problem, REFUSED_LISTED, Refused,
};
pub use secrets::{AccessKeys, Secrets, StoreCredentials};
pub use shard::{DeadLetterStore, Hub, Shard, Subscription, Topic};
pub use stores::credentials_of;

/// Version of the document's meaning. A reader refuses a document with any other number.
pub const FORMAT: u32 = 1;

/// Number of shards of every document, whatever its size.
pub const SHARD_COUNT: usize = 16;
