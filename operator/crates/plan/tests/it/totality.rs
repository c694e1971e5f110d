//! Whatever comes in, something explained comes out.

use std::collections::BTreeSet;

use config::{Document, Shard};
use crds::v1alpha1::{EventSubscription, Hub, Namespace, Topic};
use crds::{Kind, schema_for};
use kube::core::ObjectMeta;
use plan::{Inputs, Plan, manifest, plan};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::generate::{admitted, any_kind, cases};

#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    namespaces: Vec<Namespace>,
    topics: Vec<Topic>,
    event_subscriptions: Vec<EventSubscription>,
    hubs: Vec<Hub>,
}

impl Cluster {
    pub(crate) fn inputs(&self) -> Inputs<'_> {
        Inputs {
            namespaces: self.namespaces.iter().collect(),
            topics: self.topics.iter().collect(),
            event_subscriptions: self.event_subscriptions.iter().collect(),
            hubs: self.hubs.iter().collect(),
            findings: Vec::new(),
        }
    }

    fn planned(&self) -> Plan {
        plan(&self.inputs())
    }

    pub(crate) fn metadata(&self) -> impl Iterator<Item = &ObjectMeta> {
        let namespaces = self.namespaces.iter().map(|object| &object.metadata);
        let topics = self.topics.iter().map(|object| &object.metadata);
        let subscriptions = self.event_subscriptions.iter().map(|object| &object.metadata);
        let hubs = self.hubs.iter().map(|object| &object.metadata);
        namespaces.chain(topics).chain(subscriptions).chain(hubs)
    }

    pub(crate) fn metadata_mut(&mut self) -> impl Iterator<Item = &mut ObjectMeta> {
        let namespaces = self.namespaces.iter_mut().map(|object| &mut object.metadata);
        let topics = self.topics.iter_mut().map(|object| &mut object.metadata);
        let subscriptions = self
            .event_subscriptions
            .iter_mut()
            .map(|object| &mut object.metadata);
        let hubs = self.hubs.iter_mut().map(|object| &mut object.metadata);
        namespaces.chain(topics).chain(subscriptions).chain(hubs)
    }

    fn reversed(mut self) -> Self {
        self.namespaces.reverse();
        self.topics.reverse();
        self.event_subscriptions.reverse();
        self.hubs.reverse();
        self
    }
}

/// Objects whose references often meet.
pub(crate) fn cluster() -> impl Strategy<Value = Cluster> {
    let many = |kind, count: std::ops::Range<usize>| prop::collection::vec(object(kind), count);
    (
        many(Kind::Namespace, 1..4),
        many(Kind::Topic, 0..8),
        many(Kind::EventSubscription, 0..10),
        many(Kind::Hub, 0..6),
    )
        .prop_map(|(namespaces, topics, event_subscriptions, hubs)| Cluster {
            namespaces: typed(namespaces),
            topics: typed(topics),
            event_subscriptions: typed(event_subscriptions),
            hubs: typed(hubs),
        })
}

fn typed<K: DeserializeOwned>(objects: Vec<Value>) -> Vec<K> {
    let typed = objects
        .into_iter()
        .filter_map(|object| serde_json::from_value(object).ok());
    typed.collect()
}

fn object(kind: Kind) -> impl Strategy<Value = Value> {
    let small = prop::sample::select(vec!["aaa", "bbb", "ccc"]);
    let facts = (
        small.clone(),
        small.clone(),
        small,
        any::<u128>(),
        0..60u32,
        any::<u8>(),
    );
    (admitted(kind), facts).prop_map(|(mut object, (name, parent, target, uid, second, dice))| {
        let metadata = &mut object["metadata"];
        metadata["namespace"] = json!(if dice % 8 == 0 { "other" } else { "prod" });
        metadata["creationTimestamp"] = json!(format!("2026-01-01T00:00:{second:02}Z"));
        metadata["uid"] = json!(format!("{uid:032x}"));
        if dice % 5 == 0 {
            metadata["annotations"] =
                json!({"weft.dev/adopt-data": format!("{:032x}", u128::from(dice % 3))});
        }
        if dice % 2 == 0 {
            metadata["name"] = json!(name);
        }
        for (path, name) in [
            ("/spec/namespaceRef/name", parent),
            ("/spec/topicRef/name", parent),
            ("/spec/deadLetter/topicRef/name", target),
        ] {
            if let Some(reference) = object.pointer_mut(path) {
                *reference = json!(name);
            }
        }
        object
    })
}

