//! Requests and answers, as messages on a pair of links: `$cbs` and `$management`.

use amqp::message::{Body, Message, MessageId, Properties};
use amqp::{Condition, DecodeError, Value};
use bytes::{Bytes, BytesMut};

/// What a client asks.
#[derive(Debug)]
pub(super) struct Request {
    message: Message,
}

impl Request {
    /// # Errors
    /// When it is no message.
    pub(super) fn read(payload: &Bytes) -> Result<Self, DecodeError> {
        let message = Message::decode(payload)?;
        Ok(Self { message })
    }

    /// An application property, if it is a string.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.message.application_property(name)?.as_str()
    }

    /// The body, if it is a string. Some clients put it into binary.
    pub(super) fn body(&self) -> Option<&str> {
        match &self.message.body {
            Body::Value(Value::String(text)) => Some(text),
            Body::Value(Value::Binary(bytes)) => std::str::from_utf8(bytes).ok(),
            Body::Data(sections) => match &sections[..] {
                [bytes] => std::str::from_utf8(bytes).ok(),
                _ => None,
            },
            Body::Value(_) | Body::Sequence(_) | Body::Empty => None,
        }
    }

    /// What the answer is known by, with its type.
    fn id(&self) -> Option<MessageId> {
        let properties = self.message.properties.as_ref()?;
        let id = properties.message_id.as_ref();
        id.or(properties.correlation_id.as_ref()).cloned()
    }

    /// Where the answer goes, as the client wrote it.
    fn reply_to(&self) -> Option<String> {
        self.message.properties.as_ref()?.reply_to.clone()
    }
}

/// What it is told.
#[derive(Debug, PartialEq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) description: String,
    /// Absent where all is well: clients take its presence for an error.
    pub(super) condition: Option<Condition>,
    pub(super) body: Value,
}

impl Response {
    pub(super) fn ok(status: u16, description: &str, body: Value) -> Self {
        Self {
            status,
            description: description.to_owned(),
            condition: None,
            body,
        }
    }

    pub(super) fn error(status: u16, condition: Condition, description: String) -> Self {
        Self {
            status,
            description,
            condition: Some(condition),
            body: Value::Null,
        }
    }

    /// As it travels.
    pub(super) fn encode(self, request: &Request) -> Bytes {
        let mut application_properties = vec![
            ("status-code".to_owned(), Value::Int(i32::from(self.status))),
            ("status-description".to_owned(), Value::String(self.description)),
        ];
        if let Some(condition) = self.condition {
            application_properties.push(("error-condition".to_owned(), Value::Symbol(condition.0)));
        }
        let message = Message {
            properties: Some(Properties {
                correlation_id: request.id(),
                to: request.reply_to(),
                ..Properties::default()
            }),
            application_properties,
            body: Body::Value(self.body),
            ..Message::default()
        };
        let mut out = BytesMut::new();
        message.encode(&mut out);
        out.freeze()
    }
}
