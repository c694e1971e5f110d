//! The one task that looks after all hubs: it follows the commits, and does what nobody asks for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use runtime::TaskScope;
use tokio::sync::oneshot;

use super::hubs::Hubs;
use super::partition::Cell;
use super::shared::{Following, Shared, Then};
use crate::snapshots::Snapshots;

/// Newest records that all partitions together keep in memory for receivers that follow closely: 32 MiB.
const TAIL_BYTES_MAX: usize = 32 << 20;

/// How often it is looked at most what is overdue.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Keeper {
    hubs: Arc<Hubs>,
    shared: Arc<Shared>,
    snapshots: Snapshots,
    /// Resolves once nobody holds the broker any more.
    held: oneshot::Receiver<()>,
    /// About in the order of their commits.
    following: VecDeque<Following>,
    /// What the partitions keep in their tails, oldest first.
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    /// When it is looked again what is overdue.
    tend_at: Option<Timestamp>,
    tended_at: Timestamp,
}

struct Kept {
    cell: Arc<Cell>,
    record: u64,
    bytes: usize,
}

impl Keeper {
    pub(super) fn new(hubs: Arc<Hubs>, snapshots: Snapshots, held: oneshot::Receiver<()>) -> Self {
        Self {
            shared: hubs.shared.clone(),
            hubs,
            snapshots,
            held,
            following: VecDeque::new(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            tend_at: None,
            tended_at: Timestamp::default(),
        }
    }

    /// Until the scope is cancelled or nobody holds the broker any more.
    pub(super) async fn run(mut self, scope: TaskScope) {
        loop {
            let deadlines = [self.tend_at, self.snapshot_at()];
            let deadline = deadlines.into_iter().flatten().min();
            let now = self.shared.clock.now();
            tokio::select! {
                () = scope.cancelled() => break,
                _ = &mut self.held => break,
                () = front_durable(&self.following) => (),
                // Only if nothing is waited for: one wake-up per commit is enough, not one per append.
                () = self.shared.arrived.notified(), if self.following.is_empty() => self.look_soon(),
                () = self.hubs.first.wanted() => (),
                () = self.shared.growth.changed(self.snapshots.owner()) => (),
                () = self.snapshots.finished() => self.on_snapshot(),
                () = sleep(deadline.map(|deadline| deadline.saturating_sub(now))) => (),
            }
            let arrived = self.shared.take_following();
            if !arrived.is_empty() {
                self.look_soon();
            }
            self.following.extend(arrived);
            self.follow();
            let now = self.shared.clock.now();
            if self.tend_at.is_some_and(|time| time <= now) {
                self.tended_at = now;
                // What is overdue and cannot go yet must not be looked at over and over.
                self.tend_at = self.hubs.tend(now).map(|time| time.max(now + PAUSE));
            }
            self.snapshot(now);
            self.shared.growth.announce();
        }
        self.stop().await;
    }

    /// When a snapshot is due, if there are any.
    fn snapshot_at(&self) -> Option<Timestamp> {
        let is_first_stored = self.hubs.first.is_stored();
        self.snapshots.deadline().filter(|_| is_first_stored)
    }

    /// Something was appended or configured, which may have made something overdue.
    fn look_soon(&mut self) {
        let soon = self.tended_at + PAUSE;
        self.tend_at = Some(self.tend_at.map_or(soon, |time| time.min(soon)));
    }

    /// Does what had to wait for its commit.
    fn follow(&mut self) {
        let is_durable = |following: &Following| following.commit.is_durable();
        while self.following.front().is_some_and(is_durable) {
            match self.following.pop_front().map(|following| following.then) {
                Some(Then::Show {
                    cell,
                    record,
                    kept_bytes,
                }) => self.show(cell, record, kept_bytes),
                Some(Then::Trim { stream, before }) => self.shared.trim(stream, before),
                None => (),
            }
        }
    }

    fn show(&mut self, cell: Arc<Cell>, record: u64, bytes: usize) {
        // To look at the state is to let readers have what is durable.
        drop(cell.state());
        self.shared.growth.show();
        if bytes == 0 {
            return;
        }
        self.kept.push_back(Kept { cell, record, bytes });
        self.kept_bytes += bytes;
        while self.kept_bytes > TAIL_BYTES_MAX
            && let Some(oldest) = self.kept.pop_front()
        {
            self.kept_bytes -= oldest.bytes;
            oldest.cell.state().evict(oldest.record);
        }
    }

    fn snapshot(&mut self, now: Timestamp) {
        let hubs = &self.hubs;
        let encode = |position| hubs.encode(position);
        self.snapshots
            .begin_after_first(&hubs.first, &*self.shared.log, now, encode);
    }

    fn on_snapshot(&mut self) {
        self.snapshots.forget(&*self.shared.log);
        self.hubs.first.decided(self.snapshots.exists());
    }

    /// Ends the receivers, finishes what is on its way, and leaves a snapshot.
    async fn stop(mut self) {
        self.hubs.stop();
        loop {
            self.following.extend(self.shared.take_following());
            let Some(first) = self.following.front() else {
                break;
            };
            first.commit.durable().await;
            self.follow();
        }
        let hubs = self.hubs.clone();
        if hubs.first.is_stored() {
            self.snapshots
                .finish(&*self.shared.log, |position| hubs.encode(position))
                .await;
        }
    }
}

async fn front_durable(following: &VecDeque<Following>) {
    match following.front() {
        Some(first) => first.commit.durable().await,
        None => std::future::pending().await,
    }
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}
