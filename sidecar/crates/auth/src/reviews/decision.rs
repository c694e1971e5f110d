//! What was answered to one question about one subject, and for how long that counts.

use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Answer, Key, ReviewError, Reviewer};

/// An allowance counts for so long before it is asked for again: a right that is taken away is gone after that.
const ALLOWED_FOR: Duration = Duration::from_secs(5);
/// A denial counts for so long: a role that is bound helps after that.
const DENIED_FOR: Duration = Duration::from_secs(3);
/// While there are no answers, an allowance lives on for so long since it was last confirmed, so that an API server
/// that is away for a while interrupts nobody.
const GRACE: Duration = Duration::from_secs(10 * 60);
/// A question that found no answer is not asked again for so long: callers need not wait for a Reviewer that is away.
const FAILED_FOR: Duration = Duration::from_secs(3);
/// Where a grace can stand in for the answer, a question is waited for until it is that old. It goes on without those who
/// ask, so that a Reviewer that is only slow is heard.
const PATIENCE: Duration = Duration::from_secs(1);

/// One question about one subject.
#[derive(Default)]
pub(super) struct Decision {
    memory: Arc<Mutex<Memory>>,
    /// The question that is on its way, if there is one. Held by who waits for it; the others then find the answer.
    asking: tokio::sync::Mutex<JoinSet<Answer>>,
}

#[derive(Default)]
struct Memory {
    /// Allowed or not, and since when that counts.
    answered: Option<(bool, Timestamp)>,
    /// Why the question that was asked last had no answer, and when that was known.
    failed: Option<(ReviewError, Timestamp)>,
    /// Since when a question is on its way.
    asked: Option<Instant>,
}

/// When somebody came to ask, by the caller's clock, which goes on while it waits.
#[derive(Clone, Copy)]
pub(super) struct Came {
    now: Timestamp,
    at: Instant,
}

impl Came {
    pub(super) fn at(now: Timestamp) -> Self {
        Self {
            now,
            at: Instant::now(),
        }
    }

    pub(super) fn now(self) -> Timestamp {
        self.now + self.at.elapsed()
    }

    /// Until when it waits, if a grace can stand in for the answer.
    pub(super) fn patience(self) -> Instant {
        self.at + PATIENCE
    }
}

impl Decision {
    /// What counts without asking.
    pub(super) fn standing(&self, now: Timestamp) -> Option<Answer> {
        self.memory.lock().standing(now)
    }

    /// Whether it is an allowance that was confirmed lately enough to count while there is no answer.
    pub(super) fn has_grace(&self, now: Timestamp) -> bool {
        self.memory.lock().has_grace(now)
    }

    /// Asks, unless somebody else does so already: then it waits for that answer. If it shall not wait for longer than
    /// `until`, it does not wait at all for a question that is older than [`PATIENCE`].
    ///
    /// # Cancel safety
    /// A question that is on its way goes on without whoever asked it.
    pub(super) async fn ask(
        &self,
        reviewer: &Arc<dyn Reviewer>,
        key: Key,
        came: Came,
        until: Option<Instant>,
    ) -> Answer {
        let answer = self.answer(reviewer, key, came);
        let Some(until) = until else {
            return answer.await;
        };
        let asked = self.memory.lock().asked;
        let until = asked.map_or(until, |asked| until.min(asked + PATIENCE));
        match tokio::time::timeout_at(until, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                let slow = ReviewError("the answer takes long".to_owned());
                self.memory.lock().without_answer(&slow, came.now())
            }
        }
    }

    async fn answer(&self, reviewer: &Arc<dyn Reviewer>, key: Key, came: Came) -> Answer {
        let mut asking = self.asking.lock().await;
        // One that nobody waited for until its end.
        while asking.try_join_next().is_some() {}
        if let Some(answer) = self.standing(came.now()) {
            return answer;
        }
        if asking.is_empty() {
            let asked = Came::at(came.now());
            let (memory, reviewer) = (Arc::clone(&self.memory), Arc::clone(reviewer));
            memory.lock().asked = Some(asked.at);
            asking.spawn(async move {
                let reviewed = reviewer.review(&key.0, &key.1).await;
                memory.lock().remember(reviewed, asked)
            });
        }
        match asking.join_next().await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) | None => Answer::Unknown("the question came to nothing".to_owned()),
        }
    }
}

