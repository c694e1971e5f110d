//! One event subscription: what waits, what is in flight, who is waiting.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use model::{Timestamp, Uid};

use super::counts::SubscriptionCounts;
use super::effects::{Delivered, ReceiverId};
use super::filter::SubscriptionIndex;
use super::in_flight::{IN_FLIGHT_MAX, InFlight, Reason, Slot, State};
use super::runs::Runs;
use super::times::Times;
use crate::configuration::{FilterConfig, SubscriptionConfig};

/// Receivers that may wait on one subscription; the next one is told to come back later.
pub(crate) const RECEIVERS_MAX: usize = 4096;

/// Undeliverable events that one subscription may have on their way to the dead letters; the others expire in place.
const PARKED_MAX: usize = 256;

/// Events that one wake-up settles or parks at most; it is repeated at once when there are more. Bounds the room that
/// it has to reserve in the log.
pub(crate) const DISPOSED_MAX: usize = 1024;

/// Deadlines are rounded up to this, so that many of them are met by one scan.
const DEADLINE_STEP: Duration = Duration::from_millis(100);

/// Events are delivered for the first time in their order, except that expired ones which still wait for their place in
/// the dead letters are passed over.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) uid: Uid,
    pub(crate) index: SubscriptionIndex,
    pub(crate) name: Arc<str>,
    /// Since when it is not declared.
    pub(crate) closed: Option<Timestamp>,
    /// None until it is declared after a start, and while it is closed: then nothing moves.
    pub(crate) rules: Option<Rules>,
    pub(crate) filter: FilterConfig,
    pub(crate) counts: Arc<SubscriptionCounts>,
    /// Matched and never delivered.
    pub(crate) pending: Runs,
    pub(crate) in_flight: InFlight,
    pub(crate) receivers: VecDeque<Receiver>,
    /// No deadline is earlier than this one.
    pub(crate) wake: Option<Timestamp>,
    /// The wake-up that stands in the timers.
    pub(crate) armed: Option<Timestamp>,
    pub(crate) moving: Moving,
}

/// What becomes of parked events at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Moving {
    /// Nothing.
    #[default]
    Not,
    /// They are about to be read, or being read.
    Queued,
    /// There was no room for them; the next wake-up tries again.
    Refused,
}

/// How a subscription treats events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) lock_duration: Duration,
    pub(crate) max_delivery_count: u16,
    pub(crate) time_to_live: Duration,
    pub(crate) dead_letter: Option<Uid>,
}

/// A receiver that found nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receiver {
    pub(crate) id: ReceiverId,
    pub(crate) max_events: usize,
    pub(crate) deadline: Timestamp,
}

/// What a wake-up decided.
#[derive(Debug, Default)]
pub(crate) struct Disposed {
    pub(crate) settled: Runs,
    pub(crate) parked: Vec<(Reason, Runs)>,
}

impl Rules {
    pub(crate) fn of(config: &SubscriptionConfig, retention: Duration) -> Self {
        Self {
            lock_duration: config.lock_duration,
            max_delivery_count: u16::from(config.max_delivery_count.max(1)),
            time_to_live: config.time_to_live.unwrap_or(retention).min(retention),
            dead_letter: config.dead_letter,
        }
    }

    /// Of the queue `$dead-letters`: it keeps events as long as the topic does.
    pub(crate) fn dead_letters(retention: Duration) -> Self {
        Self {
            lock_duration: Duration::ZERO,
            max_delivery_count: 1,
            time_to_live: retention,
            dead_letter: None,
        }
    }
}

pub(crate) fn rounded_up(time: Timestamp) -> Timestamp {
    let step = DEADLINE_STEP.as_micros() as i64;
    let past = time.as_micros().rem_euclid(step);
    if past == 0 {
        time
    } else {
        time + (DEADLINE_STEP - Duration::from_micros(past.unsigned_abs()))
    }
}

impl Subscription {
    pub(crate) fn new(uid: Uid, index: SubscriptionIndex, name: &str) -> Self {
        Self {
            uid,
            index,
            name: Arc::from(name),
            closed: None,
            rules: None,
            filter: FilterConfig::default(),
            counts: Arc::default(),
            pending: Runs::default(),
            in_flight: InFlight::default(),
            receivers: VecDeque::new(),
            wake: None,
            armed: None,
            moving: Moving::Not,
        }
    }

