//! The place of a record in its stream.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The place of a record in its stream. Numbers only grow and are never given twice; they may have gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SequenceNumber(u64);

impl SequenceNumber {
    /// The sequence number `value`.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The plain number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number after this one. A stream cannot reach the last one: at a million records a second that takes half
    /// a million years, so the end saturates instead of wrapping to records that exist.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// How many numbers lie between `earlier` and this one; zero if `earlier` is in fact later.
    pub const fn distance(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_never_negative() {
        let three = SequenceNumber::new(3);
        assert_eq!(three.next().get(), 4);
        assert_eq!(three.next().distance(three), 1);
        assert_eq!(three.distance(three.next()), 0);
        assert_eq!(
            SequenceNumber::new(u64::MAX).next(),
            SequenceNumber::new(u64::MAX)
        );
    }
}