fn is_explained(plan: &Plan) -> Result<(), TestCaseError> {
    for decision in &plan.decisions {
        prop_assert_eq!(decision.accepted(), decision.violations.is_empty());
        prop_assert_eq!(decision.accepted(), decision.place.is_some());
        for violation in &decision.violations {
            prop_assert!(
                violation.rule.len() > 10 && violation.fix.len() > 5,
                "{}",
                violation
            );
        }
        prop_assert!(
            decision.message().len() < 32_768,
            "the API server takes the condition"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn every_object_that_the_schema_admits_is_in_a_document_or_refused_with_a_reason(cluster in cluster()) {
        let plan = cluster.planned();
        is_explained(&plan)?;
        let objects = cluster.namespaces.len() + cluster.topics.len() + cluster.event_subscriptions.len() + cluster.hubs.len();
        prop_assert_eq!(plan.decisions.len(), objects);
        let accepted = |kind| plan.decisions.iter().filter(|one| one.object.kind == kind && one.accepted()).count();
        prop_assert_eq!(plan.configurations.len(), accepted(Kind::Namespace));
        let topics: Vec<_> = plan.configurations.iter().flat_map(|one| &one.topics).collect();
        prop_assert_eq!(topics.len(), accepted(Kind::Topic));
        prop_assert_eq!(topics.iter().map(|topic| topic.subscriptions.len()).sum::<usize>(), accepted(Kind::EventSubscription));
        prop_assert_eq!(plan.configurations.iter().map(|one| one.hubs.len()).sum::<usize>(), accepted(Kind::Hub));
    }

    #[test]
    fn documents_keep_the_promises_of_their_types(cluster in cluster()) {
        for configuration in cluster.planned().configurations {
            let pieces = configuration.pieces(1).unwrap();
            let shards: Vec<Shard> = pieces.shards.iter().map(|bytes| serde_json::from_slice(bytes).unwrap()).collect();
            let document = Document::assemble(pieces.head, shards).unwrap();
            prop_assert_eq!(&document, &configuration.document(1).unwrap());
            let names: BTreeSet<String> = document.topics.iter().map(|topic| topic.name.to_lowercase()).collect();
            prop_assert_eq!(names.len(), document.topics.len());
            let subscriptions = || document.topics.iter().flat_map(|topic| &topic.subscriptions);
            let hub_names: BTreeSet<String> = document.hubs.iter().map(|hub| hub.name.to_lowercase()).collect();
            prop_assert_eq!(hub_names.len(), document.hubs.len());
            let children = document.topics.iter().map(|topic| &*topic.uid).chain(subscriptions().map(|one| &*one.uid));
            let uids: BTreeSet<&str> = children.chain(document.hubs.iter().map(|hub| &*hub.uid)).collect();
            prop_assert_eq!(uids.len(), document.topics.len() + subscriptions().count() + document.hubs.len(), "each has data of its own");
            for hub in &document.hubs {
                prop_assert!((1..=1024).contains(&hub.partition_count));
                prop_assert!((3_600..=90 * 86_400).contains(&hub.retention_seconds));
                prop_assert!(hub.retention_bytes.is_none_or(|bytes| bytes >= u64::from(hub.partition_count) << 20));
                let folded: Vec<String> = hub.consumer_groups.iter().map(|name| name.to_lowercase()).collect();
                prop_assert!(folded.is_sorted_by(|one, next| one < next), "{:?}", folded);
                prop_assert!(!folded.contains(&"$default".to_owned()));
            }
            for topic in &document.topics {
                prop_assert!((86_400..=7 * 86_400).contains(&topic.retention_seconds));
                let names: BTreeSet<String> = topic.subscriptions.iter().map(|one| one.name.to_lowercase()).collect();
                prop_assert_eq!(names.len(), topic.subscriptions.len());
                for subscription in &topic.subscriptions {
                    prop_assert!((60..=topic.retention_seconds).contains(&subscription.time_to_live_seconds));
                    prop_assert!(subscription.dead_letter_topic.is_none() || subscription.dead_letter_store.is_none());
                    let Some(target) = &subscription.dead_letter_topic else { continue };
                    prop_assert!(target != &topic.uid);
                    prop_assert!(document.topics.iter().any(|other| &other.uid == target && other.dead_letter_target));
                }
            }
        }
    }

    #[test]
    fn the_order_of_the_objects_does_not_matter(cluster in cluster()) {
        prop_assert_eq!(cluster.planned(), cluster.reversed().planned());
    }

    #[test]
    fn what_plan_accepts_the_api_server_admits(cluster in cluster()) {
        for decision in cluster.planned().decisions.iter().filter(|decision| decision.accepted()) {
            let same = |name: Option<&String>, uid: Option<&String>| name == Some(&decision.object.name) && uid == Some(&decision.object.uid);
            let found = |metadata: &ObjectMeta| same(metadata.name.as_ref(), metadata.uid.as_ref());
            let object = match decision.object.kind {
                Kind::Namespace => cluster.namespaces.iter().find(|one| found(&one.metadata)).map(serde_json::to_value),
                Kind::Topic => cluster.topics.iter().find(|one| found(&one.metadata)).map(serde_json::to_value),
                Kind::EventSubscription => cluster.event_subscriptions.iter().find(|one| found(&one.metadata)).map(serde_json::to_value),
                Kind::Hub => cluster.hubs.iter().find(|one| found(&one.metadata)).map(serde_json::to_value),
            };
            let object = object.unwrap().unwrap();
            let verdict = kube_cel::Validator::new().validate(schema_for(decision.object.kind), &object, None);
            prop_assert!(verdict.is_ok(), "{:?}", verdict);
        }
    }
}

/// JSON of any shape, with our field names strewn in.
fn anything() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "spec",
        "metadata",
        "name",
        "queue",
        "filters",
        "key",
        "stringIn",
        "storage",
        "size",
        "namespaceRef",
        "topicRef",
        "numberInRange",
        "eventHub",
        "consumerGroups",
        "authorizationRules",
        "rights",
        "kind",
        "apiVersion",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((names.clone(), inner), 0..6).prop_map(|fields| Value::Object(
                fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            )),
        ]
    })
}

