//! What comes back to the owner from receivers that are gone.

use std::sync::Arc;

use parking_lot::Mutex;
use storage::Commit;
use tokio::sync::Notify;

use crate::LockToken;
use crate::topics::effects::{Delivered, Place, ReceiverId};

/// Filled by `Drop`, which cannot wait for room in a queue. Bounded by what can be handed out: one entry per waiting
/// receiver, and events in flight.
#[derive(Debug, Default)]
pub(crate) struct Returned {
    items: Mutex<Vec<Return>>,
    pub(crate) arrived: Notify,
}

#[derive(Debug)]
pub(crate) enum Return {
    /// The receiver does not wait any more.
    GaveUp(Place, ReceiverId),
    /// The receiver was gone before it got these, or they were too much for one answer.
    Undelivered(Place, Vec<Delivered>),
    /// The log does not have these any more.
    Lost(Place, Vec<u64>),
}

impl Returned {
    pub(crate) fn push(&self, item: Return) {
        self.items.lock().push(item);
        self.arrived.notify_one();
    }

    pub(crate) fn take(&self) -> Vec<Return> {
        std::mem::take(&mut *self.items.lock())
    }
}

/// Tells the owner when the receiver that holds it is dropped while it waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) place: Place,
    pub(crate) receiver: ReceiverId,
    pub(crate) returned: Option<Arc<Returned>>,
}

impl Waiting {
    /// It was answered.
    pub(crate) fn end(mut self) {
        self.returned = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(returned) = self.returned.take() {
            returned.push(Return::GaveUp(self.place, self.receiver));
        }
    }
}

/// Events on their way to a receiver. Wherever it is dropped before it arrived, they go back.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) place: Place,
    pub(crate) events: Vec<(Delivered, LockToken)>,
    /// The receiver may see them once this is durable.
    pub(crate) commit: Commit,
    pub(crate) returned: Arc<Returned>,
}

impl Batch {
    /// The receiver has the first `count`, the others go back. `lost` are those of them that could not be read.
    pub(crate) fn arrived(mut self, count: usize, lost: Vec<u64>) {
        self.events.drain(..count);
        if !lost.is_empty() {
            self.returned.push(Return::Lost(self.place, lost));
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if !self.events.is_empty() {
            let events = self.events.drain(..).map(|(delivered, _)| delivered).collect();
            self.returned.push(Return::Undelivered(self.place, events));
        }
    }
}
