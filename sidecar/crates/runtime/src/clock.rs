//! The one source of time.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use model::Timestamp;
use parking_lot::Mutex;

/// Wall-clock time that never goes back. Cheap to clone; clones share their state.
///
/// Between two readings it advances with the monotonic clock. It follows the machine's wall clock when that moves
/// ahead, and ignores it when it jumps back, so that a lock's deadline survives a correction by NTP.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(Arc<Mutex<Anchor>>),
    Manual(Arc<Mutex<Manual>>),
}

#[derive(Debug)]
struct Anchor {
    wall: Timestamp,
    monotonic: Instant,
}

#[derive(Debug)]
struct Manual {
    now: Timestamp,
    monotonic: Instant,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        let anchor = Anchor {
            wall: wall_now(),
            monotonic: monotonic_now(),
        };
        Self(Source::System(Arc::new(Mutex::new(anchor))))
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it. For tests.
    pub fn manual(start: Timestamp) -> Self {
        let manual = Manual {
            now: start,
            monotonic: monotonic_now(),
        };
        Self(Source::Manual(Arc::new(Mutex::new(manual))))
    }

    /// Wall-clock time; never less than what an earlier call returned.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System(anchor) => anchor.lock().advance(wall_now(), monotonic_now()),
            Source::Manual(manual) => manual.lock().now,
        }
    }

    /// Monotonic time, for measuring how long something took.
    pub fn monotonic(&self) -> Instant {
        match &self.0 {
            Source::System(_) => monotonic_now(),
            Source::Manual(manual) => manual.lock().monotonic,
        }
    }

    /// Moves a manual clock forward.
    ///
    /// # Panics
    /// On the system clock, which nobody can move.
    pub fn advance(&self, by: Duration) {
        let Source::Manual(manual) = &self.0 else {
            panic!("only a manual clock can be moved")
        };
        let mut manual = manual.lock();
        manual.now = manual.now + by;
        manual.monotonic += by;
    }
}

impl Anchor {
    fn advance(&mut self, wall: Timestamp, monotonic: Instant) -> Timestamp {
        let elapsed = monotonic.saturating_duration_since(self.monotonic);
        self.wall = wall.max(self.wall + elapsed);
        self.monotonic = self.monotonic.max(monotonic);
        self.wall
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that everybody else asks"
)]
fn wall_now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock that everybody else asks"
)]
fn monotonic_now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor() -> (Anchor, Instant) {
        let start = monotonic_now();
        (
            Anchor {
                wall: Timestamp::from_micros(1_000_000),
                monotonic: start,
            },
            start,
        )
    }

    #[test]
    fn a_wall_clock_that_jumps_back_does_not_turn_time_back() {
        let (mut anchor, start) = anchor();
        let now = anchor.advance(Timestamp::from_micros(0), start + Duration::from_secs(2));
        assert_eq!(now, Timestamp::from_micros(3_000_000));
    }

    #[test]
    fn a_wall_clock_that_jumps_ahead_is_followed() {
        let (mut anchor, start) = anchor();
        let now = anchor.advance(Timestamp::from_micros(9_000_000), start + Duration::from_secs(2));
        assert_eq!(now, Timestamp::from_micros(9_000_000));
        let later = anchor.advance(Timestamp::from_micros(0), start + Duration::from_secs(3));
        assert_eq!(later, Timestamp::from_micros(10_000_000));
    }

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let clock = Clock::manual(Timestamp::from_micros(5));
        let seen_by_other = clock.clone();
        clock.advance(Duration::from_micros(7));
        assert_eq!(seen_by_other.now(), Timestamp::from_micros(12));
    }
}
