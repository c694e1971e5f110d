//! Chance that can be repeated: a seed is printed by who uses it, and the same seed gives the same choices.

use std::hash::{BuildHasher, RandomState};

/// A xorshift generator. Good enough to choose delays and sizes.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn from_seed(seed: u64) -> Self {
        // A zero state would stay zero for ever.
        Self(seed | 1)
    }

    /// A seed that differs from run to run.
    pub fn new_seed() -> u64 {
        RandomState::new().hash_one(std::process::id())
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number in `0..bound`; `bound` is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}
