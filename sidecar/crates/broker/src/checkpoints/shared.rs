//! What all handles share.

use std::sync::Arc;

use model::Timestamp;
use parking_lot::Mutex;
use runtime::Clock;
use runtime::metrics::Registry;
use smallvec::SmallVec;
use storage::{Class, Commit, Log, Record};

use super::error::CheckpointError;
use super::image::Image;
use super::journal::{self, Draft};
use super::metrics::Metrics;
use super::store::{BYTES_MAX, Change, Steps, Store};
use crate::snapshots::{FirstSnapshot, Growth};

pub(super) struct Shared {
    pub(super) log: Arc<dyn Log>,
    pub(super) clock: Clock,
    pub(super) growth: Arc<Growth>,
    pub(super) state: Mutex<State>,
    pub(super) first: FirstSnapshot,
    metrics: Metrics,
}

/// A lock and not a task of its own, as state of ours usually has: deciding and appending never wait for anything, so that
/// it is held for some microseconds, and the writers of one group commit do not queue up for a wake-up each.
pub(super) struct State {
    pub(super) store: Store,
    /// Of the newest change.
    last: Option<Commit>,
    is_stopping: bool,
}

impl State {
    /// What has to be durable before anybody may be told how things are; None if everything is.
    fn in_flight(&mut self) -> Option<Commit> {
        if self.last.as_ref().is_some_and(Commit::is_durable) {
            self.last = None;
        }
        self.last.clone()
    }
}

impl Shared {
    pub(super) fn new(
        log: Arc<dyn Log>,
        clock: Clock,
        growth: Arc<Growth>,
        registry: &Registry,
        image: Image,
        first: FirstSnapshot,
    ) -> Self {
        let mut store = image.store;
        // The table has to have room for the snapshots.
        store.begin(clock.now(), BYTES_MAX.min(log.usage().capacity.get() / 64));
        let metrics = Metrics::register(registry);
        metrics.holds(&store);
        let state = State {
            store,
            last: None,
            is_stopping: false,
        };
        Self {
            log,
            clock,
            growth,
            state: Mutex::new(state),
            first,
            metrics,
        }
    }

    /// Looks at the state. Resolves once everything is durable that could be seen.
    pub(super) async fn look<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        let (seen, commit) = {
            let mut state = self.state.lock();
            (look(&state.store), state.in_flight())
        };
        durable(commit).await;
        seen
    }

    /// Changes the state as `decide` wants. Resolves once the change, or what it was refused for, is durable.
    pub(super) async fn change<T>(
        &self,
        decide: impl FnOnce(&Store, Timestamp) -> Result<(Steps, T), CheckpointError>,
    ) -> Result<T, CheckpointError> {
        if !self.first.stored().await {
            let is_stopping = self.state.lock().is_stopping;
            return Err(match is_stopping {
                true => CheckpointError::Closed,
                false => CheckpointError::Unavailable,
            });
        }
        let (outcome, commit) = self.decide(decide);
        if let Err(error) = &outcome {
            self.metrics.refused(error);
        }
        durable(commit).await;
        outcome
    }

    /// What came of it, and what has to be durable before anybody is told.
    fn decide<T>(
        &self,
        decide: impl FnOnce(&Store, Timestamp) -> Result<(Steps, T), CheckpointError>,
    ) -> (Result<T, CheckpointError>, Option<Commit>) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if state.is_stopping {
            return (Err(CheckpointError::Closed), None);
        }
        let decided = decide(&state.store, now).and_then(|(steps, value)| {
            self.append(&mut state, steps)?;
            Ok(value)
        });
        if decided.is_ok() {
            self.metrics.wrote(&state.store);
        }
        (decided, state.in_flight())
    }

    fn append(&self, state: &mut State, steps: Steps) -> Result<(), CheckpointError> {
        let class = class(&steps);
        let drafts: SmallVec<[Draft; 2]> = steps.iter().map(Draft::of).collect();
        let bytes = drafts.iter().map(Draft::footprint).sum();
        let room = self
            .log
            .reserve(class, journal::stream(), bytes)
            .inspect_err(|full| self.growth.press_if(*full))?;
        let records: SmallVec<[Record<'_>; 2]> = drafts.iter().map(Draft::record).collect();
        state.last = Some(self.log.append(room, &records));
        for step in steps {
            state.store.apply(step);
        }
        self.growth.add(bytes);
        self.growth.announce();
        Ok(())
    }

    /// From now on nothing is changed.
    pub(super) fn stop(&self) {
        self.state.lock().is_stopping = true;
        self.first.give_up();
    }

    /// Resolves once everything is durable that was changed so far.
    pub(super) async fn flushed(&self) {
        let commit = self.state.lock().in_flight();
        durable(commit).await;
    }
}

/// Positions of consumers are new data. They release no event, unlike the settlements of a subscription, and as many can
/// come as consumers like, so they must not have the reserve that lets settlements make room on a full disk. A deletion
/// makes the snapshots smaller, and there cannot be more of them than there are blobs.
fn class(steps: &Steps) -> Class {
    let deletes = |change: &Change| matches!(change, Change::Deleted | Change::BlobDeleted { .. });
    match steps.iter().all(|step| deletes(&step.change)) {
        true => Class::Settle,
        false => Class::Publish,
    }
}

async fn durable(commit: Option<Commit>) {
    if let Some(commit) = commit {
        commit.durable().await;
    }
}
