//! Sizes of storage.

/// Room for an event log: from 32 MiB to 64 TiB, written as a Kubernetes quantity with a whole or short decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StorageSize {
    bytes: u64,
}

impl StorageSize {
    const MIN: u128 = 32 << 20;
    const MAX: u128 = 64 << 40;

    /// A number (at most 14 digits, and 3 decimals) with one of the units `Ki Mi Gi Ti k M G T`, or without for bytes. A
    /// fraction of a byte is dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let thousandths = exact(text)?;
        let range = Self::MIN * 1000..=Self::MAX * 1000;
        let bytes = range.contains(&thousandths).then_some(thousandths / 1000)?;
        Some(Self {
            bytes: u64::try_from(bytes).ok()?,
        })
    }

    /// Its bytes.
    pub const fn as_bytes(self) -> u64 {
        self.bytes
    }
}

/// What a Namespace gets that does not say.
pub const DEFAULT_SIZE: &str = "10Gi";

/// Thousandths of a byte.
pub(crate) fn exact(text: &str) -> Option<u128> {
    let (number, unit) = parts(text);
    Some(thousandths(number)? * unit_bytes(unit)?)
}

/// An amount of anything that a container can ask for.
pub(crate) fn is_quantity(text: &str) -> bool {
    let (number, unit) = parts(text);
    thousandths(number).is_some() && (unit == "m" || unit_bytes(unit).is_some())
}

fn parts(text: &str) -> (&str, &str) {
    let number_len = text
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
        .count();
    text.split_at(number_len)
}

fn thousandths(number: &str) -> Option<u128> {
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 14) || !fraction.is_none_or(|fraction| digits(fraction, 3)) {
        return None;
    }
    let padded = format!("{whole}{:0<3}", fraction.unwrap_or_default());
    padded.parse().ok()
}

fn unit_bytes(unit: &str) -> Option<u128> {
    Some(match unit {
        "" => 1,
        "k" => 1000,
        "M" => 1000_u128.pow(2),
        "G" => 1000_u128.pow(3),
        "T" => 1000_u128.pow(4),
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_kubernetes() {
        for (text, bytes) in [
            ("32Mi", 32 << 20),
            ("10Gi", 10 << 30),
            ("1.5Gi", 3 << 29),
            ("64Ti", 64 << 40),
            ("500M", 500_000_000),
            ("40000k", 40_000_000),
            ("33554432", 32 << 20),
        ] {
            assert_eq!(
                StorageSize::parse(text).map(StorageSize::as_bytes),
                Some(bytes),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_size_or_out_of_range_is_refused() {
        for text in [
            "", "Gi", "10gi", "10GB", "-1Gi", "1e9", ".5Gi", "1.Gi", "1.2345Gi", "31Mi", "65Ti", "1",
            "1..5Gi", "10 Gi",
        ] {
            assert_eq!(StorageSize::parse(text), None, "{text}");
        }
    }
}
