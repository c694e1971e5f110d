//! From a request to a message, or a batch of them.

use std::collections::BTreeMap;

use amqp::message::{BATCH_FORMAT, Batch, Body, Message, Properties};
use amqp::{Symbol, Value};
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use serde::Deserialize;

use crate::http::error::Refusal;

/// The media type of several events at once.
const SEVERAL: &str = "application/vnd.microsoft.servicebus.json";
const BROKER_PROPERTIES: &str = "brokerproperties";
const PARTITION_KEY: &str = "x-opt-partition-key";

/// Headers that speak of the request and not of the event. Those that begin with one of [`FOREIGN_BEGINNINGS`] do, too.
const FOREIGN: [&str; 21] = [
    "authorization",
    BROKER_PROPERTIES,
    "cache-control",
    "connection",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "keep-alive",
    "max-forwards",
    "origin",
    "pragma",
    "range",
    "referer",
    "te",
    "trailer",
    "upgrade",
    "user-agent",
    "via",
];
const FOREIGN_BEGINNINGS: [&str; 9] = [
    "accept",
    "access-control-",
    "content-",
    "if-",
    "proxy-",
    "sec-",
    "transfer-",
    "x-forwarded-",
    "x-ms-",
];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct BrokerProperties {
    partition_key: Option<String>,
    /// Of an item, which has no headers.
    content_type: Option<String>,
}

/// One of several events.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    body: String,
    #[serde(default)]
    user_properties: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    broker_properties: BrokerProperties,
}

/// The message format and the encoded message.
pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<(u32, Bytes), Refusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type
        .and_then(|text| text.split(';').next())
        .map(str::trim);
    match media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(SEVERAL)) {
        true => several(body),
        false => Ok((0, encode(&single(headers, content_type, body)?))),
    }
}

fn single(headers: &HeaderMap, content_type: Option<&str>, body: &Bytes) -> Result<Message, Refusal> {
    let properties: BrokerProperties = match headers.get(BROKER_PROPERTIES) {
        None => BrokerProperties::default(),
        Some(value) => serde_json::from_slice(value.as_bytes()).map_err(|error| {
            Refusal::bad_request(format!("the header BrokerProperties is no such JSON: {error}"))
        })?,
    };
    let application_properties = headers.iter().filter(|(name, _)| !is_foreign(name));
    Ok(Message {
        message_annotations: partition_key(&properties),
        properties: content_type.map(typed).transpose()?,
        application_properties: application_properties
            .filter_map(|(name, value)| {
                Some((
                    name.as_str().to_owned(),
                    Value::String(value.to_str().ok()?.to_owned()),
                ))
            })
            .collect(),
        body: Body::Data(vec![body.clone()]),
        ..Message::default()
    })
}

fn is_foreign(name: &HeaderName) -> bool {
    let name = name.as_str();
    FOREIGN.contains(&name)
        || FOREIGN_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

fn several(body: &[u8]) -> Result<(u32, Bytes), Refusal> {
    let items: Vec<Item> = serde_json::from_slice(body).map_err(|error| {
        Refusal::bad_request(format!(
            "the body must be [{{\"Body\":\"…\",\"UserProperties\":{{…}},\"BrokerProperties\":{{…}}}}, …]: {error}"
        ))
    })?;
    let messages = items
        .into_iter()
        .map(|item| item.message().map(|message| encode(&message)));
    let messages: Vec<Bytes> = messages.collect::<Result<_, _>>()?;
    let mut out = BytesMut::new();
    Batch::write(&Message::default(), &messages, &mut out);
    Ok((BATCH_FORMAT, out.freeze()))
}

impl Item {
    fn message(self) -> Result<Message, Refusal> {
        let mut application_properties = Vec::with_capacity(self.user_properties.len());
        for (name, value) in self.user_properties {
            let value = value_of(&name, value)?;
            application_properties.push((name, value));
        }
        let properties = self.broker_properties.content_type.as_deref().map(typed);
        Ok(Message {
            message_annotations: partition_key(&self.broker_properties),
            properties: properties.transpose()?,
            application_properties,
            body: Body::Data(vec![self.body.into()]),
            ..Message::default()
        })
    }
}

fn value_of(name: &str, value: serde_json::Value) -> Result<Value, Refusal> {
    Ok(match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::String(text) => Value::String(text),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::Long(number),
            (None, number) => Value::Double(number.unwrap_or(f64::NAN)),
        },
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            let reason = format!("the user property '{name}' must be a string, a number, a boolean or null");
            return Err(Refusal::bad_request(reason));
        }
    })
}

