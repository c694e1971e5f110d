//! Handing out events.

use model::{Timestamp, Uid};

use super::{Effects, Engine};
use crate::Error;
use crate::topics::effects::{Answer, Delivered, Place, ReceiverId};
use crate::topics::filter::SubscriptionIndex;
use crate::topics::journal::{self, Step};
use crate::topics::runs::Runs;
use crate::topics::stream::Stream;
use crate::topics::subscription::{RECEIVERS_MAX, Receiver};

impl Engine {
    /// Room that handing out `events` events needs in the log.
    pub(crate) fn delivery_bytes(events: usize) -> usize {
        storage::footprint(journal::bytes_max(events))
    }

    /// Answers the receiver at once if there is something, else lets it wait until `deadline`.
    ///
    /// Room: [`Engine::delivery_bytes`].
    pub(crate) fn receive(
        &mut self,
        place: Place,
        receiver: ReceiverId,
        max_events: usize,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Self { streams, effects, .. } = self;
        let stream = streams
            .get_mut(&place.topic)
            .filter(|stream| stream.is_open())
            .ok_or(Error::NotFound)?;
        let subscription = stream
            .subscription_mut(place.subscription)
            .filter(|subscription| subscription.closed.is_none() && subscription.rules.is_some())
            .ok_or(Error::NotFound)?;
        // Whoever waits already comes first.
        let served = subscription.receivers.is_empty()
            && deliver(stream, place.subscription, receiver, max_events, now, effects);
        if !served {
            let subscription = stream
                .subscription_mut(place.subscription)
                .ok_or(Error::NotFound)?;
            if subscription.receivers.len() >= RECEIVERS_MAX {
                return Err(Error::Busy {
                    retry_after: std::time::Duration::from_secs(1),
                });
            }
            subscription.receivers.push_back(Receiver {
                id: receiver,
                max_events,
                deadline,
            });
            subscription.wake_at(deadline);
        }
        self.touched(place);
        Ok(())
    }

    /// The receiver does not wait any more. It may have been answered already.
    pub(crate) fn give_up(&mut self, place: Place, receiver: ReceiverId) {
        let stream = self.streams.get_mut(&place.topic);
        if let Some(subscription) = stream.and_then(|stream| stream.subscription_mut(place.subscription)) {
            subscription.receivers.retain(|waiting| waiting.id != receiver);
        }
    }

    /// How many events [`Engine::serve`] hands out at most.
    pub(crate) fn servable_events(&self, place: Place) -> usize {
        let stream = self.streams.get(&place.topic);
        let subscription = stream.and_then(|stream| stream.subscription(place.subscription));
        subscription
            .and_then(|subscription| subscription.receivers.front())
            .map_or(0, |first| first.max_events)
    }

    /// Answers the receiver that has waited longest.
    ///
    /// Room: [`Engine::delivery_bytes`] of [`Engine::servable_events`].
    pub(crate) fn serve(&mut self, place: Place, now: Timestamp) {
        let Self { streams, effects, .. } = self;
        let Some(stream) = streams.get_mut(&place.topic) else {
            return;
        };
        let Some(subscription) = stream.subscription_mut(place.subscription) else {
            return;
        };
        let Some(first) = subscription.receivers.front().copied() else {
            return;
        };
        if deliver(
            stream,
            place.subscription,
            first.id,
            first.max_events,
            now,
            effects,
        ) {
            if let Some(subscription) = stream.subscription_mut(place.subscription) {
                subscription.receivers.pop_front();
            }
            self.touched(place);
        }
    }

    /// Takes events back whose receiver was gone before it got them. They keep their place and their count.
    ///
    /// Room: [`Engine::delivery_bytes`].
    pub(crate) fn undelivered(&mut self, place: Place, events: &[Delivered], now: Timestamp) {
        let Self { streams, effects, .. } = self;
        let Some(stream) = streams.get_mut(&place.topic) else {
            return;
        };
        let topic = stream.uid;
        let Some(subscription) = stream.subscription_mut(place.subscription) else {
            return;
        };
        let returned = subscription.take_back(events, now);
        if returned.is_empty() {
            return;
        }
        effects.step(
            topic,
            now,
            &Step::Undelivered {
                index: place.subscription,
                events: returned,
            },
        );
        self.touched(place);
    }

    /// Takes events out that the log does not have any more: nobody can ever receive them.
    ///
    /// Room: [`Engine::delivery_bytes`].
    pub(crate) fn lost(&mut self, place: Place, events: &[u64], now: Timestamp) {
        let Self { streams, effects, .. } = self;
        let Some(stream) = streams.get_mut(&place.topic) else {
            return;
        };
        let Some(subscription) = stream.subscription_mut(place.subscription) else {
            return;
        };
        let gone: Runs = events
            .iter()
            .copied()
            .filter(|sequence| subscription.remove(*sequence))
            .collect();
        if gone.is_empty() {
            return;
        }
        subscription.in_flight.compact();
        stream.settled(place.subscription, gone, now, effects);
        self.touched(place);
    }

    /// What a subscription or topic has to offer, for `$dead-letters`: sequence numbers after `after`.
    pub(crate) fn list(&self, topic: Uid, after: u64, limit: usize) -> Result<Vec<u64>, Error> {
        let stream = self
            .streams
            .get(&topic)
            .filter(|stream| stream.is_open())
            .ok_or(Error::NotFound)?;
        let queue = stream.dead_letters.and_then(|index| stream.subscription(index));
        let ranges = queue.into_iter().flat_map(|queue| queue.pending.ranges());
        let numbers = ranges
            .filter(|range| range.end > after)
            .flat_map(|range| range.start.max(after + 1)..range.end);
        Ok(numbers.take(limit).collect())
    }
}

/// Locks events for the receiver and records it; false if there is nothing.
fn deliver(
    stream: &mut Stream,
    index: SubscriptionIndex,
    receiver: ReceiverId,
    max_events: usize,
    now: Timestamp,
    effects: &mut Effects,
) -> bool {
    let Some(Some(subscription)) = stream.subscriptions.get_mut(index as usize) else {
        return false;
    };
    let (deadline, taken) = subscription.take(max_events, now, &stream.times);
    if taken.is_empty() {
        return false;
    }
    let events = taken
        .iter()
        .map(|delivered| (delivered.sequence, delivered.delivery_count))
        .collect();
    effects.step(
        stream.uid,
        now,
        &Step::Delivered {
            index,
            deadline,
            events,
        },
    );
    effects.answers.push((receiver, Answer::Events(taken)));
    true
}
