//! Acknowledge, release, reject, renew.

use std::time::Duration;

use model::Timestamp;

use super::Engine;
use crate::lock_token::{LockToken, checksum};
use crate::topics::effects::{Delivered, Place};
use crate::topics::filter::SubscriptionIndex;
use crate::topics::in_flight::{Reason, State};
use crate::topics::journal::{self, Step};
use crate::topics::runs::Runs;
use crate::topics::stream::Stream;
use crate::topics::subscription::{Subscription, rounded_up};
use crate::{Error, SettleError};

/// What a receiver decided about events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    Acknowledge,
    Release { delay: Duration },
    Reject,
    RenewLock,
}

impl Engine {
    /// Room that settling `tokens` tokens needs in the log.
    pub(crate) fn settlement_bytes(tokens: usize) -> usize {
        storage::footprint(journal::bytes_max(tokens))
    }

    /// Settles the deliveries that the tokens name. One result per token.
    ///
    /// Room: [`Engine::settlement_bytes`].
    pub(crate) fn settle(
        &mut self,
        place: Place,
        settlement: Settlement,
        tokens: &[LockToken],
        now: Timestamp,
    ) -> Result<Vec<Result<(), SettleError>>, Error> {
        let Self { streams, effects, .. } = self;
        let stream = streams
            .get_mut(&place.topic)
            .filter(|stream| stream.is_open())
            .ok_or(Error::NotFound)?;
        let index = place.subscription;
        let identity = identity(stream);
        let subscription = stream.subscription_mut(index).ok_or(Error::NotFound)?;
        let rules = subscription
            .rules
            .filter(|_| subscription.closed.is_none())
            .ok_or(Error::NotFound)?;
        let outcome = match settlement {
            Settlement::Reject if rules.dead_letter.is_none() => Outcome::Settled,
            Settlement::Acknowledge => Outcome::Settled,
            Settlement::Reject => Outcome::Parked,
            Settlement::Release { delay } if delay.is_zero() => Outcome::Released(None),
            Settlement::Release { delay } => Outcome::Released(Some(rounded_up(now + delay))),
            Settlement::RenewLock => Outcome::Renewed(rounded_up(now + rules.lock_duration)),
        };
        let mut done = Vec::with_capacity(tokens.len());
        let results = tokens
            .iter()
            .map(|token| {
                let known = token.topic == identity && token.subscription == index;
                let delivered = Delivered {
                    sequence: token.sequence,
                    delivery_count: token.delivery_count,
                };
                let position = subscription.locked(delivered, now).filter(|_| known);
                let position = position.ok_or(SettleError::LockLost)?;
                outcome.apply(subscription, position, now);
                done.push(token.sequence);
                Ok(())
            })
            .collect();
        count(subscription, settlement, done.len());
        record(stream, index, outcome, done, now, effects);
        self.touched(place);
        Ok(results)
    }

    /// The token of a delivery.
    pub(crate) fn token(&self, place: Place, delivered: Delivered) -> Option<LockToken> {
        let stream = self.streams.get(&place.topic)?;
        Some(LockToken {
            topic: identity(stream),
            subscription: place.subscription,
            sequence: delivered.sequence,
            delivery_count: delivered.delivery_count,
        })
    }
}

fn count(subscription: &Subscription, settlement: Settlement, events: usize) {
    match settlement {
        Settlement::Acknowledge => subscription.counts.acknowledged.add(events),
        Settlement::Release { .. } => subscription.counts.released.add(events),
        Settlement::Reject => subscription.counts.rejected.add(events),
        Settlement::RenewLock => (),
    }
}

/// A [`Settlement`] with its consequences worked out.
#[derive(Clone, Copy)]
enum Outcome {
    Settled,
    Parked,
    Released(Option<Timestamp>),
    Renewed(Timestamp),
}

impl Outcome {
    fn apply(self, subscription: &mut Subscription, position: usize, now: Timestamp) {
        let slots = &mut subscription.in_flight;
        match self {
            Self::Settled => slots.set(position, State::Settled),
            Self::Parked => slots.set(position, State::Parked(Reason::Rejected)),
            Self::Released(None) => slots.set(position, State::Ready),
            Self::Released(Some(available)) => {
                let max = subscription
                    .rules
                    .map_or(u16::MAX, |rules| rules.max_delivery_count);
                // The delay postpones the next delivery; where there will be none, nothing is to wait for.
                let exhausted = slots.at(position).delivery_count >= max;
                let state = if exhausted { State::Ready } else { State::Delayed };
                slots.update(position, state, |slot| slot.deadline = available);
                if !exhausted {
                    subscription.wake_at(available);
                }
            }
            Self::Renewed(deadline) => {
                slots.update(position, State::Locked, |slot| slot.deadline = deadline);
                subscription.wake_at(deadline);
            }
        }
        if subscription.in_flight.at(position).state() == State::Ready {
            // It may be exhausted or past its lifetime: the wake-up decides before anybody receives it again.
            subscription.wake_at(now);
        }
    }
}

fn record(
    stream: &mut Stream,
    index: SubscriptionIndex,
    outcome: Outcome,
    mut done: Vec<u64>,
    now: Timestamp,
    effects: &mut super::Effects,
) {
    if done.is_empty() {
        return;
    }
    done.sort_unstable();
    let events: Runs = done.into_iter().collect();
    match outcome {
        Outcome::Settled => {
            if let Some(subscription) = stream.subscription_mut(index) {
                subscription.in_flight.compact();
            }
            stream.settled(index, events, now, effects);
        }
        Outcome::Parked => {
            effects.step(
                stream.uid,
                now,
                &Step::Parked {
                    index,
                    reason: Reason::Rejected,
                    events,
                },
            );
        }
        Outcome::Released(available) => {
            effects.step(
                stream.uid,
                now,
                &Step::Released {
                    index,
                    available,
                    events,
                },
            );
        }
        Outcome::Renewed(deadline) => {
            effects.step(
                stream.uid,
                now,
                &Step::Renewed {
                    index,
                    deadline,
                    events,
                },
            );
        }
    }
}

fn identity(stream: &Stream) -> u32 {
    checksum(&stream.uid.to_u128().to_le_bytes())
}
