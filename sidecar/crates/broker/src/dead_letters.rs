//! The events that a topic holds because they could not be delivered elsewhere.

use bytes::Bytes;
use model::SequenceNumber;

use auth::{Listen, Manage, Permit};

use crate::Error;

/// The queue `$dead-letters` of a topic.
#[derive(Clone, Debug)]
pub struct DeadLetters {}

/// One dead letter.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its place in the topic.
    pub sequence: SequenceNumber,
    /// The original event with `deadletterreason`, `deadlettersource` and the other attributes added.
    pub event: Bytes,
}

/// Which dead letters to redrive.
#[derive(Clone, Debug)]
pub enum Redrive {
    /// These.
    Sequences(Vec<SequenceNumber>),
    /// All that are there now.
    All,
}

/// Why one dead letter was not redriven. It stays where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedriveError {
    /// There is no such dead letter (any more).
    #[error("no such dead letter")]
    NotFound,
    /// The subscription that it came from is no longer declared.
    #[error("the subscription that it came from is gone")]
    SourceGone,
    /// The topic that it came from has no room.
    #[error("the topic that it came from is full")]
    Full,
}

impl DeadLetters {
    /// At most `limit` dead letters after `after`, oldest first.
    ///
    /// # Errors
    /// NotFound when the topic is gone.
    pub async fn list(
        &self,
        _permit: &Permit<Listen>,
        _limit: usize,
        _after: Option<SequenceNumber>,
    ) -> Result<Vec<DeadLetter>, Error> {
        Err(Error::Unavailable)
    }

    /// One dead letter.
    ///
    /// # Errors
    /// NotFound when it, or the topic, is gone.
    pub async fn show(&self, _permit: &Permit<Listen>, _sequence: SequenceNumber) -> Result<DeadLetter, Error> {
        Err(Error::Unavailable)
    }

    /// Gives dead letters back to the subscriptions that they came from, without the attributes that were added, as
    /// if they had just been published for that subscription alone.
    ///
    /// # Errors
    /// NotFound when the topic is gone.
    pub async fn redrive(
        &self,
        _permit: &Permit<Manage>,
        _what: Redrive,
    ) -> Result<Vec<(SequenceNumber, Result<(), RedriveError>)>, Error> {
        Err(Error::Unavailable)
    }
}