impl Memory {
    fn standing(&self, now: Timestamp) -> Option<Answer> {
        let is_within = |moment: Timestamp, span| now.saturating_sub(moment) < span;
        match self.answered {
            Some((true, since)) if is_within(since, ALLOWED_FOR) => return Some(Answer::Allowed),
            Some((false, since)) if is_within(since, DENIED_FOR) => return Some(Answer::Denied),
            _ => {}
        }
        let (error, failed) = self.failed.as_ref()?;
        is_within(*failed, FAILED_FOR).then(|| self.without_answer(error, now))
    }

    /// An allowance counts from the question on, since the right may have gone right after that; a denial and a failure
    /// from the answer on, so that those who waited for it need not ask again.
    fn remember(&mut self, reviewed: Result<bool, ReviewError>, asked: Came) -> Answer {
        self.asked = None;
        match reviewed {
            Ok(allowed) => {
                let since = if allowed { asked.now } else { asked.now() };
                self.answered = Some((allowed, since));
                self.failed = None;
                if allowed { Answer::Allowed } else { Answer::Denied }
            }
            Err(error) => {
                let now = asked.now();
                let answer = self.without_answer(&error, now);
                self.failed = Some((error, now));
                answer
            }
        }
    }

    fn without_answer(&self, error: &ReviewError, now: Timestamp) -> Answer {
        match self.has_grace(now) {
            true => Answer::Allowed,
            false => Answer::Unknown(error.0.clone()),
        }
    }

    fn has_grace(&self, now: Timestamp) -> bool {
        matches!(self.answered, Some((true, confirmed)) if now.saturating_sub(confirmed) < GRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_000_000_000);

    fn after(seconds: u64) -> Timestamp {
        START + Duration::from_secs(seconds)
    }

    fn away() -> Result<bool, ReviewError> {
        Err(ReviewError("away".into()))
    }

    #[tokio::test(start_paused = true)]
    async fn an_allowance_counts_for_five_seconds_and_a_denial_for_three() {
        let mut memory = Memory::default();
        assert_eq!(memory.standing(START), None);
        memory.remember(Ok(true), Came::at(START));
        assert_eq!(memory.standing(after(4)), Some(Answer::Allowed));
        assert_eq!(memory.standing(after(5)), None);
        memory.remember(Ok(false), Came::at(after(5)));
        assert_eq!(memory.standing(after(7)), Some(Answer::Denied));
        assert_eq!(memory.standing(after(8)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_allowance_outlives_ten_minutes_without_answers_from_its_last_confirmation() {
        let mut memory = Memory::default();
        memory.remember(Ok(true), Came::at(START));
        memory.remember(Ok(true), Came::at(after(60)));
        assert_eq!(memory.remember(away(), Came::at(after(659))), Answer::Allowed);
        assert_eq!(
            memory.remember(away(), Came::at(after(660))),
            Answer::Unknown("away".into())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_denial_has_no_grace_and_ends_that_of_the_allowance_before_it() {
        let mut memory = Memory::default();
        memory.remember(Ok(true), Came::at(START));
        memory.remember(Ok(false), Came::at(after(5)));
        assert_eq!(
            memory.remember(away(), Came::at(after(8))),
            Answer::Unknown("away".into())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_no_answer_is_asked_again_after_three_seconds() {
        let mut memory = Memory::default();
        memory.remember(Ok(true), Came::at(START));
        memory.remember(away(), Came::at(after(5)));
        assert_eq!(memory.standing(after(7)), Some(Answer::Allowed));
        assert_eq!(memory.standing(after(8)), None);
        memory.remember(Ok(false), Came::at(after(8)));
        assert_eq!(memory.standing(after(9)), Some(Answer::Denied));
    }
}
