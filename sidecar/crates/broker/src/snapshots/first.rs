//! The first snapshot of an owner that had none when the log began.

use tokio::sync::{Notify, watch};

use super::Snapshots;
use model::Timestamp;
use storage::Log;

/// Whether an owner of the log has a snapshot that writes nothing down before it has one, if only of nothing.
///
/// A start without a snapshot knows by that that the log holds nothing of the owner's. A log that is older than what the
/// owner keeps has long forgotten its beginning, and looking for it would report damage.
#[derive(Debug)]
pub(crate) struct FirstSnapshot {
    state: watch::Sender<First>,
    wanted: Notify,
}

/// How it stands with the first snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// Nobody needs one yet.
    NotWanted,
    Wanted,
    Failed,
    Stored,
}

impl FirstSnapshot {
    pub(crate) fn new(exists: bool) -> Self {
        let first = match exists {
            true => First::Stored,
            false => First::NotWanted,
        };
        Self {
            state: watch::Sender::new(first),
            wanted: Notify::new(),
        }
    }

    /// Whether there is one, without asking for it.
    pub(crate) fn is_stored(&self) -> bool {
        *self.state.borrow() == First::Stored
    }

    /// Asks for one, unless there is one.
    pub(crate) fn want(&self) {
        let is_news = self.state.send_if_modified(|first| {
            let asks = matches!(first, First::NotWanted | First::Failed);
            if asks {
                *first = First::Wanted;
            }
            asks
        });
        if is_news {
            self.wanted.notify_one();
        }
    }

    /// Asks for one and waits for it. False if it failed or was given up.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn stored(&self) -> bool {
        if self.is_stored() {
            return true;
        }
        self.want();
        let mut state = self.state.subscribe();
        let decided = state.wait_for(|first| *first != First::Wanted).await;
        decided.is_ok_and(|first| *first == First::Stored)
    }

    /// For the owner: somebody asks.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// For the owner: a snapshot was written, or failed to be.
    pub(crate) fn decided(&self, exists: bool) {
        let outcome = match exists {
            true => First::Stored,
            false => First::Failed,
        };
        self.state.send_if_modified(|first| {
            let is_news = *first != outcome;
            *first = outcome;
            is_news
        });
    }

    /// For the owner: none will be written any more.
    pub(crate) fn give_up(&self) {
        self.state.send_if_modified(|first| {
            let waits = *first == First::Wanted;
            if waits {
                *first = First::Failed;
            }
            waits
        });
    }
}

impl Snapshots {
    /// As [`Snapshots::begin_if_due`]; but the first one is begun once somebody wants it.
    pub(crate) fn begin_after_first(
        &mut self,
        first: &FirstSnapshot,
        log: &dyn Log,
        now: Timestamp,
        encode: impl FnOnce(u64) -> Vec<u8>,
    ) {
        let state = *first.state.borrow();
        match state {
            First::NotWanted | First::Failed => (),
            First::Wanted => self.begin(log, encode),
            First::Stored => self.begin_if_due(log, now, encode),
        }
    }
}
