//! What a loader saw: how much was answered, how soon, and what was refused.

use std::time::{Duration, Instant};

/// Of one round, of all connections together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Accepted, or received.
    pub(crate) events: u64,
    /// Deliveries that were not accepted.
    pub(crate) refused: u64,
    /// What the first of them was told.
    pub(crate) refusal: Option<String>,
    pub(crate) latencies: Latencies,
}

impl Tally {
    pub(crate) fn refuse(&mut self, reason: impl FnOnce() -> String) {
        self.refused += 1;
        self.refusal.get_or_insert_with(reason);
    }
}

/// How often something took so many microseconds. What takes longer than a second counts as a second.
#[derive(Debug)]
pub(crate) struct Latencies {
    counts: Vec<u32>,
    total: u64,
}

const MICROSECONDS: usize = 1_000_000;

impl Default for Latencies {
    fn default() -> Self {
        Self {
            counts: vec![0; MICROSECONDS],
            total: 0,
        }
    }
}

impl Latencies {
    pub(crate) fn add(&mut self, time: Duration) {
        let micros = usize::try_from(time.as_micros()).unwrap_or(usize::MAX);
        self.counts[micros.min(MICROSECONDS - 1)] += 1;
        self.total += 1;
    }

    /// What this part of all, in thousandths, took at most.
    pub(crate) fn quantile(&self, thousandths: u64) -> Duration {
        let wanted = (self.total * thousandths).div_ceil(1000);
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        Duration::from_micros(reached.unwrap_or_default() as u64)
    }
}

/// When what is under way was sent, by its number.
#[derive(Debug)]
pub(crate) struct UnderWay {
    sent: Vec<Instant>,
    count: usize,
}

impl UnderWay {
    /// Room for so many at once; numbers follow each other.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            sent: vec![Instant::now(); most.next_power_of_two()],
            count: 0,
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn sent(&mut self, first: u32, count: usize, now: Instant) {
        for offset in 0..count {
            let place = self.place(first.wrapping_add(offset as u32));
            self.sent[place] = now;
        }
        self.count += count;
    }

    /// Returns how long it took.
    pub(crate) fn answered(&mut self, number: u32, now: Instant) -> Duration {
        self.count -= 1;
        now - self.sent[self.place(number)]
    }

    fn place(&self, number: u32) -> usize {
        number as usize & (self.sent.len() - 1)
    }
}
