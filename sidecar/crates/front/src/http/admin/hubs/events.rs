//! Some events of a partition, from a position on.

use auth::Resource;
use broker::{Partition, StartPosition};
use http::Response;
use model::Timestamp;

use super::{event, find, partition, refuse};
use crate::http::body::{Body, Reserved};
use crate::http::error::Refusal;
use crate::http::path::{parameter, percent_decode};
use crate::http::{Call, json};

/// How many are listed if the request does not say, and at most.
const LIST_MAX: usize = 100;

/// The parameters of which one says where to begin.
const FROM: [&str; 4] = ["fromSequenceNumber", "fromOffset", "fromTime", "last"];

pub(in crate::http::admin) async fn answer(
    call: &Call<'_>,
    name: &str,
    id: &str,
) -> Result<Response<Body>, Refusal> {
    let permit = call.permit_listen(&Resource::Hub(name)).await?;
    let hub = find(call, name)?;
    let partition = partition(&hub, id)?;
    let limit = limit(call.query())?;
    let start = start(call.query(), &partition)?;
    if call.door.answers().is_exhausted() {
        return Err(Refusal::too_many_answers());
    }
    let found = partition
        .peek(&permit, start, limit)
        .await
        .map_err(|error| refuse(error, name))?;
    let size: usize = found.iter().map(|received| received.event.len() + 256).sum();
    let mut document = Vec::with_capacity(size);
    document.extend_from_slice(br#"{"value":["#);
    for (index, received) in found.iter().enumerate() {
        if index > 0 {
            document.push(b',');
        }
        event::write(&mut document, id, received);
    }
    document.extend_from_slice(b"]}");
    let reservation = call.door.answers().take(document.len());
    Ok(json(Reserved::freeze(document, reservation)))
}

fn limit(query: Option<&str>) -> Result<usize, Refusal> {
    let Some(text) = parameter(query, "limit") else {
        return Ok(LIST_MAX);
    };
    match text.parse() {
        Ok(limit @ 1..=LIST_MAX) => Ok(limit),
        _ => Err(Refusal::argument_invalid(
            "Invalid limit parameter: it must be from 1 to 100",
        )),
    }
}

fn start(query: Option<&str>, partition: &Partition) -> Result<StartPosition, Refusal> {
    let given = FROM
        .into_iter()
        .filter_map(|name| Some((name, parameter(query, name)?)));
    let given: Vec<(&str, &str)> = given.collect();
    let (name, text) = match given[..] {
        [] => return Ok(StartPosition::Earliest),
        [one] => one,
        _ => {
            return Err(Refusal::argument_invalid(
                "Only one of fromSequenceNumber, fromOffset, fromTime and last can say where to begin",
            ));
        }
    };
    let start = match name {
        "fromSequenceNumber" => text.parse().ok().map(|sequence| StartPosition::Sequence {
            sequence,
            inclusive: true,
        }),
        "fromOffset" => text.parse().ok().map(|offset| StartPosition::Offset {
            offset,
            inclusive: true,
        }),
        "fromTime" => time(text).map(StartPosition::Time),
        _ => text.parse().ok().map(|count| newest(partition, count)),
    };
    start.ok_or_else(|| {
        let expected = match name {
            "fromTime" => "a date and time as in 2026-01-31T12:00:00Z",
            _ => "a number that is not negative",
        };
        Refusal::argument_invalid(format!("Invalid {name} parameter: it must be {expected}"))
    })
}

fn time(text: &str) -> Option<Timestamp> {
    percent_decode(text)?.parse().ok()
}

/// Where the last `count` events begin.
fn newest(partition: &Partition, count: u64) -> StartPosition {
    let end = partition.properties().last_sequence.saturating_add(1);
    StartPosition::Sequence {
        sequence: end.cast_unsigned().saturating_sub(count),
        inclusive: true,
    }
}
