//! When the state is written down as a whole.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use storage::{Commit, Log, Position, Table, TableError, Version};

use crate::topics::engine::Engine;

/// The key in the table, and the owner's name in the log.
pub(super) const OWNER: &str = "topics";

/// A start has to replay at most about this much.
const EVERY_BYTES: usize = 32 << 20;

/// Writes snapshots, one at a time.
pub(super) struct Snapshots {
    table: Arc<dyn Table>,
    version: Option<Version>,
    appended: usize,
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
    pub(super) fn new(table: Arc<dyn Table>, version: Option<Version>) -> Self {
        Self {
            table,
            version,
            appended: 0,
            last: None,
            writing: None,
            durable: None,
        }
    }

    /// Notes what would have to be replayed.
    pub(super) fn appended(&mut self, bytes: usize, commit: &Commit) {
        self.appended += bytes;
        self.last = Some(commit.clone());
    }

    pub(super) fn begin_if_due(&mut self, engine: &Engine, log: &dyn Log) {
        if self.appended >= EVERY_BYTES && self.writing.is_none() {
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
