//! Namespaces, and the objects that the operator makes of them.

use std::collections::BTreeMap;

use crds::v1alpha1::{Namespace, NamespaceSpec};
use k8s_openapi::api::apps::v1::StatefulSet;
use operator::connection::{self, Entity, Names};
use operator::object::{Owner, Prepared};
use operator::object_store;
use operator::release::{self, Release};
use operator::resources::{self, Exposure, Parts, PodVolume, Shape};
use operator::volumes::{self, Choice};
use plan::{Inputs, plan};
use serde_json::{Value, json};

/// The Namespaces of the golden files.
pub(crate) const CASES: [&str; 3] = ["default", "full", "ephemeral"];

/// A Namespace, and what the operator makes of it where nothing is yet.
pub(crate) struct Fixture {
    pub(crate) namespace: Namespace,
    pub(crate) owner: Owner,
}

impl Fixture {
    pub(crate) fn new(case: &str) -> Self {
        Self::with_spec(spec(case))
    }

    pub(crate) fn with_spec(spec: Value) -> Self {
        let namespace: Namespace = serde_json::from_value(json!({
            "apiVersion": "weft.dev/v1alpha1",
            "kind": "Namespace",
            "metadata": {"name": "shop", "namespace": "apps", "uid": "4f6d7a52-0d0c-4c5e-8f51-3d6f2f7a1b11"},
            "spec": spec,
        }))
        .unwrap();
        let owner = Owner::of(&namespace).unwrap();
        Self { namespace, owner }
    }

    /// The objects whose content does not depend on chance.
    pub(crate) fn objects(&self) -> Vec<Prepared> {
        let configuration = self.configuration();
        let pieces = configuration.pieces(1).unwrap();
        let key = credentials::Secret::new("Sm9sbHkgZ29vZCBrZXksIGluZGVlZCBpdCBpcyBzbyE=");
        let key = (!configuration.settings.disable_local_auth).then_some(&key);
        let entity = |clients| Entity {
            name: "orders",
            uid: "7c1f2a90-0d0c-4c5e-8f51-3d6f2f7a1b11",
            clients,
        };
        let topic = "OrdersV2";
        let event_subscription = "billing";
        let mut objects = self.parts();
        objects.extend([
            resources::config_map::shard(&self.owner, 3, &pieces.shards[3]),
            resources::config_map::head(&self.owner, &pieces.head),
            connection::namespace(&self.owner, key),
            connection::entity(&self.owner, &entity(Names::Topic(topic)), key),
            connection::entity(
                &self.owner,
                &entity(Names::EventSubscription {
                    topic,
                    event_subscription,
                }),
                key,
            ),
            connection::entity(&self.owner, &entity(Names::Hub(topic)), key),
        ]);
        objects
    }

    /// What the pod consists of and needs.
    pub(crate) fn parts(&self) -> Vec<Prepared> {
        let release = Release {
            version: "1.2.3".to_owned(),
            image: "registry.example/weft-sidecar:1.2.3".to_owned(),
        };
        self.parts_after(None, &release)
    }

    /// The same where there is a StatefulSet already, and the operator brings `release`. Upgrades wait for approval.
    pub(crate) fn parts_after(&self, live: Option<&StatefulSet>, release: &Release) -> Vec<Prepared> {
        let spec = &self.namespace.spec;
        let settings = self.configuration().settings;
        let choice = volumes::choose(&self.owner, None, &[], |_| false).unwrap();
        let ephemeral = PodVolume::is_ephemeral(spec);
        let volume = match ephemeral {
            true => PodVolume::Ephemeral {
                size_bytes: settings.storage_capacity_bytes,
            },
            false => PodVolume::claim(&choice),
        };
        let claim = self.claim(&choice, &settings);
        let shape = Shape::of(spec, volume);
        let wanted = release::Wanted {
            release,
            approved: None,
            automatic: false,
            shape: shape.digest(),
        };
        resources::build(&Parts {
            owner: &self.owner,
            shape: &shape,
            exposure: &Exposure::of(spec),
            outside: &object_store::ports_outside(
                &settings,
                &store_options(spec),
                &letter_options(spec)
                    .iter()
                    .map(|options| ("s3", options))
                    .collect::<Vec<_>>(),
            ),
            template: &release::decide(live, &wanted),
            claim: (!ephemeral).then_some(&claim),
        })
    }