proptest! {
    #![proptest_config(cases(1500))]

    #[test]
    fn no_json_makes_the_check_panic(kind in any_kind(), value in anything()) {
        let mut framed = value.clone();
        if framed.is_object() {
            framed["apiVersion"] = json!(crds::API_VERSION);
            framed["kind"] = json!(kind.as_str());
        }
        prop_assert!(manifest::read(&value).is_err() || manifest::check(kind, &value).is_empty());
        let _ = manifest::read(&framed);
        let _ = manifest::check_change(kind, &value, &framed);
    }

    #[test]
    fn one_changed_part_of_a_good_manifest_is_found_or_harmless(
        (kind, manifest) in any_kind().prop_flat_map(|kind| (Just(kind), admitted(kind))),
        change in anything(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut manifest = manifest;
        let mut places = Vec::new();
        pointers(&manifest["spec"], "/spec", &mut places);
        *manifest.pointer_mut(at.get::<String>(&places)).unwrap() = change;
        // Whatever the check lets pass is of the right types.
        if manifest::check(kind, &manifest).is_empty() {
            prop_assert!(manifest::read(&manifest).is_ok());
        }
    }
}

fn pointers(value: &Value, path: &str, into: &mut Vec<String>) {
    into.push(path.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            let name = name.replace('~', "~0").replace('/', "~1");
            pointers(value, &format!("{path}/{name}"), into);
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| pointers(item, &format!("{path}/{index}"), into)),
        _ => {}
    }
}
