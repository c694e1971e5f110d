//! Date and time as producers write them: RFC 3339, and what is close to it.
//!
//! Accepted beyond RFC 3339, because clients send it: a space instead of `T`, lower case, an offset without a colon or
//! without minutes, and no offset at all, which means UTC. A leap second counts as the second before it: most readers
//! have no name for it.

use std::borrow::Cow;

use jiff::civil::{Date, DateTime};

const UNIX_EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A moment as it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    text: &'a str,
    /// Without the offset applied.
    local: DateTime,
    /// Digits behind the decimal point; any number of them.
    fraction: &'a str,
    offset_minutes: i32,
    canonical: bool,
}

/// Reads a moment; `None` if it is none, or not within the years 1 to 9999 that readers can hold.
pub(crate) fn parse(text: &str) -> Option<Moment<'_>> {
    let (head, tail) = text.split_at_checked(19)?;
    let head = head.as_bytes();
    let separated = head[4] == b'-' && head[7] == b'-' && head[13] == b':' && head[16] == b':';
    if !separated || !matches!(head[10], b'T' | b't' | b' ') {
        return None;
    }
    let number = |from: usize, to: usize| digits(&head[from..to]);
    let date = Date::new(
        number(0, 4)?,
        i8::try_from(number(5, 7)?).ok()?,
        i8::try_from(number(8, 10)?).ok()?,
    )
    .ok()?;
    let [hour, minute, second] = [number(11, 13)?, number(14, 16)?, number(17, 19)?]
        .map(|value| i8::try_from(value).unwrap_or(i8::MAX));
    if second > 60 {
        return None;
    }
    let local = DateTime::new(
        date.year(),
        date.month(),
        date.day(),
        hour,
        minute,
        second.min(59),
        0,
    )
    .ok()?;
    let (fraction, offset) = split_fraction(tail)?;
    let moment = Moment {
        text,
        local,
        fraction,
        offset_minutes: offset_minutes(offset)?,
        canonical: head[10] == b'T' && offset == "Z" && second < 60,
    };
    moment.utc().map(|_| moment)
}

impl<'a> Moment<'a> {
    /// RFC 3339 in UTC with `T` and `Z`; the fraction as it was.
    pub(crate) fn canonical(&self) -> Cow<'a, str> {
        if self.canonical {
            return Cow::Borrowed(self.text);
        }
        let utc = self.utc().expect("checked when it was parsed");
        let (date, time) = (utc.date(), utc.time());
        let point = if self.fraction.is_empty() { "" } else { "." };
        Cow::Owned(format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{point}{}Z",
            date.year(),
            date.month(),
            date.day(),
            time.hour(),
            time.minute(),
            time.second(),
            self.fraction,
        ))
    }

    /// Microseconds since the Unix epoch; finer digits are cut.
    pub(crate) fn micros(&self) -> Option<i64> {
        let seconds = self.utc()?.duration_since(UNIX_EPOCH).as_secs();
        let micros = self.fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
        let micros = micros.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        seconds.checked_mul(1_000_000)?.checked_add(micros)
    }

    fn utc(&self) -> Option<DateTime> {
        let utc = match self.offset_minutes {
            0 => self.local,
            minutes => self
                .local
                .checked_sub(jiff::SignedDuration::from_mins(i64::from(minutes)))
                .ok()?,
        };
        (1..=9999).contains(&utc.year()).then_some(utc)
    }
}

/// The fraction's digits and what follows them.
fn split_fraction(tail: &str) -> Option<(&str, &str)> {
    let Some(rest) = tail.strip_prefix('.') else {
        return Some(("", tail));
    };
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    (length > 0).then(|| rest.split_at(length))
}

fn offset_minutes(text: &str) -> Option<i32> {
    if matches!(text, "" | "Z" | "z") {
        return Some(0);
    }
    let (sign, text) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest.as_bytes()),
        ("-", rest) => (-1, rest.as_bytes()),
        _ => return None,
    };
    let (hours, minutes) = match text.len() {
        2 => (digits(text)?, 0),
        4 => (digits(&text[..2])?, digits(&text[2..])?),
        5 if text[2] == b':' => (digits(&text[..2])?, digits(&text[3..])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then(|| sign * i32::from(hours * 60 + minutes))
}

/// The number that at most four digits spell.
fn digits(text: &[u8]) -> Option<i16> {
    text.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + i16::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> Option<Cow<'_, str>> {
        parse(text).map(|moment| moment.canonical())
    }

    #[test]
    fn what_is_canonical_stays_as_it_is() {
        for text in [
            "2026-11-22T02:38:15Z",
            "2026-11-22T02:38:15.952943Z",
            "2024-02-29T23:59:59.123456789012Z",
        ] {
            assert!(
                matches!(canonical(text), Some(Cow::Borrowed(same)) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn what_producers_write_becomes_utc_with_the_fraction_kept() {
        for (text, expected) in [
            ("2026-11-22 02:38:15.952943+00:00", "2026-11-22T02:38:15.952943Z"),
            ("2026-11-22t02:38:15z", "2026-11-22T02:38:15Z"),
            ("2026-11-22T02:38:15+02:00", "2026-11-22T00:38:15Z"),
            ("2026-01-01T01:30:00.1000+0530", "2025-12-31T20:00:00.1000Z"),
            ("2026-12-31T23:00:00-02", "2027-01-01T01:00:00Z"),
            ("2026-11-22 02:38:15", "2026-11-22T02:38:15Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-22",
            "2026-11-22T02:38Z",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T00:60:00Z",
            "2026-11-22T00:00:61Z",
            "2026-11-22T00:00:00.Z",
            "2026-11-22T00:00:00+24:00",
            "2026-11-22T00:00:00+1",
            "2026-11-22T00:00:00 UTC",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "2026-11-22T00:00:00ZZ",
            "+026-11-22T00:00:00Z",
            "2026-11-22T00:00:0é",
            "1700000000",
            "2026-11-22T00:00:00+00:0x",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
    }

    #[test]
    fn micros_cut_finer_digits() {
        assert_eq!(
            parse("1970-01-01T00:00:01.5Z").and_then(|moment| moment.micros()),
            Some(1_500_000)
        );
        assert_eq!(
            parse("1969-12-31T23:59:59.1234569Z").and_then(|moment| moment.micros()),
            Some(-876_544)
        );
    }
}
