//! What a connection is doing, shared between its transport, its requests and the task that drives it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// All of it is touched by the connection's own task only; the atomics are there to please the compiler, not to
/// order anything.
#[derive(Debug, Default)]
pub(crate) struct Phase {
    is_secure: bool,
    busy: AtomicU32,
    requests: AtomicU32,
    stopping: AtomicBool,
    linger: AtomicBool,
    rest: AtomicBool,
    unwatched: AtomicBool,
    upgraded: AtomicBool,
}

impl Phase {
    /// Of a connection over TLS, or of one without.
    pub(crate) fn new(is_secure: bool) -> Self {
        Self {
            is_secure,
            ..Self::default()
        }
    }

    /// Whether the client speaks TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// A request's headers are complete. The request is over when the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        Busy(self.clone())
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Relaxed) > 0
    }

    /// How many requests began, modulo 2^32. A change tells the transport that the head it was reading is complete.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    /// The door is closing: whoever waits for something that may not come should answer now.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// The answer leaves before the request was read to its end: closing at once would make the client's kernel
    /// throw the answer away, so the transport reads on for a moment.
    pub(crate) fn linger(&self) {
        self.linger.store(true, Relaxed);
    }

    pub(crate) fn lingers(&self) -> bool {
        self.linger.load(Relaxed)
    }

    /// The answer switches protocols: after it the connection is no longer HTTP's.
    pub(crate) fn upgrade(&self) {
        self.upgraded.store(true, Relaxed);
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Relaxed)
    }

    /// Nothing has happened for a while, and nothing is left to be written.
    pub(crate) fn rest(&self, rest: bool) {
        self.rest.store(rest, Relaxed);
    }

    pub(crate) fn rests(&self) -> bool {
        self.rest.load(Relaxed)
    }

    /// Whether the transport, when it was last read, ran a clock for the client's next bytes.
    pub(crate) fn watch(&self, watched: bool) {
        self.unwatched.store(!watched, Relaxed);
    }

    /// The client's time should run, and does not.
    pub(crate) fn is_unwatched(&self) -> bool {
        self.unwatched.load(Relaxed) && !self.is_busy()
    }
}

/// A request is being answered.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Phase>);

impl Busy {
    pub(crate) fn phase(&self) -> &Arc<Phase> {
        &self.0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Relaxed);
    }
}
