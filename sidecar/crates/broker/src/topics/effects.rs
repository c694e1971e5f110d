//! What the machine wants done. The shell takes it after every command.

use bytes::Bytes;
use model::{Timestamp, Uid};
use storage::RecordKind;

use super::filter::SubscriptionIndex;
use super::journal::Step;

/// Names a waiting receiver to the shell.
pub(crate) type ReceiverId = u64;

/// A subscription of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) topic: Uid,
    pub(crate) subscription: SubscriptionIndex,
}

/// Consequences of one command, in the order in which they have to happen.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// To be appended as one atomic group.
    pub(crate) records: Vec<Entry>,
    /// Receivers to be answered; those with events after the records are durable.
    pub(crate) answers: Vec<(ReceiverId, Answer)>,
    /// Events that nobody wants any more; to be told to the log after the records are durable.
    pub(crate) dead: Vec<Dead>,
}

/// A record to be appended.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) topic: Uid,
    pub(crate) sequence: u64,
    pub(crate) kind: RecordKind,
    pub(crate) time: Timestamp,
    pub(crate) payload: Bytes,
}

/// What a receiver is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Events(Vec<Delivered>),
    /// Nothing came for as long as it was willing to wait.
    Nothing,
    /// The subscription is no longer declared.
    Gone,
}

/// An event handed to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) sequence: u64,
    pub(crate) delivery_count: u16,
}

/// Dead events of one topic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dead {
    pub(crate) topic: Uid,
    /// Everything below this number is dead.
    pub(crate) before: Option<u64>,
    /// And these.
    pub(crate) these: Vec<u64>,
}

impl Effects {
    pub(crate) fn step(&mut self, topic: Uid, time: Timestamp, step: &Step) {
        let payload = Bytes::from(step.encode());
        self.records.push(Entry {
            topic,
            sequence: 0,
            kind: RecordKind::JOURNAL,
            time,
            payload,
        });
    }

    pub(crate) fn dead_before(&mut self, topic: Uid, sequence: u64) {
        let dead = self.dead(topic);
        dead.before = dead.before.max(Some(sequence));
    }

    pub(crate) fn dead_event(&mut self, topic: Uid, sequence: u64) {
        self.dead(topic).these.push(sequence);
    }

    fn dead(&mut self, topic: Uid) -> &mut Dead {
        let known = self.dead.iter().position(|dead| dead.topic == topic);
        let position = known.unwrap_or_else(|| {
            self.dead.push(Dead {
                topic,
                before: None,
                these: Vec::new(),
            });
            self.dead.len() - 1
        });
        &mut self.dead[position]
    }
}
