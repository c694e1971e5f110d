//! The machine that owns every topic of the Namespace.
//!
//! It does no IO: commands come with `now`, consequences go into [`Effects`]. The shell reserves room in the log before
//! it calls a command that records something (each says how much), appends the records, and answers once they are
//! durable. After every command it asks for [`Engine::next_work`] until there is none.

mod configure;
mod dead_letters;
mod receive;
mod replay;
mod settle;
mod snapshot;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use model::{Timestamp, Uid};

pub(crate) use self::dead_letters::{MovedLetters, Redriven, without_attributes};
pub(crate) use self::replay::Replayed;
pub(crate) use self::settle::Settlement;
pub(crate) use self::snapshot::Snapshot;
use super::effects::{Effects, Place};
use super::filter::Matches;
use super::journal::{self, Step};
use super::stream::FIRST;
pub(crate) use super::stream::Stream;
use super::subscription::{DISPOSED_MAX, Moving};
pub(crate) use super::timers::Target;
use super::timers::Timers;
use crate::Error;
use crate::configuration::{DeletionConfig, DeletionPolicy};

#[derive(Debug)]
pub(crate) struct Engine {
    streams: HashMap<Uid, Stream>,
    /// Where the numbers of deleted streams ended, in case one of their uids comes back.
    ended: BTreeMap<Uid, u64>,
    /// The first sequence number of a stream that never was.
    first: u64,
    /// Until something is configured, nothing is deleted.
    deletion: Option<DeletionConfig>,
    timers: Timers,
    /// Subscriptions with something available and somebody waiting.
    servable: VecDeque<Place>,
    /// Subscriptions with parked events that nobody is reading yet.
    movable: VecDeque<Place>,
    effects: Effects,
}

/// An event on its way in.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) matches: Matches,
    /// What is stored: see [`super::event_record`].
    pub(crate) payload: Bytes,
}

/// What has to be done without anybody having asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Call [`Engine::wake`].
    Wake(Uid, Target),
    /// Call [`Engine::serve`].
    Serve(Place),
    /// Read the payloads of [`Engine::begin_move`], then [`Engine::prepare_move`] for each, then [`Engine::end_move`].
    Move(Place),
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            streams: HashMap::new(),
            ended: BTreeMap::new(),
            first: FIRST,
            deletion: None,
            timers: Timers::default(),
            servable: VecDeque::new(),
            movable: VecDeque::new(),
            effects: Effects::default(),
        }
    }
}

impl Engine {
    /// Numbers below are those of events that are lost with the disk that they were on, and are not given again.
    pub(crate) fn number_from(&mut self, number: u64) {
        self.first = number + FIRST;
    }

    fn first_number(&self, topic: Uid) -> u64 {
        self.ended.get(&topic).copied().unwrap_or(self.first)
    }

