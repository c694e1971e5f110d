use config::Secrets;
use k8s_openapi::ByteString;
use plan::{Inputs, plan};
use serde_json::{Value, json};

use super::*;
use crate::cache::{Child, Key, OurSecret};
use crate::labels;

const PLANE: &str = "apps";
const BILLING: &str = "00000000-0000-4000-8000-000000000003";

/// What there is in the cluster.
#[derive(Default)]
struct World(Caches);

impl World {
    fn new(dead_letter: Value) -> Self {
        let world = Self::default();
        let objects = [
            json!({"kind": "Namespace", "metadata": {"name": "shop"}, "spec": {}}),
            json!({"kind": "Topic", "metadata": {"name": "orders"}, "spec": {"namespaceRef": {"name": "shop"}}}),
            json!({"kind": "EventSubscription", "metadata": {"name": "billing"}, "spec": {
                "topicRef": {"name": "orders"}, "queue": {}, "deadLetter": {"objectStore": dead_letter}}}),
        ];
        for (index, mut object) in (1..).zip(objects) {
            object["apiVersion"] = json!("weft.dev/v1alpha1");
            object["metadata"]["namespace"] = json!(PLANE);
            object["metadata"]["uid"] = json!(format!("00000000-0000-4000-8000-{index:012}"));
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            let key = Key::new(PLANE, &name);
            match index {
                1 => put(&world.0.namespaces, key, object),
                2 => put(&world.0.topics, key, object),
                _ => put(&world.0.event_subscriptions, key, object),
            }
        }
        world
    }

    /// A Secret that its owner offers.
    fn offer(&self, name: &str, key: &str, value: &str) {
        let mut secret = secret(name, key, value.into());
        secret.metadata.labels = Some(BTreeMap::from([(labels::USABLE.into(), "true".into())]));
        self.0
            .offered_secrets
            .put(Key::new(PLANE, name), Child::keep(secret));
    }

    /// What the pod was told last.
    fn tell(&self, told: BTreeMap<String, Options>) {
        let secrets = Secrets {
            rules: vec![],
            certificate_pem: String::new(),
            private_key_pem: String::new(),
            object_store: BTreeMap::new(),
            dead_letter_stores: told,
        };
        let json = serde_json::to_vec(&secrets).unwrap();
        let mut secret = secret("shop-secrets", objects::SECRETS_KEY, json);
        let revision = (objects::SECRETS_REVISION_KEY.to_owned(), ByteString("1".into()));
        secret.data.as_mut().unwrap().extend([revision]);
        self.0
            .secrets
            .put(Key::new(PLANE, "shop-secrets"), OurSecret::keep(secret));
    }

    fn reasons(&self) -> Vec<Reason> {
        let seen = Snapshot::take(&self.0, PLANE);
        let findings = findings(&seen, &self.0);
        assert!(findings.iter().all(|finding| finding.uid == BILLING));
        findings.iter().map(|finding| finding.reason).collect()
    }

    fn stores(&self) -> Stores {
        let seen = Snapshot::take(&self.0, PLANE);
        let planned = plan(&Inputs {
            namespaces: seen.namespaces.iter().map(|one| &one.object).collect(),
            topics: seen.topics.iter().map(|one| &one.object).collect(),
            event_subscriptions: seen.event_subscriptions.iter().map(|one| &one.object).collect(),
            ..Inputs::default()
        });
        let secrets = self.0.secrets.get(PLANE, "shop-secrets");
        let secrets = secrets.as_ref().and_then(|secret| secret.whole());
        Stores::of(&planned.configurations[0], &self.0, secrets)
    }
}

fn put<K>(store: &crate::cache::Store<Resource<K>>, key: Key, object: Value)
where
    K: crate::cache::WeftKind + serde::de::DeserializeOwned,
{
    store.put(key, Resource::keep(serde_json::from_value(object).unwrap()));
}

fn secret(name: &str, key: &str, value: Vec<u8>) -> Secret {
    let mut secret = Secret {
        data: Some(BTreeMap::from([(key.to_owned(), ByteString(value))])),
        ..Secret::default()
    };
    secret.metadata.name = Some(name.to_owned());
    secret.metadata.uid = Some(name.to_owned());
    secret
}

fn told(key: &str, value: &str) -> BTreeMap<String, Options> {
    let options = Options::from([(key.to_owned(), value.to_owned())]);
    BTreeMap::from([(BILLING.to_owned(), options)])
}

fn with_secret() -> World {
    World::new(json!({"url": "s3://bucket/letters", "credentialsSecretRef": {"name": "store"}}))
}

#[test]
fn the_pod_is_told_the_credentials_of_each_subscription() {
    let world = with_secret();
    world.offer("store", "AWS_ACCESS_KEY_ID", "id");
    assert_eq!(world.reasons(), []);
    let stores = world.stores();
    assert_eq!(stores.told(), told("aws_access_key_id", "id"));
    assert!(stores.notices.is_empty());
}

#[test]
fn a_store_without_credentials_is_opened_with_what_surrounds_the_pod() {
    let world = World::new(json!({"url": "s3://bucket/letters"}));
    assert_eq!(world.reasons(), []);
    let stores = world.stores();
    assert_eq!(stores.told(), BTreeMap::new());
    assert_eq!(stores.options(), [&Options::new()]);
}

#[test]
fn a_subscription_is_accepted_once_its_secret_is_offered() {
    let world = with_secret();
    assert_eq!(world.reasons(), [Reason::SecretNotFound]);
    world.offer("store", "key", "value");
    assert_eq!(world.reasons(), []);
}

#[test]
fn a_secret_that_goes_later_leaves_everything_as_it_is() {
    let world = with_secret();
    world.tell(told("aws_access_key_id", "id"));
    assert_eq!(world.reasons(), []);
    let stores = world.stores();
    assert_eq!(stores.told(), told("aws_access_key_id", "id"));
    assert!(stores.notices[0].contains("\"billing\"") && stores.notices[0].contains("no Secret store"));
}

#[test]
fn a_folder_is_refused_in_a_cluster() {
    let world = World::new(json!({"url": "file:///tmp/letters"}));
    assert_eq!(world.reasons(), [Reason::Invalid]);
}
