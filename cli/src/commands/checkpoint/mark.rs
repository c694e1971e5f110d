//! What a checkpoint says: the last event that was processed. Programs go on after it.

use jiff::Timestamp;
use runtime::Clock;

use super::standing::{Standing, path};
use crate::args::Start;
use crate::client::Client;
use crate::failure::Failure;
use crate::listed::List;
use crate::percent::encode;

/// By both numbers: some SDKs look at the offset, some at the sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) sequence_number: i64,
    pub(super) offset: String,
}

impl Mark {
    /// Before the first event, whichever that is by then.
    pub(super) fn beginning() -> Self {
        Self {
            sequence_number: -1,
            offset: "-1".to_owned(),
        }
    }

    /// After the last event that there is.
    fn end(standing: &Standing) -> Self {
        match &standing.last_offset {
            Some(offset) => Self {
                sequence_number: standing.last_sequence_number,
                offset: offset.clone(),
            },
            None => Self::beginning(),
        }
    }

    pub(super) fn metadata(&self) -> [(&'static str, String); 2] {
        [
            ("sequencenumber", self.sequence_number.to_string()),
            ("offset", self.offset.clone()),
        ]
    }
}

/// The mark after which the group goes on at `start`.
pub(super) fn find(client: &Client, hub: &str, standing: &Standing, start: &Start) -> Result<Mark, Failure> {
    let id = standing.id().unwrap_or_default();
    let events = |from: &str| {
        first(
            client,
            &format!("{}/partitions/{id}/events?{from}&limit=1", path(hub)),
        )
    };
    let since = |time: Timestamp| events(&format!("fromTime={}", encode(&time.to_string())));
    let next = match start {
        Start::Earliest => return Ok(Mark::beginning()),
        Start::Newest => return Ok(Mark::end(standing)),
        Start::Sequence(next) => i64::try_from(*next).unwrap_or(i64::MAX),
        Start::Time(time) => match since(*time)? {
            Some(mark) => mark.sequence_number,
            None => return Ok(Mark::end(standing)),
        },
        Start::Ago(duration) => match since(moment(*duration))? {
            Some(mark) => mark.sequence_number,
            None => return Ok(Mark::end(standing)),
        },
        Start::Offset(_) => {
            return Err(
                Failure::usage("a group does not go on at an offset").with_next("give --to sequence:N")
            );
        }
    };
    before(next, standing, |sequence| {
        events(&format!("fromSequenceNumber={sequence}"))
    })
}

fn moment(ago: std::time::Duration) -> Timestamp {
    let now = Timestamp::from_microsecond(Clock::system().now().as_micros()).unwrap_or_default();
    now.checked_sub(ago).unwrap_or(Timestamp::MIN)
}

/// The mark at the event before `next`, which `event` reads.
fn before(
    next: i64,
    standing: &Standing,
    event: impl FnOnce(i64) -> Result<Option<Mark>, Failure>,
) -> Result<Mark, Failure> {
    let (first, end) = (
        standing.begin_sequence_number,
        standing.last_sequence_number.saturating_add(1),
    );
    if next > end.max(first) {
        return Err(Failure::usage(format!(
            "no event has the sequence number {next} yet: the next one of partition {} gets {}",
            standing.id().unwrap_or_default(),
            end.max(first)
        ))
        .with_next("give a lower number, or `latest`"));
    }
    if next <= first {
        return Ok(Mark::beginning());
    }
    if next == end {
        return Ok(Mark::end(standing));
    }
    // It may have gone since; then all that is left comes next.
    let mark = event(next - 1)?.filter(|mark| mark.sequence_number == next - 1);
    Ok(mark.unwrap_or_else(Mark::beginning))
}

fn first(client: &Client, path: &str) -> Result<Option<Mark>, Failure> {
    let List { value } = client.get(path)?;
    Ok(value.first().and_then(|event| {
        let event = event.value();
        Some(Mark {
            sequence_number: event["sequenceNumber"].as_i64()?,
            offset: event["offset"].as_str()?.to_owned(),
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::super::standing::tests::standing;
    use super::*;

    /// With events 5 to 9, whose offsets are their thousands.
    fn mark_before(next: i64) -> Result<Mark, Failure> {
        before(next, &standing(5, 9), |sequence| Ok(Some(mark(sequence))))
    }

    fn mark(sequence_number: i64) -> Mark {
        Mark {
            sequence_number,
            offset: (sequence_number * 1_000).to_string(),
        }
    }

    #[test]
    fn a_group_goes_on_after_the_event_before() {
        assert_eq!(mark_before(7).unwrap(), mark(6));
        assert_eq!(mark_before(10).unwrap(), mark(9), "what comes from now on");
    }

    #[test]
    fn what_is_gone_is_the_beginning_and_what_is_not_yet_there_is_a_mistake() {
        for next in [0, 3, 5] {
            assert_eq!(mark_before(next).unwrap(), Mark::beginning());
        }
        let failure = mark_before(11).unwrap_err();
        assert!(
            failure
                .to_string()
                .contains("the next one of partition 0 gets 10"),
            "{failure}"
        );
        let gone = before(7, &standing(5, 9), |_| Ok(Some(mark(8)))).unwrap();
        assert_eq!(gone, Mark::beginning());
    }

    #[test]
    fn the_end_of_what_never_had_an_event_is_its_beginning() {
        assert_eq!(Mark::end(&standing(0, -1)), Mark::beginning());
        assert_eq!(
            before(0, &standing(0, -1), |_| Ok(None)).unwrap(),
            Mark::beginning()
        );
    }
}