    /// What the commands since the last call want done.
    pub(crate) fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    pub(crate) fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.streams.values()
    }

    /// What the topic is called.
    pub(crate) fn name(&self, topic: Uid) -> Option<&str> {
        self.streams.get(&topic).map(|stream| &*stream.name)
    }

    #[cfg(test)]
    pub(crate) fn stream(&self, topic: Uid) -> Option<&Stream> {
        self.streams.get(&topic)
    }

    fn open(&mut self, topic: Uid) -> Result<&mut Stream, Error> {
        self.streams
            .get_mut(&topic)
            .filter(|stream| stream.is_open())
            .ok_or(Error::NotFound)
    }

    /// Room that [`Engine::publish`] needs in the log, and what an event may grow by until it is a dead letter: one that
    /// was accepted must not turn out to be too long when it is moved.
    pub(crate) fn publish_bytes(events: &[Incoming]) -> usize {
        let records = events.iter().map(|event| storage::footprint(event.payload.len()));
        records.sum::<usize>() + LETTER_BYTES
    }

    /// Appends the events.
    ///
    /// Room: [`Engine::publish_bytes`].
    pub(crate) fn publish(&mut self, topic: Uid, events: Vec<Incoming>, now: Timestamp) -> Result<(), Error> {
        let Self { streams, effects, .. } = self;
        let stream = streams
            .get_mut(&topic)
            .filter(|stream| stream.is_open())
            .ok_or(Error::NotFound)?;
        let mut touched = Matches::new();
        for event in events {
            stream.add_event(&event.matches, event.payload, now, effects);
            touched.extend(event.matches);
        }
        touched.sort_unstable();
        touched.dedup();
        for subscription in touched {
            self.touched(Place { topic, subscription });
        }
        Ok(())
    }

    /// When [`Engine::next_work`] has something to do although nobody calls; may be early.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// What is to be done now.
    pub(crate) fn next_work(&mut self, now: Timestamp) -> Option<Work> {
        while let Some((time, topic, target)) = self.timers.pop_due(now) {
            if let Some(armed) = self.armed(topic, target).filter(|armed| **armed == Some(time)) {
                *armed = None;
                return Some(Work::Wake(topic, target));
            }
        }
        let serve = self.servable.pop_front().map(Work::Serve);
        serve.or_else(|| self.movable.pop_front().map(Work::Move))
    }

    fn armed(&mut self, topic: Uid, target: Target) -> Option<&mut Option<Timestamp>> {
        let stream = self.streams.get_mut(&topic)?;
        match target {
            Target::Topic => Some(&mut stream.armed),
            Target::Subscription(index) => stream
                .subscription_mut(index)
                .map(|subscription| &mut subscription.armed),
        }
    }

    /// Room that [`Engine::wake`] needs in the log.
    pub(crate) fn wake_bytes() -> usize {
        // Three kinds of disposal, at most DISPOSED_MAX events together.
        3 * storage::footprint(journal::bytes_max(0)) + journal::bytes_max(DISPOSED_MAX)
    }

    /// Meets the deadlines of a subscription, or deletes what nobody declares for longer than the grace.
    pub(crate) fn wake(&mut self, topic: Uid, target: Target, now: Timestamp) {
        match target {
            Target::Topic => self.delete_if_due(topic, now),
            Target::Subscription(subscription) => {
                let place = Place { topic, subscription };
                let Some(stream) = self.streams.get_mut(&topic) else {
                    return;
                };
                let Some(woken) = stream.subscription_mut(subscription) else {
                    return;
                };
                let closed = woken.closed;
                // Whatever deadline was met or is void now finds its successor below.
                woken.wake = None;
                if woken.moving == Moving::Refused {
                    woken.moving = Moving::Not;
                }
                match closed {
                    Some(since) => self.delete_subscription_if_due(place, since, now),
                    None => stream.meet_deadlines(subscription, now, &mut self.effects),
                }
                self.touched(place);
            }
        }
    }

    /// There was no room for the wake-up: tries again later.
    pub(crate) fn wake_later(&mut self, topic: Uid, target: Target, time: Timestamp) {
        let before = match self.armed(topic, target) {
            Some(armed) if armed.is_none_or(|armed| armed > time) => armed.replace(time),
            _ => return,
        };
        self.timers.arm(before, time, topic, target);
    }

    fn delete_if_due(&mut self, topic: Uid, now: Timestamp) {
        let Some(stream) = self.streams.get(&topic) else {
            return;
        };
        let Some(due) = stream.closed.and_then(|since| self.deletion_time(since)) else {
            return;
        };
        if due <= now {
            self.delete_stream(topic, now);
        } else {
            self.wake_later(topic, Target::Topic, due);
        }
    }

    fn delete_subscription_if_due(&mut self, place: Place, since: Timestamp, now: Timestamp) {
        match self.deletion_time(since) {
            Some(due) if due <= now => self.delete_subscription(place, now),
            Some(due) => self.wake_later(place.topic, Target::Subscription(place.subscription), due),
            None => (),
        }
    }

    fn deletion_time(&self, since: Timestamp) -> Option<Timestamp> {
        let deletion = self.deletion?;
        match deletion.policy {
            DeletionPolicy::Retain => None,
            DeletionPolicy::Delete => Some(since + deletion.grace),
        }
    }

    fn delete_stream(&mut self, topic: Uid, now: Timestamp) {
        let Some(mut stream) = self.streams.remove(&topic) else {
            return;
        };
        for index in 0..stream.next_index() {
            stream.delete_subscription(index, &mut self.effects);
        }
        self.effects.dead_before(topic, stream.next);
        self.effects.step(topic, now, &Step::Deleted);
        self.remember_end(topic, stream.next);
    }

    fn remember_end(&mut self, topic: Uid, next: u64) {
        if self.ended.len() >= ENDED_MAX {
            self.ended.pop_first();
        }
        self.ended.insert(topic, next);
    }

    fn delete_subscription(&mut self, place: Place, now: Timestamp) {
        let Some(stream) = self.streams.get_mut(&place.topic) else {
            return;
        };
        stream.delete_subscription(place.subscription, &mut self.effects);
        let step = Step::SubscriptionDeleted {
            index: place.subscription,
        };
        self.effects.step(place.topic, now, &step);
    }

    /// Deletes what is no longer declared: a topic, or a subscription of any topic.
    ///
    /// Room: one empty step.
    pub(crate) fn purge(&mut self, uid: Uid, now: Timestamp) -> Result<(), Error> {
        if let Some(stream) = self.streams.get(&uid) {
            refuse_if_open(stream.closed, &stream.name)?;
            self.delete_stream(uid, now);
            return Ok(());
        }
        let found = self.streams.values().find_map(|stream| {
            let subscription = stream.existing().find(|subscription| subscription.uid == uid)?;
            Some((stream.uid, subscription))
        });
        let (topic, subscription) = found
            .filter(|_| uid != super::stream::DEAD_LETTERS)
            .ok_or(Error::NotFound)?;
        refuse_if_open(subscription.closed, &subscription.name)?;
        let place = Place {
            topic,
            subscription: subscription.index,
        };
        self.delete_subscription(place, now);
        Ok(())
    }

    /// Call it whenever a subscription changed: keeps timers and work lists complete.
    fn touched(&mut self, place: Place) {
        let Some(stream) = self.streams.get_mut(&place.topic) else {
            return;
        };
        let Some(subscription) = stream.subscription_mut(place.subscription) else {
            return;
        };
        subscription.measure();
        if let Some(wake) = subscription.wake
            && subscription.armed.is_none_or(|armed| armed > wake)
        {
            let before = subscription.armed.replace(wake);
            self.timers.arm(
                before,
                wake,
                place.topic,
                Target::Subscription(place.subscription),
            );
        }
        if !subscription.receivers.is_empty() && subscription.has_available() {
            self.servable.push_back(place);
        }
        if subscription.in_flight.parked() > 0
            && subscription.moving == Moving::Not
            && subscription.rules.is_some()
        {
            subscription.moving = Moving::Queued;
            self.movable.push_back(place);
        }
    }
}

/// What is added to an event as a dead letter, and the step that settles it, generously.
const LETTER_BYTES: usize = 2 << 10;

/// Deleted streams whose end is remembered; 24 bytes each.
const ENDED_MAX: usize = 100_000;

fn refuse_if_open(closed: Option<Timestamp>, name: &str) -> Result<(), Error> {
    if closed.is_some() {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "'{name}' is still declared: delete its resource first"
    )))
}
