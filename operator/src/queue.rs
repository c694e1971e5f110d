//! Which Kubernetes namespace is looked at next.
//!
//! A machine without IO or clock: whoever drives it passes `now`. A key is marked when something in it changed; it is
//! taken by one worker at a time, and what is marked meanwhile is taken again afterwards. Marks of one key coalesce, so
//! the number of keys bounds everything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// First pause after an error.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause after an error.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Longest rest after work that kept a processor busy.
const LONGEST_REST: Duration = Duration::from_millis(500);

/// How a key came back from its worker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// All is done, or waits for something that will mark the key.
    Done {
        /// When to look again, even if nothing marks the key.
        again_at: Option<Instant>,
        /// How long a processor was kept busy. The key rests for as long, so that a large namespace under constant
        /// change takes at most half of a processor, and its changes are taken together.
        busy: Duration,
    },
    /// Something failed that may succeed later. The key is taken again after a pause, which doubles from 0.1 s to 30 s
    /// with every failure in a row; marks do not shorten it.
    Failed {
        /// From 0 to 1: where in the upper half of the pause it lies, so that many that failed together do not come
        /// back together.
        jitter: f64,
    },
}

/// Keys that wait, rest, or are being worked on.
#[derive(Debug, Default)]
pub struct Queue {
    ready: VecDeque<String>,
    keys: BTreeMap<String, Entry>,
    timers: BTreeSet<(Instant, String)>,
}

#[derive(Debug, Default)]
struct Entry {
    marked: bool,
    taken: bool,
    queued: bool,
    failures: u32,
    /// Not to be taken before this, marked or not.
    not_before: Option<Instant>,
    /// To be taken then, marked or not.
    again_at: Option<Instant>,
    timer: Option<Instant>,
}

impl Queue {
    /// Something in `key` changed.
    pub fn mark(&mut self, key: &str, now: Instant) {
        self.keys.entry(key.to_owned()).or_default().marked = true;
        self.settle(key, now);
    }

    /// `key` is to be looked at no later than `at`.
    pub fn mark_at(&mut self, key: &str, at: Instant, now: Instant) {
        let entry = self.keys.entry(key.to_owned()).or_default();
        entry.again_at = Some(entry.again_at.map_or(at, |known| known.min(at)));
        self.settle(key, now);
    }

    /// The next key to work on. It stays with the caller until [`Queue::put_back`].
    pub fn take(&mut self, now: Instant) -> Option<String> {
        self.wake(now);
        let key = self.ready.pop_front()?;
        let entry = self.keys.entry(key.clone()).or_default();
        (entry.queued, entry.marked, entry.taken) = (false, false, true);
        (entry.again_at, entry.not_before) = (None, None);
        self.forget_timer(&key);
        Some(key)
    }

    /// Ends the work on a key that was taken.
    pub fn put_back(&mut self, key: &str, outcome: Outcome, now: Instant) {
        let entry = self.keys.entry(key.to_owned()).or_default();
        entry.taken = false;
        match outcome {
            Outcome::Done { again_at, busy } => {
                entry.failures = 0;
                entry.not_before = Some(now + busy.min(LONGEST_REST)).filter(|at| *at > now);
                entry.again_at = match (entry.again_at, again_at) {
                    (Some(known), Some(new)) => Some(known.min(new)),
                    (known, new) => known.or(new),
                };
            }
            Outcome::Failed { jitter } => {
                let pause = pause(entry.failures, jitter);
                entry.failures = entry.failures.saturating_add(1);
                entry.not_before = Some(now + pause);
                entry.again_at = Some(now + pause);
            }
        }
        self.settle(key, now);
    }

    /// Ends all work without an outcome: the workers were stopped. What they had is taken again.
    pub fn put_back_all(&mut self, now: Instant) {
        let taken = self.keys.iter().filter(|(_, entry)| entry.taken);
        let taken: Vec<String> = taken.map(|(key, _)| key.clone()).collect();
        for key in taken {
            if let Some(entry) = self.keys.get_mut(&key) {
                (entry.taken, entry.marked) = (false, true);
            }
            self.settle(&key, now);
        }
    }

