//! What programs are given: settings as environment variables, and the certificates to trust as files.
//!
//! Settings are Secrets, to be taken whole (`envFrom`). The files are in a ConfigMap, to be mounted at
//! [`names::trust_folder`]: they are public, and a variable as long as the public roots would keep a container from
//! starting.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use credentials::{Blob, Connection, EventHubs, Identity, PYTHON_TRUST, Settings, java_trust_store};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::labels::Component;
use crate::names;
use crate::object::{Owner, Prepared, reference};

/// Our certificates alone.
const AUTHORITIES: &str = "ca.crt";
/// The public roots and ours.
const BUNDLE: &str = "bundle.pem";
/// The bundle for Java.
const JAVA: &str = "bundle.p12";
/// What makes Python programs use the bundle.
const PYTHON: &str = "sitecustomize.py";

/// The public roots that Mozilla trusts, as PEM.
static PUBLIC_ROOTS: LazyLock<String> = LazyLock::new(|| {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    roots.iter().map(credentials::certificate_pem).collect()
});

/// A resource that settings are for.
#[derive(Clone, Copy, Debug)]
pub struct Entity<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// `metadata.uid`.
    pub uid: &'a str,
    /// What it is, by the names that clients use.
    pub clients: Names<'a>,
}

/// The names that clients use, by the kind of what has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the name of what it says")]
pub enum Names<'a> {
    Topic(&'a str),
    EventSubscription {
        topic: &'a str,
        event_subscription: &'a str,
    },
    Hub(&'a str),
}

impl Names<'_> {
    /// The kind of what has them.
    pub fn kind(&self) -> crds::Kind {
        match self {
            Self::Topic(_) => crds::Kind::Topic,
            Self::EventSubscription { .. } => crds::Kind::EventSubscription,
            Self::Hub(_) => crds::Kind::Hub,
        }
    }

    /// Name of the Secret of a resource that is called `name`.
    pub fn secret(&self, name: &str) -> String {
        match self {
            Self::Topic(_) => names::topic_connection(name),
            Self::EventSubscription { .. } => names::event_subscription_connection(name),
            Self::Hub(_) => names::hub_connection(name),
        }
    }

    fn add_to(&self, settings: Settings) -> Settings {
        match self {
            Self::Topic(topic) => settings.with_topic(topic),
            Self::EventSubscription {
                topic,
                event_subscription,
            } => settings
                .with_topic(topic)
                .with_event_subscription(event_subscription),
            Self::Hub(hub) => settings.with_hub(hub),
        }
    }
}

/// The Secret with settings for programs of the Namespace. `key` is a live key of its root rule; `None` if it accepts no
/// keys.
pub fn namespace(owner: &Owner, key: Option<&credentials::Secret>) -> Prepared {
    secret(
        owner,
        names::connection(&owner.name),
        owner.reference(),
        &settings(owner, key),
    )
}

/// The Secret with settings for programs of one entity; it goes with the entity.
pub fn entity(owner: &Owner, entity: &Entity<'_>, key: Option<&credentials::Secret>) -> Prepared {
    let Entity { name, uid, clients } = entity;
    let settings = clients.add_to(settings(owner, key));
    let reference = reference(clients.kind(), name, uid);
    secret(owner, clients.secret(name), reference, &settings)
}

/// The key that a Secret with settings hands out.
pub fn key_in(secret: &Secret) -> Option<&str> {
    let key = secret.data.as_ref()?.get("EVENTGRID_KEY")?;
    std::str::from_utf8(&key.0).ok()
}

/// The ConfigMap with what programs trust. `authorities` are the Namespace's own, PEM; `None` if a public one vouches
/// for it.
pub fn trust(owner: &Owner, authorities: Option<&str>) -> Prepared {
    let bundle = PUBLIC_ROOTS.clone() + authorities.unwrap_or_default();
    // The roots are in order and what is ours was checked; without its store, Java alone would miss something.
    let java = java_trust_store(&bundle).ok();
    let mut data = BTreeMap::from([
        (BUNDLE.to_owned(), bundle),
        (PYTHON.to_owned(), PYTHON_TRUST.to_owned()),
    ]);
    data.extend(authorities.map(|pem| (AUTHORITIES.to_owned(), pem.to_owned())));
    Prepared::new(&ConfigMap {
        metadata: owner.child(names::trust(&owner.name), Component::Connection),
        data: Some(data),
        binary_data: java.map(|store| BTreeMap::from([(JAVA.to_owned(), ByteString(store))])),
        ..ConfigMap::default()
    })
}

fn settings(owner: &Owner, key: Option<&credentials::Secret>) -> Settings {
    let bundle = Path::new(&names::trust_folder(&owner.name)).join(BUNDLE);
    let endpoint = names::endpoint(&owner.name, &owner.kubernetes_namespace);
    Settings::new(&Connection {
        eventgrid_endpoint: &endpoint,
        key,
        event_hubs: EventHubs::Tls {
            host: &names::host(&owner.name, &owner.kubernetes_namespace),
        },
        blob: Some(Blob {
            account: &owner.name,
            url: &names::blob_endpoint(&owner.name, &owner.kubernetes_namespace),
        }),
        identity: Some(Identity {
            authority_host: &format!("{endpoint}/"),
            token_file: names::TOKEN_FILE,
        }),
        bundle: Some(&bundle),
        operations_url: None,
    })
}

