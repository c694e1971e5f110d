//! What a program prints.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use serde_json::json;

/// One line.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    Hub(HubProperties),
    Partition(PartitionProperties),
    /// So many events were acknowledged together.
    Sent {
        events: usize,
        #[serde(default)]
        partition_id: Option<String>,
    },
    Event(Box<Event>),
    /// A processor has stored that it has taken this event.
    Checkpoint {
        partition_id: String,
        sequence_number: i64,
    },
    /// A processor has seen so many owners, and waits to be told to go on.
    Ready(usize),
    /// The partitions that a processor got.
    Claimed(Vec<String>),
    /// The body of an event of a stream that the broker acknowledged.
    Acknowledged(String),
    /// The body of an event of a stream that was given up: it may be there or not.
    Failed {
        body: String,
        error: Failure,
    },
    /// A receiver was sent away because of another one.
    Disconnected(Failure),
    /// A receiver was not let in.
    Refused(Failure),
    /// What the SDK reported of a stream, which goes on.
    Trouble(Failure),
    Done(String),
    /// The SDK has no call for it; why.
    Unsupported(String),
    Error(Failure),
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HubProperties {
    pub name: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    pub partition_ids: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PartitionProperties {
    pub id: String,
    pub beginning_sequence_number: i64,
    pub last_enqueued_sequence_number: i64,
    pub last_enqueued_offset: String,
    /// Milliseconds since 1970. Of an empty partition: absent, or in the year 1.
    pub last_enqueued_time: Option<i64>,
    pub is_empty: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Event {
    pub partition_id: String,
    pub sequence_number: i64,
    pub offset: String,
    /// Milliseconds since 1970.
    pub enqueued_time: i64,
    pub partition_key: Option<String>,
    pub size: usize,
    /// Absent when it is longer than 1,024 bytes.
    pub body: Option<String>,
    /// Of a longer body, in hexadecimal digits.
    pub sha256: Option<String>,
    pub properties: BTreeMap<String, Value>,
    pub system_properties: BTreeMap<String, Value>,
    pub message_id: Option<Value>,
    pub content_type: Option<String>,
    pub correlation_id: Option<Value>,
    pub last_enqueued: Option<LastEnqueued>,
    /// Which of two processors took it.
    pub round: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LastEnqueued {
    pub sequence_number: i64,
    pub offset: String,
    pub enqueued_time: i64,
    pub retrieval_time: i64,
}

/// An error as the SDK shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Failure {
    pub class: String,
    condition: Option<String>,
    pub text: String,
}

/// A value with an AMQP type, as far as JSON and the SDKs keep types apart.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Whole(i64),
    Fraction(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Milliseconds since 1970.
    Time(i64),
    /// Anything else, in the words of the language.
    Other(String),
}

impl Failure {
    /// The AMQP condition. Some SDKs keep it in their text alone, some not even there.
    pub fn condition(&self) -> Option<&str> {
        self.condition.as_deref().or_else(|| {
            let words = self
                .text
                .split(|c: char| c.is_whitespace() || "\"'(),;[]{}".contains(c));
            words
                .map(|word| word.trim_end_matches([':', '.']))
                .find(|word| word.starts_with("amqp:") || word.starts_with("com.microsoft:"))
        })
    }
}

impl Value {
    /// Whether this came back as the other one. Python and JavaScript give times back as numbers.
    pub fn is_like(&self, sent: &Self) -> bool {
        match (self, sent) {
            (Self::Whole(number), Self::Time(milliseconds)) => number == milliseconds,
            _ => self == sent,
        }
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lines(Vec<Line>);

impl Lines {
    pub(super) fn new(lines: Vec<Line>) -> Self {
        Self(lines)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Line> {
        self.0.iter()
    }

    pub fn events(&self) -> Vec<&Event> {
        self.0
            .iter()
            .filter_map(|line| match line {
                Line::Event(event) => Some(&**event),
                _ => None,
            })
            .collect()
    }

    /// How many events were acknowledged.
    pub fn sent(&self) -> usize {
        self.0
            .iter()
            .map(|line| match line {
                Line::Sent { events, .. } => *events,
                _ => 0,
            })
            .sum()
    }

    /// Why the SDK cannot do it.
    pub fn unsupported(&self) -> Option<&str> {
        match self.0.last() {
            Some(Line::Unsupported(why)) => Some(why),
            _ => None,
        }
    }

    /// The error that the answer ended with.
    pub fn failure(&self) -> Option<&Failure> {
        match self.0.last() {
            Some(Line::Error(failure)) => Some(failure),
            _ => None,
        }
    }

    /// The answer, if it did not end with an error.
    ///
    /// # Errors
    /// What the SDK said.
    pub fn ok(self) -> anyhow::Result<Self> {
        match self.0.last().context("the program answered nothing")? {
            Line::Error(failure) => bail!("{}: {}", failure.class, failure.text),
            _ => Ok(self),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde_json::Value as Json;
        Ok(match Json::deserialize(deserializer)? {
            Json::Null => Self::Null,
            Json::Bool(flag) => Self::Bool(flag),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Self::Whole(whole),
                None => Self::Fraction(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Text(text),
            Json::Object(tagged) => {
                tagged_value(&tagged).ok_or_else(|| D::Error::custom("an unknown tag"))?
            }
            Json::Array(_) => return Err(D::Error::custom("a list is no value")),
        })
    }
}

fn tagged_value(tagged: &serde_json::Map<String, serde_json::Value>) -> Option<Value> {
    if let Some(bytes) = tagged.get("bytes") {
        return BASE64_STANDARD.decode(bytes.as_str()?).ok().map(Value::Bytes);
    }
    if let Some(time) = tagged.get("time") {
        return time.as_i64().map(Value::Time);
    }
    tagged
        .get("other")?
        .as_str()
        .map(|text| Value::Other(text.to_owned()))
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Whole(number) => serializer.serialize_i64(*number),
            Self::Fraction(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => json!({ "bytes": BASE64_STANDARD.encode(bytes) }).serialize(serializer),
            Self::Time(milliseconds) => json!({ "time": milliseconds }).serialize(serializer),
            Self::Other(text) => json!({ "other": text }).serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(condition: Option<&str>, text: &str) -> Failure {
        Failure {
            class: "X".to_owned(),
            condition: condition.map(str::to_owned),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_condition_is_found_in_the_text_where_the_sdk_has_no_field_for_it() {
        assert_eq!(
            failure(Some("amqp:not-found"), "").condition(),
            Some("amqp:not-found")
        );
        let go =
            "(ownershiplost): link detached, reason: *Error{Condition: amqp:link:stolen, Description: New";
        assert_eq!(failure(None, go).condition(), Some("amqp:link:stolen"));
        assert_eq!(failure(None, "no condition at all").condition(), None);
    }

    #[test]
    fn lines_of_every_kind_are_read() {
        for text in [
            r#"{"hub":{"name":"h","created_at":1,"partition_ids":["0"]}}"#,
            r#"{"sent":{"events":3}}"#,
            r#"{"acknowledged":"go-1"}"#,
            r#"{"failed":{"body":"go-2","error":{"class":"E","condition":null,"text":"t"}}}"#,
            r#"{"event":{"partition_id":"0","sequence_number":1,"offset":"9","enqueued_time":5,"partition_key":null,
                "size":1,"body":"b","properties":{"x":{"time":4}},"system_properties":{},"message_id":null,
                "content_type":null,"correlation_id":"c"}}"#,
            r#"{"checkpoint":{"partition_id":"0","sequence_number":4}}"#,
            r#"{"ready":8}"#,
            r#"{"claimed":["0","7"]}"#,
            r#"{"unsupported":"why"}"#,
            r#"{"done":"send"}"#,
        ] {
            serde_json::from_str::<Line>(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    #[test]
    fn values_keep_their_types_on_the_way_through_json() {
        for value in [
            Value::Null,
            Value::Bool(true),
            Value::Whole(-7),
            Value::Fraction(1.5),
            Value::Text("ü".to_owned()),
            Value::Bytes(vec![0, 255]),
            Value::Time(1_700_000_000_123),
        ] {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
