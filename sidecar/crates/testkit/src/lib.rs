//! For tests only: a clock that is set by hand, the moment at which tests begin, and a Kubernetes API server in memory.

mod api_server;

use model::Timestamp;
use runtime::Clock;

pub use api_server::{ApiServer, Request, kubeconfig};

/// The moment at which tests begin: 2026-01-01T00:00:00Z.
pub fn time_zero() -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000)
}

/// A clock that stands at [`time_zero`] until it is moved.
pub fn clock() -> Clock {
    Clock::manual(time_zero())
}
