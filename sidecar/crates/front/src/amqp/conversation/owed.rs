//! Answers that a client has yet to take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// Of a connection without a grant: enough for what an SDK asks before it has one.
const STRANGERS_BYTES_MAX: usize = 64 << 10;
/// Of one with a grant.
const BYTES_MAX: usize = 1 << 20;
/// What an answer takes in memory besides its bytes, about.
const EACH_BYTES: usize = 64;

/// How many bytes of answers one connection holds.
#[derive(Debug, Default)]
pub(super) struct Debt(Arc<AtomicUsize>);

/// An answer, which counts until it is sent or forgotten.
#[derive(Debug)]
pub(super) struct Owed {
    bytes: Bytes,
    debt: Arc<AtomicUsize>,
}

impl Debt {
    pub(super) fn owe(&self, bytes: Bytes) -> Owed {
        self.0.fetch_add(bytes.len() + EACH_BYTES, Ordering::Relaxed);
        Owed {
            bytes,
            debt: Arc::clone(&self.0),
        }
    }

    /// Whether it is more than such a client may leave waiting.
    pub(super) fn is_too_much(&self, has_grants: bool) -> bool {
        let bytes_max = if has_grants {
            BYTES_MAX
        } else {
            STRANGERS_BYTES_MAX
        };
        self.0.load(Ordering::Relaxed) > bytes_max
    }
}

impl Owed {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.debt
            .fetch_sub(self.bytes.len() + EACH_BYTES, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_until_it_is_gone() {
        let debt = Debt::default();
        let large = debt.owe(Bytes::from(vec![0; STRANGERS_BYTES_MAX]));
        assert!(debt.is_too_much(false));
        assert!(!debt.is_too_much(true));
        let larger = debt.owe(Bytes::from(vec![0; BYTES_MAX]));
        assert!(debt.is_too_much(true));
        drop((large, larger));
        assert!(!debt.is_too_much(false));
    }
}
