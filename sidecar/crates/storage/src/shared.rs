//! What the threads of a log and its handles have in common.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use runtime::Clock;

use crate::group_commit::GroupCommit;
use crate::index::Index;
use crate::metrics::Metrics;
use crate::space::Space;
use crate::sync::Durability;

/// Called when the disk failed; nothing may be acknowledged any more.
pub type OnFatal = Arc<dyn Fn(&io::Error) + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) group_commit: GroupCommit,
    pub(crate) index: Mutex<Index>,
    pub(crate) space: Space,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    pub(crate) durability: Durability,
    /// What log and table may occupy together. It grows with the volume.
    pub(crate) capacity: AtomicU64,
    pub(crate) stream_quota: AtomicU64,
    /// The table's share.
    pub(crate) table_max: Arc<AtomicU64>,
    /// Reserved and not appended yet.
    pub(crate) reserved: Arc<AtomicU64>,
    /// Appended and not durable yet.
    pub(crate) queued: AtomicU64,
    /// Bytes of all live records, as of the last commit.
    pub(crate) live: AtomicU64,
    pub(crate) failed: AtomicBool,
    pub(crate) on_fatal: OnFatal,
}

impl Shared {
    /// The disk did not do what it promised. Trying again could report success for data that is gone, so the process
    /// ends and finds out at the next start what is really there.
    pub(crate) fn fail(&self, error: &io::Error) {
        self.failed.store(true, Ordering::Release);
        tracing::error!(%error, "the log's disk failed; ending, so that nothing is acknowledged that is not there");
        (self.on_fatal)(error);
    }

    /// The longest append that fits into one segment, as half of it.
    pub(crate) fn group_bytes_max(&self) -> usize {
        (self.space.sizes.segment as usize - crate::segment::DATA_START) / 2
    }

    /// Counts a damage that was found on disk.
    pub(crate) fn report_damage(&self, slot: u32, commits: u32) {
        self.metrics.damage.inc_by(u64::from(commits));
        tracing::error!(
            slot,
            commits,
            "the log is damaged: what was durable does not verify any more"
        );
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Shared")
            .field("dir", &self.space.dir)
            .finish_non_exhaustive()
    }
}