fn typed(content_type: &str) -> Result<Properties, Refusal> {
    if !content_type.is_ascii() {
        return Err(Refusal::bad_request(format!(
            "the content type '{content_type}' must be ASCII"
        )));
    }
    Ok(Properties {
        content_type: Some(Symbol::from(content_type.to_owned())),
        ..Properties::default()
    })
}

fn partition_key(properties: &BrokerProperties) -> Vec<(Value, Value)> {
    let key = properties.partition_key.iter();
    key.map(|key| {
        (
            Value::Symbol(Symbol::from_static(PARTITION_KEY)),
            Value::String(key.clone()),
        )
    })
    .collect()
}

fn encode(message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    message.encode(&mut out);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_single_event_is_the_body_as_it_is_with_the_headers_that_are_its_own() {
        let headers = headers(&[
            ("host", "localhost"),
            ("content-type", "application/atom+xml;type=entry;charset=utf-8"),
            ("x-ms-retrypolicy", "NoRetry"),
            ("authorization", "SharedAccessSignature sr=x"),
            ("brokerproperties", r#"{"PartitionKey":"k"}"#),
            ("alert", "Strong Wind"),
        ]);
        let (format, message) = read(&headers, &Bytes::from_static(b"\x00\xff")).unwrap();
        let message = Message::decode(&message).unwrap();
        assert_eq!(format, 0);
        assert_eq!(message.body, Body::Data(vec![Bytes::from_static(b"\x00\xff")]));
        assert_eq!(
            message.application_properties,
            [("alert".to_owned(), Value::String("Strong Wind".into()))]
        );
        assert_eq!(
            message.message_annotation(PARTITION_KEY),
            Some(&Value::String("k".into()))
        );
        let content_type = message.properties.unwrap().content_type.unwrap();
        assert_eq!(content_type, "application/atom+xml;type=entry;charset=utf-8");
    }

    #[test]
    fn several_events_are_a_batch() {
        let headers = headers(&[(
            "content-type",
            "application/vnd.microsoft.servicebus.json; charset=utf-8",
        )]);
        let body = br#"[{"Body":"one","UserProperties":{"a":1,"b":"x","c":true,"d":1.5}},
            {"Body":"two","BrokerProperties":{"PartitionKey":"k","ContentType":"text/plain"}}]"#;
        let (format, message) = read(&headers, &Bytes::from_static(body)).unwrap();
        assert_eq!(format, BATCH_FORMAT);
        let batch = Batch::read(&message).unwrap();
        let messages: Vec<_> = batch
            .messages()
            .map(|message| Message::decode(&message).unwrap())
            .collect();
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].application_property("a"), Some(&Value::Long(1)));
        assert_eq!(messages[0].application_property("d"), Some(&Value::Double(1.5)));
        assert_eq!(
            messages[1].message_annotation(PARTITION_KEY),
            Some(&Value::String("k".into()))
        );
        assert_eq!(messages[0].properties, None);
        let properties = messages[1].properties.clone().unwrap();
        assert_eq!(properties.content_type.unwrap(), "text/plain");
    }

    #[test]
    fn what_is_no_such_json_is_refused() {
        let several = headers(&[("content-type", SEVERAL)]);
        for body in [
            "",
            "{}",
            r#"[{"UserProperties":{}}]"#,
            r#"[{"Body":"x","UserProperties":{"a":[1]}}]"#,
            r#"[{"Body":"x","BrokerProperties":{"ContentType":"é"}}]"#,
        ] {
            assert!(
                read(&several, &Bytes::from_static(body.as_bytes())).is_err(),
                "{body}"
            );
        }
        let single = headers(&[("brokerproperties", "k")]);
        assert!(read(&single, &Bytes::new()).is_err());
    }
}
