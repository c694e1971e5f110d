//! What a program is asked for.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::Value;

/// One scenario with its arguments.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    pub(super) scenario: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer_group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<NewEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    #[serde(serialize_with = "seconds")]
    timeout: Duration,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_level: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    track: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    trickle: Option<NewEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pause: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<f64>,
}

/// How a producer is asked to send. Not every SDK knows all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// One event after the other, without a batch.
    Single,
    /// Into a batch that the SDK made, and that is sent.
    Batch,
    /// A list of events in one call.
    List,
    /// The producer that makes batches by itself, flushed at the end.
    Buffered,
}

/// Where a receiver begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", untagged)]
pub enum Position {
    #[serde(serialize_with = "earliest")]
    Earliest,
    #[serde(serialize_with = "latest")]
    Latest,
    Offset {
        offset: String,
        inclusive: bool,
    },
    SequenceNumber {
        sequence_number: i64,
        inclusive: bool,
    },
    /// Milliseconds since 1970.
    EnqueuedTime {
        enqueued_time: i64,
        inclusive: bool,
    },
}

/// An event to be sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewEvent {
    body: Body,
    properties: BTreeMap<String, Value>,
    message_id: Option<String>,
    content_type: Option<String>,
    correlation_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    Text(String),
    /// The alphabet again and again, so many bytes.
    Size(usize),
}

impl Default for Body {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Request {
    /// What is known of the hub and of its partitions.
    pub fn properties() -> Self {
        Self::new("properties")
    }

    /// What is known of one partition.
    pub fn partition_properties(id: &str) -> Self {
        Self::new("properties").to_partition(id)
    }

    pub fn send(mode: Mode, events: Vec<NewEvent>) -> Self {
        Self {
            mode: Some(mode),
            events,
            ..Self::new("send")
        }
    }

    /// Receives until there are `count` events or none comes for the [timeout](Self::timeout).
    pub fn receive(partition_id: &str, from: Position, count: usize) -> Self {
        Self {
            from: Some(from),
            count: Some(count),
            ..Self::new("receive").to_partition(partition_id)
        }
    }

    /// Two receivers of rising owner level on a partition that holds an event, then one with a lower level and one
    /// without. The answer has an event for the second, [`Disconnected`](super::Line::Disconnected) for the first, and
    /// [`Refused`](super::Line::Refused) for each of the last.
    pub fn epoch(partition_id: &str) -> Self {
        Self::new("epoch").to_partition(partition_id)
    }

    /// A processor takes the `count` events of the hub and stores checkpoints; `events` are sent; another one with the
    /// same checkpoints takes these. Each event tells the round.
    pub fn processor(count: usize, events: Vec<NewEvent>) -> Self {
        Self {
            count: Some(count),
            events,
            ..Self::new("processor")
        }
    }

    /// Sends `PREFIX0`, `PREFIX1` and so on to a partition, each after the outcome of the last, until it is told to stop.
    pub fn stream_send(partition_id: &str, prefix: &str) -> Self {
        Self {
            prefix: Some(prefix.to_owned()),
            ..Self::new("stream_send").to_partition(partition_id)
        }
    }

    /// Receives from a partition until it is told to stop.
    pub fn stream_receive(partition_id: &str, from: Position) -> Self {
        Self {
            from: Some(from),
            ..Self::new("stream_receive").to_partition(partition_id)
        }
    }

    /// A processor that takes its share of the group's partitions and tells every event and then its checkpoint, until it
    /// is told to stop. Another processor may take what it has not spoken of for `expiration`.
    pub fn stream_process(group: &str, expiration: Duration) -> Self {
        Self {
            expiration: Some(expiration.as_secs_f64()),
            ..Self::new("stream_process").consumer_group(group)
        }
    }

    /// Asks the checkpoint store for every one of `partitions` at once, in the name of `owner`, as soon as it is told to;
    /// it says [`Ready`](super::Line::Ready) when it could. Python's and JavaScript's programs know it.
    pub fn claim(group: &str, partitions: usize, owner: &str) -> Self {
        Self {
            count: Some(partitions),
            prefix: Some(owner.to_owned()),
            ..Self::new("claim").consumer_group(group)
        }
    }

