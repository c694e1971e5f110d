//! The dates of Azure Storage.

use model::Timestamp;

/// Reads the date of a header, `Sun, 22 Nov 2026 03:05:10 GMT` (RFC 9110, section 5.6.7).
pub(super) fn of_header(text: &str) -> Option<Timestamp> {
    let moment = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_micros(moment.timestamp().as_microsecond()))
}

/// Reads the date of a SAS in any of its lengths: `2026-11-22`, `2026-11-22T03:05Z`, `2026-11-22T03:05:10Z`. All are UTC.
pub(super) fn of_sas(text: &str) -> Option<Timestamp> {
    const DATE: usize = "2026-11-22".len();
    const MINUTE: usize = "2026-11-22T03:05Z".len();
    let with_seconds = match text.len() {
        DATE => format!("{text}T00:00:00Z"),
        MINUTE => format!("{}:00Z", text.strip_suffix('Z')?),
        _ => text.strip_suffix('Z').map(|_| text.to_owned())?,
    };
    with_seconds.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_s_date_is_read() {
        let expected: Timestamp = "2026-11-22T03:05:10Z".parse().unwrap();
        assert_eq!(of_header("Sun, 22 Nov 2026 03:05:10 GMT"), Some(expected));
        for bad in [
            "",
            "yesterday",
            "2026-11-22T03:05:10Z",
            "Sun, 32 Nov 2026 03:05:10 GMT",
        ] {
            assert_eq!(of_header(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_sas_date_is_read_in_every_length_as_utc() {
        for (text, expected) in [
            ("2026-11-22", "2026-11-22T00:00:00Z"),
            ("2026-11-22T03:05Z", "2026-11-22T03:05:00Z"),
            ("2026-11-22T03:05:10Z", "2026-11-22T03:05:10Z"),
            ("2026-11-22T03:05:10.1234567Z", "2026-11-22T03:05:10.123456Z"),
        ] {
            assert_eq!(of_sas(text), Some(expected.parse().unwrap()), "{text}");
        }
        for bad in [
            "",
            "soon",
            "2026-11-22T03:05:10",
            "2026-11-22T03:05:10+01:00",
            "2026-13-22",
        ] {
            assert_eq!(of_sas(bad), None, "{bad}");
        }
    }
}
