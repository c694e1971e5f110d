//! One event of a hub as JSON.

use std::borrow::Cow;

use ::amqp::Value;
use ::amqp::message::{Body, Message, MessageId, Properties};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use broker::Received;
use bytes::Bytes;
use serde::Serialize;

use super::value::{Json, Pairs};
use crate::amqp;

const PARTITION_KEY: &str = "x-opt-partition-key";
const PUBLISHER: &str = "x-opt-publisher";

/// Instead of what it contains.
const UNREADABLE: &str = "a newer version of Weft wrote this event in a format that this one does not know";

/// Appends the event, on one line.
pub(super) fn write(document: &mut Vec<u8>, partition: &str, received: &Received) {
    let message = amqp::message(&received.event);
    let shown = Shown::new(partition, received, message.as_ref());
    serde_json::to_writer(document, &shown).expect("memory takes it, and every key is a string");
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    partition: &'a str,
    sequence_number: u64,
    /// A string, as everywhere in Event Hubs.
    offset: String,
    enqueued_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<&'a str>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    properties: Pairs<'a>,
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    application_properties: Pairs<'a>,
    /// Those of the client.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    annotations: Pairs<'a>,
    /// At most one of these: there are bodies without a section.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_sequence: Option<Vec<Json<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_value: Option<Json<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<&'static str>,
}

impl<'a> Shown<'a> {
    fn new(partition: &'a str, received: &Received, message: Option<&'a Message>) -> Self {
        let shown = Self {
            partition,
            sequence_number: received.sequence,
            offset: received.offset.to_string(),
            enqueued_time: received.enqueued_time.to_string(),
            ..Self::default()
        };
        match message {
            Some(message) => shown.with(message),
            None => Self {
                unreadable: Some(UNREADABLE),
                ..shown
            },
        }
    }

    fn with(self, message: &'a Message) -> Self {
        let ours = |key: &Value| matches!(key.as_str(), Some(PARTITION_KEY | PUBLISHER));
        let annotations = message.message_annotations.iter().filter(|(key, _)| !ours(key));
        let text = |name| message.message_annotation(name).and_then(Value::as_str);
        let shown = Self {
            partition_key: text(PARTITION_KEY),
            publisher: text(PUBLISHER),
            properties: message.properties.as_ref().map(properties).unwrap_or_default(),
            application_properties: Pairs::named(&message.application_properties),
            annotations: Pairs::of(annotations),
            ..self
        };
        shown.with_body(&message.body)
    }

    fn with_body(self, body: &'a Body) -> Self {
        match body {
            Body::Empty => self,
            Body::Data(sections) => self.with_data(joined(sections)),
            Body::Sequence(lists) => Self {
                body_sequence: Some(lists.iter().flatten().map(Json).collect()),
                ..self
            },
            Body::Value(value) => Self {
                body_value: Some(Json(value)),
                ..self
            },
        }
    }

    fn with_data(self, data: Cow<'a, [u8]>) -> Self {
        let text = match data {
            Cow::Borrowed(data) => std::str::from_utf8(data)
                .map(Cow::Borrowed)
                .map_err(|_| Cow::Borrowed(data)),
            Cow::Owned(data) => String::from_utf8(data)
                .map(Cow::Owned)
                .map_err(|error| Cow::Owned(error.into_bytes())),
        };
        match text {
            Ok(text) => Self {
                body: Some(text),
                ..self
            },
            Err(data) => Self {
                body_base64: Some(STANDARD.encode(data)),
                ..self
            },
        }
    }
}

/// Clients take several sections of data for one body, cut anywhere.
fn joined(sections: &[Bytes]) -> Cow<'_, [u8]> {
    match sections {
        [one] => Cow::Borrowed(one),
        several => Cow::Owned(several.concat()),
    }
}

