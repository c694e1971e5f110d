//! How old something is, although the wall clock jumps.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use model::Timestamp;

/// Tells what is older than some age by the time that really passed.
///
/// Events carry wall-clock time. When that is set ahead by hours, everything looks as many hours older at once, and nothing
/// must be deleted for that. So what the wall clock moved beyond the monotonic one is a gap in which nothing ages. Jumps
/// from before a start are not known.
#[derive(Clone, Debug, Default)]
pub(super) struct Ages {
    looked: Option<(Timestamp, Instant)>,
    /// Oldest first.
    jumps: VecDeque<Jump>,
}

#[derive(Clone, Copy, Debug)]
struct Jump {
    to: Timestamp,
    by: Duration,
}

/// Less is no jump: clocks are adjusted in small steps all the time.
const JUMP_MIN: Duration = Duration::from_secs(60);

/// Jumps that are remembered; then the two oldest become one.
const JUMPS_MAX: usize = 16;

impl Ages {
    /// Notes what time it is by both clocks.
    pub(super) fn look(&mut self, now: Timestamp, monotonic: Instant) {
        let mut latest = now;
        if let Some((before, then)) = self.looked {
            latest = now.max(before);
            let passed = monotonic.saturating_duration_since(then);
            let by = now.saturating_sub(before).saturating_sub(passed);
            if by >= JUMP_MIN {
                tracing::warn!(?by, "the wall clock jumped ahead; nothing becomes older by that");
                self.jumped(Jump { to: now, by });
            }
        }
        self.looked = Some((latest, monotonic));
    }

    fn jumped(&mut self, jump: Jump) {
        self.jumps.push_back(jump);
        if self.jumps.len() > JUMPS_MAX
            && let Some(oldest) = self.jumps.pop_front()
            && let Some(next) = self.jumps.front_mut()
        {
            // What happened between them is taken for younger than it is.
            next.by += oldest.by;
        }
    }

    /// What was stamped with that time or earlier is at least as old as `age`.
    pub(super) fn before(&self, now: Timestamp, age: Duration) -> Timestamp {
        let mut before = now - age;
        for jump in self.jumps.iter().rev() {
            if before >= jump.to {
                break;
            }
            before = before - jump.by;
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    struct Clocks {
        wall: Timestamp,
        monotonic: Instant,
        ages: Ages,
    }

    impl Clocks {
        fn new() -> Self {
            let mut clocks = Self {
                wall: Timestamp::from_micros(1_000_000_000_000_000),
                monotonic: testkit::clock().monotonic(),
                ages: Ages::default(),
            };
            clocks.look();
            clocks
        }

        fn look(&mut self) {
            self.ages.look(self.wall, self.monotonic);
        }

        fn pass(&mut self, time: Duration) {
            self.wall = self.wall + time;
            self.monotonic += time;
            self.look();
        }

        fn jump(&mut self, by: Duration) {
            self.wall = self.wall + by;
            self.look();
        }

        fn is_outlived(&self, stamp: Timestamp, age: Duration) -> bool {
            stamp <= self.ages.before(self.wall, age)
        }
    }

    #[test]
    fn a_jump_makes_nothing_older_and_time_that_passes_does() {
        let mut clocks = Clocks::new();
        let early = clocks.wall;
        clocks.pass(HOUR);
        clocks.jump(5 * HOUR);
        let late = clocks.wall;
        assert!(clocks.is_outlived(early, HOUR) && !clocks.is_outlived(early, HOUR * 2));
        clocks.pass(HOUR);
        assert!(clocks.is_outlived(early, HOUR * 2) && !clocks.is_outlived(early, HOUR * 3));
        assert!(clocks.is_outlived(late, HOUR) && !clocks.is_outlived(late, HOUR * 2));
        clocks.jump(7 * HOUR);
        clocks.pass(HOUR);
        assert!(clocks.is_outlived(early, HOUR * 3) && !clocks.is_outlived(early, HOUR * 4));
        assert!(clocks.is_outlived(late, HOUR * 2) && !clocks.is_outlived(late, HOUR * 3));
    }

    #[test]
    fn small_steps_are_no_jumps() {
        let mut clocks = Clocks::new();
        let early = clocks.wall;
        clocks.jump(Duration::from_secs(59));
        assert!(clocks.is_outlived(early, Duration::from_secs(59)));
    }

    #[test]
    fn of_many_jumps_none_makes_anything_older_than_it_is() {
        let mut clocks = Clocks::new();
        let mut stamps = Vec::new();
        for _ in 0..3 * JUMPS_MAX {
            stamps.push(clocks.wall);
            clocks.jump(2 * HOUR);
            clocks.pass(HOUR);
        }
        assert_eq!(clocks.ages.jumps.len(), JUMPS_MAX);
        for (age, stamp) in (1..).zip(stamps.iter().rev()) {
            assert!(!clocks.is_outlived(*stamp, HOUR * (age + 1)));
        }
        assert!(clocks.is_outlived(*stamps.last().unwrap(), HOUR));
    }
}
