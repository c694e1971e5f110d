//! Looking at hubs: which there are, where their partitions stand, and what lies in them.

mod event;
mod events;
mod tail;
mod value;

use auth::Resource;
use broker::{ConsumerGroup, Hub, Partition, PartitionProperties, ReceiveError};
use http::Response;
use serde::Serialize;

use crate::amqp;
use crate::http::body::Body;
use crate::http::error::Refusal;
use crate::http::{Call, json};

pub(super) use events::answer as events;
pub(super) use tail::answer as tail;

#[derive(Serialize)]
struct List {
    value: Vec<Summary>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    name: String,
    created_at: String,
    partition_count: u32,
    /// That are retained, in all partitions.
    events: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(flatten)]
    summary: Summary,
    partitions: Vec<Standing>,
    consumer_groups: Vec<Group>,
}

/// Where a partition stands. Ids and offsets are strings, as everywhere in Event Hubs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    id: String,
    begin_sequence_number: u64,
    last_sequence_number: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_offset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_enqueued_time: Option<String>,
    is_empty: bool,
}

/// Who is connected, and how far behind.
#[derive(Serialize)]
struct Group {
    name: String,
    receivers: usize,
    /// Nobody knows it of those that are away.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<u64>,
    partitions: Vec<Reading>,
}

#[derive(Serialize)]
struct Reading {
    id: String,
    receivers: usize,
    lag: u64,
}

pub(super) async fn list(call: &Call<'_>) -> Result<Response<Body>, Refusal> {
    call.permit_listen(&Resource::NAMESPACE).await?;
    let broker = call.door.broker();
    let hubs = broker.hubs().into_iter().filter_map(|name| broker.hub(&name));
    let summary = |hub: Hub| Summary::new(&hub, &properties(&hub));
    Ok(document(&List {
        value: hubs.map(summary).collect(),
    }))
}

pub(super) async fn show(call: &Call<'_>, hub: &str) -> Result<Response<Body>, Refusal> {
    call.permit_listen(&Resource::Hub(hub)).await?;
    let hub = find(call, hub)?;
    let properties = properties(&hub);
    Ok(document(&Details {
        summary: Summary::new(&hub, &properties),
        partitions: (0..).zip(&properties).map(Standing::new).collect(),
        consumer_groups: hub.consumer_groups().into_iter().map(Group::new).collect(),
    }))
}

impl Summary {
    fn new(hub: &Hub, properties: &[PartitionProperties]) -> Self {
        let retained = |properties: &PartitionProperties| {
            let end = properties.last_sequence.saturating_add(1).cast_unsigned();
            end.saturating_sub(properties.begin_sequence)
        };
        Self {
            name: hub.name().to_owned(),
            created_at: hub.created_at().to_string(),
            partition_count: hub.partition_count(),
            events: properties.iter().map(retained).sum(),
        }
    }
}

impl Standing {
    fn new((id, properties): (u32, &PartitionProperties)) -> Self {
        Self {
            id: id.to_string(),
            begin_sequence_number: properties.begin_sequence,
            last_sequence_number: properties.last_sequence,
            last_offset: properties.last_offset.map(|offset| offset.to_string()),
            last_enqueued_time: properties.last_enqueued.map(|time| time.to_string()),
            is_empty: properties.is_empty,
        }
    }
}

impl Group {
    fn new(group: ConsumerGroup) -> Self {
        let reading = |reading: &broker::Reading| Reading {
            id: reading.partition.to_string(),
            receivers: reading.receivers,
            lag: reading.lag,
        };
        Self {
            name: String::from(&*group.name),
            receivers: group.receivers(),
            lag: (group.receivers() > 0).then(|| group.lag()),
            partitions: group.readings.iter().map(reading).collect(),
        }
    }
}

fn properties(hub: &Hub) -> Vec<PartitionProperties> {
    let partitions = (0..hub.partition_count()).filter_map(|id| hub.partition(id));
    partitions.map(|partition| partition.properties()).collect()
}

fn document(document: &impl Serialize) -> Response<Body> {
    json(serde_json::to_vec(document).expect("numbers and strings are always JSON"))
}

fn find(call: &Call<'_>, hub: &str) -> Result<Hub, Refusal> {
    call.door.broker().hub(hub).ok_or_else(|| not_found(hub))
}

fn partition(hub: &Hub, id: &str) -> Result<Partition, Refusal> {
    amqp::partition(hub, id).ok_or_else(|| {
        let last = hub.partition_count() - 1;
        Refusal::not_found(format!(
            "Hub '{}' has the partitions 0 to {last}, and none named '{id}'",
            hub.name()
        ))
    })
}

fn not_found(hub: &str) -> Refusal {
    Refusal::not_found(format!("Hub '{hub}' is not found"))
}

fn refuse(error: ReceiveError, hub: &str) -> Refusal {
    use ReceiveError as E;
    match error {
        E::NotFound => not_found(hub),
        E::OffsetBeyondEnd { offset, last } => Refusal::argument_invalid(match last {
            Some(last) => format!("No event has the offset {offset} yet; that of the last one is {last}"),
            None => format!("No event has the offset {offset} yet: there never was an event"),
        }),
        E::SequenceBeyondEnd { sequence, last } => Refusal::argument_invalid(format!(
            "No event has the sequence number {sequence} yet; that of the last one is {last}"
        )),
        E::Unavailable => Refusal::from(broker::Error::Unavailable),
        E::Closed => Refusal::from(broker::Error::Closed),
        // These are about places in consumer groups, and who looks takes none.
        E::ConsumerGroupNotFound
        | E::TooManyReceivers { .. }
        | E::HigherEpoch { .. }
        | E::EpochRequired { .. } => Refusal::internal(),
    }
}