    fn claim(&self, choice: &Choice<'_>, settings: &config::Settings) -> volumes::Claim {
        let storage = self.namespace.spec.storage.as_ref();
        let volume = storage.and_then(|storage| storage.persistent_volume.as_ref());
        let wanted = volumes::Wanted {
            size: volume.map_or("10Gi", |volume| &volume.size),
            storage_class: volume.and_then(|volume| volume.storage_class_name.as_deref()),
            deletion_policy: settings.deletion_policy,
            deletion_grace_seconds: settings.deletion_grace_seconds,
        };
        volumes::claim(&self.owner, choice, &wanted)
    }

    fn configuration(&self) -> plan::Configuration {
        let inputs = Inputs {
            namespaces: vec![&self.namespace],
            ..Inputs::default()
        };
        plan(&inputs).configurations.swap_remove(0)
    }
}

/// What the Secret of the object store would hold, if there is one.
fn store_options(spec: &NamespaceSpec) -> BTreeMap<String, String> {
    let store = spec.checkpoint.as_ref().and_then(|one| one.object_store.as_ref());
    let reference = store.and_then(|store| store.credentials_secret_ref.as_ref());
    reference
        .map(|_| at("http://minio.store.svc:9000"))
        .unwrap_or_default()
}

/// What the Secrets of stores for dead letters would hold, where the Namespace uses everything.
fn letter_options(spec: &NamespaceSpec) -> Vec<BTreeMap<String, String>> {
    let options = spec.checkpoint.iter();
    options.map(|_| at("http://letters.store.svc:9001")).collect()
}

/// A store that speaks like S3, and a key to it.
fn at(endpoint: &str) -> BTreeMap<String, String> {
    let options = [("aws_endpoint", endpoint), ("aws_access_key_id", "id")];
    options
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn spec(case: &str) -> Value {
    match case {
        "default" => json!({}),
        "ephemeral" => json!({"storage": {"ephemeral": {"sizeLimit": "1Gi"}}, "disableLocalAuth": true}),
        "full" => full(),
        other => panic!("there is no case {other}"),
    }
}

fn full() -> Value {
    json!({
        "storage": {"persistentVolume": {"size": "1.5Ti", "storageClassName": "fast"}},
        "tls": {"dnsNames": ["events.example.com"], "plaintext": true},
        "service": {"type": "LoadBalancer", "annotations": {"lb.example.com/internal": "true"}},
        "authorizationRules": [{"name": "app", "rights": ["Send", "Listen"]}],
        "identity": {"issuers": [{
            "url": "https://login.example.com:8443/tenant", "audiences": ["weft"], "prefix": "corp:",
            "usernameClaim": "email",
        }]},
        "checkpoint": {"objectStore": {
            "url": "s3://events/weft/shop", "credentialsSecretRef": {"name": "store"},
        }},
        "deletionPolicy": "Retain",
        "upgradePolicy": "Automatic",
        "podTemplate": {
            "metadata": {
                "labels": {"team": "shop"},
                "annotations": {"example.com/scrape": "true"},
            },
            "spec": {
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "events", "effect": "NoSchedule"}],
                "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
                    "weight": 1,
                    "preference": {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]},
                }]}},
                "topologySpreadConstraints": [{
                    "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": {"team": "shop"}},
                }],
                "priorityClassName": "important",
                "imagePullSecrets": [{"name": "registry"}],
                "runtimeClassName": "gvisor",
                "schedulerName": "stork",
                "resources": {"requests": {"cpu": 1, "memory": "1024Mi"}, "limits": {"memory": "2048Mi"}},
            },
        },
    })
}
