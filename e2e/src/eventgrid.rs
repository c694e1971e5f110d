//! The calls of Azure Event Grid's pull API over [`crate::http`], for tests that look at the wire.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::http::{Connection, Request, Response};

const API_VERSION: &str = "2024-06-01";

/// One connection to one Namespace, with its key.
#[derive(Debug)]
pub struct EventGrid {
    connection: Connection,
    key: String,
}

/// One received event.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub event: Value,
    pub lock_token: String,
    pub delivery_count: u64,
}

impl Delivery {
    /// The event's `id`.
    pub fn id(&self) -> &str {
        self.event["id"].as_str().unwrap_or_default()
    }
}

/// Per-token results of a settling call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    pub succeeded: Vec<String>,
    /// Lock token and error code.
    pub failed: Vec<(String, String)>,
}

/// What to do with received events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    Acknowledge,
    Release { delay_seconds: u32 },
    Reject,
    RenewLock,
}

impl EventGrid {
    pub fn open(address: SocketAddr, key: &str) -> anyhow::Result<Self> {
        Ok(Self::over(Connection::open(address)?, key))
    }

    /// Over a connection that is open already.
    pub fn over(connection: Connection, key: &str) -> Self {
        Self {
            connection,
            key: key.to_owned(),
        }
    }

    /// How long an answer may take; a peer that has vanished says nothing.
    pub fn set_patience(&self, patience: Duration) -> anyhow::Result<()> {
        let timeout = self.connection.socket().set_read_timeout(Some(patience));
        timeout.context("set the read timeout")
    }

    /// Publishes a batch.
    ///
    /// # Errors
    /// When the connection breaks or the answer is not 200.
    pub fn publish(&mut self, topic: &str, events: &[Value]) -> anyhow::Result<()> {
        let response = self.try_publish(topic, Value::from(events).to_string())?;
        expect_status(&response, 200)
    }

    /// Publishes the text of a batch, whatever the answer.
    pub fn try_publish(&mut self, topic: &str, batch: impl Into<Vec<u8>>) -> anyhow::Result<Response> {
        let request = Request::post(format!("/topics/{topic}:publish?api-version={API_VERSION}"))
            .header(
                "content-type",
                "application/cloudevents-batch+json; charset=utf-8",
            )
            .body(batch);
        self.call(request)
    }

    /// Receives up to `max_events` (at most 100), waiting for the first as long as 10 s.
    pub fn receive(
        &mut self,
        topic: &str,
        subscription: &str,
        max_events: u32,
    ) -> anyhow::Result<Vec<Delivery>> {
        self.receive_within(topic, subscription, max_events, 10)
    }

    /// Receives up to `max_events`, waiting for the first as long as `seconds` (10 to 120).
    pub fn receive_within(
        &mut self,
        topic: &str,
        subscription: &str,
        max_events: u32,
        seconds: u32,
    ) -> anyhow::Result<Vec<Delivery>> {
        let target = format!(
            "/topics/{topic}/eventsubscriptions/{subscription}:receive\
             ?api-version={API_VERSION}&maxEvents={max_events}&maxWaitTime={seconds}"
        );
        let response = self.call(Request::post(target))?;
        expect_status(&response, 200)?;
        let Value::Object(mut body) = response.json()? else {
            bail!("the body is not an object")
        };
        let Some(Value::Array(details)) = body.remove("value") else {
            bail!("`value` is not an array")
        };
        details.into_iter().map(delivery).collect()
    }

    /// Settles deliveries by their lock tokens.
    pub fn settle<'a>(
        &mut self,
        topic: &str,
        subscription: &str,
        settlement: Settlement,
        tokens: impl IntoIterator<Item = &'a str>,
    ) -> anyhow::Result<Settled> {
        let (action, delay) = match settlement {
            Settlement::Acknowledge => ("acknowledge", String::new()),
            Settlement::Release { delay_seconds } => {
                ("release", format!("&releaseDelayInSeconds={delay_seconds}"))
            }
            Settlement::Reject => ("reject", String::new()),
            Settlement::RenewLock => ("renewLock", String::new()),
        };
        let tokens: Vec<&str> = tokens.into_iter().collect();
        let target = format!(
            "/topics/{topic}/eventsubscriptions/{subscription}:{action}?api-version={API_VERSION}{delay}"
        );
        let request = Request::post(target)
            .header("content-type", "application/json")
            .body(json!({ "lockTokens": tokens }).to_string());
        let response = self.call(request)?;
        expect_status(&response, 200)?;
        settled(&response.json()?)
    }

    /// Any request, with the key.
    pub fn call(&mut self, request: Request) -> anyhow::Result<Response> {
        let request = request.header("authorization", format!("SharedAccessKey {}", self.key));
        self.connection.post(&request)
    }
}

/// A CloudEvent with `id` as its data, too.
pub fn event(id: &str) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/e2e", "type": "e2e.test", "data": { "id": id } })
}

fn delivery(mut detail: Value) -> anyhow::Result<Delivery> {
    let properties = &detail["brokerProperties"];
    let lock_token = properties["lockToken"]
        .as_str()
        .context("read lockToken")?
        .to_owned();
    let delivery_count = properties["deliveryCount"]
        .as_u64()
        .context("read deliveryCount")?;
    Ok(Delivery {
        event: detail["event"].take(),
        lock_token,
        delivery_count,
    })
}

fn settled(body: &Value) -> anyhow::Result<Settled> {
    let text = |value: &Value| value.as_str().map(str::to_owned).context("expected a string");
    let succeeded = body["succeededLockTokens"]
        .as_array()
        .context("read succeededLockTokens")?;
    let failed = body["failedLockTokens"]
        .as_array()
        .context("read failedLockTokens")?;
    Ok(Settled {
        succeeded: succeeded.iter().map(text).collect::<anyhow::Result<_>>()?,
        failed: failed
            .iter()
            .map(|token| Ok((text(&token["lockToken"])?, text(&token["error"]["code"])?)))
            .collect::<anyhow::Result<_>>()?,
    })
}

fn expect_status(response: &Response, status: u16) -> anyhow::Result<()> {
    if response.status != status {
        bail!(
            "expected status {status}, got {}: {}",
            response.status,
            String::from_utf8_lossy(&response.body)
        );
    }
    Ok(())
}
