//! One look at all pages.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;

use crate::metrics::Metrics;
use crate::open::settle;
use crate::page::{self, Mark};
use crate::{CheckpointStore, Claim, Entries, PAGES, StoreError};

/// How many pages are written at the same time: few enough for an API server, enough that a pass is short.
const AT_ONCE: usize = 4;

type Source = Box<dyn Fn() -> Entries + Send>;

pub(super) struct Pass {
    pub(super) store: Arc<dyn CheckpointStore>,
    pub(super) claim: Claim,
    /// Away while it is being called.
    entries: Option<Source>,
    /// What the store holds; `None` if that has to be found out.
    held: Option<[Option<Mark>; PAGES]>,
    /// What was said to be too large.
    too_large: [bool; PAGES],
    pub(super) metrics: Metrics,
}

/// A page that differs from what the store holds.
struct Pending {
    index: usize,
    mark: Mark,
    bytes: Bytes,
}

impl Pass {
    pub(super) fn new(
        store: Arc<dyn CheckpointStore>,
        claim: Claim,
        entries: Source,
        metrics: Metrics,
    ) -> Self {
        Self {
            store,
            claim,
            entries: Some(entries),
            held: None,
            too_large: [false; PAGES],
            metrics,
        }
    }

    /// Writes what differs, and says how many pages that were. After an error it is not known what was
    /// written and what not; the next pass sees to it.
    pub(super) async fn run(&mut self) -> Result<usize, StoreError> {
        let outcome = self.try_run().await;
        match &outcome {
            Ok(_) | Err(StoreError::Fenced) => {}
            Err(error) => {
                self.metrics.failures.inc();
                if *error == StoreError::Conflict {
                    self.held = None;
                }
            }
        }
        outcome
    }

    async fn try_run(&mut self) -> Result<usize, StoreError> {
        let held = match self.held {
            Some(held) => held,
            None => self.find_out().await?,
        };
        let pending = self.compare(held).await;
        let fitting = self.leave_out_too_large(pending);
        let count = fitting.len();
        self.write(fitting).await.map(|()| count)
    }

    async fn find_out(&mut self) -> Result<[Option<Mark>; PAGES], StoreError> {
        let (claim, stored) = settle(&*self.store, &self.claim).await?;
        self.claim = claim;
        let mut held = [None; PAGES];
        for (index, bytes) in &stored.pages {
            // One that cannot be read is written anew.
            let mark = page::decode(bytes).ok().map(|page| page.mark);
            if let Some(place) = held.get_mut(*index) {
                *place = mark;
            }
        }
        self.held = Some(held);
        Ok(held)
    }

    /// Off the threads that serve: there may be a hundred thousand entries.
    async fn compare(&mut self, held: [Option<Mark>; PAGES]) -> Vec<Pending> {
        let Some(entries) = self.entries.take() else {
            return Vec::new();
        };
        let claim = self.claim.clone();
        let compare = move || {
            let pending = differing(&claim, &entries(), held);
            (entries, pending)
        };
        match tokio::task::spawn_blocking(compare).await {
            Ok((entries, pending)) => {
                self.entries = Some(entries);
                pending
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends.
                Err(_) => Vec::new(),
            },
        }
    }

    fn leave_out_too_large(&mut self, pending: Vec<Pending>) -> Vec<Pending> {
        let limit = self.store.page_bytes_max();
        // One that is not pending is as the store has it, so it is none of them.
        let before = std::mem::take(&mut self.too_large);
        let mut fitting = Vec::with_capacity(pending.len());
        for page in pending {
            let is_too_large = page.bytes.len() > limit;
            self.too_large[page.index] = is_too_large;
            if is_too_large && !before[page.index] {
                tracing::warn!(
                    page = page.index,
                    bytes = page.bytes.len(),
                    "checkpoints outgrew {}, which takes {limit} bytes a page: this page is not copied; delete \
                     checkpoints of consumers that are gone, or let the Namespace copy to an object store",
                    self.store.name()
                );
            }
            if !is_too_large {
                fitting.push(page);
            }
        }
        let count = self.too_large().try_into().unwrap_or_default();
        self.metrics.pages_too_large.set(count);
        fitting
    }

    /// How many pages the last pass left out.
    pub(super) fn too_large(&self) -> usize {
        let too_large = self.too_large.iter();
        too_large.filter(|is_too_large| **is_too_large).count()
    }

    /// All of them, although some may fail: an object that is missing is no reason to neglect the others. A
    /// store that does not answer is not asked for every page.
    async fn write(&mut self, pages: Vec<Pending>) -> Result<(), StoreError> {
        let mut failure = None;
        for some in pages.chunks(AT_ONCE) {
            let writes = some
                .iter()
                .map(|page| self.store.save(&self.claim, page.index, page.bytes.clone()));
            let outcomes = join_all(writes).await;
            for (page, outcome) in some.iter().zip(outcomes) {
                match outcome {
                    Ok(()) => self.on_written(page),
                    Err(error) => failure = Some(worse(failure, error)),
                }
            }
            if matches!(failure, Some(StoreError::Fenced | StoreError::Unavailable(_))) {
                break;
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn on_written(&mut self, page: &Pending) {
        self.metrics.writes.inc();
        self.metrics.bytes.inc_by(page.bytes.len() as u64);
        if let Some(held) = &mut self.held {
            held[page.index] = Some(page.mark);
        }
    }
}

/// The one that decides how to go on.
fn worse(known: Option<StoreError>, new: StoreError) -> StoreError {
    let rank = |error: &StoreError| match error {
        StoreError::Damaged(_) | StoreError::Refused(_) => 0,
        StoreError::Conflict => 1,
        StoreError::Unavailable(_) => 2,
        StoreError::Fenced => 3,
    };
    match known {
        Some(known) if rank(&known) >= rank(&new) => known,
        _ => new,
    }
}

/// The pages that the store holds otherwise, or not at all. One that is empty and was never there stays away.
fn differing(claim: &Claim, entries: &Entries, held: [Option<Mark>; PAGES]) -> Vec<Pending> {
    let sheets = page::sheets(claim.incarnation, &claim.data, entries);
    let differing = sheets
        .iter()
        .enumerate()
        .filter(|(index, sheet)| match held[*index] {
            Some(mark) => mark != sheet.mark,
            None => !sheet.is_empty,
        });
    let pending = differing.map(|(index, sheet)| Pending {
        index,
        mark: sheet.mark,
        bytes: sheet.pack(),
    });
    pending.collect()
}
