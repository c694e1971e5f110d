//! The HTTP side of the commands: one authenticated request, its answer, or a failure that says what to do.

mod answer;

use std::fs;
use std::io::{self, BufReader};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::value::RawValue;
use ureq::http::{HeaderValue, Method, Request, Response, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, AsSendBody, Body};

use crate::connection::Connection;
use crate::failure::{Exit, Failure};
use answer::refusal;
pub(crate) use answer::{Answer, http_date};

/// Long enough for an answer that waits for a slow disk, short enough to notice a dead peer.
const PATIENCE: Duration = Duration::from_secs(60);
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// No answer of ours but the stream of `tail` is larger: 100 events of 1 MiB, in base64.
const ANSWER_BYTES_MAX: u64 = 160 << 20;
/// How often a throttled request is repeated, and how long the service may ask to wait in between.
const ATTEMPTS_MAX: u32 = 5;
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
const DISTRUST: &str = "check that --ca-file holds the CA of this Namespace";
pub(crate) const API_VERSION: &str = "api-version=2024-06-01";
const BATCH: &str = "application/cloudevents-batch+json; charset=utf-8";
const JSON: &str = "application/json";

/// A Namespace's HTTP door.
pub(crate) struct Client {
    agent: Agent,
    connection: Connection,
}

/// What is sent to a hub.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) path: String,
    pub(crate) content_type: Option<String>,
    /// The header of that name, which is JSON.
    pub(crate) broker_properties: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(connection: Connection) -> Result<Self, Failure> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_PATIENCE))
            .user_agent(concat!("weft/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&connection.endpoint) {
            config = config.proxy(None);
        }
        if connection.endpoint.starts_with("https://") {
            config = config.tls_config(tls(connection.roots.as_deref())?);
        }
        Ok(Self {
            agent: config.build().new_agent(),
            connection,
        })
    }

    /// Publishes a JSON array of CloudEvents. Waits and repeats when the service says that it is busy: it has stored
    /// nothing then.
    pub(crate) fn publish(&self, path: &str, events: &[u8]) -> Result<(), Failure> {
        let response = patiently(|| self.send(path, BATCH, events, PATIENCE))?;
        answer::<IgnoredAny>(response).map(|_| ())
    }

    /// Sends to a hub. Waits and repeats as [`Client::publish`] does.
    pub(crate) fn upload(&self, upload: &Upload) -> Result<(), Failure> {
        let response = patiently(|| self.send_upload(upload))?;
        match response.status().is_success() {
            true => Ok(()),
            false => Err(refusal(response)),
        }
    }

    fn send_upload(&self, upload: &Upload) -> Result<Response<Body>, Failure> {
        let mut request = self
            .agent
            .post(self.url(&upload.path))
            .header("Authorization", self.authorization()?);
        for (name, value) in [
            ("Content-Type", &upload.content_type),
            ("BrokerProperties", &upload.broker_properties),
        ] {
            if let Some(value) = value {
                // Bytes and not text, so that a partition key may have any characters.
                let value = HeaderValue::from_bytes(value.as_bytes());
                let value = value.map_err(|_| {
                    Failure::usage(format!("the {name} cannot be sent: it has control characters"))
                })?;
                request = request.header(name, value);
            }
        }
        let request = request.config().timeout_global(Some(PATIENCE)).build();
        let sent = request.send(&upload.body[..]);
        sent.map_err(|cause| self.unreachable(&cause))
    }

    /// `POST` with a JSON body. `wait` is how long the service may take on purpose (a long poll).
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&Value>,
        wait: Duration,
    ) -> Result<T, Failure> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        answer(self.send(path, JSON, body.as_bytes(), PATIENCE + wait)?)
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let request = self
            .agent
            .get(self.url(path))
            .header("Authorization", self.authorization()?);
        let request = request.config().timeout_global(Some(PATIENCE)).build();
        answer(request.call().map_err(|cause| self.unreachable(&cause))?)
    }

    /// The JSON documents of an answer that does not end by itself.
    pub(crate) fn stream(
        &self,
        path: &str,
    ) -> Result<impl Iterator<Item = Result<Box<RawValue>, Failure>>, Failure> {
        let request = self
            .agent
            .get(self.url(path))
            .header("Authorization", self.authorization()?);
        let request = request.config().timeout_recv_response(Some(PATIENCE)).build();
        let response = request.call().map_err(|cause| self.unreachable(&cause))?;
        if !response.status().is_success() {
            return Err(refusal(response));
        }
        let reader = BufReader::new(response.into_body().into_with_config().limit(u64::MAX).reader());
        let documents = serde_json::Deserializer::from_reader(reader).into_iter();
        Ok(documents.map(|document| document.map_err(|cause| interrupted(&cause))))
    }

    /// One request whose answer is looked at whatever it is. Shows no credential but what is in `headers`.
    ///
    /// # Errors
    /// There is no answer.
    pub(crate) fn ask(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, Failure> {
        let mut request = Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let malformed = |cause: ureq::http::Error| Failure::machine(format!("ask {}", self.url(path)), cause);
        let response = match body {
            Some(body) => self.run(request.body(body).map_err(malformed)?),
            None => self.run(request.body(()).map_err(malformed)?),
        };
        Answer::read(response.map_err(|cause| self.unreachable(&cause))?)
    }

    fn run(&self, request: Request<impl AsSendBody>) -> Result<Response<Body>, ureq::Error> {
        let request = self.agent.configure_request(request);
        self.agent.run(request.timeout_global(Some(PATIENCE)).build())
    }

    /// The same with the credential.
    ///
    /// # Errors
    /// There is no answer, or no token to show.
    pub(crate) fn ask_authorized(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, Failure> {
        let authorization = self.authorization()?;
        let mut headers = headers.to_vec();
        headers.push(("authorization", &authorization));
        self.ask(method, path, &headers, body)
    }

    fn send(
        &self,
        path: &str,
        content_type: &str,
        body: &[u8],
        patience: Duration,
    ) -> Result<Response<Body>, Failure> {
        let request = self
            .agent
            .post(self.url(path))
            .header("Authorization", self.authorization()?);
        let request = request.header("Content-Type", content_type);
        let request = request.config().timeout_global(Some(patience)).build();
        request.send(body).map_err(|cause| self.unreachable(&cause))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.connection.endpoint)
    }

    /// # Errors
    /// The token cannot be read.
    fn authorization(&self) -> Result<String, Failure> {
        self.connection.credential.authorization()
    }

    fn unreachable(&self, cause: &ureq::Error) -> Failure {
        let endpoint = &self.connection.endpoint;
        let next = match cause {
            ureq::Error::BadUri(_) | ureq::Error::HostNotFound => "check the endpoint's host name",
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => DISTRUST,
            // This is how a certificate that nobody vouches for arrives.
            ureq::Error::Io(cause) if cause.kind() == io::ErrorKind::InvalidData => DISTRUST,
            ureq::Error::Timeout(_) => "the service may be overloaded; look at its log, then try again",
            _ if is_loopback(endpoint) => {
                "is `weft dev` running? Start it, or give another --data-dir or --endpoint"
            }
            _ => "check the endpoint and that the Namespace is ready, then try again",
        };
        Failure::new(Exit::Unavailable, format!("cannot reach {endpoint}: {cause}")).with_next(next)
    }
}

