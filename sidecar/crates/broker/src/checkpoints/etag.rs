//! What names one version of a blob or container.

use std::fmt;
use std::str::FromStr;

use model::Timestamp;

/// Names one version of a blob or container. No two versions of anything in a Namespace ever have the same one, and a
/// later version has a larger one.
///
/// As text `0x` and 16 hexadecimal digits, without quotes: how many tenths of microseconds after the year 1 began the
/// version was made, or a little more when several were made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ETag(u64);

/// The text is not an ETag of ours, and so not that of any version there ever was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an ETag: expected 0x and hexadecimal digits, as in 0x08DE3F5A0C1B2D40")]
pub struct NotAnETag;

/// Tenths of microseconds from the beginning of the year 1 to that of 1970.
const UNIX_EPOCH: u64 = 621_355_968_000_000_000;

/// How far the numbers of a start lie beyond those that it finds: more than can be on their way to the disk when a machine
/// stops. So a version that was lost before anybody heard of it does not share its ETag with another one, even if the
/// clock stands still.
const SKIP: u64 = 1 << 24;

impl ETag {
    pub(super) const fn new(number: u64) -> Self {
        Self(number)
    }

    pub(super) const fn number(self) -> u64 {
        self.0
    }

    /// That of a version which is made now, after one with `self`.
    pub(super) fn next(self, now: Timestamp) -> Self {
        let micros = u64::try_from(now.as_micros()).unwrap_or_default();
        let ticks = micros.saturating_mul(10).saturating_add(UNIX_EPOCH);
        Self(ticks.max(self.0.saturating_add(1)))
    }

    /// The newest one that a start has to take for given, if `self` is the newest that it found.
    pub(super) fn skipped(self) -> Self {
        Self(self.0.saturating_add(SKIP))
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:016X}", self.0)
    }
}

impl FromStr for ETag {
    type Err = NotAnETag;

    /// With or without quotes, as clients send it back either way.
    fn from_str(text: &str) -> Result<Self, NotAnETag> {
        let text = text.trim();
        let text = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(text);
        let digits = text
            .strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .ok_or(NotAnETag)?;
        u64::from_str_radix(digits, 16).map(Self).map_err(|_| NotAnETag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_comes_back_with_and_without_quotes() {
        let now = Timestamp::from_micros(1_795_905_910_000_000);
        let tag = ETag::new(0).next(now);
        assert_eq!(tag.to_string(), "0x08DF4DA141DD5F00");
        for text in [
            tag.to_string(),
            format!("\"{tag}\""),
            tag.to_string().to_lowercase(),
        ] {
            assert_eq!(text.parse(), Ok(tag));
        }
        for text in [
            "",
            "\"\"",
            "*",
            "0x",
            "0x+1",
            "W/\"0x1\"",
            "0x11112222333344445",
            "8DE",
        ] {
            assert_eq!(text.parse::<ETag>(), Err(NotAnETag), "{text}");
        }
    }

    #[test]
    fn etags_grow_with_time_and_when_time_stands_still() {
        let (early, late) = (Timestamp::from_micros(10), Timestamp::from_micros(20));
        let first = ETag::new(0).next(late);
        let second = first.next(late);
        assert_eq!(second.number(), first.number() + 1);
        assert_eq!(second.next(early).number(), first.number() + 2);
        assert!(first.skipped() > second);
    }
}
