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
    /// A live access key of the rule that every Namespace has, `RootManageSharedAccessKey`. Where the Namespace accepts
    /// no keys there is none, and no setting that would hold one.
    pub key: Option<&'a Secret>,
    /// How programs reach Event Hubs.
    pub event_hubs: EventHubs<'a>,
    /// How programs reach their checkpoints.
    pub blob: Option<Blob<'a>>,
    /// How programs get a token instead of a key.
    pub identity: Option<Identity<'a>>,
    /// The public roots and ours, as a path that the program can open.
    pub bundle: Option<&'a Path>,
    /// `/healthz`, `/readyz`, `/metrics`; local mode only.
    pub operations_url: Option<&'a str>,
}

/// How programs reach their checkpoints, as SDKs reach an account of blobs.
#[derive(Clone, Copy, Debug)]
pub struct Blob<'a> {
    /// Name of the account, which is the Namespace's.
    pub account: &'a str,
    /// Where its containers are, `https:` without a slash at the end: SDKs show a token to nothing else.
    pub url: &'a str,
}

impl Blob<'_> {
    fn connection_string(&self, key: &Secret) -> String {
        let (Self { account, url }, key) = (self, key.expose());
        let protocol = url.split_once(':').map_or("https", |(scheme, _)| scheme);
        format!(
            "DefaultEndpointsProtocol={protocol};AccountName={account};AccountKey={key};BlobEndpoint={url}"
        )
    }
}

/// How programs get a token: they send the one in a file to the Namespace's own token endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The Namespace's HTTPS endpoint with a slash at the end, without a path.
    pub authority_host: &'a str,
    /// A file with a token that the Namespace accepts, as a path that the program can open.
    pub token_file: &'a str,
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
const BLOB_ACCOUNT: &str = "BLOB_STORAGE_ACCOUNT_URL";
/// Where programs of any hub keep their checkpoints: these carry the names of hub and consumer group themselves. It
/// exists as soon as it is used.
const CHECKPOINT_CONTAINER: &str = "checkpoints";
/// The tenant with which SDKs ask the endpoint that they are given, and nobody else.
const TENANT: &str = "adfs";
/// SDKs insist on one; whose token it is stands in the token.
const CLIENT: &str = "weft";

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
        let key = connection.key;
        let mut settings = Self(Vec::new());
        settings.add("EVENTGRID_ENDPOINT", connection.eventgrid_endpoint);
        settings.add_secret("EVENTGRID_KEY", key.cloned());
        let event_hubs = &connection.event_hubs;
        settings.add("EVENT_HUB_FULLY_QUALIFIED_NAMESPACE", event_hubs.host());
        let string = key.map(|key| Secret::new(event_hubs.connection_string(key)));
        settings.add_secret(EVENT_HUBS_CONNECTION, string);
        if let Some(blob) = connection.blob {
            settings.add(BLOB_ACCOUNT, blob.url);
            let string = key.map(|key| Secret::new(blob.connection_string(key)));
            settings.add_secret("BLOB_STORAGE_CONNECTION_STRING", string);
        }
        if let Some(identity) = connection.identity {
            settings.add("AZURE_TENANT_ID", TENANT);
            settings.add("AZURE_CLIENT_ID", CLIENT);
            settings.add("AZURE_AUTHORITY_HOST", identity.authority_host);
            settings.add("AZURE_FEDERATED_TOKEN_FILE", identity.token_file);
        }
        if let Some(bundle) = connection.bundle {
            // Go, Rust and Python's asyncio read the first, Python's requests the second, Node.js the third.
            for key in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
                settings.add(key, &bundle.to_string_lossy());
            }
        }
        if let Some(url) = connection.operations_url {
            settings.add("WEFT_OPERATIONS_URL", url);
        }
        settings
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

    /// The same for programs of one event hub, by the name that clients use. The connection string names it, too. They
    /// are given a container for their checkpoints.
    #[must_use]
    pub fn with_hub(mut self, hub: &str) -> Self {
        for (_, value) in self.0.iter_mut().filter(|(key, _)| *key == EVENT_HUBS_CONNECTION) {
            *value = Secret::new(format!("{};EntityPath={hub}", value.expose()));
        }
        if self.iter().any(|(key, _)| key == BLOB_ACCOUNT) {
            self.add("BLOB_CONTAINER_NAME", CHECKPOINT_CONTAINER);
        }
        self.with("EVENT_HUB_NAME", hub)
    }

    fn with(mut self, key: &'static str, value: &str) -> Self {
        self.add(key, value);
        self
    }

    fn add(&mut self, key: &'static str, value: &str) {
        self.add_secret(key, Some(Secret::new(value)));
    }

    fn add_secret(&mut self, key: &'static str, value: Option<Secret>) {
        self.0.extend(value.map(|value| (key, value)));
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
            key: Some(&Secret::new(key)),
            event_hubs: EventHubs::Emulator {
                host: "localhost",
                port: 8082,
            },
            blob: None,
            identity: None,
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
            key: Some(&Secret::new("key")),
            event_hubs: EventHubs::Tls { host: "shop" },
            blob: None,
            identity: None,
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
                key: Some(key),
                event_hubs,
                blob: None,
                identity: None,
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

    fn in_the_cluster(key: Option<&Secret>) -> Settings {
        Settings::new(&Connection {
            eventgrid_endpoint: "https://shop.apps.svc",
            key,
            event_hubs: EventHubs::Tls {
                host: "shop.apps.svc",
            },
            blob: Some(Blob {
                account: "shop",
                url: "https://shop-blob.apps.svc",
            }),
            identity: Some(Identity {
                authority_host: "https://shop.apps.svc/",
                token_file: "/var/run/weft/token/token",
            }),
            bundle: None,
            operations_url: None,
        })
        .with_hub("telemetry")
    }

    #[test]
    fn programs_find_their_checkpoints_and_a_token() {
        let settings = in_the_cluster(Some(&Secret::new("abc=")));
        let pairs: Vec<_> = settings.iter().collect();
        for pair in [
            ("BLOB_STORAGE_ACCOUNT_URL", "https://shop-blob.apps.svc"),
            (
                "BLOB_STORAGE_CONNECTION_STRING",
                "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=abc=;\
                 BlobEndpoint=https://shop-blob.apps.svc",
            ),
            ("BLOB_CONTAINER_NAME", "checkpoints"),
            ("AZURE_TENANT_ID", "adfs"),
            ("AZURE_CLIENT_ID", "weft"),
            ("AZURE_AUTHORITY_HOST", "https://shop.apps.svc/"),
            ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/weft/token/token"),
        ] {
            assert!(
                pairs.contains(&pair),
                "{pair:?} in {:?}",
                settings.render(Format::Shell)
            );
        }
    }

    #[test]
    fn without_a_key_no_setting_needs_one_and_all_others_stay() {
        let keys = |settings: &Settings| settings.iter().map(|(key, _)| key).collect::<Vec<_>>();
        let mut with = keys(&in_the_cluster(Some(&Secret::new("abc="))));
        let without = keys(&in_the_cluster(None));
        with.retain(|key| {
            ![
                "EVENTGRID_KEY",
                "EVENT_HUB_CONNECTION_STR",
                "BLOB_STORAGE_CONNECTION_STRING",
            ]
            .contains(key)
        });
        assert_eq!(without, with);
    }

    #[test]
    fn debug_output_shows_no_key() {
        assert!(!format!("{:?}", settings("hunter2", "/b")).contains("hunter2"));
    }
}
