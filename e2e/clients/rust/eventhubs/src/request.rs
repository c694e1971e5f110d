//! What is asked for.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use azure_messaging_eventhubs::{
    StartLocation, StartPosition,
    models::{AmqpSimpleValue, EventData},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::Value;

use crate::Failure;

const PATTERN: &[u8] = b"abcdefghijklmnopqrstuvwxyz";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Request {
    pub(crate) scenario: String,
    pub(crate) connection: Option<String>,
    pub(crate) hub: Option<String>,
    pub(crate) consumer_group: Option<String>,
    pub(crate) retries: Option<u32>,
    pub(crate) mode: String,
    pub(crate) events: Vec<Wanted>,
    pub(crate) partition_id: Option<String>,
    pub(crate) partition_key: Option<String>,
    pub(crate) from: From,
    pub(crate) count: usize,
    timeout: f64,
    pub(crate) owner_level: Option<i64>,
    pub(crate) track: bool,
    pub(crate) trickle: Option<Wanted>,
    pub(crate) prefix: String,
    pause: Option<f64>,
}

/// An event to be sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    body: String,
    size: Option<usize>,
    properties: BTreeMap<String, Value>,
    message_id: Option<String>,
    content_type: Option<String>,
    correlation_id: Option<String>,
}

/// Where to begin.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum From {
    Word(String),
    Position(Position),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Position {
    offset: Option<String>,
    sequence_number: Option<i64>,
    enqueued_time: Option<u64>,
    inclusive: bool,
}

impl Default for From {
    fn default() -> Self {
        Self::Word("earliest".to_owned())
    }
}

impl Request {
    /// A bare word is a scenario.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        if text.starts_with('{') {
            return Ok(serde_json::from_str(text)?);
        }
        let scenario = text.to_owned();
        Ok(Self {
            scenario,
            ..Self::default()
        })
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout)
    }

    pub(crate) fn pause(&self) -> Duration {
        Duration::from_secs_f64(self.pause.unwrap_or(0.01))
    }

    pub(crate) fn partition(&self) -> Result<String, Failure> {
        Ok(self
            .partition_id
            .clone()
            .ok_or("the request names no partition")?)
    }

    pub(crate) fn position(&self) -> Result<StartPosition, Failure> {
        let position = match &self.from {
            From::Word(word) if word == "latest" => return Ok(at(StartLocation::Latest)),
            From::Word(_) => return Ok(at(StartLocation::Earliest)),
            From::Position(position) => position,
        };
        let location = match (&position.offset, position.sequence_number, position.enqueued_time) {
            (Some(offset), _, _) => StartLocation::Offset(offset.clone()),
            (_, Some(number), _) => StartLocation::SequenceNumber(number),
            (_, _, Some(time)) => StartLocation::EnqueuedTime(moment(time)),
            _ => return Err("the request names no position".into()),
        };
        Ok(StartPosition {
            location,
            inclusive: position.inclusive,
        })
    }

    pub(crate) fn events(&self) -> Result<Vec<EventData>, Failure> {
        self.events.iter().map(Wanted::event).collect()
    }
}

fn at(location: StartLocation) -> StartPosition {
    StartPosition {
        location,
        inclusive: false,
    }
}

fn moment(milliseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(milliseconds)
}

impl Wanted {
    pub(crate) fn event(&self) -> Result<EventData, Failure> {
        let mut event = EventData::builder().with_body(self.body());
        if let Some(id) = &self.message_id {
            event = event.with_message_id(id.clone());
        }
        if let Some(content_type) = &self.content_type {
            event = event.with_content_type(content_type.clone());
        }
        if let Some(id) = &self.correlation_id {
            event = event.with_correlation_id(id.clone());
        }
        for (name, value) in &self.properties {
            event = event.add_property(name.clone(), to_amqp(value)?);
        }
        Ok(event.build())
    }

    fn body(&self) -> Vec<u8> {
        match self.size {
            Some(size) => PATTERN.iter().copied().cycle().take(size).collect(),
            None => self.body.clone().into_bytes(),
        }
    }
}

fn to_amqp(value: &Value) -> Result<AmqpSimpleValue, Failure> {
    Ok(match value {
        Value::Null => AmqpSimpleValue::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().ok_or("a number is no number")?.into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(_) => return Err("a property cannot be a list".into()),
        Value::Object(tagged) => match (tagged.get("bytes"), tagged.get("time")) {
            (Some(bytes), _) => AmqpSimpleValue::Binary(
                BASE64_STANDARD.decode(bytes.as_str().ok_or("bytes are written as text")?)?,
            ),
            (_, Some(time)) => AmqpSimpleValue::TimeStamp(
                moment(time.as_u64().ok_or("a time is written in milliseconds")?).into(),
            ),
            _ => return Err("a property has an unknown type".into()),
        },
    })
}
