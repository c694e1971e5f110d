//! Times that were measured one by one.

use std::time::Duration;

#[derive(Debug, Clone, Default)]
pub(super) struct Samples(Vec<Duration>);

impl Samples {
    pub(super) fn add(&mut self, time: Duration) {
        self.0.push(time);
        self.0.sort_unstable();
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The smallest that so many per cent do not exceed; zero if there are none.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }

    pub(super) fn longest(&self) -> Duration {
        self.percentile(100)
    }
}

/// Milliseconds below ten seconds, seconds above.
pub(super) fn readable(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_samples() {
        let mut samples = Samples::default();
        for milliseconds in (1..=100).rev() {
            samples.add(Duration::from_millis(milliseconds));
        }
        assert_eq!(samples.percentile(50), Duration::from_millis(50));
        assert_eq!(samples.percentile(99), Duration::from_millis(99));
        assert_eq!(samples.longest(), Duration::from_millis(100));
    }
}
