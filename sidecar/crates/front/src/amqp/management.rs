//! `$management`: what a hub consists of, and where its partitions stand.

use amqp::Value;
use auth::Resource;
use broker::{Hub, Partition, PartitionProperties};
use model::Timestamp;

use super::error::Refusal;
use super::exchange::{Request, Response};
use super::grants::Grants;
use super::stored::{millis, signed};
use crate::http::Door;

const HUB: &str = "com.microsoft:eventhub";
const PARTITION: &str = "com.microsoft:partition";

/// The beginning of the year 1, in milliseconds since 1970: what Azure says of an event that never came.
pub(super) const NEVER: i64 = -62_135_596_800_000;

/// Answers a READ.
pub(super) fn read(request: &Request, grants: &Grants, door: &Door, host: &str) -> Response {
    answer(request, grants, door, host).unwrap_or_else(|refused| refused)
}

fn answer(request: &Request, grants: &Grants, door: &Door, host: &str) -> Result<Response, Response> {
    let now = door.now();
    let argument = |reason: &str| refuse(400, Refusal::argument(reason));
    if !request
        .text("operation")
        .is_some_and(|it| it.eq_ignore_ascii_case("READ"))
    {
        return Err(refuse(
            501,
            Refusal::not_implemented("An operation of $management other than READ"),
        ));
    }
    let name = request
        .text("name")
        .ok_or_else(|| argument("The application property 'name' must be the hub's name."))?;
    authorize(request, grants, door, host, name, now)?;
    let hub = door
        .broker()
        .hub(name)
        .ok_or_else(|| refuse(404, Refusal::hub_not_found(host, name)))?;
    match request.text("type") {
        Some(HUB) => Ok(Response::ok(200, "OK", hub_properties(&hub))),
        Some(PARTITION) => {
            let id = request
                .text("partition")
                .ok_or_else(|| argument("The application property 'partition' must be a partition id."))?;
            let partition = partition(&hub, id).ok_or_else(|| {
                refuse(
                    400,
                    Refusal::partition_unknown(hub.name(), id, hub.partition_count()),
                )
            })?;
            let properties = partition.properties();
            Ok(Response::ok(
                200,
                "OK",
                partition_properties(&hub, id, &properties, now),
            ))
        }
        _ => Err(argument(
            "The application property 'type' must be com.microsoft:eventhub or com.microsoft:partition.",
        )),
    }
}

/// By what was put to `$cbs`, or by the token in the request itself, which is all that some clients show.
fn authorize(
    request: &Request,
    grants: &Grants,
    door: &Door,
    host: &str,
    hub: &str,
    now: Timestamp,
) -> Result<(), Response> {
    let resource = Resource::Hub(hub);
    let by_claim = grants.check(|grant| grant.must_know(&resource, now));
    let allowed = by_claim.or_else(|missing| match request.text("security_token") {
        Some(token) => door.authorizer().grant(token, now)?.must_know(&resource, now),
        None => Err(missing),
    });
    allowed.map_err(|error| {
        let refusal = Refusal::unauthorized(auth::Right::Listen, host, hub, &error);
        refuse(401, refusal)
    })
}

fn refuse(status: u16, refusal: Refusal) -> Response {
    let Refusal { condition, reason } = refusal;
    Response::error(status, condition, reason)
}

/// The partition with this id, which is a decimal number without anything before it.
pub(crate) fn partition(hub: &Hub, id: &str) -> Option<Partition> {
    let number: u32 = id.parse().ok()?;
    let canonical = number.to_string() == id;
    hub.partition(number).filter(|_| canonical)
}

fn hub_properties(hub: &Hub) -> Value {
    let ids = (0..hub.partition_count()).map(|id| Value::String(id.to_string()));
    map([
        ("name", Value::String(hub.name().to_owned())),
        ("type", Value::String(HUB.to_owned())),
        ("created_at", Value::Timestamp(millis(hub.created_at()))),
        (
            "partition_count",
            Value::Int(i32::try_from(hub.partition_count()).unwrap_or(i32::MAX)),
        ),
        ("partition_ids", Value::Array(ids.collect())),
        ("georeplication_factor", Value::Int(1)),
    ])
}

fn partition_properties(hub: &Hub, id: &str, properties: &PartitionProperties, now: Timestamp) -> Value {
    let last_offset = properties.last_offset;
    map([
        ("name", Value::String(hub.name().to_owned())),
        ("type", Value::String(PARTITION.to_owned())),
        ("partition", Value::String(id.to_owned())),
        (
            "begin_sequence_number",
            Value::Long(signed(properties.begin_sequence)),
        ),
        (
            "last_enqueued_sequence_number",
            Value::Long(properties.last_sequence),
        ),
        (
            "last_enqueued_offset",
            Value::String(last_offset.map_or("-1".to_owned(), |offset| offset.to_string())),
        ),
        (
            "last_enqueued_time_utc",
            Value::Timestamp(properties.last_enqueued.map_or(NEVER, millis)),
        ),
        ("is_partition_empty", Value::Bool(properties.is_empty)),
        ("last_enqueued_sequence_number_epoch", Value::Int(-1)),
        ("begin_sequence_number_epoch", Value::Int(-1)),
        (
            "partition_runtime_info_retrieval_time_utc",
            Value::Timestamp(millis(now)),
        ),
    ])
}

fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    let pair = |(name, value): (&str, Value)| (Value::String(name.to_owned()), value);
    Value::Map(pairs.into_iter().map(pair).collect())
}
