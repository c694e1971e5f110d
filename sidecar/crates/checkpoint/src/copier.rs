//! The task that keeps the copy up to date.

mod pass;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::Duration;

use runtime::TaskScope;
use runtime::metrics::Registry;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::metrics::Metrics;
use crate::{CheckpointStore, Claim, Entries, PAGES, StoreError};
use pass::Pass;

/// How long the first change after a quiet time waits for others: whoever saves a position saves those of all
/// its partitions.
const GATHER: Duration = Duration::from_millis(250);

/// How often the last copy is tried, and what lies between the tries. The process is about to end.
const LAST_TRIES: usize = 3;
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// After a pass that wrote nothing the next one comes this many times earlier than after one that wrote.
const HASTE: u32 = 10;

/// After failures the next try comes no later than after so many pauses of the store.
const PAUSES_MAX: u32 = 3;

/// After so many tries in a row that did not work, which takes half a minute, it is said; before, it is a hiccup.
const TROUBLE_TRIES: u32 = 3;

/// What becomes of the copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CopyState {
    /// It has, or is about to have, whatever changes.
    #[default]
    Current,
    /// Something does not get into it, and is tried again. In words for the user.
    Behind(String),
    /// Another log has taken over; this one writes nothing any more.
    Fenced,
}

/// Copies what changes to a store.
///
/// Changes are gathered: after a pass over all pages that wrote any, the next one begins
/// [`CheckpointStore::pause`] later at the earliest, and only pages whose content differs are written. When
/// its scope is shut down it writes what changed since at once. What fails is tried again for ever, later
/// from time to time. A page that is too large for the store is not written, which is logged once and
/// counted. When another log has taken over, it logs an error and ends.
#[derive(Debug)]
pub struct Copier;

impl Copier {
    /// Starts the task in `scope`. `entries` is called on a thread for blocking work; `changes` says that it
    /// may give something else than before.
    ///
    /// The store need not answer, nor need the claim be in effect in it yet: it is put there as soon as
    /// possible.
    pub fn start(
        store: Arc<dyn CheckpointStore>,
        claim: Claim,
        entries: impl Fn() -> Entries + Send + 'static,
        changes: watch::Receiver<u64>,
        scope: &TaskScope,
        registry: &Registry,
    ) -> watch::Receiver<CopyState> {
        let (state, states) = watch::channel(CopyState::Current);
        let task = Task {
            pass: Pass::new(store, claim, Box::new(entries), Metrics::new(registry)),
            changes,
            state,
            next_at: Instant::now(),
            tries: 0,
            told: None,
            is_due: true,
        };
        scope.spawn("copy checkpoints", task.run(scope.clone()));
        states
    }
}

struct Task {
    pass: Pass,
    changes: watch::Receiver<u64>,
    state: watch::Sender<CopyState>,
    /// No pass before.
    next_at: Instant,
    /// How often it did not work in a row.
    tries: u32,
    /// Why it does not work, as far as it was said.
    told: Option<Discriminant<StoreError>>,
    /// There is, or may be, something to be copied.
    is_due: bool,
}

impl Task {
    async fn run(mut self, scope: TaskScope) {
        loop {
            tokio::select! {
                biased;
                () = scope.cancelled() => break,
                () = self.wait() => {}
            }
            match self.copy().await {
                Ok(written) => self.on_success(written),
                Err(StoreError::Fenced) => return self.on_fenced(),
                Err(error) => self.on_failure(&error),
            }
        }
        self.copy_last().await;
    }

    /// Until a pass has to begin.
    ///
    /// # Cancel safety
    /// Cancel safe: what it found out is kept.
    async fn wait(&mut self) {
        if !self.is_due {
            if self.changes.changed().await.is_err() {
                // Nobody will change anything any more.
                return std::future::pending().await;
            }
            self.is_due = true;
            self.pass.metrics.unsaved.begin();
            self.next_at = self.next_at.max(Instant::now() + GATHER);
        }
        sleep_until(self.next_at).await;
    }

    /// How many pages were written.
    async fn copy(&mut self) -> Result<usize, StoreError> {
        let began = Instant::now();
        self.changes.borrow_and_update();
        let outcome = self.pass.run().await;
        if outcome.is_ok() {
            // What came during the pass may have come at its very beginning.
            self.is_due = self.changes.has_changed().unwrap_or(false);
            self.pass.metrics.unsaved.set(self.is_due.then_some(began));
        }
        outcome
    }

    fn on_success(&mut self, written: usize) {
        if self.tries > 0 {
            tracing::info!("checkpoints are copied to {} again", self.pass.store.name());
        }
        self.tries = 0;
        self.told = None;
        self.tell(match self.pass.too_large() {
            0 => CopyState::Current,
            pages => CopyState::Behind(format!(
                "{pages} of its {PAGES} pages would be larger than the {} bytes that it takes; delete checkpoints of \
                 consumers that are gone, or let the Namespace copy to an object store",
                self.pass.store.page_bytes_max()
            )),
        });
        let pause = self.pass.store.pause();
        self.next_at = Instant::now() + if written > 0 { pause } else { pause / HASTE };
    }

    fn on_failure(&mut self, error: &StoreError) {
        let name = self.pass.store.name();
        match self.tries {
            0 => tracing::warn!("cannot copy checkpoints to {name}: {error}; trying again until it works"),
            _ => tracing::debug!("copy checkpoints to {name}: {error}"),
        }
        self.is_due = true;
        self.pass.metrics.unsaved.begin();
        let chance = RandomState::new().build_hasher().finish();
        self.next_at = Instant::now() + delay(self.pass.store.pause(), self.tries, chance);
        self.tries = self.tries.saturating_add(1);
        // The same trouble is in other words each time: how long it took, which request it was.
        let kind = Some(discriminant(error));
        if self.tries >= TROUBLE_TRIES && self.told != kind {
            self.told = kind;
            self.tell(CopyState::Behind(error.to_string()));
        }
    }

    fn tell(&self, state: CopyState) {
        self.state.send_if_modified(|told| {
            let is_news = *told != state;
            *told = state;
            is_news
        });
    }

    fn on_fenced(&self) {
        self.pass.metrics.is_fenced.set(1);
        self.tell(CopyState::Fenced);
        tracing::error!(
            incarnation = self.pass.claim.incarnation,
            "checkpoints are not copied to {} any more: {}",
            self.pass.store.name(),
            StoreError::Fenced
        );
    }

    /// At once, whatever the pause.
    async fn copy_last(mut self) {
        for tries_left in (0..LAST_TRIES).rev() {
            match self.copy().await {
                Ok(_) => return,
                Err(StoreError::Fenced) => return self.on_fenced(),
                Err(error) if tries_left == 0 => tracing::warn!(
                    "the newest checkpoints are not in {}: {error}; they are on the disk",
                    self.pass.store.name()
                ),
                Err(_) => sleep(LAST_PAUSE).await,
            }
        }
    }
}

/// A pause, then two, then three, and up to a quarter more as `chance` says, so that many pods do not come
/// all at once.
fn delay(pause: Duration, tries: u32, chance: u64) -> Duration {
    let delay = pause * tries.saturating_add(1).min(PAUSES_MAX);
    let share = u32::try_from(chance % 1024).unwrap_or_default();
    delay + delay / 4 * share / 1024
}

#[cfg(test)]
mod tests;
