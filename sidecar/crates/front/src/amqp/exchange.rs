//! Requests and answers, as messages on a pair of links: `$cbs` and `$management`.

use amqp::message::{Body, Message, MessageId, Properties};
use amqp::{Condition, Value};
use bytes::{Bytes, BytesMut};

use super::error::Refusal;

/// What an answer repeats of its request, each. SDKs name theirs with numbers and UUIDs.
const REPEATED_BYTES_MAX: usize = 256;
/// Of the description in an answer. It is there twice, and of a stranger there are many.
const DESCRIPTION_CHARACTERS_MAX: usize = 1_000;

/// What a client asks.
#[derive(Debug)]
pub(super) struct Request {
    message: Message,
}

impl Request {
    /// # Errors
    /// When it is no message, or its answer would have to repeat more of it than ids and addresses have.
    pub(super) fn read(payload: &Bytes) -> Result<Self, Refusal> {
        let message = Message::decode(payload).map_err(|error| Refusal::undecodable(&error))?;
        let request = Self { message };
        let id = request.id().map_or(0, |id| match id {
            MessageId::Binary(bytes) => bytes.len(),
            MessageId::String(text) => text.len(),
            MessageId::Ulong(_) | MessageId::Uuid(_) => 0,
        });
        let way = request.reply_to().map_or(0, |way| way.len());
        if id.max(way) > REPEATED_BYTES_MAX {
            return Err(Refusal::argument(format!(
                "The message-id and the reply-to of a request have at most {REPEATED_BYTES_MAX} bytes each."
            )));
        }
        Ok(request)
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

/// How a node goes about a request.
#[derive(Debug)]
pub(super) enum Step {
    Answer(Response),
    /// First a bearer token has to be verified, and what its subject may do at `path`, a hub's or the Namespace's.
    Check {
        token: String,
        path: String,
    },
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
            description: description.chars().take(DESCRIPTION_CHARACTERS_MAX).collect(),
            condition: Some(condition),
            body: Value::Null,
        }
    }

    /// As it travels.
    pub(super) fn encode(&self, request: &Request) -> Bytes {
        let mut application_properties = vec![
            ("status-code".to_owned(), Value::Int(i32::from(self.status))),
            (
                "status-description".to_owned(),
                Value::String(self.description.clone()),
            ),
        ];
        if let Some(condition) = &self.condition {
            let condition = Value::Symbol(condition.0.clone());
            application_properties.push(("error-condition".to_owned(), condition));
            // Python looks for this one only, and tells its user nothing without it.
            let description = Value::String(self.description.clone());
            application_properties.push(("statusDescription".to_owned(), description));
        }
        let message = Message {
            properties: Some(Properties {
                correlation_id: request.id(),
                to: request.reply_to(),
                ..Properties::default()
            }),
            application_properties,
            body: Body::Value(self.body.clone()),
            ..Message::default()
        };
        let mut out = BytesMut::new();
        message.encode(&mut out);
        out.freeze()
    }
}
