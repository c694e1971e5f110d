//! One topic: its events, who still wants them, its subscriptions.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{Timestamp, Uid};
use storage::RecordKind;

use super::counts::TopicCounts;
use super::effects::{Answer, Effects, Entry};
use super::filter::{Filters, SubscriptionIndex};
use super::journal::Step;
use super::runs::Runs;
use super::subscription::{Disposed, Subscription};
use super::times::Times;

/// The uid under which a topic keeps its dead letters; no resource has it.
pub(crate) const DEAD_LETTERS: Uid = Uid::from_u128(0);

/// The first sequence number of a stream.
pub(crate) const FIRST: u64 = 1;

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) uid: Uid,
    pub(crate) name: Arc<str>,
    /// Since when it is not declared.
    pub(crate) closed: Option<Timestamp>,
    /// None until it is declared after a start, and while it is closed.
    pub(crate) retention: Option<Duration>,
    /// The number that the next event gets.
    pub(crate) next: u64,
    /// Nobody wants anything below.
    pub(crate) floor: u64,
    /// From `floor` to `next`: how many subscriptions still want the event.
    pub(crate) wants: VecDeque<u16>,
    /// Events that somebody wants.
    pub(crate) live: u64,
    pub(crate) last_time: Timestamp,
    pub(crate) times: Times,
    /// By index; None once deleted.
    pub(crate) subscriptions: Vec<Option<Box<Subscription>>>,
    pub(crate) filters: Arc<Filters>,
    pub(crate) dead_letters: Option<SubscriptionIndex>,
    pub(crate) counts: Arc<TopicCounts>,
    /// The wake-up for its deletion that stands in the timers.
    pub(crate) armed: Option<Timestamp>,
}

impl Stream {
    pub(crate) fn new(uid: Uid, name: &str, next: u64) -> Self {
        let counts = TopicCounts::default();
        counts.next.set(next);
        Self {
            uid,
            name: Arc::from(name),
            closed: None,
            retention: None,
            next,
            floor: next,
            wants: VecDeque::new(),
            live: 0,
            last_time: Timestamp::default(),
            times: Times::default(),
            subscriptions: Vec::new(),
            filters: Arc::default(),
            dead_letters: None,
            counts: Arc::new(counts),
            armed: None,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.closed.is_none() && self.retention.is_some()
    }

    pub(crate) fn subscription(&self, index: SubscriptionIndex) -> Option<&Subscription> {
        self.subscriptions.get(index as usize)?.as_deref()
    }

    pub(crate) fn subscription_mut(&mut self, index: SubscriptionIndex) -> Option<&mut Subscription> {
        self.subscriptions.get_mut(index as usize)?.as_deref_mut()
    }

    pub(crate) fn existing(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions
            .iter()
            .flatten()
            .map(|subscription| &**subscription)
    }

    pub(crate) fn existing_mut(&mut self) -> impl Iterator<Item = &mut Subscription> {
        self.subscriptions
            .iter_mut()
            .flatten()
            .map(|subscription| &mut **subscription)
    }

    /// Those that clients can reach.
    pub(crate) fn declared_subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.existing().filter(|subscription| {
            subscription.closed.is_none() && subscription.rules.is_some() && subscription.uid != DEAD_LETTERS
        })
    }

    /// Appends an event for those of `matches` that exist. Without any it is not stored.
    pub(crate) fn add_event(
        &mut self,
        matches: &[SubscriptionIndex],
        payload: Bytes,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        if !matches.iter().any(|index| self.subscription(*index).is_some()) {
            return;
        }
        let (sequence, time) = (self.next, now.max(self.last_time));
        self.accept_event(sequence, time, matches);
        effects.records.push(Entry {
            topic: self.uid,
            sequence,
            kind: RecordKind::EVENT,
            time,
            payload,
        });
    }

    /// The effect of an event on the state; the same when it is published and when it is replayed.
    pub(crate) fn accept_event(&mut self, sequence: u64, time: Timestamp, matches: &[SubscriptionIndex]) {
        self.skip_to(sequence);
        let time = time.max(self.last_time);
        self.last_time = time;
        if self.wants.is_empty() {
            self.floor = sequence;
            self.times.clear();
        }
        self.times.push(sequence, time);
        let mut wants = 0;
        for index in matches {
            if let Some(subscription) = self.subscription_mut(*index) {
                subscription.push(sequence, time);
                wants += 1;
            }
        }
        self.next = sequence + 1;
        self.counts.next.set(self.next);
        self.live += u64::from(wants > 0);
        self.wants.push_back(wants);
    }

