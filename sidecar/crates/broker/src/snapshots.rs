//! When the state of an owner of the log is written down as a whole.

mod first;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use model::Timestamp;
use storage::{Full, Log, Position, Reservation, Table, TableError, Version};
use tokio::sync::{Notify, watch};

pub(crate) use self::first::FirstSnapshot;

/// A start has to replay at most about this much, or [`SNAPSHOTS`] if they are larger.
const EVERY_BYTES_MAX: u64 = 32 << 20;

/// As much is appended as that many snapshots are long before the next one: a large state must not be most of what is
/// written.
const SNAPSHOTS: u64 = 2;

/// A small log is snapshotted after this share of it, since it cannot be cleaned beyond the snapshot before the last.
const EVERY_SHARE: u64 = 16;

/// Between two snapshots that are written only because the log is full.
const PRESSED_PAUSE: Duration = Duration::from_millis(500);

/// The log may clean below the older of two snapshots, so what was settled since the last append is won by the second.
const IDLE_SNAPSHOTS: u8 = 2;

/// Owners are told this often, between two snapshots, how far the log has grown.
const STEPS: u64 = 8;

/// Who keeps a state of its own over the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogOwner {
    Topics,
    Hubs,
    Checkpoints,
}

impl LogOwner {
    /// The key in the table, and the owner's name in the log.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Topics => "topics",
            Self::Hubs => "hubs",
            Self::Checkpoints => "checkpoints",
        }
    }
}