    /// Something happens at `time`, unless something happens earlier.
    pub(crate) fn wake_at(&mut self, time: Timestamp) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }

    pub(crate) fn push(&mut self, sequence: u64, enqueued: Timestamp) {
        if self.pending.is_empty()
            && let Some(rules) = self.rules
        {
            self.wake_at(enqueued + rules.time_to_live);
        }
        self.pending.push(sequence);
        self.counts.matched.add(1);
    }

    /// Everything that it holds.
    pub(crate) fn sequences(&self) -> impl Iterator<Item = u64> + '_ {
        self.in_flight
            .iter()
            .map(|slot| slot.sequence)
            .chain(self.pending.iter())
    }

    /// Whether a receiver would get something.
    pub(crate) fn has_available(&self) -> bool {
        self.in_flight.ready() > 0 || (!self.pending.is_empty() && self.in_flight.len() < IN_FLIGHT_MAX)
    }

    /// Locks at most `max` events for a receiver: first those that come back, then new ones, each in their order.
    pub(crate) fn take(&mut self, max: usize, now: Timestamp, times: &Times) -> (Timestamp, Vec<Delivered>) {
        let Some(rules) = self.rules else {
            return (now, Vec::new());
        };
        let deadline = rounded_up(now + rules.lock_duration);
        let expired_below = times.expired_below(now, rules.time_to_live, u64::MAX);
        let mut taken = Vec::new();
        self.take_ready(max, deadline, expired_below, rules, now, &mut taken);
        let room = IN_FLIGHT_MAX.saturating_sub(self.in_flight.len());
        // Expired events that the dead letters have no room for must not keep younger ones from their receivers.
        let fresh = self.pending.take_from(expired_below, room.min(max - taken.len()));
        for sequence in fresh {
            let mut slot = Slot::new(sequence, State::Locked);
            slot.deadline = deadline;
            slot.attempted = seconds(now);
            slot.delivery_count = 1;
            self.in_flight.insert(slot);
            taken.push(Delivered {
                sequence,
                delivery_count: 1,
            });
        }
        // A time to live that was made longer lets passed over events live again, among those delivered since.
        taken.sort_unstable_by_key(|delivered| delivered.sequence);
        if !taken.is_empty() {
            self.wake_at(deadline);
            self.counts.delivered.add(taken.len());
        }
        (deadline, taken)
    }

    fn take_ready(
        &mut self,
        max: usize,
        deadline: Timestamp,
        expired_below: u64,
        rules: Rules,
        now: Timestamp,
        taken: &mut Vec<Delivered>,
    ) {
        if self.in_flight.ready() == 0 {
            return;
        }
        let mut passed_over = None;
        let positions = self.in_flight.first_ready_position()..self.in_flight.positions().end;
        for position in positions {
            if taken.len() == max || self.in_flight.ready() == 0 {
                break;
            }
            let slot = *self.in_flight.at(position);
            let undeliverable =
                slot.sequence < expired_below || slot.delivery_count >= rules.max_delivery_count;
            if slot.state() != State::Ready {
                continue;
            }
            if undeliverable {
                passed_over.get_or_insert(slot.sequence);
                continue;
            }
            self.in_flight.update(position, State::Locked, |slot| {
                slot.deadline = deadline;
                slot.attempted = seconds(now);
                slot.delivery_count += 1;
            });
            taken.push(Delivered {
                sequence: slot.sequence,
                delivery_count: slot.delivery_count + 1,
            });
        }
        if let Some(from) = passed_over.or_else(|| taken.last().map(|last| last.sequence + 1)) {
            self.in_flight.none_ready_below(from);
        }
    }

    /// The slot that the delivery locked, if the lock still holds.
    pub(crate) fn locked(&self, delivered: Delivered, now: Timestamp) -> Option<usize> {
        let position = self.in_flight.find(delivered.sequence)?;
        let slot = self.in_flight.at(position);
        let holds = slot.state() == State::Locked
            && slot.delivery_count == delivered.delivery_count
            && slot.deadline > now;
        holds.then_some(position)
    }

    /// Undoes deliveries that did not reach anybody; returns which.
    pub(crate) fn take_back(&mut self, events: &[Delivered], now: Timestamp) -> Runs {
        let mut returned = Vec::new();
        for delivered in events {
            let Some(position) = self.in_flight.find(delivered.sequence) else {
                continue;
            };
            let slot = self.in_flight.at(position);
            if slot.state() == State::Locked && slot.delivery_count == delivered.delivery_count {
                self.in_flight
                    .update(position, State::Ready, |slot| slot.delivery_count -= 1);
                returned.push(delivered.sequence);
            }
        }
        self.wake_at(now);
        returned.sort_unstable();
        returned.into_iter().collect()
    }

    /// Takes an event out, wherever it is.
    pub(crate) fn remove(&mut self, sequence: u64) -> bool {
        match self.in_flight.find(sequence) {
            Some(position) => {
                self.in_flight.set(position, State::Settled);
                true
            }
            None => self.pending.remove(sequence),
        }
    }

    /// Takes a range out; returns what was there.
    pub(crate) fn remove_range(&mut self, range: Range<u64>) -> Vec<u64> {
        let mut removed: Vec<u64> = self
            .in_flight
            .iter()
            .map(|slot| slot.sequence)
            .filter(|number| range.contains(number))
            .collect();
        for sequence in &removed {
            self.remove(*sequence);
        }
        while self.pending.first().is_some_and(|first| range.contains(&first)) {
            removed.extend(
                self.pending
                    .pop_range_below(range.end, u64::MAX)
                    .into_iter()
                    .flatten(),
            );
        }
        let rest: Vec<u64> = self
            .pending
            .iter()
            .take_while(|number| *number < range.end)
            .collect();
        removed.extend(
            rest.into_iter()
                .filter(|number| range.contains(number) && self.pending.remove(*number)),
        );
        removed
    }

    /// The slot of an event, made from a pending one if need be. For replays.
    pub(crate) fn slot(&mut self, sequence: u64) -> Option<usize> {
        if self.in_flight.find(sequence).is_none() {
            if !self.pending.remove(sequence) {
                return None;
            }
            self.in_flight.insert(Slot::new(sequence, State::Ready));
        }
        self.in_flight.find(sequence)
    }

    /// Meets every deadline that has passed and finds the next one. Repeats at once if there was too much to do.
    pub(crate) fn meet_deadlines(&mut self, now: Timestamp, times: &Times) -> Disposed {
        let mut disposed = Disposed::default();
        self.wake = None;
        let Some(rules) = self.rules else { return disposed };
        let expired_below = times.expired_below(now, rules.time_to_live, u64::MAX);
        let mut room = DISPOSED_MAX;
        let (mut exhausted, mut expired) = (Runs::default(), Runs::default());
        let mut oldest = None;
        for position in self.in_flight.positions() {
            let slot = *self.in_flight.at(position);
            match slot.state() {
                State::Locked | State::Delayed if slot.deadline > now => {
                    self.wake_at(slot.deadline);
                    continue;
                }
                State::Locked | State::Delayed => self.in_flight.set(position, State::Ready),
                State::Ready => (),
                State::Parked(_) | State::Settled => continue,
            }
            let is_expired = slot.sequence < expired_below;
            if !is_expired && slot.delivery_count < rules.max_delivery_count {
                oldest = oldest.or(Some(slot.sequence));
            } else if room > 0 {
                room -= 1;
                if is_expired {
                    expired.push(slot.sequence)
                } else {
                    exhausted.push(slot.sequence)
                }
            } else {
                self.wake_at(now);
            }
        }
        self.counts.expired.add(expired.len() as usize);
        self.dispose(
            Reason::MaxDeliveryAttemptsExceeded,
            exhausted,
            rules,
            &mut disposed,
        );
        self.dispose(Reason::TimeToLiveExceeded, expired, rules, &mut disposed);
        self.expire_pending(expired_below, room, now, rules, &mut disposed);
        self.in_flight.compact();
        // Events that expired but cannot be parked yet wait for the parked ones, not for the clock.
        let oldest = [oldest, self.pending.first_from(expired_below)];
        let oldest = oldest.into_iter().flatten().min();
        if let Some(enqueued) = oldest.and_then(|oldest| times.of(oldest)) {
            self.wake_at(enqueued + rules.time_to_live);
        }
        disposed
    }

    /// Settles or parks slots.
    fn dispose(&mut self, reason: Reason, events: Runs, rules: Rules, disposed: &mut Disposed) {
        if events.is_empty() {
            return;
        }
        let state = match rules.dead_letter {
            Some(_) => State::Parked(reason),
            None => State::Settled,
        };
        for sequence in events.iter() {
            let position = self.in_flight.find(sequence).expect("only slots are disposed of");
            self.in_flight.set(position, state);
        }
        match rules.dead_letter {
            Some(_) => disposed.parked.push((reason, events)),
            // Both kinds of disposal are in order, but not one after the other.
            None => disposed.settled = merged(&disposed.settled, &events),
        }
    }

    fn expire_pending(
        &mut self,
        expired_below: u64,
        mut room: usize,
        now: Timestamp,
        rules: Rules,
        disposed: &mut Disposed,
    ) {
        let dead_lettered = rules.dead_letter.is_some();
        let mut expired = Runs::default();
        while self.pending.first().is_some_and(|first| first < expired_below) {
            if room == 0 {
                self.wake_at(now);
                break;
            }
            let parkable = PARKED_MAX.saturating_sub(self.in_flight.parked()) as u64;
            let count = if dead_lettered {
                parkable.min(room as u64)
            } else {
                u64::MAX
            };
            let Some(range) = self.pending.pop_range_below(expired_below, count) else {
                break;
            };
            // A run that is dropped as a whole takes as little room in the log as a single event.
            room -= if dead_lettered {
                (range.end - range.start) as usize
            } else {
                1
            };
            if dead_lettered {
                for sequence in range.clone() {
                    let parked = State::Parked(Reason::TimeToLiveExceeded);
                    self.in_flight.insert(Slot::new(sequence, parked));
                }
            }
            expired.push_range(range);
        }
        self.counts.expired.add(expired.len() as usize);
        match dead_lettered {
            _ if expired.is_empty() => (),
            true => disposed.parked.push((Reason::TimeToLiveExceeded, expired)),
            false => disposed.settled = merged(&disposed.settled, &expired),
        }
    }

    /// Receivers that waited long enough; the others' earliest deadline becomes a wake-up.
    pub(crate) fn impatient(&mut self, now: Timestamp) -> Vec<ReceiverId> {
        let mut impatient = Vec::new();
        self.receivers.retain(|receiver| {
            let waits = receiver.deadline > now;
            if !waits {
                impatient.push(receiver.id);
            }
            waits
        });
        if let Some(next) = self.receivers.iter().map(|receiver| receiver.deadline).min() {
            self.wake_at(next);
        } else {
            self.receivers = VecDeque::new();
        }
        impatient
    }

    /// Updates the gauges.
    pub(crate) fn measure(&self) {
        self.counts.in_flight.set(self.in_flight.len() as u64);
        self.counts
            .backlog
            .set(self.in_flight.len() as u64 + self.pending.len());
    }

    /// What it takes, without its filter.
    #[cfg(test)]
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.name.len()
            + size_of::<SubscriptionCounts>()
            + self.pending.heap_bytes()
            + self.in_flight.heap_bytes()
            + self.receivers.capacity() * size_of::<Receiver>()
    }
}

fn merged(left: &Runs, right: &Runs) -> Runs {
    if left.is_empty() || right.is_empty() {
        return left
            .ranges()
            .chain(right.ranges())
            .fold(Runs::default(), |mut runs, range| {
                runs.push_range(range);
                runs
            });
    }
    let mut ranges: Vec<Range<u64>> = left.ranges().chain(right.ranges()).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.into_iter().fold(Runs::default(), |mut runs, range| {
        runs.push_range(range);
        runs
    })
}

pub(crate) fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.as_micros() / 1_000_000).unwrap_or(0)
}
