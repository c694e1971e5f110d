//! Looking at what is being published.

use bytes::Bytes;
use tokio::sync::broadcast;

/// Events of a topic from now on, as they become durable, whether a subscription wants them or not: those that are
/// published, dead letters that are moved here, and those that are redriven.
#[derive(Debug)]
pub struct Tail {
    events: broadcast::Receiver<Bytes>,
}

/// What a [`Tail`] saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tailed {
    /// The canonical structured JSON of an event.
    Event(Bytes),
    /// The tail was read too slowly: this many events were left out.
    Missed(u64),
}

/// Events that a tail may fall behind before it misses some.
pub(crate) const BEHIND_MAX: usize = 256;

impl Tail {
    pub(crate) fn new(events: broadcast::Receiver<Bytes>) -> Self {
        Self { events }
    }

    /// The next event; None once the topic is gone.
    ///
    /// # Cancel safety
    /// Cancel safe: an event that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Tailed> {
        match self.events.recv().await {
            Ok(event) => Some(Tailed::Event(event)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Tailed::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
