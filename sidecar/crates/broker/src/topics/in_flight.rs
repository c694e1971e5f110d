//! The events of a subscription that were delivered at least once and are not settled, and expired ones on their way to the dead
//! letters.

use std::collections::VecDeque;

use model::Timestamp;

use super::varint::{Malformed, Reader, Writer};

/// Events that one subscription may have in flight; then `receive` gives nothing new until some are settled, and
/// offers again only those whose lock ran out. Memory: 24 bytes each.
pub(crate) const IN_FLIGHT_MAX: usize = 65_536;

/// Why an event could not be delivered. The names are those of the attribute `deadletterreason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reason {
    MaxDeliveryAttemptsExceeded,
    TimeToLiveExceeded,
    Rejected,
}

impl Reason {
    pub(crate) fn from_byte(byte: u8) -> Result<Self, Malformed> {
        match byte {
            0 => Ok(Self::MaxDeliveryAttemptsExceeded),
            1 => Ok(Self::TimeToLiveExceeded),
            2 => Ok(Self::Rejected),
            _ => Err(Malformed),
        }
    }
}

/// What an event in flight waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The next receiver.
    Ready,
    /// Its receiver, until the deadline.
    Locked,
    /// The end of a release delay, at the deadline.
    Delayed,
    /// To be moved to the dead-letter topic.
    Parked(Reason),
    /// Nothing: a tombstone, until the ring is compacted.
    Settled,
}

/// One event in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) sequence: u64,
    /// Of a lock or a delay.
    pub(crate) deadline: Timestamp,
    /// Seconds since the epoch of the last delivery; 0 if there was none.
    pub(crate) attempted: u32,
    pub(crate) delivery_count: u16,
    state: State,
}

const _: () = assert!(size_of::<Slot>() == 24, "an event in flight takes 24 bytes");

impl Slot {
    pub(crate) fn new(sequence: u64, state: State) -> Self {
        Self {
            sequence,
            deadline: Timestamp::default(),
            attempted: 0,
            delivery_count: 0,
            state,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }
}

/// Slots in the order of their sequence numbers, dense, with tombstones that go once they are at the front or many.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    slots: VecDeque<Slot>,
    settled: usize,
    ready: usize,
    parked: usize,
    /// No slot below this number is ready.
    ready_from: u64,
}

impl InFlight {
    /// Unsettled slots.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.settled
    }

    pub(crate) fn ready(&self) -> usize {
        self.ready
    }

    pub(crate) fn parked(&self) -> usize {
        self.parked
    }

    /// Unsettled slots in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.state != State::Settled)
    }

    /// Positions of all slots, tombstones included; valid until the next insertion or [`InFlight::compact`].
    pub(crate) fn positions(&self) -> std::ops::Range<usize> {
        0..self.slots.len()
    }

    pub(crate) fn at(&self, position: usize) -> &Slot {
        &self.slots[position]
    }

    /// Where to begin looking for a ready slot.
    pub(crate) fn first_ready_position(&self) -> usize {
        self.slots.partition_point(|slot| slot.sequence < self.ready_from)
    }

    /// Nothing below `sequence` is ready.
    pub(crate) fn none_ready_below(&mut self, sequence: u64) {
        self.ready_from = sequence;
    }

    /// The position of an unsettled slot.
    pub(crate) fn find(&self, sequence: u64) -> Option<usize> {
        let position = self
            .slots
            .binary_search_by_key(&sequence, |slot| slot.sequence)
            .ok()?;
        (self.slots[position].state != State::Settled).then_some(position)
    }

    /// Adds a slot; almost always at the end.
    pub(crate) fn insert(&mut self, slot: Slot) {
        let position = match self.slots.back() {
            Some(last) if last.sequence >= slot.sequence => {
                self.slots.partition_point(|other| other.sequence < slot.sequence)
            }
            _ => self.slots.len(),
        };
        self.count(slot.state, 1);
        self.note_ready(slot.state, slot.sequence);
        self.slots.insert(position, slot);
    }

    pub(crate) fn update(&mut self, position: usize, state: State, change: impl FnOnce(&mut Slot)) {
        let slot = &mut self.slots[position];
        let before = std::mem::replace(&mut slot.state, state);
        change(slot);
        let sequence = slot.sequence;
        self.count(before, -1);
        self.count(state, 1);
        self.note_ready(state, sequence);
    }

    pub(crate) fn set(&mut self, position: usize, state: State) {
        self.update(position, state, |_| ());
    }

    fn count(&mut self, state: State, by: isize) {
        let counter = match state {
            State::Ready => &mut self.ready,
            State::Parked(_) => &mut self.parked,
            State::Settled => &mut self.settled,
            State::Locked | State::Delayed => return,
        };
        *counter = counter.strict_add_signed(by);
    }

    fn note_ready(&mut self, state: State, sequence: u64) {
        if state == State::Ready {
            self.ready_from = self.ready_from.min(sequence);
        }
    }

    /// Drops tombstones; call it after settling.
    pub(crate) fn compact(&mut self) {
        while self
            .slots
            .front()
            .is_some_and(|slot| slot.state == State::Settled)
        {
            self.slots.pop_front();
            self.settled -= 1;
        }
        if self.settled > 64 && self.settled > self.slots.len() / 2 {
            self.slots.retain(|slot| slot.state != State::Settled);
            self.settled = 0;
        }
        if self.slots.is_empty() && self.slots.capacity() > 256 {
            self.slots = VecDeque::new();
        }
    }

    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.number(self.len() as u64);
        let mut previous = 0;
        for slot in self.iter() {
            writer.number(slot.sequence - previous);
            previous = slot.sequence;
            writer.time(slot.deadline);
            writer.number(u64::from(slot.attempted));
            writer.number(u64::from(slot.delivery_count));
            match slot.state {
                State::Ready | State::Settled => writer.byte(0),
                State::Locked => writer.byte(1),
                State::Delayed => writer.byte(2),
                State::Parked(reason) => writer.byte(3 + reason as u8),
            }
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut in_flight = Self::default();
        let mut sequence = 0_u64;
        for _ in 0..reader.count()? {
            sequence = sequence.checked_add(reader.number()?).ok_or(Malformed)?;
            let mut slot = Slot::new(sequence, State::Ready);
            slot.deadline = reader.time()?;
            slot.attempted = reader.number_as()?;
            slot.delivery_count = reader.number_as()?;
            slot.state = match reader.byte()? {
                0 => State::Ready,
                1 => State::Locked,
                2 => State::Delayed,
                byte => State::Parked(Reason::from_byte(byte - 3)?),
            };
            in_flight.insert(slot);
        }
        Ok(in_flight)
    }
}
