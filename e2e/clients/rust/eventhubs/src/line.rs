//! What is answered: lines of JSON, one object each.

use std::{
    error::Error,
    time::{SystemTime, UNIX_EPOCH},
};

use azure_core_amqp::{AmqpError, AmqpErrorKind};
use azure_messaging_eventhubs::{
    EventHubsError,
    error::ErrorKind,
    models::{AmqpSimpleValue, AmqpValue, EventHubPartitionProperties, MessageId, ReceivedEventData},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Longer bodies are told by their digest.
const SHOWN: usize = 1024;

pub(crate) fn say(kind: &str, value: impl Serialize) {
    println!("{}", json!({ kind: value }));
}

pub(crate) fn event(partition: &str, received: &ReceivedEventData, round: Option<u32>) {
    let data = received.event_data();
    let body = data.body().unwrap_or_default();
    let properties = data.properties().into_iter().flatten();
    let properties: Map<_, _> = properties
        .map(|(name, value)| (name.clone(), simple(value)))
        .collect();
    let system = received.system_properties().iter();
    let system: Map<_, _> = system.map(|(name, value)| (name.clone(), any(value))).collect();
    let mut told = json!({
        "partition_id": partition,
        "sequence_number": received.sequence_number(),
        "offset": received.offset(),
        "enqueued_time": received.enqueued_time().map(milliseconds),
        "partition_key": received.partition_key(),
        "size": body.len(),
        "properties": properties,
        "system_properties": system,
        "message_id": data.message_id().map(id),
        "content_type": data.content_type(),
        "correlation_id": data.correlation_id().map(id),
    });
    if body.len() <= SHOWN {
        told["body"] = String::from_utf8_lossy(body).into();
    } else {
        let digest = Sha256::digest(body);
        told["sha256"] = digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
            .into();
    }
    if let Some(round) = round {
        told["round"] = round.into();
    }
    say("event", told);
}

pub(crate) fn partition(properties: &EventHubPartitionProperties) {
    say(
        "partition",
        json!({
            "id": properties.id,
            "beginning_sequence_number": properties.beginning_sequence_number,
            "last_enqueued_sequence_number": properties.last_enqueued_sequence_number,
            "last_enqueued_offset": properties.last_enqueued_offset,
            "last_enqueued_time": properties.last_enqueued_time_utc.map(milliseconds),
            "is_empty": properties.is_empty,
        }),
    );
}

/// Before 1970 too: an empty partition has its last event in the year 1.
pub(crate) fn milliseconds(moment: SystemTime) -> i64 {
    let whole = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => whole(after),
        Err(before) => -whole(before.duration()),
    }
}

fn id(id: &MessageId) -> Value {
    match id {
        MessageId::Binary(bytes) => binary(bytes),
        MessageId::String(text) => text.as_str().into(),
        MessageId::Ulong(number) => (*number).into(),
        MessageId::Uuid(uuid) => json!({ "other": uuid.to_string() }),
    }
}

fn simple(value: &AmqpSimpleValue) -> Value {
    match value {
        AmqpSimpleValue::Null => Value::Null,
        AmqpSimpleValue::Boolean(flag) => (*flag).into(),
        AmqpSimpleValue::UByte(number) => (*number).into(),
        AmqpSimpleValue::UShort(number) => (*number).into(),
        AmqpSimpleValue::UInt(number) => (*number).into(),
        AmqpSimpleValue::ULong(number) => (*number).into(),
        AmqpSimpleValue::Byte(number) => (*number).into(),
        AmqpSimpleValue::Short(number) => (*number).into(),
        AmqpSimpleValue::Int(number) => (*number).into(),
        AmqpSimpleValue::Long(number) => (*number).into(),
        AmqpSimpleValue::Float(number) => (*number).into(),
        AmqpSimpleValue::Double(number) => (*number).into(),
        AmqpSimpleValue::String(text) => text.as_str().into(),
        AmqpSimpleValue::Binary(bytes) => binary(bytes),
        AmqpSimpleValue::TimeStamp(moment) => json!({ "time": moment.0.map(milliseconds) }),
        other => json!({ "other": format!("{other:?}") }),
    }
}

fn any(value: &AmqpValue) -> Value {
    match value {
        AmqpValue::Null => Value::Null,
        AmqpValue::Boolean(flag) => (*flag).into(),
        AmqpValue::Int(number) => (*number).into(),
        AmqpValue::Long(number) => (*number).into(),
        AmqpValue::String(text) => text.as_str().into(),
        AmqpValue::Symbol(symbol) => symbol.0.as_str().into(),
        AmqpValue::TimeStamp(moment) => json!({ "time": moment.0.map(milliseconds) }),
        other => json!({ "other": format!("{other:?}") }),
    }
}

fn binary(bytes: &[u8]) -> Value {
    json!({ "bytes": BASE64_STANDARD.encode(bytes) })
}

pub(crate) fn failure(error: &(dyn Error + 'static)) -> Value {
    json!({ "class": class(error), "condition": condition(error), "text": text(error) })
}

/// What the error says, and what the errors behind it say.
fn text(error: &(dyn Error + 'static)) -> String {
    let own = error.to_string();
    match error.source().map(text) {
        Some(behind) if !own.contains(&behind) => format!("{own}: {behind}"),
        _ => own,
    }
}

/// The name of the error's kind: releases of the SDK have different ones.
fn class(error: &(dyn Error + 'static)) -> String {
    let Some(error) = error.downcast_ref::<EventHubsError>() else {
        return "Error".to_owned();
    };
    let kind = format!("{:?}", error.kind);
    let end = kind.find(|c: char| !c.is_ascii_alphanumeric());
    kind[..end.unwrap_or(kind.len())].to_owned()
}

/// The condition of the innermost error that has one.
fn condition(error: &(dyn Error + 'static)) -> Option<String> {
    let own = own_condition(error);
    error.source().and_then(condition).or(own)
}

fn own_condition(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<EventHubsError>() {
        return match &error.kind {
            ErrorKind::SendRejected(Some(described)) | ErrorKind::ConsumerDisconnected(Some(described)) => {
                Some(described.condition.to_string())
            }
            _ => None,
        };
    }
    match error.downcast_ref::<AmqpError>()?.kind() {
        AmqpErrorKind::AmqpDescribedError(described) => Some(described.condition.to_string()),
        _ => None,
    }
}
