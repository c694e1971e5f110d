//! What all hubs have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::SequenceNumber;
use parking_lot::Mutex;
use runtime::Clock;
use storage::{Class, Commit, Log, Record, Reservation, StreamId};
use tokio::sync::Notify;

use super::partition::Cell;
use crate::Error;
use crate::error::refused;
use crate::snapshots::Growth;

pub(crate) struct Shared {
    pub(super) log: Arc<dyn Log>,
    pub(super) clock: Clock,
    pub(super) growth: Arc<Growth>,
    /// In the order in which they were appended, or nearly so. Bounded by what the log lets wait for the disk.
    following: Mutex<Vec<Following>>,
    /// Something follows a commit again.
    pub(super) arrived: Notify,
    is_stopping: AtomicBool,
}

/// What has to happen once a commit is durable.
pub(super) struct Following {
    pub(super) commit: Commit,
    pub(super) then: Then,
}

pub(super) enum Then {
    /// Readers may have the events up to this record.
    Show {
        cell: Arc<Cell>,
        record: u64,
        /// What of it is kept in the tail.
        kept_bytes: usize,
    },
    /// The log may forget the records before this one.
    Trim { stream: StreamId, before: u64 },
}

impl Shared {
    pub(super) fn new(log: Arc<dyn Log>, clock: Clock, growth: Arc<Growth>) -> Self {
        Self {
            log,
            clock,
            growth,
            following: Mutex::default(),
            arrived: Notify::new(),
            is_stopping: AtomicBool::new(false),
        }
    }

    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Room in the log. Without it what can be cleaned away is told to the log as soon as possible.
    pub(super) fn reserve(&self, class: Class, stream: StreamId, bytes: usize) -> Result<Reservation, Error> {
        self.log.reserve(class, stream, bytes).map_err(|full| {
            self.growth.press_if(full);
            refused(full)
        })
    }

    pub(super) fn append(&self, room: Reservation, records: &[Record<'_>]) -> Commit {
        let commit = self.log.append(room, records);
        let bytes = records
            .iter()
            .map(|record| storage::footprint(record.payload.len()));
        self.growth.add(bytes.sum());
        commit
    }

    pub(super) fn follow(&self, commit: Commit, then: Then) {
        let following = Following { commit, then };
        let mut queue = self.following.lock();
        let was_empty = queue.is_empty();
        queue.push(following);
        drop(queue);
        if was_empty {
            self.arrived.notify_one();
        }
    }

    pub(super) fn take_following(&self) -> Vec<Following> {
        std::mem::take(&mut *self.following.lock())
    }

    pub(super) fn trim(&self, stream: StreamId, before: u64) {
        self.log.trim_before(stream, SequenceNumber::new(before));
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}
