//! Amounts of memory, disk and processor, which the API server respells: `1024Mi` comes back as `1Gi`.

/// Whether the field `field` inside `parent` holds a quantity.
pub(super) fn is_at(field: &str, parent: &str) -> bool {
    matches!(parent, "requests" | "limits") || matches!(field, "sizeLimit" | "divisor")
}

/// Whether two texts stand for the same amount.
pub(super) fn are_equal(one: &str, other: &str) -> bool {
    one == other || parse(one).is_some_and(|amount| parse(other) == Some(amount))
}

/// One unit, as [`parse`] counts.
pub(crate) const ONE: i128 = 1_000_000_000;

/// The amount in billionths, the smallest unit there is; `None` if this is not a quantity, or one beyond all measure.
pub(crate) fn parse(text: &str) -> Option<i128> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '+' | '-'))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = i32::try_from(fraction.len()).ok()?;
    let (factor, exponent) = scale(suffix)?;
    let amount = digits.checked_mul(factor)?;
    let exponent = exponent.checked_sub(places)?.checked_add(9)?;
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    if exponent < 0 {
        Some(amount / power)
    } else {
        amount.checked_mul(power)
    }
}

/// A suffix as a factor and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    let binary = |power: u32| Some((1024_i128.pow(power), 0));
    match suffix {
        "" => Some((1, 0)),
        "n" => Some((1, -9)),
        "u" => Some((1, -6)),
        "m" => Some((1, -3)),
        "k" => Some((1, 3)),
        "M" => Some((1, 6)),
        "G" => Some((1, 9)),
        "T" => Some((1, 12)),
        "P" => Some((1, 15)),
        "E" => Some((1, 18)),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => Some((1, suffix.strip_prefix(['e', 'E'])?.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_amounts_are_equal_however_they_are_written() {
        for (one, other) in [
            ("1Gi", "1024Mi"),
            ("0.5", "500m"),
            ("1.5Gi", "1536Mi"),
            ("1k", "1e3"),
            ("128974848", "123Mi"),
            ("1E", "1000P"),
            ("2", "2.0"),
        ] {
            assert!(are_equal(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("1G", "1Gi"),
            ("500m", "0.6"),
            ("x", "y"),
            ("", "0"),
            ("1Qi", "1Q"),
        ] {
            assert!(!are_equal(one, other), "{one} {other}");
        }
    }
}