fn secret(owner: &Owner, name: String, reference: OwnerReference, settings: &Settings) -> Prepared {
    let mut metadata = owner.child(name, Component::Connection);
    metadata.owner_references = Some(vec![reference]);
    let data = settings
        .iter()
        .map(|(key, value)| (key.to_owned(), ByteString(value.as_bytes().to_vec())));
    Prepared::new(&Secret {
        metadata,
        data: Some(data.collect()),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner {
            name: "shop".to_owned(),
            kubernetes_namespace: "apps".to_owned(),
            uid: "4f6d7a52-0d0c-4c5e-8f51-3d6f2f7a1b11".to_owned(),
        }
    }

    fn data(prepared: &Prepared) -> BTreeMap<String, String> {
        let secret: Secret = serde_json::from_value(prepared.value.clone()).unwrap();
        let text = |bytes: ByteString| String::from_utf8(bytes.0).unwrap();
        secret
            .data
            .unwrap()
            .into_iter()
            .map(|(key, value)| (key, text(value)))
            .collect()
    }

    #[test]
    fn every_setting_can_be_an_environment_variable() {
        let entity = Entity {
            name: "billing",
            uid: "u",
            clients: Names::EventSubscription {
                topic: "Orders",
                event_subscription: "Billing",
            },
        };
        let key = credentials::Secret::new("key");
        let key = Some(&key);
        for prepared in [namespace(&owner(), key), self::entity(&owner(), &entity, key)] {
            for (key, value) in data(&prepared) {
                assert!(key.chars().all(|c| c.is_ascii_uppercase() || c == '_'), "{key}");
                assert!(value.len() < 4096, "{key}");
            }
        }
    }

    #[test]
    fn programs_of_an_entity_are_told_the_names_that_clients_use() {
        let entity = Entity {
            name: "billing",
            uid: "u",
            clients: Names::EventSubscription {
                topic: "Orders",
                event_subscription: "Billing",
            },
        };
        let prepared = self::entity(&owner(), &entity, Some(&credentials::Secret::new("key")));
        assert_eq!(prepared.name, "eventsubscription.billing-connection");
        assert_eq!(prepared.owner_uid(), Some("u"));
        let data = data(&prepared);
        assert_eq!(data["EVENTGRID_TOPIC_NAME"], "Orders");
        assert_eq!(data["EVENTGRID_EVENT_SUBSCRIPTION_NAME"], "Billing");
        assert_eq!(data["EVENTGRID_ENDPOINT"], "https://shop.apps.svc");
        assert_eq!(data["SSL_CERT_FILE"], "/var/run/weft/shop/bundle.pem");
    }

    #[test]
    fn programs_of_a_hub_are_told_its_name_twice() {
        let hub = Entity {
            name: "telemetry",
            uid: "u",
            clients: Names::Hub("Telemetry.V2"),
        };
        let prepared = entity(&owner(), &hub, Some(&credentials::Secret::new("key")));
        assert_eq!(prepared.name, "hub.telemetry-connection");
        let data = data(&prepared);
        assert_eq!(data["EVENT_HUB_FULLY_QUALIFIED_NAMESPACE"], "shop.apps.svc");
        assert_eq!(data["EVENT_HUB_NAME"], "Telemetry.V2");
        assert_eq!(
            data["EVENT_HUB_CONNECTION_STR"],
            "Endpoint=sb://shop.apps.svc/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=key;\
             EntityPath=Telemetry.V2"
        );
        let namespace = namespace(&owner(), Some(&credentials::Secret::new("key")));
        assert!(!tests::data(&namespace)["EVENT_HUB_CONNECTION_STR"].contains("EntityPath"));
    }

    #[test]
    fn programs_are_told_where_checkpoints_and_tokens_are_and_no_key_where_none_is_accepted() {
        let data = data(&namespace(&owner(), None));
        for (key, value) in [
            ("BLOB_STORAGE_ACCOUNT_URL", "https://shop-blob.apps.svc"),
            ("AZURE_TENANT_ID", "adfs"),
            ("AZURE_AUTHORITY_HOST", "https://shop.apps.svc/"),
            ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/weft/token/token"),
        ] {
            assert_eq!(data[key], value);
        }
        let secrets = data
            .iter()
            .filter(|(key, value)| key.contains("KEY") || value.contains("Key"));
        assert_eq!(secrets.count(), 0);
    }

    #[test]
    fn the_bundle_holds_the_public_roots_and_ours() {
        let ours = "-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n";
        let prepared = trust(&owner(), Some(ours));
        let bundle = prepared.value["data"][BUNDLE].as_str().unwrap();
        assert!(bundle.ends_with(ours));
        assert!(bundle.matches("BEGIN CERTIFICATE").count() > 100);
        assert_eq!(prepared.value["data"][AUTHORITIES], ours);
        assert!(prepared.value["binaryData"][JAVA].is_string());
        // A ConfigMap holds a mebibyte.
        assert!(prepared.value.to_string().len() < 768 * 1024);
        let public = trust(&owner(), None);
        assert!(public.value["data"].get(AUTHORITIES).is_none());
    }
}