    /// Numbers below `sequence` are taken; those without an event are wanted by nobody.
    pub(crate) fn skip_to(&mut self, sequence: u64) {
        if sequence <= self.next {
            return;
        }
        if !self.wants.is_empty() {
            // A hole in a replay: events that were settled and cleaned away before the crash.
            let missing = sequence - self.next;
            self.wants
                .extend(std::iter::repeat_n(0, missing.min(HOLE_MAX) as usize));
        }
        self.next = sequence;
        self.counts.next.set(sequence);
        if self.wants.is_empty() {
            self.floor = sequence;
        }
    }

    /// One subscription less wants these events.
    pub(crate) fn unwant(&mut self, events: impl IntoIterator<Item = u64>, effects: &mut Effects) {
        let mut scattered = Vec::new();
        for sequence in events {
            let Some(position) = sequence.checked_sub(self.floor) else {
                continue;
            };
            let Some(wants) = self.wants.get_mut(position as usize).filter(|wants| **wants > 0) else {
                continue;
            };
            *wants -= 1;
            if *wants == 0 {
                self.live -= 1;
                scattered.push(sequence);
            }
        }
        if scattered.is_empty() {
            return;
        }
        let before = self.floor;
        self.raise_floor();
        if self.floor > before {
            effects.dead_before(self.uid, self.floor);
        }
        for sequence in scattered.into_iter().filter(|sequence| *sequence >= self.floor) {
            effects.dead_event(self.uid, sequence);
        }
    }

    pub(crate) fn raise_floor(&mut self) {
        while self.wants.front() == Some(&0) {
            self.wants.pop_front();
            self.floor += 1;
        }
        if self.wants.is_empty() {
            self.floor = self.next;
            self.times.clear();
            if self.wants.capacity() > 4096 {
                self.wants = VecDeque::new();
            }
        } else {
            self.times.trim(self.floor);
        }
    }

    /// Locks, delays, lifetimes and receivers of one subscription, as of now.
    pub(crate) fn meet_deadlines(&mut self, index: SubscriptionIndex, now: Timestamp, effects: &mut Effects) {
        let Some(Some(subscription)) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let disposed = subscription.meet_deadlines(now, &self.times);
        for receiver in subscription.impatient(now) {
            effects.answers.push((receiver, Answer::Nothing));
        }
        subscription.measure();
        self.record(index, disposed, now, effects);
    }

    fn record(
        &mut self,
        index: SubscriptionIndex,
        disposed: Disposed,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        for (reason, events) in disposed.parked {
            effects.step(
                self.uid,
                now,
                &Step::Parked {
                    index,
                    reason,
                    events,
                },
            );
        }
        if !disposed.settled.is_empty() {
            self.settled(index, disposed.settled, now, effects);
        }
    }

    /// Records that the subscription, which no longer holds these events, does not want them.
    pub(crate) fn settled(
        &mut self,
        index: SubscriptionIndex,
        events: Runs,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        self.unwant(events.iter(), effects);
        effects.step(self.uid, now, &Step::Settled { index, events });
    }

    /// Takes a subscription out and gives back what it wanted.
    pub(crate) fn delete_subscription(&mut self, index: SubscriptionIndex, effects: &mut Effects) {
        let Some(slot) = self.subscriptions.get_mut(index as usize) else {
            return;
        };
        let Some(subscription) = slot.take() else { return };
        effects.answers.extend(
            subscription
                .receivers
                .iter()
                .map(|receiver| (receiver.id, Answer::Gone)),
        );
        if self.dead_letters == Some(index) {
            self.dead_letters = None;
        }
        self.unwant(subscription.sequences(), effects);
    }

    /// Events that somebody wants, in order.
    pub(crate) fn live_events(&self) -> impl Iterator<Item = u64> + '_ {
        (self.floor..)
            .zip(&self.wants)
            .filter(|(_, wants)| **wants > 0)
            .map(|(sequence, _)| sequence)
    }

    /// Indexes are never given twice: records in the log refer to them.
    pub(crate) fn next_index(&self) -> SubscriptionIndex {
        self.subscriptions.len() as SubscriptionIndex
    }

    pub(crate) fn add_subscription(&mut self, index: SubscriptionIndex, subscription: Subscription) {
        if subscription.uid == DEAD_LETTERS {
            self.dead_letters = Some(index);
        }
        let wanted = index as usize + 1;
        if self.subscriptions.len() < wanted {
            self.subscriptions.resize_with(wanted, || None);
        }
        self.subscriptions[index as usize] = Some(Box::new(subscription));
    }
}

/// A wider hole is damage; it must not take the memory.
const HOLE_MAX: u64 = 1 << 28;