/// Under the names of the standard (part 3, 3.2.4), as programs write them.
fn properties(properties: &Properties) -> Pairs<'_> {
    let text = |text: &Option<String>| text.clone().map(Value::String);
    let id = |id: &Option<MessageId>| {
        id.clone().map(|id| match id {
            MessageId::Ulong(number) => Value::Ulong(number),
            MessageId::Uuid(bytes) => Value::Uuid(bytes),
            MessageId::Binary(bytes) => Value::Binary(bytes),
            MessageId::String(text) => Value::String(text),
        })
    };
    let mut pairs = Pairs::default();
    pairs.push("messageId", id(&properties.message_id));
    pairs.push("userId", properties.user_id.clone().map(Value::Binary));
    pairs.push("to", text(&properties.to));
    pairs.push("subject", text(&properties.subject));
    pairs.push("replyTo", text(&properties.reply_to));
    pairs.push("correlationId", id(&properties.correlation_id));
    pairs.push("contentType", properties.content_type.clone().map(Value::Symbol));
    pairs.push(
        "contentEncoding",
        properties.content_encoding.clone().map(Value::Symbol),
    );
    pairs.push(
        "absoluteExpiryTime",
        properties.absolute_expiry_time.map(Value::Timestamp),
    );
    pairs.push("creationTime", properties.creation_time.map(Value::Timestamp));
    pairs.push("groupId", text(&properties.group_id));
    pairs.push("groupSequence", properties.group_sequence.map(Value::Uint));
    pairs.push("replyToGroupId", text(&properties.reply_to_group_id));
    pairs
}

#[cfg(test)]
mod tests {
    use ::amqp::Symbol;
    use bytes::BytesMut;
    use model::Timestamp;

    use super::*;

    fn json(message: &Message) -> String {
        let mut event = BytesMut::new();
        message.encode(&mut event);
        written(event.freeze())
    }

    fn written(event: Bytes) -> String {
        let received = Received {
            sequence: 7,
            offset: 4_096,
            enqueued_time: Timestamp::from_micros(1_700_000_000_123_000),
            event,
        };
        let mut document = Vec::new();
        write(&mut document, "3", &received);
        String::from_utf8(document).unwrap()
    }

    const PLACE: &str =
        r#"{"partition":"3","sequenceNumber":7,"offset":"4096","enqueuedTime":"2023-11-14T22:13:20.123Z""#;

    fn body(body: Body) -> String {
        let message = Message {
            body,
            ..Message::default()
        };
        let json = json(&message);
        json.strip_prefix(PLACE).unwrap().to_owned()
    }

    fn data(sections: &[&'static [u8]]) -> Body {
        Body::Data(sections.iter().copied().map(Bytes::from_static).collect())
    }

    #[test]
    fn an_event_shows_everything_that_its_sender_wrote() {
        let message = Message {
            properties: Some(Properties {
                message_id: Some(MessageId::Ulong(1)),
                content_type: Some(Symbol::from_static("application/json")),
                creation_time: Some(0),
                ..Properties::default()
            }),
            application_properties: vec![("b".into(), Value::Int(2)), ("a".into(), Value::from("x"))],
            body: data(&[br#"{"n":1}"#]),
            ..Message::default()
        };
        let expected = r#","properties":{"messageId":1,"contentType":"application/json","creationTime":"1970-01-01T00:00:00Z"},"applicationProperties":{"b":2,"a":"x"},"body":"{\"n\":1}"}"#;
        assert_eq!(json(&message), format!("{PLACE}{expected}"));
    }

    #[test]
    fn a_body_is_text_if_it_can_be_and_says_so_if_not() {
        assert_eq!(body(data(&[b"a\n\xc3", b"\xa9"])), r#","body":"a\né"}"#);
        assert_eq!(body(data(&[b""])), r#","body":""}"#);
        assert_eq!(body(data(&[b"\xff"])), r#","bodyBase64":"/w=="}"#);
        assert_eq!(body(data(&[b"\xff", b"a"])), r#","bodyBase64":"/2E="}"#);
        let lists = vec![vec![Value::Int(1)], vec![Value::from("x")]];
        assert_eq!(body(Body::Sequence(lists)), r#","bodySequence":[1,"x"]}"#);
        assert_eq!(body(Body::Value(Value::Null)), r#","bodyValue":null}"#);
        assert_eq!(body(Body::Empty), "}");
    }

    #[test]
    fn an_event_of_a_newer_version_is_told_from_one_that_is_empty() {
        let json = written(Bytes::from_static(&[250, 1, 2]));
        assert_eq!(json, format!(r#"{PLACE},"unreadable":"{UNREADABLE}"}}"#));
    }
}