/// How much was appended since the start, by whomever, and whether the log refused something.
///
/// It can be cleaned as far as *every* owner has a snapshot. So each of them is due as the whole log grows, even if it has
/// nothing to say.
#[derive(Debug)]
pub(crate) struct Growth {
    every_bytes: u64,
    /// The most that [`EVERY_SHARE`] allows.
    share: u64,
    appended: AtomicU64,
    shown: AtomicU64,
    signals: [Signal; 3],
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Signal {
    is_pressed: AtomicBool,
    changed: Notify,
}

impl Growth {
    pub(crate) fn new(log: &dyn Log) -> Self {
        let share = log.usage().capacity.get() / EVERY_SHARE;
        Self {
            every_bytes: share.clamp(STEPS, EVERY_BYTES_MAX),
            share,
            appended: AtomicU64::new(0),
            shown: AtomicU64::new(0),
            signals: Default::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Grows with what was appended and shown since the start; told when an owner has done what it had to do.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Tells whoever follows the changes that there were some, if there were.
    pub(crate) fn announce(&self) {
        let changes = self.appended() + self.shown.load(Ordering::Relaxed);
        if *self.changes.borrow() != changes {
            self.changes.send_if_modified(|told| {
                let is_news = *told < changes;
                *told = changes.max(*told);
                is_news
            });
        }
    }

    /// Events that were announced when they were appended are durable, and readers see them only now.
    pub(crate) fn show(&self) {
        self.shown.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes what would have to be replayed.
    pub(crate) fn add(&self, bytes: usize) {
        let step = self.every_bytes / STEPS;
        let before = self.appended.fetch_add(bytes as u64, Ordering::Relaxed);
        if before / step != (before + bytes as u64) / step {
            self.signals.iter().for_each(|signal| signal.changed.notify_one());
        }
    }

    /// The log had no room. What was settled since the last snapshots can only be cleaned away behind newer ones.
    pub(crate) fn press_if(&self, full: Full) {
        if matches!(full, Full::Log | Full::Stream) {
            for signal in &self.signals {
                if !signal.is_pressed.swap(true, Ordering::Relaxed) {
                    signal.changed.notify_one();
                }
            }
        }
    }

    /// Resolves when a snapshot of this owner may have become due.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn changed(&self, owner: LogOwner) {
        self.signal(owner).changed.notified().await;
    }

    fn signal(&self, owner: LogOwner) -> &Signal {
        match owner {
            LogOwner::Topics => &self.signals[0],
            LogOwner::Hubs => &self.signals[1],
            LogOwner::Checkpoints => &self.signals[2],
        }
    }

    fn appended(&self) -> u64 {
        self.appended.load(Ordering::Relaxed)
    }
}

/// Writes the snapshots of one owner, one at a time.
pub(crate) struct Snapshots {
    owner: LogOwner,
    table: Arc<dyn Table>,
    version: Option<Version>,
    growth: Arc<Growth>,
    /// What came after the stored snapshot before this process began.
    replayed: u64,
    /// How far the log had grown when the last snapshot was begun,
    begun_at: u64,
    /// and how many were begun there.
    idle: u8,
    /// How long it was.
    bytes: u64,
    /// Until then the log's refusals change nothing.
    rest_until: Timestamp,
    writing: Option<Writing>,
    /// The position of the newest durable snapshot that the log was not told of.
    durable: Option<Position>,
}

struct Writing {
    position: Position,
    done: BoxFuture<'static, Result<Version, TableError>>,
}

impl Snapshots {
    /// `replayed` bytes came after the stored snapshot: a process that is killed again and again must not have to
    /// replay more each time.
    pub(crate) fn new(
        owner: LogOwner,
        table: Arc<dyn Table>,
        version: Option<Version>,
        growth: Arc<Growth>,
        replayed: u64,
    ) -> Self {
        Self {
            owner,
            table,
            version,
            growth,
            replayed,
            begun_at: 0,
            idle: 0,
            bytes: 0,
            rest_until: Timestamp::default(),
            writing: None,
            durable: None,
        }
    }

    pub(crate) fn owner(&self) -> LogOwner {
        self.owner
    }

    /// Whether there is a durable snapshot.
    pub(crate) fn exists(&self) -> bool {
        self.version.is_some()
    }

    /// When [`Snapshots::begin_if_due`] wants to be called, if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        (self.is_pressed() && self.writing.is_none()).then_some(self.rest_until)
    }

    /// `encode` writes down the effect of everything before the position that it is given; it may contain more.
    pub(crate) fn begin_if_due(
        &mut self,
        log: &dyn Log,
        now: Timestamp,
        encode: impl FnOnce(u64) -> Vec<u8>,
    ) {
        if self.writing.is_some() {
            return;
        }
        let is_pressed = self.is_pressed() && self.rest_until <= now;
        if is_pressed {
            self.rest_until = now + PRESSED_PAUSE;
        }
        if is_pressed && self.idle >= IDLE_SNAPSHOTS && self.begun_at == self.growth.appended() {
            self.signal().is_pressed.store(false, Ordering::Relaxed);
        } else if is_pressed || self.uncovered() >= self.every_bytes() {
            self.begin(log, encode);
        }
    }

    fn signal(&self) -> &Signal {
        self.growth.signal(self.owner)
    }

    fn is_pressed(&self) -> bool {
        self.signal().is_pressed.load(Ordering::Relaxed)
    }

    fn every_bytes(&self) -> u64 {
        let large = self.bytes.saturating_mul(SNAPSHOTS).min(self.growth.share);
        self.growth.every_bytes.max(large)
    }

    /// Bytes that a start would have to replay.
    fn uncovered(&self) -> u64 {
        self.replayed + self.growth.appended() - self.begun_at
    }

    /// Begins one, unless one is being written.
    pub(crate) fn begin(&mut self, log: &dyn Log, encode: impl FnOnce(u64) -> Vec<u8>) {
        if self.writing.is_some() {
            return;
        }
        let appended = self.growth.appended();
        let position = log.end();
        let value = Bytes::from(encode(position.get()));
        self.bytes = value.len() as u64;
        // After the state was looked at: it must not become durable before the records that it stands for, nor before
        // those of others, or else a crash would give the position to records that it does not contain.
        let barrier = log.append(Reservation::none(), &[]);
        let (table, owner, version) = (self.table.clone(), self.owner, self.version);
        let done = Box::pin(async move {
            barrier.durable().await;
            table.compare_and_set(owner.name(), version, value).await
        });
        self.idle = if appended == self.begun_at {
            self.idle.saturating_add(1)
        } else {
            1
        };
        self.begun_at = appended;
        self.replayed = 0;
        self.writing = Some(Writing { position, done });
    }

    /// Resolves once a snapshot that is being written is done; then call [`Snapshots::forget`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn finished(&mut self) {
        let Some(writing) = &mut self.writing else {
            return std::future::pending().await;
        };
        let position = writing.position;
        let result = (&mut writing.done).await;
        self.writing = None;
        match result {
            Ok(version) => {
                self.version = Some(version);
                self.durable = Some(position);
            }
            // The log keeps what the snapshot before needs; the next one is tried after as many bytes again.
            Err(error) => tracing::error!(%error, owner = self.owner.name(), "write a snapshot"),
        }
    }

    pub(crate) fn forget(&mut self, log: &dyn Log) {
        if let Some(position) = self.durable.take() {
            log.forget_before(self.owner.name(), position);
        }
    }

    /// The last snapshot, so that the next start has nothing to replay.
    pub(crate) async fn finish(&mut self, log: &dyn Log, encode: impl FnOnce(u64) -> Vec<u8>) {
        if self.writing.is_some() {
            self.finished().await;
            self.forget(log);
        }
        if self.uncovered() > 0 {
            self.begin(log, encode);
            self.finished().await;
            self.forget(log);
        }
    }
}
