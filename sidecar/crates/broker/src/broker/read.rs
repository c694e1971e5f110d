//! Reading events out of the log.

use bytes::Bytes;
use model::{SequenceNumber, Timestamp, Uid};
use storage::{Log, ReadError, StreamId};

/// The records of these events; None for one that is not there (any more) or damaged, which is logged. None for all if
/// the disk refuses, which may pass.
pub(crate) async fn payloads(
    log: &dyn Log,
    topic: Uid,
    sequences: &[u64],
) -> Option<Vec<Option<(Timestamp, Bytes)>>> {
    let numbers: Vec<SequenceNumber> = sequences.iter().copied().map(SequenceNumber::new).collect();
    match log.read(StreamId(topic), numbers.clone()).await {
        Ok(payloads) => return Some(payloads),
        Err(error @ ReadError::Io { .. }) => {
            tracing::error!(%error, "read events");
            return None;
        }
        // One damaged record must not keep the others from their receivers.
        Err(ReadError::Damaged { .. }) => (),
    }
    let mut payloads = Vec::with_capacity(numbers.len());
    for number in numbers {
        match log.read(StreamId(topic), vec![number]).await {
            Ok(mut payload) => payloads.push(payload.pop().flatten()),
            Err(error) => {
                tracing::error!(%error, "an event is lost");
                payloads.push(None);
            }
        }
    }
    Some(payloads)
}
