//! How long ago something was, as people say it.

use std::time::Duration;

/// `42 s`, `5 min`, `3 h`, `12 d`: in the largest unit of which there is one, rounded down.
pub(crate) fn text(age: Duration) -> String {
    let seconds = age.as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "s"),
        60..3_600 => (seconds / 60, "min"),
        3_600..86_400 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (7_199, "1 h"),
            (86_400, "1 d"),
            (1_000_000, "11 d"),
        ] {
            assert_eq!(text(Duration::from_secs(seconds)), expected);
        }
    }
}