/// Repeats what is throttled, as often and as long as is reasonable.
fn patiently(send: impl Fn() -> Result<Response<Body>, Failure>) -> Result<Response<Body>, Failure> {
    let mut attempt = 1;
    loop {
        let response = send()?;
        match retry_after(&response) {
            Some(wait) if attempt < ATTEMPTS_MAX => std::thread::sleep(wait),
            _ => return Ok(response),
        }
        attempt += 1;
    }
}

fn answer<T: DeserializeOwned>(response: Response<Body>) -> Result<T, Failure> {
    Answer::read(response)?.json()
}

fn interrupted(cause: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Unavailable, format!("the answer broke off: {cause}"))
        .with_next("the service went away or was restarted; try again")
}

fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let throttled = response.status().as_u16() == 429;
    let seconds = response
        .headers()
        .get("retry-after")?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    throttled.then(|| Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// Whether the host of a URL is this machine.
pub(crate) fn is_loopback(endpoint: &str) -> bool {
    let Ok(url) = endpoint.parse::<Uri>() else {
        return false;
    };
    let host = url.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_address = address
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    is_address || host.eq_ignore_ascii_case("localhost")
}

/// Trusts the certificates in the file, or else what this machine trusts.
fn tls(roots: Option<&Path>) -> Result<TlsConfig, Failure> {
    let pem = match roots {
        Some(file) => fs::read_to_string(file)
            .map_err(|cause| Failure::machine(format!("read certificates from {}", file.display()), cause))?,
        None => credentials::system_roots().unwrap_or_default(),
    };
    let certificates: Vec<_> = parse_pem(pem.as_bytes())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(
            Failure::usage("there are no certificates to trust the https endpoint by")
                .with_next("give a file that has them with --ca-file FILE, or set SSL_CERT_FILE"),
        );
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_whole_name_only() {
        for near in [
            "http://localhost:6300",
            "https://LOCALHOST",
            "http://127.0.0.1:6300/path",
            "http://127.1.2.3",
            "http://[::1]:6300",
        ] {
            assert!(is_loopback(near), "{near}");
        }
        for far in [
            "http://localhost.example.com",
            "http://127.example.com:6300",
            "http://localhost@example.com",
            "http://127.0.0.1:x@example.com",
            "http://10.0.0.1",
            "http://[::2]",
            "http://",
        ] {
            assert!(!is_loopback(far), "{far}");
        }
    }
}
