//! `weft hub peek`

use jiff::Timestamp;
use runtime::Clock;
use serde_json::Value;

use super::{client, event, path};
use crate::args::{HubPeek, Start};
use crate::client::Client;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::listed::{Item, List};
use crate::output::{self, Output};
use crate::percent::encode;

/// The service lists this many at a time.
const PAGE: usize = 100;

pub(super) fn run(args: &HubPeek, environment: &Environment) -> Result<(), Failure> {
    let from = position(args)?;
    let client = client(&args.connection, environment)?;
    let max = args.max as usize;
    let partitions = match args.partition {
        Some(id) => vec![id.to_string()],
        None => partitions(&client, &args.hub)?,
    };
    let mut events = Vec::new();
    for id in &partitions {
        let path = format!("{}/partitions/{}/events", path(&args.hub), encode(id));
        events.extend(read(&client, &path, &from, max)?);
    }
    events.sort_by_key(|event| event.place);
    let surplus = events.len().saturating_sub(max);
    match args.from {
        Start::Newest => drop(events.drain(..surplus)),
        _ => events.truncate(max),
    }
    if events.is_empty() && args.output == Output::Text {
        return output::line(&format!("no such events in {}", args.hub));
    }
    events
        .iter()
        .try_for_each(|event| event::print(&event.item, args.output))
}

/// As a parameter of the request.
fn position(args: &HubPeek) -> Result<String, Failure> {
    let numbered = |from: String| match args.partition {
        Some(_) => Ok(from),
        None => Err(
            Failure::usage("sequence numbers and offsets are those of one partition")
                .with_next("say which one with --partition ID, or begin at a time"),
        ),
    };
    let time = |time: String| format!("fromTime={}", encode(&time));
    Ok(match args.from {
        Start::Newest => format!("last={}", args.max),
        Start::Earliest => "fromSequenceNumber=0".to_owned(),
        Start::Sequence(sequence) => numbered(format!("fromSequenceNumber={sequence}"))?,
        Start::Offset(offset) => numbered(format!("fromOffset={offset}"))?,
        Start::Time(moment) => time(moment.to_string()),
        Start::Ago(duration) => time((Clock::system().now() - duration).to_string()),
    })
}

fn partitions(client: &Client, hub: &str) -> Result<Vec<String>, Failure> {
    let hub: Value = client.get(&path(hub))?;
    let partitions = hub["partitions"].as_array().into_iter().flatten();
    let id = |partition: &Value| partition["id"].as_str().map(str::to_owned);
    Ok(partitions.filter_map(id).collect())
}

/// An event, and where it stands among those of all partitions.
struct Peeked {
    item: Item,
    place: Place,
}

/// Events of one partition keep their order, since their times only grow.
type Place = (Timestamp, u64);

impl From<Item> for Peeked {
    fn from(item: Item) -> Self {
        let event = item.value();
        let time = event["enqueuedTime"].as_str().and_then(|time| time.parse().ok());
        let place = (
            time.unwrap_or_default(),
            event["sequenceNumber"].as_u64().unwrap_or_default(),
        );
        Self { item, place }
    }
}

/// Page by page, until there are enough or no more.
fn read(client: &Client, path: &str, from: &str, max: usize) -> Result<Vec<Peeked>, Failure> {
    let mut events: Vec<Peeked> = Vec::new();
    let mut from = from.to_owned();
    while events.len() < max {
        let limit = PAGE.min(max - events.len());
        let List { value } = client.get(&format!("{path}?{from}&limit={limit}"))?;
        events.extend(value.into_iter().map(Peeked::from));
        let Some((_, last)) = events.last().map(|last| last.place) else {
            break;
        };
        let next = format!("fromSequenceNumber={}", last + 1);
        if from == next {
            break;
        }
        from = next;
    }
    Ok(events)
}
