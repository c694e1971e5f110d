//! The identifier under which a request appears in its answer and in the log.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::HeaderValue;
use uuid::Uuid;

/// Shown as an upper-case GUID, as Azure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrackingId(Uuid);

/// Makes tracking ids: random-looking, unique per process and, by their random start, across processes. They guard
/// nothing, so asking the kernel for randomness on every request would be a waste.
#[derive(Debug)]
pub(crate) struct TrackingIds {
    seed: u64,
    next: AtomicU64,
}

impl TrackingIds {
    pub(crate) fn new() -> Self {
        let (seed, next) = Uuid::new_v4().as_u64_pair();
        Self {
            seed,
            next: AtomicU64::new(next),
        }
    }

    pub(crate) fn next(&self) -> TrackingId {
        let count = self.next.fetch_add(1, Relaxed);
        let high = scramble(count ^ self.seed);
        let low = scramble(high ^ count);
        TrackingId(uuid::Builder::from_random_bytes(Uuid::from_u64_pair(high, low).into_bytes()).into_uuid())
    }
}

/// The finalizer of SplitMix64: a bijection, so that different counts give different ids.
fn scramble(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl TrackingId {
    pub(crate) fn header_value(self) -> HeaderValue {
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = self.0.hyphenated().encode_upper(&mut buffer);
        HeaderValue::from_str(text).expect("a GUID is printable ASCII")
    }
}

impl fmt::Display for TrackingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        f.write_str(self.0.hyphenated().encode_upper(&mut buffer))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_upper_case_guids_and_do_not_repeat() {
        let ids = TrackingIds::new();
        let seen: HashSet<String> = (0..10_000).map(|_| ids.next().to_string()).collect();
        assert_eq!(seen.len(), 10_000);
        for id in seen {
            assert!(
                id.len() == 36 && !id.bytes().any(|byte| byte.is_ascii_lowercase()),
                "{id}"
            );
        }
    }
}