    fn new(scenario: &'static str) -> Self {
        Self {
            scenario,
            connection: None,
            hub: None,
            consumer_group: None,
            retries: None,
            mode: None,
            events: Vec::new(),
            partition_id: None,
            partition_key: None,
            from: None,
            count: None,
            timeout: Duration::from_secs(20),
            owner_level: None,
            track: false,
            trickle: None,
            prefix: None,
            pause: None,
            expiration: None,
        }
    }

    pub fn is_receive(&self) -> bool {
        self.scenario == "receive"
    }

    #[must_use]
    pub fn to_partition(mut self, id: &str) -> Self {
        self.partition_id = Some(id.to_owned());
        self
    }

    #[must_use]
    pub fn with_key(mut self, key: &str) -> Self {
        self.partition_key = Some(key.to_owned());
        self
    }

    /// The longest wait for an event, instead of 20 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often the SDK tries again, instead of three times.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    #[must_use]
    pub fn hub(mut self, name: &str) -> Self {
        self.hub = Some(name.to_owned());
        self
    }

    #[must_use]
    pub fn connection(mut self, connection: &super::ConnectionString) -> Self {
        self.connection = Some(connection.to_string());
        self
    }

    #[must_use]
    pub fn consumer_group(mut self, name: &str) -> Self {
        self.consumer_group = Some(name.to_owned());
        self
    }

    #[must_use]
    pub fn owner_level(mut self, level: i64) -> Self {
        self.owner_level = Some(level);
        self
    }

    /// Asks for the last enqueued event with each event.
    #[must_use]
    pub fn tracking(mut self) -> Self {
        self.track = true;
        self
    }

    /// While it receives, the program sends this event to the partition every 300 ms.
    #[must_use]
    pub fn trickle(mut self, event: NewEvent) -> Self {
        self.trickle = Some(event);
        self
    }

    /// The pause between two events of a stream, instead of 10 ms.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = Some(pause.as_secs_f64());
        self
    }
}

impl NewEvent {
    pub fn text(body: &str) -> Self {
        Self {
            body: Body::Text(body.to_owned()),
            ..Self::default()
        }
    }

    /// An event with so many bytes of body.
    pub fn of_size(bytes: usize) -> Self {
        Self {
            body: Body::Size(bytes),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn property(mut self, name: &str, value: Value) -> Self {
        self.properties.insert(name.to_owned(), value);
        self
    }

    #[must_use]
    pub fn ids(mut self, message_id: &str, correlation_id: &str, content_type: &str) -> Self {
        self.message_id = Some(message_id.to_owned());
        self.correlation_id = Some(correlation_id.to_owned());
        self.content_type = Some(content_type.to_owned());
        self
    }
}

impl Serialize for NewEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.body {
            Body::Text(text) => map.serialize_entry("body", text)?,
            Body::Size(size) => map.serialize_entry("size", size)?,
        }
        if !self.properties.is_empty() {
            map.serialize_entry("properties", &self.properties)?;
        }
        let texts = [
            ("message_id", &self.message_id),
            ("content_type", &self.content_type),
            ("correlation_id", &self.correlation_id),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                map.serialize_entry(name, text)?;
            }
        }
        map.end()
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn earliest<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("earliest")
}

fn latest<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("latest")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_written_as_the_programs_read_it() {
        let request = Request::receive("1", Position::Earliest, 3).tracking().retries(0);
        assert_eq!(
            serde_json::to_value(&request).unwrap(),
            json!({
                "scenario": "receive", "partition_id": "1", "from": "earliest", "count": 3,
                "timeout": 20.0, "track": true, "retries": 0
            })
        );
        let from = Position::Offset {
            offset: "12".to_owned(),
            inclusive: true,
        };
        assert_eq!(
            serde_json::to_value(from).unwrap(),
            json!({ "offset": "12", "inclusive": true })
        );
        let event = NewEvent::of_size(7)
            .property("b", Value::Bytes(vec![0, 255]))
            .ids("m", "c", "t");
        assert_eq!(
            serde_json::to_value(event).unwrap(),
            json!({
                "size": 7, "properties": { "b": { "bytes": "AP8=" } },
                "message_id": "m", "correlation_id": "c", "content_type": "t"
            })
        );
    }
}
