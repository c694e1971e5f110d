//! When the state is written down as a whole.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use model::Timestamp;
use storage::{Commit, Log, Position, Table, TableError, Version};

use crate::topics::engine::Engine;

/// The key in the table, and the owner's name in the log.
pub(super) const OWNER: &str = "topics";

/// A start has to replay at most about this much.
const EVERY_BYTES_MAX: u64 = 32 << 20;

/// A small log is snapshotted after this share of it, since it cannot be cleaned beyond the snapshot before the last.
const EVERY_SHARE: u64 = 16;

/// Between two snapshots that are written only because the log is full.
const PRESSED_PAUSE: Duration = Duration::from_millis(500);

/// The log may clean below the older of two snapshots, so what was settled since the last append is won by the second.
const IDLE_SNAPSHOTS: u8 = 2;

/// Writes snapshots, one at a time.
pub(super) struct Snapshots {
    table: Arc<dyn Table>,
    version: Option<Version>,
    every_bytes: u64,
    appended: u64,
    /// Snapshots begun since the last append.
    idle: u8,
    /// The log refused something; until it is cleaned as far as it can be, snapshots are due at these times.
    pressed: Option<Timestamp>,
    last: Option<Commit>,
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
    pub(super) fn new(table: Arc<dyn Table>, version: Option<Version>, log: &dyn Log, replayed: u64) -> Self {
        Self {
            table,
            version,
            every_bytes: EVERY_BYTES_MAX.min(log.usage().capacity.get() / EVERY_SHARE),
            appended: replayed,
            idle: 0,
            pressed: None,
            last: None,
            writing: None,
            durable: None,
        }
    }

    /// Notes what would have to be replayed.
    pub(super) fn appended(&mut self, bytes: usize, commit: &Commit) {
        self.appended += bytes as u64;
        self.idle = 0;
        self.last = Some(commit.clone());
    }

    /// The log had no room. What was settled since the last snapshot can only be cleaned away behind newer ones.
    pub(super) fn press(&mut self, now: Timestamp) {
        self.pressed.get_or_insert(now);
    }

    /// When [`Snapshots::begin_if_due`] wants to be called, if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.pressed.filter(|_| self.writing.is_none())
    }

    pub(super) fn begin_if_due(&mut self, engine: &Engine, log: &dyn Log, now: Timestamp) {
        if self.writing.is_some() {
            return;
        }
        let pressed = self.pressed.is_some_and(|due| due <= now);
        if pressed && self.idle >= IDLE_SNAPSHOTS {
            self.pressed = None;
        } else if pressed || self.appended >= self.every_bytes {
            self.pressed = self.pressed.map(|_| now + PRESSED_PAUSE);
            self.begin(engine, log);
        }
    }

    fn begin(&mut self, engine: &Engine, log: &dyn Log) {
        let position = log.end();
        let value = Bytes::from(engine.encode_snapshot(position.get()));
        let (table, version, last) = (self.table.clone(), self.version, self.last.clone());
        let done = Box::pin(async move {
            // The state must not become durable before the records that it stands for.
            if let Some(commit) = last {
                commit.durable().await;
            }
            table.compare_and_set(OWNER, version, value).await
        });
        self.appended = 0;
        self.idle = self.idle.saturating_add(1);
        self.writing = Some(Writing { position, done });
    }

    /// Resolves once a snapshot that is being written is done; then call [`Snapshots::forget`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn finished(&mut self) {
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
            Err(error) => tracing::error!(%error, "write a snapshot of the topics"),
        }
    }

    pub(super) fn forget(&mut self, log: &dyn Log) {
        if let Some(position) = self.durable.take() {
            log.forget_before(OWNER, position);
        }
    }

    /// The last snapshot, so that the next start has nothing to replay.
    pub(super) async fn finish(&mut self, engine: &Engine, log: &dyn Log) {
        if self.writing.is_some() {
            self.finished().await;
            self.forget(log);
        }
        if self.appended > 0 {
            self.begin(engine, log);
            self.finished().await;
            self.forget(log);
        }
    }
}
