//! ISO 8601 durations, the part of them that has a fixed length.

use std::fmt;

const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;
const MINUTE: u64 = 60;

/// `P[nD][T[nH][nM][nS]]` with at least one part. Years, months and weeks have no place here, and neither have
/// fractions and signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IsoDuration {
    seconds: u64,
}

impl IsoDuration {
    /// A duration to the second: at most 3 digits of days, 4 of hours, 6 of minutes, 8 of seconds.
    pub fn parse(text: &str) -> Option<Self> {
        Self::with_digits(text, [3, 4, 6, 8])
    }

    /// A duration in whole minutes, more than zero: at most 2 digits of days, 3 of hours, 5 of minutes.
    pub fn parse_minutes(text: &str) -> Option<Self> {
        Self::with_digits(text, [2, 3, 5, 0]).filter(|duration| duration.seconds > 0)
    }

    /// So many days.
    pub const fn from_days(days: u64) -> Self {
        Self {
            seconds: days.saturating_mul(DAY),
        }
    }

    /// Its length.
    pub const fn as_seconds(self) -> u64 {
        self.seconds
    }

    fn with_digits(text: &str, [days, hours, minutes, seconds]: [usize; 4]) -> Option<Self> {
        let mut rest = text.strip_prefix('P')?;
        let mut total = part(&mut rest, 'D', days)?.unwrap_or(0) * DAY;
        if rest.is_empty() && text.len() > 1 {
            return Some(Self { seconds: total });
        }
        rest = rest.strip_prefix('T').filter(|time| !time.is_empty())?;
        total += part(&mut rest, 'H', hours)?.unwrap_or(0) * HOUR;
        total += part(&mut rest, 'M', minutes)?.unwrap_or(0) * MINUTE;
        total += part(&mut rest, 'S', seconds)?.unwrap_or(0);
        rest.is_empty().then_some(Self { seconds: total })
    }
}

/// Takes `n` and its unit off the front of `rest`, if they stand there. `None`: the number is too long.
fn part(rest: &mut &str, unit: char, digits_max: usize) -> Option<Option<u64>> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = rest.split_at(digits);
    let Some(after) = after.strip_prefix(unit).filter(|_| digits > 0) else {
        return Some(None);
    };
    if digits > digits_max {
        return None;
    }
    *rest = after;
    number.parse().ok().map(Some)
}

impl fmt::Display for IsoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds } = *self;
        let parts = [
            (seconds / DAY, 'D'),
            (seconds % DAY / HOUR, 'H'),
            (seconds % HOUR / MINUTE, 'M'),
        ];
        f.write_str("P")?;
        if parts[0].0 > 0 {
            write!(f, "{}D", parts[0].0)?;
        }
        if seconds % DAY > 0 || seconds == 0 {
            f.write_str("T")?;
        }
        for (number, unit) in &parts[1..] {
            if *number > 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        if seconds % MINUTE > 0 || seconds == 0 {
            write!(f, "{}S", seconds % MINUTE)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days_and_times_add_up() {
        for (text, seconds) in [
            ("P1D", 86_400),
            ("PT24H", 86_400),
            ("P1DT12H30M5S", 131_405),
            ("PT90M", 5_400),
            ("P0D", 0),
            ("PT0S", 0),
            ("PT30S", 30),
        ] {
            assert_eq!(
                IsoDuration::parse(text).map(IsoDuration::as_seconds),
                Some(seconds),
                "{text}"
            );
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "", "P", "PT", "P1DT", "1D", "P1", "P1M", "P1W", "P1Y", "PT1.5S", "P-1D", "-P1D", "p1d",
            "PT1M1H", "P1D ", "P1000D", "PD",
        ] {
            assert_eq!(IsoDuration::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_duration_in_minutes_has_no_seconds_and_is_not_zero() {
        assert!(IsoDuration::parse_minutes("P1DT1M").is_some());
        for text in ["PT60S", "P0D", "PT0M", "PT0H0M"] {
            assert_eq!(IsoDuration::parse_minutes(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seconds in 0u64..86_400_000) {
            let duration = IsoDuration { seconds };
            prop_assert_eq!(IsoDuration::parse(&duration.to_string()), Some(duration));
        }
    }
}
