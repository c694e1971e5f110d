//! Somebody who watches a partition without being in a consumer group.

use std::sync::Arc;

use model::ByteCount;

use super::error::{ReceiveError, ReceiverError};
use super::hub::HubState;
use super::partition::Cell;
use super::position::StartPosition;
use super::reader::{Reader, Received};
use crate::Error;

/// Reads a partition as a [`Receiver`](crate::Receiver) does, but takes nobody's place and counts as no receiver. It holds
/// what it read ahead, which is at most about what one call of [`Follower::next`] may return.
#[derive(Debug)]
pub struct Follower {
    hub: Arc<HubState>,
    reader: Reader,
}

impl Follower {
    pub(super) fn start(
        hub: &Arc<HubState>,
        cell: &Arc<Cell>,
        start: StartPosition,
    ) -> Result<Self, ReceiveError> {
        check_declared(hub)?;
        let reader = Reader::new(&hub.shared, cell, start)?;
        // So that it finds the newest events in memory.
        cell.state().receiver_came();
        Ok(Self {
            hub: hub.clone(),
            reader,
        })
    }

    /// The partition's place in its hub, from 0.
    pub fn partition(&self) -> u32 {
        self.reader.cell.index
    }

    /// The next events in their order, as soon as there is one: at most `events_max`, and not more than `bytes_max`
    /// together unless the first one is longer. Only durable events are seen.
    ///
    /// # Errors
    /// Gone, Closed; Unavailable, after which it may be called again.
    ///
    /// # Cancel safety
    /// Cancel safe: events that were not returned are returned by the next call.
    pub async fn next(
        &mut self,
        events_max: usize,
        bytes_max: ByteCount,
    ) -> Result<Vec<Received>, ReceiverError> {
        let hub = &self.hub;
        let check = || {
            hub.check_declared().map_err(|error| match error {
                Error::Closed => ReceiverError::Closed,
                _ => ReceiverError::Gone,
            })
        };
        self.reader.next(events_max, bytes_max, check).await
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.reader.cell.state().receiver_went();
    }
}

/// For those who only look.
pub(super) fn check_declared(hub: &HubState) -> Result<(), ReceiveError> {
    hub.check_declared().map_err(|error| match error {
        Error::Closed => ReceiveError::Closed,
        _ => ReceiveError::NotFound,
    })
}
