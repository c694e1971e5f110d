//! `$management`: what a hub consists of, and where its partitions stand.

use amqp::Value;
use auth::{Error, ErrorKind, Grant, Resource, Right};
use broker::{Hub, Partition, PartitionProperties};
use model::Timestamp;

use super::error::Refusal;
use super::exchange::{Request, Response, Step};
use super::grants::{Grants, lacking};
use super::stored::{millis, signed};
use crate::http::Door;

const HUB: &str = "com.microsoft:eventhub";
const PARTITION: &str = "com.microsoft:partition";
const SAS: &str = "SharedAccessSignature";

/// The beginning of the year 1, in milliseconds since 1970: what Azure says of an event that never came.
pub(super) const NEVER: i64 = -62_135_596_800_000;

/// Answers a READ, by what was put to `$cbs`, or by the token in the request itself, which is all that some clients show. If
/// that is a bearer token, [`checked`] goes on when it is known what it is good for.
pub(super) fn read(request: &Request, grants: &Grants, door: &Door, host: &str) -> Step {
    let name = match wanted(request) {
        Ok(name) => name,
        Err(refused) => return Step::Answer(refused),
    };
    let (resource, now) = (Resource::Hub(name), door.now());
    let allowed = match (grants.must_know(name, now), request.text("security_token")) {
        (Err(_), Some(token)) if is_bearer(token) => {
            return Step::Check {
                token: token.to_owned(),
                path: name.to_owned(),
            };
        }
        (Err(_), Some(token)) => door
            .authorizer()
            .grant(token, now)
            .and_then(|grant| grant.must_know(&resource, now)),
        (by_claim, _) => by_claim,
    };
    Step::Answer(answer(request, name, allowed, door, host))
}

/// Answers a READ by what was found out about its own token.
pub(super) fn checked(request: &Request, outcome: Result<Grant, Error>, door: &Door, host: &str) -> Response {
    let name = match wanted(request) {
        Ok(name) => name,
        Err(refused) => return refused,
    };
    let allowed = outcome
        .and_then(|grant| grant.must_know(&Resource::Hub(name), door.now()))
        .map_err(|error| lacking(Right::Listen, error));
    answer(request, name, allowed, door, host)
}

/// Everything that is no SAS token, which begins with its name.
fn is_bearer(token: &str) -> bool {
    let name = token.get(..SAS.len());
    !name.is_some_and(|name| name.eq_ignore_ascii_case(SAS))
}

/// The hub that is asked about.
fn wanted(request: &Request) -> Result<&str, Response> {
    let operation = request.text("operation");
    if !operation.is_some_and(|operation| operation.eq_ignore_ascii_case("READ")) {
        return Err(refuse(
            501,
            Refusal::not_implemented("An operation of $management other than READ"),
        ));
    }
    request
        .text("name")
        .ok_or_else(|| argument("The application property 'name' must be the hub's name."))
}

fn answer(request: &Request, name: &str, allowed: Result<(), Error>, door: &Door, host: &str) -> Response {
    let properties = allowed
        .map_err(|error| not_allowed(&error, host, name))
        .and_then(|()| properties(request, name, door, host));
    match properties {
        Ok(properties) => Response::ok(200, "OK", properties),
        Err(refused) => refused,
    }
}

fn not_allowed(error: &Error, host: &str, hub: &str) -> Response {
    let status = match error.kind() {
        ErrorKind::Unavailable => 503,
        ErrorKind::Unauthenticated | ErrorKind::Forbidden => 401,
    };
    refuse(status, Refusal::unauthorized(Right::Listen, host, hub, error))
}

fn properties(request: &Request, name: &str, door: &Door, host: &str) -> Result<Value, Response> {
    let hub = door
        .broker()
        .hub(name)
        .ok_or_else(|| refuse(404, Refusal::hub_not_found(host, name)))?;
    match request.text("type") {
        Some(HUB) => Ok(hub_properties(&hub)),
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
            Ok(partition_properties(&hub, id, &properties, door.now()))
        }
        _ => Err(argument(
            "The application property 'type' must be com.microsoft:eventhub or com.microsoft:partition.",
        )),
    }
}

fn argument(reason: &str) -> Response {
    refuse(400, Refusal::argument(reason))
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
