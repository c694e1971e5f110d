//! The events that a topic holds because they could not be delivered elsewhere.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use auth::{Listen, Manage, Permit};
use bytes::Bytes;
use model::{SequenceNumber, Uid};

use crate::Error;
use crate::broker::{Command, RECEIVE_BYTES_MAX, Shared, payloads};
use crate::topics::engine::{Redriven, without_attributes};
use crate::topics::event_record::{self, Header};

/// The queue `$dead-letters` of a topic: what subscriptions that name it as their destination could not deliver. Letters
/// go when they are redriven or removed, or with the topic's retention.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    shared: Arc<Shared>,
    topic: Uid,
}

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

/// Letters that are read and redriven together.
const CHUNK: usize = 64;

/// A letter that was named twice would have failed the second time, and its success would not be told.
fn without_repeats(mut sequences: Vec<SequenceNumber>) -> Vec<SequenceNumber> {
    let mut seen = HashSet::new();
    sequences.retain(|sequence| seen.insert(*sequence));
    sequences
}

type Letter = (SequenceNumber, Header, Bytes);

impl DeadLetters {
    pub(crate) fn new(shared: Arc<Shared>, topic: Uid) -> Self {
        Self { shared, topic }
    }

    /// At most `limit` dead letters after `after`, oldest first. Fewer if they are long: there are no more only when
    /// none is returned.
    ///
    /// # Errors
    /// NotFound when the topic is gone; Unavailable when the disk refuses.
    pub async fn list(
        &self,
        _permit: &Permit<Listen>,
        limit: usize,
        after: Option<SequenceNumber>,
    ) -> Result<Vec<DeadLetter>, Error> {
        let sequences = self
            .sequences(after.map_or(0, SequenceNumber::get), limit)
            .await?;
        let mut rest = sequences.as_slice();
        let mut letters = Vec::new();
        // A letter that cannot be read must not look like the end.
        while letters.is_empty() && !rest.is_empty() {
            (letters, rest) = self.read(rest).await?;
        }
        Ok(letters
            .into_iter()
            .map(|(sequence, _, event)| DeadLetter { sequence, event })
            .collect())
    }

    /// One dead letter.
    ///
    /// # Errors
    /// NotFound when it, or the topic, is gone.
    pub async fn show(&self, permit: &Permit<Listen>, sequence: SequenceNumber) -> Result<DeadLetter, Error> {
        let before = sequence.get().checked_sub(1).ok_or(Error::NotFound)?;
        let found = self.list(permit, 1, Some(SequenceNumber::new(before))).await?;
        found
            .into_iter()
            .find(|letter| letter.sequence == sequence)
            .ok_or(Error::NotFound)
    }

    /// Gives dead letters back to the subscriptions that they came from, without the attributes that were added, as
    /// if they had just been published for that subscription alone. Each goes back in one commit with its removal here.
    ///
    /// # Errors
    /// NotFound when the topic is gone; Unavailable when the disk refuses.
    pub async fn redrive(
        &self,
        _permit: &Permit<Manage>,
        what: Redrive,
    ) -> Result<Vec<(SequenceNumber, Result<(), RedriveError>)>, Error> {
        let sequences = match what {
            Redrive::Sequences(sequences) => without_repeats(sequences),
            Redrive::All => self.sequences(0, usize::MAX).await?,
        };
        let mut results = Vec::with_capacity(sequences.len());
        let mut rest = sequences.as_slice();
        while !rest.is_empty() {
            let chunk = &rest[..CHUNK.min(rest.len())];
            let (letters, left) = self.read(chunk).await?;
            let (chunk, later) = rest.split_at(chunk.len() - left.len());
            let done = self.redrive_letters(letters).await?;
            let result = |sequence: &SequenceNumber| {
                let result = done.get(sequence).cloned().unwrap_or(Err(RedriveError::NotFound));
                (*sequence, result)
            };
            results.extend(chunk.iter().map(result));
            rest = later;
        }
        Ok(results)
    }

    /// Removes those of these dead letters that are there, for good. All or none; durable when it returns.
    ///
    /// # Errors
    /// NotFound when the topic is gone; Unavailable when the disk refuses.
    pub async fn remove(
        &self,
        _permit: &Permit<Manage>,
        sequences: Vec<SequenceNumber>,
    ) -> Result<(), Error> {
        let topic = self.topic;
        self.shared
            .ask(|reply| Command::Remove {
                topic,
                sequences,
                reply,
            })
            .await
    }

    async fn redrive_letters(
        &self,
        letters: Vec<Letter>,
    ) -> Result<BTreeMap<SequenceNumber, Result<(), RedriveError>>, Error> {
        let mut by_source: BTreeMap<Uid, Vec<Redriven>> = BTreeMap::new();
        for (sequence, header, event) in letters {
            // An event of this topic that is no dead letter has no origin.
            let Some(origin) = header.origin else { continue };
            let letter = Redriven {
                sequence: sequence.get(),
                origin,
                json: without_attributes(&event),
            };
            by_source.entry(origin.topic).or_default().push(letter);
        }
        let mut done = BTreeMap::new();
        for (source, letters) in by_source {
            let numbers: Vec<u64> = letters.iter().map(|letter| letter.sequence).collect();
            let topic = self.topic;
            let results = self
                .shared
                .ask(|reply| Command::Redrive {
                    topic,
                    source,
                    letters,
                    reply,
                })
                .await?;
            done.extend(numbers.into_iter().map(SequenceNumber::new).zip(results));
        }
        Ok(done)
    }

    async fn sequences(&self, after: u64, limit: usize) -> Result<Vec<SequenceNumber>, Error> {
        let topic = self.topic;
        self.shared
            .ask(|reply| Command::List {
                topic,
                after,
                limit,
                reply,
            })
            .await
    }

    /// The first of these letters, those that can be read, and the numbers that were too many to read at once.
    async fn read<'s>(
        &self,
        sequences: &'s [SequenceNumber],
    ) -> Result<(Vec<Letter>, &'s [SequenceNumber]), Error> {
        let numbers: Vec<u64> = sequences.iter().copied().map(SequenceNumber::get).collect();
        let payloads = payloads(&*self.shared.log, self.topic, &numbers, RECEIVE_BYTES_MAX)
            .await
            .ok_or(Error::Unavailable)?;
        let letter = |(sequence, payload): (&SequenceNumber, Option<_>)| {
            let (_, record) = payload?;
            let (header, event) = event_record::decode(&record).ok()?;
            Some((*sequence, header, event))
        };
        let (read, rest) = sequences.split_at(payloads.len());
        Ok((read.iter().zip(payloads).filter_map(letter).collect(), rest))
    }
}