    /// When [`Queue::take`] may have something that it has not now.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// How many keys wait for a worker.
    pub fn depth(&self) -> usize {
        self.ready.len()
    }

    /// Whether a worker could take something now.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    fn wake(&mut self, now: Instant) {
        while let Some((at, key)) = self.timers.first().filter(|(at, _)| *at <= now).cloned() {
            self.timers.remove(&(at, key.clone()));
            if let Some(entry) = self.keys.get_mut(&key) {
                entry.timer = None;
            }
            self.settle(&key, now);
        }
    }

    /// Brings queue and timers in line with what the entry says.
    fn settle(&mut self, key: &str, now: Instant) {
        let Some(entry) = self.keys.get_mut(key) else {
            return;
        };
        if entry.taken || entry.queued {
            return;
        }
        let wanted = if entry.marked { Some(now) } else { entry.again_at };
        let due = wanted.map(|at| entry.not_before.map_or(at, |floor| at.max(floor)));
        if due.is_some_and(|at| at <= now) {
            entry.queued = true;
            self.ready.push_back(key.to_owned());
            return self.forget_timer(key);
        }
        // Without anything to do, the end of the rest is still waited for: it is when the key can be forgotten.
        let wake = due.or(entry.not_before).filter(|at| *at > now);
        if wake.is_none() {
            self.forget_timer(key);
            self.keys.remove(key);
        } else if entry.timer != wake {
            self.forget_timer(key);
            if let (Some(at), Some(entry)) = (wake, self.keys.get_mut(key)) {
                entry.timer = Some(at);
                self.timers.insert((at, key.to_owned()));
            }
        }
    }

    fn forget_timer(&mut self, key: &str) {
        if let Some(at) = self.keys.get_mut(key).and_then(|entry| entry.timer.take()) {
            self.timers.remove(&(at, key.to_owned()));
        }
    }
}

