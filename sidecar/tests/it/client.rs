//! A client that knows the wire and nothing of ours.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Status and body of an answer.
pub(crate) type Answer = (u16, Value);

pub(crate) struct Client {
    agent: Agent,
    endpoint: String,
    key: String,
}

impl Client {
    pub(crate) fn http(address: SocketAddr, key: &str) -> Self {
        let agent = config().build().new_agent();
        Self {
            agent,
            endpoint: format!("http://{address}"),
            key: key.to_owned(),
        }
    }

    /// Trusts `ca_pem` and nothing else.
    pub(crate) fn https(address: SocketAddr, key: &str, ca_pem: &str) -> Self {
        let roots: Vec<Certificate<'static>> = parse_pem(ca_pem.as_bytes())
            .filter_map(|item| match item.unwrap() {
                PemItem::Certificate(certificate) => Some(certificate),
                _ => None,
            })
            .collect();
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .root_certs(RootCerts::new_with_certs(&roots))
            .build();
        let agent = config().tls_config(tls).build().new_agent();
        Self {
            agent,
            endpoint: format!("https://{address}"),
            key: key.to_owned(),
        }
    }

    pub(crate) fn publish(&self, topic: &str, kind: &str) -> Answer {
        self.publish_data(topic, kind, "")
    }

    pub(crate) fn publish_data(&self, topic: &str, kind: &str, data: &str) -> Answer {
        let event = json!({"specversion": "1.0", "id": "1", "source": "/test", "type": kind, "data": data});
        self.post(
            &format!("/topics/{topic}:publish"),
            "application/cloudevents+json",
            &event,
        )
    }

    /// Types of the received events with their lock tokens; at most 10, without waiting for more than a second.
    pub(crate) fn receive(&self, topic: &str, subscription: &str) -> Vec<(String, String)> {
        let (status, body) = self.receive_for(topic, subscription, 10);
        assert_eq!(status, 200, "{body}");
        let deliveries = body["value"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let delivery = |value: &Value| {
            (
                text(&value["event"]["type"]),
                text(&value["brokerProperties"]["lockToken"]),
            )
        };
        deliveries.iter().map(delivery).collect()
    }

    pub(crate) fn receive_for(&self, topic: &str, subscription: &str, seconds: u32) -> Answer {
        let path = format!("/topics/{topic}/eventsubscriptions/{subscription}:receive");
        self.post(
            &format!("{path}?maxEvents=10&maxWaitTime={seconds}"),
            "application/json",
            &Value::Null,
        )
    }

    /// How many tokens were accepted.
    pub(crate) fn acknowledge(&self, topic: &str, subscription: &str, tokens: &[String]) -> usize {
        let path = format!("/topics/{topic}/eventsubscriptions/{subscription}:acknowledge");
        let (status, body) = self.post(&path, "application/json", &json!({"lockTokens": tokens}));
        assert_eq!(status, 200, "{body}");
        body["succeededLockTokens"].as_array().unwrap().len()
    }

    /// How many tokens were accepted.
    pub(crate) fn reject(&self, topic: &str, subscription: &str, tokens: &[String]) -> usize {
        let path = format!("/topics/{topic}/eventsubscriptions/{subscription}:reject");
        let (status, body) = self.post(&path, "application/json", &json!({"lockTokens": tokens}));
        assert_eq!(status, 200, "{body}");
        body["succeededLockTokens"].as_array().unwrap().len()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.endpoint);
        let request = self
            .agent
            .get(url)
            .header("authorization", format!("SharedAccessKey {}", self.key));
        read(request.call().expect("the door answers"))
    }

    fn post(&self, path: &str, content_type: &str, body: &Value) -> Answer {
        read(self.try_post(path, content_type, body).expect("the door answers"))
    }

    /// What went wrong below HTTP.
    pub(crate) fn connection_error(&self) -> Option<String> {
        self.try_post("/", "application/json", &Value::Null)
            .err()
            .map(|error| error.to_string())
    }

    fn try_post(
        &self,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let request = self
            .agent
            .post(format!(
                "{}{path}{separator}api-version=2024-06-01",
                self.endpoint
            ))
            .header("content-type", content_type)
            .header("authorization", format!("SharedAccessKey {}", self.key));
        if body.is_null() {
            request.send_empty()
        } else {
            request.send(body.to_string())
        }
    }
}

/// Status and text of a page of the operations port.
pub(crate) fn page(address: SocketAddr, path: &str) -> (u16, String) {
    try_page(address, path).expect("the port answers")
}

/// As [`page`], if the port answers.
pub(crate) fn try_page(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let url = format!("http://{address}{path}");
    let mut response = config().build().new_agent().get(url).call().ok()?;
    let text = response.body_mut().read_to_string().ok()?;
    Some((response.status().as_u16(), text))
}

fn config() -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        // Every request sees the door as it is now, not a connection of before.
        .max_idle_connections(0)
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let text = response.body_mut().read_to_string().unwrap();
    (
        response.status().as_u16(),
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}
