//! Sizes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of bytes. Shown in binary units: `1.5 MiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteCount(pub u64);

impl ByteCount {
    /// `value` times 1024 bytes; saturates.
    pub const fn kib(value: u64) -> Self {
        Self(value.saturating_mul(1 << 10))
    }

    /// `value` times 1024 KiB; saturates.
    pub const fn mib(value: u64) -> Self {
        Self(value.saturating_mul(1 << 20))
    }

    /// `value` times 1024 MiB; saturates.
    pub const fn gib(value: u64) -> Self {
        Self(value.saturating_mul(1 << 30))
    }

    /// The plain number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut unit = (63 - self.0.leading_zeros() as usize) / 10;
        let mut tenths = tenths(self.0, unit);
        // 1023.96 KiB would round to 1024.0 KiB.
        if tenths == 10_240 && unit < UNITS.len() {
            unit += 1;
            tenths = 10;
        }
        match tenths % 10 {
            0 => write!(f, "{} {}", tenths / 10, UNITS[unit - 1]),
            rest => write!(f, "{}.{rest} {}", tenths / 10, UNITS[unit - 1]),
        }
    }
}

/// The size in tenths of a unit of 1024^unit bytes, rounded to the nearest.
fn tenths(bytes: u64, unit: usize) -> u64 {
    let scale = 1_u128 << (10 * unit);
    let tenths = (u128::from(bytes) * 10 + scale / 2) / scale;
    u64::try_from(tenths).expect("fewer than 1024 units, so fewer than 10241 tenths")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_shown_in_the_largest_unit_that_fits() {
        let shown = |bytes| ByteCount(bytes).to_string();
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(1023), "1023 B");
        assert_eq!(shown(1024), "1 KiB");
        assert_eq!(shown(1536 << 10), "1.5 MiB");
        assert_eq!(shown((1 << 20) - 1), "1 MiB");
        assert_eq!(shown(u64::MAX), "16 EiB");
        assert_eq!(ByteCount::gib(10).to_string(), "10 GiB");
    }
}
