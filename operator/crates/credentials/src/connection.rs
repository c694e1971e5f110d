//! The settings that a program needs, under the names that Azure's own samples use.

use std::fmt::Write;
use std::path::Path;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::secret::Secret;

/// Where a Namespace's doors are, and what opens them.
#[derive(Clone, Copy, Debug)]
pub struct Connection<'a> {
    /// Event Grid: `http://127.0.0.1:8080` locally, `https://shop.default.svc` in the cluster.
    pub eventgrid_endpoint: &'a str,
    /// A live access key of the rule that every Namespace has, `RootManageSharedAccessKey`.
    pub key: &'a Secret,
    /// How programs reach Event Hubs.
    pub event_hubs: EventHubs<'a>,
    /// The public roots and ours, as a path that the program can open.
    pub bundle: Option<&'a Path>,
    /// `/healthz`, `/readyz`, `/metrics`; local mode only.
    pub operations_url: Option<&'a str>,
}

/// How programs reach Event Hubs.
#[derive(Clone, Copy, Debug)]
pub enum EventHubs<'a> {
    /// Over TLS, at the port that every SDK knows.
    Tls {
        /// A name that the certificate covers.
        host: &'a str,
    },
    /// Without TLS. Unmodified programs do that only with an emulator, so this is called one.
    Emulator {
        /// A name or address of this machine.
        host: &'a str,
        /// Where AMQP without TLS is.
        port: u16,
    },
}

impl EventHubs<'_> {
    fn host(&self) -> &str {
        match self {
            Self::Tls { host } | Self::Emulator { host, .. } => host,
        }
    }

    /// SDKs take the key as text, so that it may hold any character but `;`.
    fn connection_string(&self, key: &Secret) -> String {
        let (endpoint, end) = match self {
            Self::Tls { host } => (format!("{host}/"), ""),
            Self::Emulator { host, port: AMQP } => ((*host).to_owned(), EMULATOR),
            Self::Emulator { host, port } => (format!("{host}:{port}"), EMULATOR),
        };
        let key = key.expose();
        format!("Endpoint=sb://{endpoint};SharedAccessKeyName={ROOT_RULE};SharedAccessKey={key}{end}")
    }
}

/// The rule whose key is handed out.
const ROOT_RULE: &str = "RootManageSharedAccessKey";
/// The port of AMQP without TLS that need not be written.
const AMQP: u16 = 5672;
/// Tells SDKs that there is no TLS.
const EMULATOR: &str = ";UseDevelopmentEmulator=true";
const EVENT_HUBS_CONNECTION: &str = "EVENT_HUB_CONNECTION_STR";

/// Keys and values in a fixed order. A key appears with the capability behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings(Vec<(&'static str, Secret)>);

/// How settings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `KEY='value'`, for `set -a; . FILE`; any value survives.
    Shell,
    /// One object, in the settings' order.
    Json,
    /// `KEY=value` without quotes, for `docker run --env-file`.
    Docker,
}

/// Docker's format has no way to write this value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the value of {key} has a line break, which docker's env files cannot express; use `--output shell` or `json`"
)]
pub struct MultiLineValue {
    key: &'static str,
}

impl Settings {
    /// The settings for programs of this Namespace.
    pub fn new(connection: &Connection<'_>) -> Self {
        let mut settings = vec![
            ("EVENTGRID_ENDPOINT", Secret::new(connection.eventgrid_endpoint)),
            ("EVENTGRID_KEY", connection.key.clone()),
            (
                "EVENT_HUB_FULLY_QUALIFIED_NAMESPACE",
                Secret::new(connection.event_hubs.host()),
            ),
            (
                EVENT_HUBS_CONNECTION,
                Secret::new(connection.event_hubs.connection_string(connection.key)),
            ),
        ];
        if let Some(bundle) = connection.bundle {
            // Go, Rust and Python's asyncio read the first, Python's requests the second, Node.js the third.
            for key in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
                settings.push((key, Secret::new(bundle.to_string_lossy())));
            }
        }
        if let Some(url) = connection.operations_url {
            settings.push(("WEFT_OPERATIONS_URL", Secret::new(url)));
        }
        Self(settings)
    }

    /// The same for programs of one topic, by the name that clients use.
    #[must_use]
    pub fn with_topic(self, topic: &str) -> Self {
        self.with("EVENTGRID_TOPIC_NAME", topic)
    }

    /// The same for programs of one event subscription, by the name that clients use.
    #[must_use]
    pub fn with_event_subscription(self, event_subscription: &str) -> Self {
        self.with("EVENTGRID_EVENT_SUBSCRIPTION_NAME", event_subscription)
    }

    /// The same for programs of one event hub, by the name that clients use. The connection string names it, too.
    #[must_use]
    pub fn with_hub(mut self, hub: &str) -> Self {
        for (_, value) in self.0.iter_mut().filter(|(key, _)| *key == EVENT_HUBS_CONNECTION) {
            *value = Secret::new(format!("{};EntityPath={hub}", value.expose()));
        }
        self.with("EVENT_HUB_NAME", hub)
    }

    fn with(mut self, key: &'static str, value: &str) -> Self {
        self.0.push((key, Secret::new(value)));
        self
    }

    /// Keys and values, for a process that is started with them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(key, value)| (*key, value.expose()))
    }

    /// The settings as text, with a line break at the end.
    ///
    /// # Errors
    /// When a value cannot be written in this format.
    pub fn render(&self, format: Format) -> Result<String, MultiLineValue> {
        match format {
            Format::Shell => Ok(self.shell()),
            Format::Json => Ok(serde_json::to_string_pretty(self).expect("strings become JSON") + "\n"),
            Format::Docker => self.docker(),
        }
    }

    fn shell(&self) -> String {
        let mut text = String::new();
        for (key, value) in self.iter() {
            // Inside single quotes nothing is special but the quote itself.
            writeln!(text, "{key}='{}'", value.replace('\'', r"'\''"))
                .expect("writing to a String cannot fail");
        }
        text
    }

    fn docker(&self) -> Result<String, MultiLineValue> {
        let mut text = String::new();
        for (key, value) in self.iter() {
            if value.contains(['\n', '\r']) {
                return Err(MultiLineValue { key });
            }
            writeln!(text, "{key}={value}").expect("writing to a String cannot fail");
        }
        Ok(text)
    }
}

impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn settings(key: &str, bundle: &str) -> Settings {
        Settings::new(&Connection {
            eventgrid_endpoint: "http://127.0.0.1:8080",
            key: &Secret::new(key),
            event_hubs: EventHubs::Emulator {
                host: "localhost",
                port: 8082,
            },
            bundle: Some(Path::new(bundle)),
            operations_url: Some("http://127.0.0.1:9464"),
        })
    }

    #[test]
    fn shell_lines_are_quoted_and_in_order() {
        let text = settings("a+b/c=", "/tmp/it's/bundle.pem")
            .render(Format::Shell)
            .unwrap();
        assert_eq!(
            text,
            "EVENTGRID_ENDPOINT='http://127.0.0.1:8080'\n\
             EVENTGRID_KEY='a+b/c='\n\
             EVENT_HUB_FULLY_QUALIFIED_NAMESPACE='localhost'\n\
             EVENT_HUB_CONNECTION_STR='Endpoint=sb://localhost:8082;SharedAccessKeyName=RootManageSharedAccessKey;\
             SharedAccessKey=a+b/c=;UseDevelopmentEmulator=true'\n\
             SSL_CERT_FILE='/tmp/it'\\''s/bundle.pem'\n\
             REQUESTS_CA_BUNDLE='/tmp/it'\\''s/bundle.pem'\n\
             NODE_EXTRA_CA_CERTS='/tmp/it'\\''s/bundle.pem'\n\
             WEFT_OPERATIONS_URL='http://127.0.0.1:9464'\n"
        );
    }

    #[test]
    fn a_real_shell_reads_back_every_value_unchanged() {
        let odd = "it's $HOME `id` \"x\" \\ !\nsecond line ' ''";
        let text = settings(odd, "/tmp/b").render(Format::Shell).unwrap();
        let script = format!("set -a\n{text}printf %s \"$EVENTGRID_KEY\"");
        let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), odd);
    }

    #[test]
    fn json_keeps_the_order() {
        let text = settings("key", "/b").render(Format::Json).unwrap();
        let positions = [
            "EVENTGRID_ENDPOINT",
            "EVENTGRID_KEY",
            "SSL_CERT_FILE",
            "WEFT_OPERATIONS_URL",
        ]
        .map(|key| text.find(key).unwrap());
        assert!(positions.is_sorted());
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["EVENTGRID_KEY"], "key");
    }

    #[test]
    fn docker_lines_carry_the_value_as_it_is_and_refuse_line_breaks() {
        let text = settings("key", "/it's").render(Format::Docker).unwrap();
        assert!(text.contains("\nSSL_CERT_FILE=/it's\n"), "{text}");
        let error = settings("two\nlines", "/b").render(Format::Docker).unwrap_err();
        assert_eq!(error, MultiLineValue { key: "EVENTGRID_KEY" });
    }

    #[test]
    fn without_a_bundle_no_program_is_told_to_distrust_the_public_roots() {
        let connection = Connection {
            eventgrid_endpoint: "http://127.0.0.1:8080",
            key: &Secret::new("key"),
            event_hubs: EventHubs::Tls { host: "shop" },
            bundle: None,
            operations_url: None,
        };
        let keys: Vec<_> = Settings::new(&connection).iter().map(|(key, _)| key).collect();
        assert!(keys.iter().all(|key| key.starts_with("EVENT")), "{keys:?}");
    }

    #[test]
    fn programs_of_one_entity_are_told_its_name() {
        let settings = settings("key", "/b")
            .with_topic("orders")
            .with_event_subscription("billing");
        let pairs: Vec<_> = settings.iter().collect();
        assert!(pairs.contains(&("EVENTGRID_TOPIC_NAME", "orders")));
        assert!(pairs.contains(&("EVENTGRID_EVENT_SUBSCRIPTION_NAME", "billing")));
    }

    #[test]
    fn a_connection_string_is_what_azures_portal_or_its_emulator_would_give() {
        let key = &Secret::new("abc=");
        let all = "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=abc=";
        for (event_hubs, expected) in [
            (
                EventHubs::Tls {
                    host: "shop.apps.svc",
                },
                format!("Endpoint=sb://shop.apps.svc/;{all};EntityPath=telemetry"),
            ),
            (
                EventHubs::Emulator {
                    host: "localhost",
                    port: 5672,
                },
                format!("Endpoint=sb://localhost;{all};UseDevelopmentEmulator=true;EntityPath=telemetry"),
            ),
        ] {
            let connection = Connection {
                eventgrid_endpoint: "",
                key,
                event_hubs,
                bundle: None,
                operations_url: None,
            };
            let settings = Settings::new(&connection).with_hub("telemetry");
            let pairs: Vec<_> = settings.iter().collect();
            assert!(
                pairs.contains(&("EVENT_HUB_CONNECTION_STR", expected.as_str())),
                "{expected}"
            );
            assert!(pairs.contains(&("EVENT_HUB_NAME", "telemetry")));
        }
    }

    #[test]
    fn debug_output_shows_no_key() {
        assert!(!format!("{:?}", settings("hunter2", "/b")).contains("hunter2"));
    }
}
