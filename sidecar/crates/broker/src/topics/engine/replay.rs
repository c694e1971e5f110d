//! Getting the state back from the log.

use std::ops::Range;

use model::{Timestamp, Uid};
use storage::RecordKind;

use super::Engine;
use crate::topics::effects::Effects;
use crate::topics::event_record::Header;
use crate::topics::filter::SubscriptionIndex;
use crate::topics::in_flight::State;
use crate::topics::journal::Step;
use crate::topics::runs::Runs;
use crate::topics::stream::Stream;
use crate::topics::subscription::{Subscription, seconds};
use crate::topics::varint::{Malformed, Reader};

/// A hole in a stream's numbers that is wider than this is damage.
const HOLE_MAX: u64 = 1 << 28;

/// What a replay saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replayed {
    pub(crate) records: u64,
    /// About streams or subscriptions that do not exist (any more), or known already.
    pub(crate) skipped: u64,
    /// Not understood at all.
    pub(crate) malformed: u64,
}

impl Engine {
    /// Applies one record of the log. Records must come in their order; events that the snapshot knows are skipped.
    pub(crate) fn replay(
        &mut self,
        topic: Uid,
        sequence: u64,
        kind: RecordKind,
        time: Timestamp,
        payload: &[u8],
        seen: &mut Replayed,
    ) {
        seen.records += 1;
        let applied = match kind {
            RecordKind::EVENT => self.replay_event(topic, sequence, time, payload),
            RecordKind::JOURNAL => Step::decode(payload).map(|step| self.replay_step(topic, time, step)),
            _ => Ok(false),
        };
        match applied {
            Ok(true) => (),
            Ok(false) => seen.skipped += 1,
            Err(Malformed) => seen.malformed += 1,
        }
    }

    /// Call it after the last record: what the records left behind is brought in order.
    pub(crate) fn end_replay(&mut self) {
        for stream in self.streams.values_mut() {
            for subscription in stream.existing_mut() {
                subscription.in_flight.compact();
                subscription.measure();
            }
            stream.raise_floor();
        }
        // The log is told what lives; what died before the crash needs no telling.
        self.effects = Effects::default();
    }

    fn replay_event(
        &mut self,
        topic: Uid,
        sequence: u64,
        time: Timestamp,
        payload: &[u8],
    ) -> Result<bool, Malformed> {
        let Some(stream) = self.streams.get_mut(&topic) else {
            return Ok(false);
        };
        if sequence < stream.next {
            return Ok(false);
        }
        if !stream.wants.is_empty() && sequence - stream.next > HOLE_MAX {
            return Err(Malformed);
        }
        let header = Header::decode(&mut Reader::new(payload))?;
        stream.accept_event(sequence, time, &header.matches);
        Ok(true)
    }

    fn replay_step(&mut self, topic: Uid, time: Timestamp, step: Step) -> bool {
        match step {
            Step::Opened { name } => {
                let next = self.first_number(topic);
                let stream = self
                    .streams
                    .entry(topic)
                    .or_insert_with(|| Stream::new(topic, &name, next));
                stream.name = name.into();
                stream.closed = None;
                return true;
            }
            Step::Deleted => {
                let Some(stream) = self.streams.remove(&topic) else {
                    return false;
                };
                self.remember_end(topic, stream.next);
                return true;
            }
            _ => (),
        }
        let Some(stream) = self.streams.get_mut(&topic) else {
            return false;
        };
        stream.replay_step(time, step, &mut self.effects)
    }
}

impl Stream {
    fn replay_step(&mut self, time: Timestamp, step: Step, effects: &mut Effects) -> bool {
        match step {
            Step::Opened { .. } | Step::Deleted => return false,
            Step::Closed => self.closed = Some(time),
            Step::SubscriptionOpened { index, uid, name } => self.replay_opened(index, uid, &name),
            Step::SubscriptionClosed { index } => {
                let Some(subscription) = self.subscription_mut(index) else {
                    return false;
                };
                subscription.closed = Some(time);
            }
            Step::SubscriptionDeleted { index } => self.delete_subscription(index, effects),
            Step::Settled { index, events } => return self.replay_settled(index, &events, effects),
            Step::Delivered {
                index,
                deadline,
                events,
            } => {
                self.note(events.last().map(|(sequence, _)| *sequence));
                let Some(subscription) = self.subscription_mut(index) else {
                    return false;
                };
                for (sequence, count) in events {
                    let Some(position) = subscription.slot(sequence) else {
                        continue;
                    };
                    subscription.in_flight.update(position, State::Locked, |slot| {
                        slot.deadline = deadline;
                        slot.delivery_count = count;
                        slot.attempted = seconds(time);
                    });
                }
            }
            Step::Released {
                index,
                available,
                events,
            } => {
                let state = if available.is_some() {
                    State::Delayed
                } else {
                    State::Ready
                };
                return self.replay_change(index, &events, state, available, 0);
            }
            Step::Undelivered { index, events } => {
                return self.replay_change(index, &events, State::Ready, None, 1);
            }
            Step::Renewed {
                index,
                deadline,
                events,
            } => {
                return self.replay_change(index, &events, State::Locked, Some(deadline), 0);
            }
            Step::Parked {
                index,
                reason,
                events,
            } => {
                return self.replay_change(index, &events, State::Parked(reason), None, 0);
            }
        }
        true
    }

    fn replay_opened(&mut self, index: SubscriptionIndex, uid: Uid, name: &str) {
        match self.subscription_mut(index) {
            Some(subscription) => {
                subscription.closed = None;
                subscription.name = name.into();
            }
            None => self.add_subscription(index, Subscription::new(uid, index, name)),
        }
    }

    fn replay_settled(&mut self, index: SubscriptionIndex, events: &Runs, effects: &mut Effects) -> bool {
        self.note_runs(events);
        let ranges: Vec<Range<u64>> = events.ranges().collect();
        let Some(subscription) = self.subscription_mut(index) else {
            return false;
        };
        let removed: Vec<u64> = ranges
            .into_iter()
            .flat_map(|range| subscription.remove_range(range))
            .collect();
        subscription.in_flight.compact();
        self.unwant(removed, effects);
        true
    }

    fn replay_change(
        &mut self,
        index: SubscriptionIndex,
        events: &Runs,
        state: State,
        deadline: Option<Timestamp>,
        undelivered: u16,
    ) -> bool {
        self.note_runs(events);
        let Some(subscription) = self.subscription_mut(index) else {
            return false;
        };
        for sequence in events.iter() {
            let Some(position) = subscription.slot(sequence) else {
                continue;
            };
            subscription.in_flight.update(position, state, |slot| {
                slot.deadline = deadline.unwrap_or(slot.deadline);
                slot.delivery_count = slot.delivery_count.saturating_sub(undelivered);
            });
        }
        true
    }

    /// A step about a number that no event had: the event was settled and cleaned away before the crash. The number is
    /// taken for good.
    fn note(&mut self, sequence: Option<u64>) {
        if let Some(sequence) = sequence.filter(|sequence| *sequence >= self.next) {
            let is_damage = !self.wants.is_empty() && sequence - self.next > HOLE_MAX;
            if !is_damage {
                self.skip_to(sequence + 1);
            }
        }
    }

    fn note_runs(&mut self, events: &Runs) {
        self.note(events.ranges().last().map(|range| range.end - 1));
    }
}
