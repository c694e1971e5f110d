use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use storage::memory::{self, MemoryLog};
use storage::{Class, Commit, Full, Payload, Position, Record, RecordKind, Reservation, StreamUsage, Usage};

use super::*;

const TOPIC: Uid = Uid::from_u128(1);

/// A log some of whose records cannot be read.
#[derive(Debug)]
struct Sick {
    inner: Arc<MemoryLog>,
    damaged: Option<u64>,
    refused: Option<u64>,
}

impl Sick {
    /// With the events 1 to 4.
    fn new(damaged: Option<u64>, refused: Option<u64>) -> Self {
        let (inner, ..) = memory::log();
        for sequence in 1..=4 {
            let record = Record {
                stream: StreamId(TOPIC),
                sequence: SequenceNumber::new(sequence),
                kind: RecordKind::EVENT,
                time: testkit::time_zero(),
                payload: b"x",
            };
            let room = inner.reserve(Class::Publish, record.stream, 1).unwrap();
            inner.append(room, &[record]);
        }
        Self {
            inner,
            damaged,
            refused,
        }
    }

    /// Whether each event was read, up to where reading ended.
    async fn read_all(&self) -> Option<Vec<bool>> {
        let read = payloads(self, TOPIC, &[1, 2, 3, 4], READ_BYTES_MAX).await?;
        Some(read.iter().map(Option::is_some).collect())
    }
}

impl Log for Sick {
    fn read(
        &self,
        stream: StreamId,
        sequences: Vec<SequenceNumber>,
        bytes_max: ByteCount,
    ) -> BoxFuture<'static, Result<Vec<Payload>, ReadError>> {
        for sequence in sequences.iter().map(|sequence| sequence.get()) {
            let error = if self.damaged == Some(sequence) {
                ReadError::Damaged { stream, sequence }
            } else if self.refused == Some(sequence) {
                let reason = "the disk says no".into();
                ReadError::Io { stream, reason }
            } else {
                continue;
            };
            return std::future::ready(Err(error)).boxed();
        }
        self.inner.read(stream, sequences, bytes_max)
    }

    fn reserve(&self, class: Class, stream: StreamId, bytes: usize) -> Result<Reservation, Full> {
        self.inner.reserve(class, stream, bytes)
    }

    fn append(&self, reservation: Reservation, records: &[Record<'_>]) -> Commit {
        self.inner.append(reservation, records)
    }

    fn trim_before(&self, stream: StreamId, sequence: SequenceNumber) {
        self.inner.trim_before(stream, sequence);
    }

    fn release(&self, stream: StreamId, sequences: &[SequenceNumber]) {
        self.inner.release(stream, sequences);
    }

    fn end(&self) -> Position {
        self.inner.end()
    }

    fn forget_before(&self, owner: &'static str, position: Position) {
        self.inner.forget_before(owner, position);
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }

    fn stream_usage(&self, stream: StreamId) -> StreamUsage {
        self.inner.stream_usage(stream)
    }
}

#[tokio::test]
async fn a_damaged_event_is_lost_alone() {
    let log = Sick::new(Some(2), None);
    assert_eq!(log.read_all().await, Some(vec![true, false, true, true]));
}

#[tokio::test]
async fn an_event_that_the_disk_refuses_is_not_lost_and_those_before_it_are_read() {
    let log = Sick::new(None, Some(3));
    assert_eq!(log.read_all().await, Some(vec![true, true]));
    let log = Sick::new(Some(2), Some(3));
    assert_eq!(log.read_all().await, Some(vec![true, false]));
    let log = Sick::new(Some(2), Some(1));
    assert_eq!(log.read_all().await, None, "nothing is known about any of them");
}
