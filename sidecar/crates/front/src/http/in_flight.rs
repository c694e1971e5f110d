//! Bytes held in memory on behalf of clients, counted against a limit.

use std::sync::Arc;

use model::ByteCount;
use prometheus_client::metrics::gauge::Gauge;

/// A budget shared by all connections of a door. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct InFlight(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    /// The metric is the counter.
    held: Gauge,
    limit: i64,
}

/// Bytes taken from the budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    bytes: i64,
}

impl InFlight {
    /// `held` shows what is taken.
    pub(crate) fn new(limit: ByteCount, held: Gauge) -> Self {
        Self(Arc::new(Budget {
            held,
            limit: i64::try_from(limit.get()).unwrap_or(i64::MAX),
        }))
    }

    /// An empty reservation, to be grown.
    pub(crate) fn reserve_nothing(&self) -> Reservation {
        Reservation {
            budget: self.0.clone(),
            bytes: 0,
        }
    }

    /// Takes `bytes` whether or not they fit: for what is in memory already.
    pub(crate) fn take(&self, bytes: usize) -> Reservation {
        let bytes = signed(bytes);
        self.0.held.inc_by(bytes);
        Reservation {
            budget: self.0.clone(),
            bytes,
        }
    }

    /// Whether nothing more fits.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.0.held.get() >= self.0.limit
    }
}

impl Reservation {
    /// Takes `bytes` more. False, and nothing is taken, if they do not fit.
    #[must_use]
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let bytes = signed(bytes);
        let before = self.budget.held.inc_by(bytes);
        if before.saturating_add(bytes) > self.budget.limit {
            self.budget.held.dec_by(bytes);
            return false;
        }
        self.bytes += bytes;
        true
    }

    /// Takes `bytes` in all. False, and nothing changes, if they do not fit.
    #[must_use]
    pub(crate) fn resize(&mut self, bytes: usize) -> bool {
        let more = signed(bytes) - self.bytes;
        if let Ok(more) = usize::try_from(more) {
            return self.grow(more);
        }
        self.budget.held.inc_by(more);
        self.bytes += more;
        true
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.held.dec_by(self.bytes);
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).expect("no allocation exceeds isize::MAX")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_given_back_and_what_does_not_fit_is_not_taken() {
        let held = Gauge::default();
        let in_flight = InFlight::new(ByteCount(100), held.clone());
        let mut first = in_flight.reserve_nothing();
        assert!(first.grow(60));
        let mut second = in_flight.reserve_nothing();
        assert!(!second.grow(41));
        assert!(second.grow(40));
        assert!(in_flight.is_exhausted());
        assert!(first.resize(10) && !first.resize(61) && first.resize(60));
        drop(first);
        assert_eq!(held.get(), 40);
        drop(second);
        assert_eq!(held.get(), 0);
    }
}
