//! What a log shows its owners at start.

use model::{SequenceNumber, Timestamp};
use roaring::RoaringTreemap;

use crate::{Position, RecordKind, StreamId};

/// A record as a replay shows it.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    /// The stream.
    pub stream: StreamId,
    /// Its number within the stream.
    pub sequence: SequenceNumber,
    /// What it means.
    pub kind: RecordKind,
    /// The enqueued time.
    pub time: Timestamp,
    /// The content.
    pub payload: &'a [u8],
}

/// The start of an owner: load the snapshot from the table, replay from its position, say per stream what is live,
/// then [`Replay::finish`].
///
/// Until it is finished nothing is cleaned, so that nothing can be lost by being slow to say that it is live. Dropping
/// it without finishing leaves the cleaner off.
pub struct Replay {
    source: Box<dyn Source>,
    live: Vec<(StreamId, RoaringTreemap)>,
}

/// How an implementation serves a replay.
pub(crate) trait Source: Send {
    fn records(&mut self, from: Position, visit: &mut dyn FnMut(Position, RecordView<'_>));
    fn finish(&mut self, live: Vec<(StreamId, RoaringTreemap)>);
}

impl Replay {
    pub(crate) fn new(source: impl Source + 'static) -> Self {
        Self {
            source: Box::new(source),
            live: Vec::new(),
        }
    }

    /// Shows every record from `from` on, in the order in which they were appended; retained and journal alike, the
    /// released ones included. Records that were lost to damage are left out; they were reported when the log opened.
    pub fn records(&mut self, from: Position, visit: &mut dyn FnMut(Position, RecordView<'_>)) {
        self.source.records(from, visit);
    }

    /// The live retained records of `stream`. What no call names is dead once the replay is finished.
    pub fn retain(&mut self, stream: StreamId, live: RoaringTreemap) {
        self.live.push((stream, live));
    }

    /// Ends the replay and lets the cleaner run.
    pub fn finish(mut self) {
        let live = std::mem::take(&mut self.live);
        self.source.finish(live);
    }
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Replay")
            .field("streams", &self.live.len())
            .finish_non_exhaustive()
    }
}
