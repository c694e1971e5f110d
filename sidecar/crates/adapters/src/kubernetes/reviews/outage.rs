//! Whether reviews can be had, said once when that changes.

use std::time::Duration;

use tokio::time::Instant;

use crate::kubernetes::reach::{News, Reach};

/// Of an API server that is slow some answers come and some do not. It is back once none has been missing for so long.
const CALM: Duration = Duration::from_secs(10);

/// What is known about reviews.
#[derive(Debug, Default)]
pub(super) struct Outage {
    reach: Reach,
    failed_at: Option<Instant>,
}

impl Outage {
    /// A question was answered.
    pub(super) fn on_answer(&mut self, now: Instant) -> Option<News> {
        let is_calm = self.failed_at.is_none_or(|at| now - at >= CALM);
        is_calm.then(|| self.reach.on_answer()).flatten()
    }

    /// A question was not answered.
    pub(super) fn on_failure(&mut self, refused: bool, now: Instant) -> Option<News> {
        self.failed_at = Some(now);
        self.reach.on_failure(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_said_once_and_its_end_once_nothing_has_failed_for_a_while() {
        let (mut outage, start) = (Outage::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(outage.on_answer(start), None);
        assert_eq!(outage.on_failure(false, after(1)), Some(News::WentAway));
        for seconds in 2..60 {
            assert_eq!(outage.on_answer(after(seconds)), None);
            assert_eq!(outage.on_failure(false, after(seconds)), None);
        }
        assert_eq!(outage.on_answer(after(68)), None);
        assert_eq!(outage.on_answer(after(69)), Some(News::IsBack));
        assert_eq!(outage.on_answer(after(70)), None);
        assert_eq!(outage.on_failure(true, after(71)), Some(News::Refuses));
    }
}
