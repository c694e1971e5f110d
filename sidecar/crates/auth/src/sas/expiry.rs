//! The date formats of the producers of SAS tokens. All mean UTC unless they say otherwise.

use model::Timestamp;

/// Reads what Python (`2030-01-02 03:04:05+00:00`, `2030-01-02T03:04:05`), JavaScript and .NET (`1/2/2030 3:04:05 AM`;
/// in other cultures of .NET a clock of 24 hours) write.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    // Newer versions of .NET put U+202F, which is whitespace too, before AM and PM.
    let mut words = text.split_whitespace();
    let (date, time, half) = (words.next()?, words.next()?, words.next());
    if words.next().is_some() {
        return None;
    }
    let [month, day, year] = numbers(date, '/')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let hour = match half {
        None => hour,
        Some(half) => twelve_hours(hour, half)?,
    };
    let time = jiff::civil::DateTime::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        0,
    );
    let epoch = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    let seconds = time.ok()?.duration_since(epoch).as_secs();
    seconds.checked_mul(1_000_000).map(Timestamp::from_micros)
}

fn twelve_hours(hour: u16, half: &str) -> Option<u16> {
    let afternoon = if half.eq_ignore_ascii_case("PM") {
        12
    } else if half.eq_ignore_ascii_case("AM") {
        0
    } else {
        return None;
    };
    (1..=12).contains(&hour).then_some(hour % 12 + afternoon)
}

fn numbers(text: &str, separator: char) -> Option<[u16; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let plain = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| part.parse().ok())?
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_producer_s_date_is_read_as_utc() {
        for (text, expected) in [
            ("2030-01-02 03:04:05+00:00", "2030-01-02T03:04:05Z"),
            ("2030-01-02 03:04:05.678901", "2030-01-02T03:04:05.678901Z"),
            ("2030-01-02 03:04:05+05:30", "2030-01-01T21:34:05Z"),
            ("2030-01-02T03:04:05", "2030-01-02T03:04:05Z"),
            ("2030-01-02T03:04:05.5Z", "2030-01-02T03:04:05.5Z"),
            ("1/2/2030 3:04:05 AM", "2030-01-02T03:04:05Z"),
            ("1/2/2030 3:04:05\u{202f}PM", "2030-01-02T15:04:05Z"),
            ("12/31/2030 12:00:00 AM", "2030-12-31T00:00:00Z"),
            ("12/31/2030 12:00:00 pm", "2030-12-31T12:00:00Z"),
            ("01/02/2030 23:04:05", "2030-01-02T23:04:05Z"),
        ] {
            assert_eq!(parse(text), Some(expected.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "never",
            "1893553445",
            "1/2/2030",
            "1/2/2030 3:04 AM",
            "13/2/2030 3:04:05 AM",
            "2/30/2030 3:04:05 AM",
            "1/2/2030 13:04:05 PM",
            "1/2/2030 0:04:05 AM",
            "1/2/2030 24:04:05",
            "1/2/2030 3:04:05 AM UTC",
            "+1/2/2030 3:04:05 AM",
            "1/2/20300 3:04:05 AM",
            "1/2/2030/4 3:04:05",
            "1/2/2030 3:04:05 XM",
            "2030-01-02",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
