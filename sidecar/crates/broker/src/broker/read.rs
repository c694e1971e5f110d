//! Reading events out of the log.

use bytes::Bytes;
use model::{ByteCount, SequenceNumber, Timestamp, Uid};
use storage::{Log, ReadError, StreamId};

/// Events that are read together: the first one, and then as many as are at most this long with it.
pub(crate) const READ_BYTES_MAX: ByteCount = ByteCount::mib(4);

/// The records with the first of these numbers, as many as `bytes_max` allows and one at least; None for one that is not
/// there (any more) or damaged, which is logged. Ends before a record that the disk refuses, which may pass; None for all
/// if that is the first one.
pub(crate) async fn payloads(
    log: &dyn Log,
    stream: Uid,
    sequences: &[u64],
    bytes_max: ByteCount,
) -> Option<Vec<Option<(Timestamp, Bytes)>>> {
    let numbers: Vec<SequenceNumber> = sequences.iter().copied().map(SequenceNumber::new).collect();
    // One record that cannot be read must not keep those before it from their receivers, nor a damaged one those behind.
    if let Ok(payloads) = log.read(StreamId(stream), numbers.clone(), bytes_max).await {
        return Some(payloads);
    }
    let mut payloads: Vec<Option<(Timestamp, Bytes)>> = Vec::with_capacity(numbers.len());
    let mut bytes = 0;
    for number in numbers {
        let payload = match log.read(StreamId(stream), vec![number], bytes_max).await {
            Ok(read) => read.into_iter().next().flatten(),
            Err(error @ ReadError::Io { .. }) => {
                tracing::error!(%error, "read events");
                return (!payloads.is_empty()).then_some(payloads);
            }
            Err(error @ ReadError::Damaged { .. }) => {
                tracing::error!(%error, "an event is lost");
                None
            }
        };
        bytes += payload.as_ref().map_or(0, |(_, record)| record.len() as u64);
        if bytes > bytes_max.get() && !payloads.is_empty() {
            break;
        }
        payloads.push(payload);
    }
    Some(payloads)
}

#[cfg(test)]
mod tests;
