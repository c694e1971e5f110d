//! Moments in time.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rfc3339;

/// A moment: microseconds since the Unix epoch, in UTC. Shown as RFC 3339 with `Z`. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest moment there is.
    pub const MAX: Self = Self(i64::MAX);

    /// The moment `micros` microseconds after (or, negative, before) the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// How much time passed since `earlier`; zero if `earlier` is in fact later.
    pub const fn saturating_sub(self, earlier: Self) -> Duration {
        if self.0 <= earlier.0 {
            return Duration::ZERO;
        }
        Duration::from_micros(self.0.abs_diff(earlier.0))
    }
}

/// The text is no date and time such as `2026-01-31T12:00:00Z`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date and time: expected RFC 3339, as in 2026-01-31T12:00:00Z")]
pub struct NotATimestamp;

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    /// Reads RFC 3339, a space instead of `T`, any offset; without an offset it is UTC. Finer digits are cut.
    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        rfc3339::parse(text)
            .and_then(|moment| moment.micros())
            .map(Self)
            .ok_or(NotATimestamp)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    /// Years outside 9999 BC to 9999 AD, which no protocol can write, are shown as that limit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        };
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(limit).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_as_rfc_3339_in_utc() {
        assert_eq!(Timestamp::from_micros(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(
            Timestamp::from_micros(1_700_000_000_123_456).to_string(),
            "2023-11-14T22:13:20.123456Z"
        );
        assert!(Timestamp::MAX.to_string().starts_with("9999-12-"));
    }

    #[test]
    fn what_is_shown_reads_back() {
        for micros in [0, 1, 1_700_000_000_123_456, -1] {
            let moment = Timestamp::from_micros(micros);
            assert_eq!(moment.to_string().parse(), Ok(moment));
        }
        assert_eq!("soon".parse::<Timestamp>(), Err(NotATimestamp));
    }

    #[test]
    fn arithmetic_saturates() {
        let second = Duration::from_secs(1);
        assert_eq!(Timestamp::MAX + second, Timestamp::MAX);
        assert_eq!(
            Timestamp::from_micros(i64::MIN) - second,
            Timestamp::from_micros(i64::MIN)
        );
        assert_eq!(
            Timestamp::from_micros(0).saturating_sub(Timestamp::MAX),
            Duration::ZERO
        );
        assert_eq!(
            (Timestamp::from_micros(5) + second).saturating_sub(Timestamp::from_micros(5)),
            second
        );
    }
}
