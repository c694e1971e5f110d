//! Watching a hub as events are sent.

use auth::{Listen, Permit, Resource};
use broker::{Follower, Partition, ReceiveError, Received, ReceiverError, StartPosition};
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt as _, stream};
use http::Response;
use model::ByteCount;

use super::{event, find, partition, refuse};
use crate::http::Call;
use crate::http::admin::lines::{self, Place};
use crate::http::body::Body;
use crate::http::error::Refusal;
use crate::http::path::{parameter, percent_decode};

/// What is read of a partition at once. A tail holds about that much of each partition, or the events of one send.
const READ_EVENTS: usize = 64;
/// As [`READ_EVENTS`].
const READ_BYTES: ByteCount = ByteCount::kib(64);

/// Of one partition, if the request names it, else of all that there are. A tail that is slow reads from the disk, so it
/// misses only what the hub does not retain any more.
pub(in crate::http::admin) async fn answer(
    call: &mut Call<'_>,
    name: &str,
) -> Result<Response<Body>, Refusal> {
    let permit = call.permit_listen(&Resource::Hub(name)).await?;
    let hub = find(call, name)?;
    let partitions: Vec<Partition> = match parameter(call.query(), "partition") {
        Some(id) => vec![partition(&hub, &percent_decode(id).unwrap_or_default())?],
        None => {
            let ids = 0..hub.partition_count();
            ids.filter_map(|id| hub.partition(id)).collect()
        }
    };
    let place = Place::take(call)?;
    let watched = partitions
        .iter()
        .map(|partition| Watched::begin(partition, &permit));
    let watched = watched.collect::<Result<Vec<_>, _>>();
    let watched = watched.map_err(|error| refuse(error, name))?;
    let end = call.listening_ends(name, |name| Resource::Hub(name));
    Ok(lines::answer(call, place, lines_of(watched), end))
}

/// What each of them sees, until the first of them ends.
fn lines_of(watched: Vec<Watched>) -> impl Stream<Item = Bytes> + Send {
    let waiting: FuturesUnordered<_> = watched.into_iter().map(Watched::next).collect();
    stream::unfold(waiting, async |mut waiting| {
        let (mut watched, outcome) = waiting.next().await?;
        let lines = watched.lines.of(&outcome.ok()?);
        waiting.push(watched.next());
        Some((lines, waiting))
    })
}

struct Watched {
    follower: Follower,
    lines: Lines,
}

impl Watched {
    fn begin(partition: &Partition, permit: &Permit<Listen>) -> Result<Self, ReceiveError> {
        Ok(Self {
            follower: partition.follow(permit, StartPosition::Latest)?,
            lines: Lines {
                partition: partition.id().to_string(),
                next: None,
            },
        })
    }

    async fn next(mut self) -> (Self, Result<Vec<Received>, ReceiverError>) {
        let outcome = self.follower.next(READ_EVENTS, READ_BYTES).await;
        (self, outcome)
    }
}

/// How the events of a partition are written.
struct Lines {
    partition: String,
    /// The number of the next event, once there was one.
    next: Option<u64>,
}

impl Lines {
    fn of(&mut self, events: &[Received]) -> Bytes {
        let mut lines = Vec::new();
        for received in events {
            let missed = self.next.map_or(0, |next| received.sequence.saturating_sub(next));
            if missed > 0 {
                let partition = &self.partition;
                let line = format!("{{\"partition\":\"{partition}\",\"missed\":{missed}}}\n");
                lines.extend_from_slice(line.as_bytes());
            }
            self.next = Some(received.sequence + 1);
            event::write(&mut lines, &self.partition, received);
            lines.push(b'\n');
        }
        Bytes::from(lines)
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    fn received(sequence: u64) -> Received {
        Received {
            sequence,
            offset: sequence,
            enqueued_time: Timestamp::default(),
            event: Bytes::new(),
        }
    }

    #[test]
    fn events_that_went_before_they_were_read_are_counted() {
        let mut lines = Lines {
            partition: "3".to_owned(),
            next: None,
        };
        let mut numbers = |events: &[Received]| {
            let lines = lines.of(events);
            let lines = std::str::from_utf8(&lines).unwrap().lines();
            let number = |line: &str| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(line["partition"], "3");
                (line["sequenceNumber"].as_u64(), line["missed"].as_u64())
            };
            lines.map(number).collect::<Vec<_>>()
        };
        let event = |sequence| (Some(sequence), None);
        assert_eq!(numbers(&[received(5), received(6)]), [event(5), event(6)]);
        assert_eq!(
            numbers(&[received(7), received(10)]),
            [event(7), (None, Some(2)), event(10)]
        );
        assert_eq!(numbers(&[received(12)]), [(None, Some(1)), event(12)]);
    }
}
