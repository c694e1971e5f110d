//! A receiver that is connected to a partition in a consumer group.

use std::pin::pin;
use std::sync::Arc;

use model::ByteCount;

use super::consumer_group::Seat;
use super::error::{ReceiveError, ReceiverError};
use super::hub::HubState;
use super::partition::Cell;
use super::position::StartPosition;
use super::reader::{Reader, Received};

/// How a receiver connects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiverOptions {
    /// What others are told who meet it.
    pub name: Option<String>,
    /// With an epoch it reads alone; see [`ReceiveError`].
    pub epoch: Option<i64>,
}

/// A receiver; dropping it frees its place. All that it holds while it waits is its position; otherwise also what it read
/// ahead, which is at most about what one call of [`Receiver::next`] may return.
#[derive(Debug)]
pub struct Receiver {
    hub: Arc<HubState>,
    group: String,
    seat: Arc<Seat>,
    reader: Reader,
}

impl Receiver {
    pub(super) fn connect(
        hub: &Arc<HubState>,
        cell: &Arc<Cell>,
        group: &str,
        start: StartPosition,
        options: ReceiverOptions,
    ) -> Result<Self, ReceiveError> {
        if hub.shared.is_stopping() {
            return Err(ReceiveError::Closed);
        }
        // A mistake in the position must not cost anybody the place.
        let reader = Reader::new(&hub.shared, cell, start)?;
        let seat = Arc::new(Seat::new(options, reader.position()));
        hub.groups.lock().take(group, cell.index, &seat)?;
        cell.state().receiver_came();
        cell.changed.notify_waiters();
        Ok(Self {
            hub: hub.clone(),
            group: String::from(group),
            seat,
            reader,
        })
    }

    /// The next events in their order, as soon as there is one: at most `events_max`, and not more than `bytes_max`
    /// together unless the first one is longer. Only durable events are seen.
    ///
    /// # Errors
    /// See [`ReceiverError`]. After Unavailable it may be called again.
    ///
    /// # Cancel safety
    /// Cancel safe: events that were not returned are returned by the next call.
    pub async fn next(
        &mut self,
        events_max: usize,
        bytes_max: ByteCount,
    ) -> Result<Vec<Received>, ReceiverError> {
        let (hub, seat) = (&self.hub, &self.seat);
        let events = self
            .reader
            .next(events_max, bytes_max, || check(hub, seat))
            .await?;
        self.seat.moved(self.reader.position());
        self.hub.counts.went_out(&events);
        Ok(events)
    }

    /// Resolves when it gets no more events, with the reason: for whoever has no use for events at the moment.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn ended(&self) -> ReceiverError {
        loop {
            let mut changed = pin!(self.reader.cell.changed.notified());
            changed.as_mut().enable();
            if let Err(reason) = check(&self.hub, &self.seat) {
                return reason;
            }
            changed.await;
        }
    }

    /// The sequence number from which on it has seen nothing yet; 0 while it waits for its first event.
    pub fn position(&self) -> u64 {
        self.seat.position()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let cell = &self.reader.cell;
        self.hub.groups.lock().leave(&self.group, cell.index, &self.seat);
        cell.state().receiver_went();
    }
}

fn check(hub: &HubState, seat: &Seat) -> Result<(), ReceiverError> {
    match seat.ended() {
        Some(reason) => Err(reason.clone()),
        None if hub.shared.is_stopping() => Err(ReceiverError::Closed),
        None => Ok(()),
    }
}
