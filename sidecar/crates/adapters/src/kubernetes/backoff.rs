//! How long to wait before the next try.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(100);
/// After a long outage the API server is found again within this time, and all pods together ask it no more often than
/// it can bear.
const LONGEST: Duration = Duration::from_secs(10);

/// Doubles from try to try, and differs from pod to pod.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// It worked.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }

    /// How often it did not work in a row.
    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    /// It did not work.
    pub(crate) fn next(&mut self) -> Duration {
        self.next_with(RandomState::new().build_hasher().finish())
    }

    /// Between half of the delay and all of it, as `chance` says.
    fn next_with(&mut self, chance: u64) -> Duration {
        let delay = FIRST.saturating_mul(1 << self.tries.min(20)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        let share = u32::try_from(chance % 1024).unwrap_or_default();
        delay / 2 + delay / 2 * share / 1024
    }
}

/// When a delay that begins now is over.
pub(crate) fn after(delay: Duration) -> Instant {
    Instant::now() + delay
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_begin_again_after_a_success() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..10).map(|_| backoff.next_with(0).as_millis()).collect();
        assert_eq!(delays, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        assert_eq!(backoff.tries(), 10);
        backoff.reset();
        assert!(backoff.next_with(1023) < FIRST);
        for _ in 0..100 {
            assert!(backoff.next() <= LONGEST);
        }
    }
}
