//! How long something that is on its way is waited for before a status says so.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use uuid::Uuid;

/// How long the first status of a generation waits for the pod's report.
pub const FIRST_PATIENCE: Duration = Duration::from_millis(500);
/// How long a status that says `True` is left alone while a change that others caused is on its way.
const LATER_PATIENCE: Duration = Duration::from_secs(2);

/// Since when each object of a Kubernetes namespace has been waiting.
#[derive(Debug, Default)]
pub struct Patience(HashMap<Uuid, Waiting>);

#[derive(Debug)]
struct Waiting {
    generation: Option<i64>,
    since: Instant,
    /// Whether the object was met in the present round.
    met: bool,
}

/// What to do about an object that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Leave its status alone until then.
    Until(Instant),
    /// Say that it waits.
    Over,
}

impl Patience {
    /// Asks about an object that waits. `is_first`: whether its generation has no status yet.
    pub fn ask(&mut self, uid: &str, generation: Option<i64>, is_first: bool, now: Instant) -> Verdict {
        let Ok(uid) = Uuid::parse_str(uid) else {
            return Verdict::Over;
        };
        let waiting = self.0.entry(uid).or_insert(Waiting {
            generation,
            since: now,
            met: true,
        });
        if waiting.generation != generation {
            (waiting.generation, waiting.since) = (generation, now);
        }
        waiting.met = true;
        let until = waiting.since + if is_first { FIRST_PATIENCE } else { LATER_PATIENCE };
        if now < until {
            Verdict::Until(until)
        } else {
            Verdict::Over
        }
    }

    /// Ends a round over all objects: who was not met in it waits no more.
    pub fn end_round(&mut self) {
        self.0
            .retain(|_, waiting| std::mem::replace(&mut waiting.met, false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "00000000-0000-4000-8000-000000000001";

    #[test]
    fn the_first_status_waits_half_a_second_for_each_generation() {
        let start = runtime::Clock::system().monotonic();
        let mut patience = Patience::default();
        let until = start + FIRST_PATIENCE;
        assert_eq!(patience.ask(UID, Some(1), true, start), Verdict::Until(until));
        patience.end_round();
        assert_eq!(patience.ask(UID, Some(1), true, until), Verdict::Over);
        patience.end_round();
        assert_eq!(
            patience.ask(UID, Some(2), true, until),
            Verdict::Until(until + FIRST_PATIENCE)
        );
    }

    #[test]
    fn who_arrived_and_waits_again_starts_anew() {
        let start = runtime::Clock::system().monotonic();
        let mut patience = Patience::default();
        patience.ask(UID, Some(1), false, start);
        patience.end_round();
        patience.end_round();
        let later = start + Duration::from_secs(60);
        assert_eq!(
            patience.ask(UID, Some(1), false, later),
            Verdict::Until(later + LATER_PATIENCE)
        );
    }
}
