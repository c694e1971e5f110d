//! What programs are given: settings as environment variables, and the certificates to trust as files.
//!
//! Settings are Secrets, to be taken whole (`envFrom`). The files are in a ConfigMap, to be mounted at
//! [`names::trust_folder`]: they are public, and a variable as long as the public roots would keep a container from
//! starting.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use credentials::{Connection, Settings};
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

/// The public roots that Mozilla trusts, as PEM.
static PUBLIC_ROOTS: LazyLock<String> = LazyLock::new(|| {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    roots.iter().map(credentials::certificate_pem).collect()
});

/// A Topic or EventSubscription that settings are for.
#[derive(Clone, Copy, Debug)]
pub struct Entity<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// `metadata.uid`.
    pub uid: &'a str,
    /// The name of the topic that clients use.
    pub topic: &'a str,
    /// The name of the event subscription that clients use; `None` for a Topic.
    pub event_subscription: Option<&'a str>,
}

/// The Secret with settings for programs of the Namespace. `key` is a live key of its root rule.
pub fn namespace(owner: &Owner, key: &credentials::Secret) -> Prepared {
    secret(
        owner,
        names::connection(&owner.name),
        owner.reference(),
        &settings(owner, key),
    )
}

/// The Secret with settings for programs of one entity; it goes with the entity.
pub fn entity(owner: &Owner, entity: &Entity<'_>, key: &credentials::Secret) -> Prepared {
    let settings = settings(owner, key).with_topic(entity.topic);
    let (name, kind, settings) = match entity.event_subscription {
        None => (names::topic_connection(entity.name), crds::Kind::Topic, settings),
        Some(client_name) => (
            names::event_subscription_connection(entity.name),
            crds::Kind::EventSubscription,
            settings.with_event_subscription(client_name),
        ),
    };
    secret(owner, name, reference(kind, entity.name, entity.uid), &settings)
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
    let mut data = BTreeMap::from([(BUNDLE.to_owned(), bundle)]);
    data.extend(authorities.map(|pem| (AUTHORITIES.to_owned(), pem.to_owned())));
    Prepared::new(&ConfigMap {
        metadata: owner.child(names::trust(&owner.name), Component::Connection),
        data: Some(data),
        ..ConfigMap::default()
    })
}

fn settings(owner: &Owner, key: &credentials::Secret) -> Settings {
    let bundle = Path::new(&names::trust_folder(&owner.name)).join(BUNDLE);
    Settings::new(&Connection {
        eventgrid_endpoint: &names::endpoint(&owner.name, &owner.kubernetes_namespace),
        eventgrid_key: key,
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
            topic: "Orders",
            event_subscription: Some("Billing"),
        };
        let key = credentials::Secret::new("key");
        for prepared in [namespace(&owner(), &key), self::entity(&owner(), &entity, &key)] {
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
            topic: "Orders",
            event_subscription: Some("Billing"),
        };
        let prepared = self::entity(&owner(), &entity, &credentials::Secret::new("key"));
        assert_eq!(prepared.name, "eventsubscription.billing-connection");
        assert_eq!(prepared.owner_uid(), Some("u"));
        let data = data(&prepared);
        assert_eq!(data["EVENTGRID_TOPIC_NAME"], "Orders");
        assert_eq!(data["EVENTGRID_EVENT_SUBSCRIPTION_NAME"], "Billing");
        assert_eq!(data["EVENTGRID_ENDPOINT"], "https://shop.apps.svc");
        assert_eq!(data["SSL_CERT_FILE"], "/var/run/weft/shop/bundle.pem");
    }

    #[test]
    fn the_bundle_holds_the_public_roots_and_ours() {
        let ours = "-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n";
        let prepared = trust(&owner(), Some(ours));
        let bundle = prepared.value["data"][BUNDLE].as_str().unwrap();
        assert!(bundle.ends_with(ours));
        assert!(bundle.matches("BEGIN CERTIFICATE").count() > 100);
        assert_eq!(prepared.value["data"][AUTHORITIES], ours);
        // A ConfigMap holds a mebibyte.
        assert!(bundle.len() < 512 * 1024);
        let public = trust(&owner(), None);
        assert!(public.value["data"].get(AUTHORITIES).is_none());
    }
}
