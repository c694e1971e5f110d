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
    /// With a subscription `billing` whose dead letters go to a store.
    fn new(dead_letter: Value) -> Self {
        let world = Self::default();
        let namespace = json!({"kind": "Namespace", "metadata": {"name": "shop"}, "spec": {}});
        put(&world.0.namespaces, 1, namespace);
        let topic = json!({"kind": "Topic", "metadata": {"name": "orders"}, "spec": {"namespaceRef": {"name": "shop"}}});
        put(&world.0.topics, 2, topic);
        world.subscribe(3, "billing", dead_letter);
        world
    }

    /// The higher the number, the younger the subscription.
    fn subscribe(&self, number: u64, name: &str, dead_letter: Value) {
        let created = format!("2026-01-01T00:00:{number:02}Z");
        let object = json!({
            "kind": "EventSubscription", "metadata": {"name": name, "creationTimestamp": created},
            "spec": {"topicRef": {"name": "orders"}, "queue": {}, "deadLetter": {"objectStore": dead_letter}},
        });
        put(&self.0.event_subscriptions, number, object);
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
    fn tell(&self, told: BTreeMap<String, StoreCredentials>) {
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

    fn plan(&self, findings: Vec<Finding>) -> Plan {
        let seen = Snapshot::take(&self.0, PLANE);
        plan(&Inputs {
            namespaces: seen.namespaces.iter().map(|one| &one.object).collect(),
            topics: seen.topics.iter().map(|one| &one.object).collect(),
            event_subscriptions: seen.event_subscriptions.iter().map(|one| &one.object).collect(),
            findings,
            ..Inputs::default()
        })
    }

    /// What the pod is told once everybody for whom there is no room was refused.
    fn stores(&self) -> Stores {
        let mut refused = refused(&self.plan(Vec::new()), &self.0);
        let planned = self.plan(refused.clone());
        assert_eq!(super::refused(&planned, &self.0), [], "nobody is refused twice");
        let secrets = self.0.secrets.get(PLANE, "shop-secrets");
        let secrets = secrets.as_ref().and_then(|secret| secret.whole());
        let mut stores = Stores::of(&planned.configurations[0], &self.0, secrets);
        stores.refused.append(&mut refused);
        stores
    }
}

fn put<K>(store: &crate::cache::Store<Resource<K>>, number: u64, mut object: Value)
where
    K: crate::cache::WeftKind + serde::de::DeserializeOwned,
{
    object["apiVersion"] = json!("weft.dev/v1alpha1");
    object["metadata"]["namespace"] = json!(PLANE);
    object["metadata"]["uid"] = json!(uid(number));
    let key = Key::new(PLANE, object["metadata"]["name"].as_str().unwrap());
    store.put(key, Resource::keep(serde_json::from_value(object).unwrap()));
}

fn uid(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
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

fn told(key: &str, value: &str) -> BTreeMap<String, StoreCredentials> {
    told_of("store", (key, value), &[3])
}

/// What the pod is told of the Secret `name`, for these subscriptions.
fn told_of(name: &str, (key, value): (&str, &str), numbers: &[u64]) -> BTreeMap<String, StoreCredentials> {
    let credentials = StoreCredentials {
        options: Options::from([(key.to_owned(), value.to_owned())]),
        subscriptions: numbers.iter().map(|number| uid(*number)).collect(),
    };
    BTreeMap::from([(name.to_owned(), credentials)])
}

fn in_store(secret: &str) -> Value {
    json!({"url": "s3://bucket/letters", "credentialsSecretRef": {"name": secret}})
}

fn with_secret() -> World {
    World::new(in_store("store"))
}

#[test]
fn the_pod_is_told_the_credentials_of_each_subscription() {
    let world = with_secret();
    world.offer("store", "AWS_ACCESS_KEY_ID", "id");
    assert_eq!(world.reasons(), []);
    let stores = world.stores();
    assert_eq!(*stores.told(), told("aws_access_key_id", "id"));
    assert!(stores.notices.is_empty());
}

#[test]
fn a_store_without_credentials_is_opened_with_what_surrounds_the_pod() {
    let world = World::new(json!({"url": "s3://bucket/letters"}));
    assert_eq!(world.reasons(), []);
    let stores = world.stores();
    assert_eq!(*stores.told(), BTreeMap::new());
    assert_eq!(stores.opened(), [("s3", &Options::new())]);
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
    assert_eq!(*stores.told(), told("aws_access_key_id", "id"));
    assert!(stores.notices[0].contains("\"billing\"") && stores.notices[0].contains("no Secret store"));
}

#[test]
fn a_folder_is_refused_in_a_cluster() {
    let world = World::new(json!({"url": "file:///tmp/letters"}));
    assert_eq!(world.reasons(), [Reason::Invalid]);
}

#[test]
fn the_content_of_a_secret_travels_once_for_all_who_name_it() {
    let world = with_secret();
    for number in 4..20 {
        world.subscribe(number, &format!("sub-{number}"), in_store("store"));
    }
    let secret = "k".repeat(60 * 1024);
    world.offer("store", "aws_access_key_id", &secret);
    let stores = world.stores();
    let all: Vec<u64> = (3..20).collect();
    assert_eq!(
        *stores.told(),
        told_of("store", ("aws_access_key_id", &secret), &all)
    );
    assert_eq!(stores.refused, []);
    assert_eq!(stores.opened().len(), 1);
}

/// Each subscription has a Secret of 60 KiB of its own, so that eight find room.
fn with_many() -> World {
    let world = World::new(in_store("s3"));
    for number in 4..13 {
        world.subscribe(number, &format!("sub-{number}"), in_store(&format!("s{number}")));
    }
    for number in 3..13 {
        world.offer(&format!("s{number}"), "key", &"k".repeat(60 * 1024));
    }
    world
}

#[test]
fn the_newest_subscription_is_refused_instead_of_the_pods_whole_secret() {
    let world = with_many();
    assert_eq!(world.reasons(), []);
    let stores = world.stores();
    let refused: Vec<_> = stores.refused.iter().map(|finding| finding.uid.clone()).collect();
    assert_eq!(refused, [uid(11), uid(12)]);
    assert_eq!(stores.refused[0].reason, Reason::SecretNotUsable);
    let said = stores.refused[0].violation.to_string();
    assert!(
        said.contains(CREDENTIALS) && said.contains("the Secret s11") && said.contains("more than 512 KiB"),
        "{said}"
    );
    assert!(said.contains("name the same Secret"), "{said}");
    assert_eq!(stores.told().len(), 8);
    assert!(serde_json::to_vec(stores.told()).unwrap().len() <= BYTES_MAX);
}

#[test]
fn whose_credentials_the_pod_has_is_never_refused_for_an_older_one() {
    let world = with_many();
    let kept = told_of("s12", ("key", "old"), &[12]);
    world.tell(kept);
    let stores = world.stores();
    let refused: Vec<_> = stores.refused.iter().map(|finding| finding.uid.clone()).collect();
    assert_eq!(refused, [uid(10), uid(11)]);
    assert!(
        stores.told()["s12"].options["key"].len() > 1000,
        "its newest content"
    );
}

#[test]
fn a_secret_that_grows_too_large_for_the_others_stays_in_effect_as_it_was() {
    let world = with_many();
    let mut kept = BTreeMap::new();
    for number in 3..13 {
        let value = "k".repeat(50 * 1024);
        kept.append(&mut told_of(&format!("s{number}"), ("key", &value), &[number]));
    }
    world.tell(kept);
    let stores = world.stores();
    assert_eq!(stores.refused, []);
    assert_eq!(stores.told().len(), 10);
    let former = stores
        .told()
        .values()
        .filter(|one| one.options["key"].len() == 50 * 1024);
    let former = former.count();
    assert!((1..10).contains(&former), "{former}");
    assert_eq!(stores.notices.len(), former);
    assert!(stores.notices[0].contains("credentials of before") && stores.notices[0].contains("512 KiB"));
}