/// The pause after the failure number `failures` (from 0) in a row.
fn pause(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_PAUSE
        .saturating_mul(1 << failures.min(16))
        .min(LONGEST_PAUSE);
    doubled.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn start() -> Instant {
        runtime::Clock::system().monotonic()
    }

    fn done() -> Outcome {
        Outcome::Done {
            again_at: None,
            busy: Duration::ZERO,
        }
    }

    #[test]
    fn marks_of_one_key_coalesce() {
        let (mut queue, now) = (Queue::default(), start());
        for _ in 0..10 {
            queue.mark("shop", now);
        }
        assert_eq!(queue.take(now).as_deref(), Some("shop"));
        assert_eq!(queue.take(now), None);
    }

    #[test]
    fn a_key_that_is_marked_while_it_is_worked_on_is_taken_again_afterwards() {
        let (mut queue, now) = (Queue::default(), start());
        queue.mark("shop", now);
        let key = queue.take(now).unwrap();
        queue.mark("shop", now);
        assert_eq!(queue.take(now), None, "one worker at a time");
        queue.put_back(&key, done(), now);
        assert_eq!(queue.take(now).as_deref(), Some("shop"));
    }

    #[test]
    fn failures_double_the_pause_and_a_success_resets_it() {
        let (mut queue, now) = (Queue::default(), start());
        let mut at = now;
        queue.mark("shop", at);
        for pause in [100, 200, 400] {
            let key = queue.take(at).unwrap();
            queue.put_back(&key, Outcome::Failed { jitter: 1.0 }, at);
            queue.mark("shop", at);
            assert_eq!(
                queue.take(at + (pause - 1) * MS),
                None,
                "a mark does not shorten the pause"
            );
            assert_eq!(queue.next_deadline(), Some(at + pause * MS));
            at += pause * MS;
        }
        let key = queue.take(at).unwrap();
        queue.put_back(&key, done(), at);
        queue.mark("shop", at);
        let key = queue.take(at).unwrap();
        queue.put_back(&key, Outcome::Failed { jitter: 1.0 }, at);
        assert_eq!(queue.next_deadline(), Some(at + 100 * MS));
    }

    #[test]
    fn a_deadline_brings_a_key_back_without_a_mark() {
        let (mut queue, now) = (Queue::default(), start());
        queue.mark("shop", now);
        let key = queue.take(now).unwrap();
        let again = Outcome::Done {
            again_at: Some(now + 50 * MS),
            busy: Duration::ZERO,
        };
        queue.put_back(&key, again, now);
        assert_eq!(queue.take(now + 49 * MS), None);
        assert_eq!(queue.take(now + 50 * MS).as_deref(), Some("shop"));
    }

    #[test]
    fn a_key_rests_for_as_long_as_it_was_busy() {
        let (mut queue, now) = (Queue::default(), start());
        queue.mark("shop", now);
        let key = queue.take(now).unwrap();
        let busy = Outcome::Done {
            again_at: None,
            busy: 30 * MS,
        };
        queue.put_back(&key, busy, now);
        queue.mark("shop", now);
        assert_eq!(queue.take(now + 29 * MS), None);
        assert_eq!(queue.take(now + 30 * MS).as_deref(), Some("shop"));
    }

    #[test]
    fn a_quiet_key_is_forgotten() {
        let (mut queue, now) = (Queue::default(), start());
        queue.mark("shop", now);
        let key = queue.take(now).unwrap();
        queue.put_back(&key, done(), now);
        assert!(queue.keys.is_empty() && queue.timers.is_empty());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Mark(u8),
        MarkAt(u8, u16),
        Take,
        Finish {
            failed: bool,
            again: Option<u16>,
            busy: u16,
        },
        Wait(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..3_u8).prop_map(Step::Mark),
            (0..3_u8, 0..300_u16).prop_map(|(key, at)| Step::MarkAt(key, at)),
            Just(Step::Take),
            (any::<bool>(), proptest::option::of(0..300_u16), 0..50_u16)
                .prop_map(|(failed, again, busy)| Step::Finish { failed, again, busy }),
            (0..400_u16).prop_map(Step::Wait),
        ]
    }

    proptest! {
        /// No mark is ever lost: once everything is put back and time has passed, each key that was marked after it was
        /// last taken is taken again.
        #[test]
        fn no_mark_is_lost(steps in proptest::collection::vec(step(), 0..60)) {
            let mut queue = Queue::default();
            let mut now = start();
            let mut taken: Vec<String> = Vec::new();
            let mut owed: BTreeSet<String> = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Mark(key) => {
                        queue.mark(&key.to_string(), now);
                        owed.insert(key.to_string());
                    }
                    Step::MarkAt(key, at) => {
                        queue.mark_at(&key.to_string(), now + u32::from(at) * MS, now);
                        owed.insert(key.to_string());
                    }
                    Step::Take => {
                        if let Some(key) = queue.take(now) {
                            prop_assert!(!taken.contains(&key), "a key is with one worker at a time");
                            owed.remove(&key);
                            taken.push(key);
                        }
                    }
                    Step::Finish { failed, again, busy } => {
                        if let Some(key) = taken.pop() {
                            let outcome = if failed {
                                owed.insert(key.clone());
                                Outcome::Failed { jitter: 0.5 }
                            } else {
                                let again_at = again.map(|after| now + u32::from(after) * MS);
                                owed.extend(again_at.map(|_| key.clone()));
                                Outcome::Done { again_at, busy: u32::from(busy) * MS }
                            };
                            queue.put_back(&key, outcome, now);
                        }
                    }
                    Step::Wait(ms) => now += u32::from(ms) * MS,
                }
            }
            for key in taken.drain(..) {
                queue.put_back(&key, done(), now);
            }
            while let Some(deadline) = queue.next_deadline().or(queue.is_ready().then_some(now)) {
                now = now.max(deadline);
                while let Some(key) = queue.take(now) {
                    owed.remove(&key);
                    queue.put_back(&key, done(), now);
                }
            }
            prop_assert!(owed.is_empty(), "lost: {owed:?}");
            prop_assert!(queue.keys.is_empty(), "{:?}", queue.keys);
        }
    }
}
