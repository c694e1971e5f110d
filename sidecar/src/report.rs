//! What became of the configuration.

use std::fmt;

use config::{Configuration, Digest, SHARD_COUNT};

/// The state of the running configuration, for whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The revision that is served. Refused entities aside, all of it is in effect.
    pub applied_revision: u64,
    /// Digests of that revision's shards.
    pub shards: [Digest; SHARD_COUNT],
    /// Revision of the secrets that are in effect.
    pub secrets_revision: u64,
    /// Entities of that revision that do not fit. One that was served before goes on as it was.
    pub refused: Vec<Refused>,
    /// Why a newer configuration was not applied at all; the applied one goes on. `None` once the newest is applied.
    pub problem: Option<Problem>,
    /// What holds only after the next start, in words for the user.
    pub pending_restart: Vec<String>,
}

impl Report {
    /// `configuration` is in effect.
    pub(crate) fn on(configuration: &Configuration, refused: Vec<Refused>) -> Self {
        Self {
            applied_revision: configuration.document.head.revision,
            shards: configuration.document.head.shards,
            secrets_revision: configuration.secrets_revision,
            refused,
            problem: None,
            pending_restart: Vec::new(),
        }
    }
}

/// An entity that is not served as it stands in the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What it is.
    pub kind: Kind,
    /// Its `metadata.name`.
    pub resource_name: String,
    /// Its `metadata.uid`, as it stands in the document.
    pub uid: String,
    /// What does not fit, and what to do about it.
    pub reason: String,
}

/// Kinds of entities, under their resource's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A topic.
    Topic,
    /// A subscription of a topic.
    EventSubscription,
    /// An event hub.
    Hub,
}

/// Why a configuration was not applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its revision.
    pub revision: u64,
    /// What does not fit, and what to do about it.
    pub reason: String,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Topic => "Topic",
            Self::EventSubscription => "EventSubscription",
            Self::Hub => "Hub",
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.resource_name, self.reason)
    }
}
