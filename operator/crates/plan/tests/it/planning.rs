//! Objects together.

use config::{Checkpoint, DeletionPolicy, Document, Issuer, Operator, Right, Shard};
use crds::shared::Reason;
use plan::manifest::{self, Object};
use plan::{Inputs, plan};
use serde_json::{Value, json};

use crate::objects::{born, message_about, namespace, planned, reasons, subscription, topic, uid, with};

#[test]
fn a_whole_set_is_accepted_with_azures_defaults() {
    let plan = planned(&[
        namespace("shop"),
        topic("orders", "shop"),
        subscription("billing", "orders"),
    ]);
    assert!(
        plan.decisions
            .iter()
            .all(|decision| decision.accepted() && decision.object.generation == Some(4))
    );
    let [configuration] = &plan.configurations[..] else {
        panic!("one Namespace")
    };
    assert_eq!(configuration.kubernetes_namespace, "prod");
    assert_eq!(configuration.settings.storage_capacity_bytes, 10 << 30);
    assert_eq!(configuration.settings.deletion_policy, DeletionPolicy::Delete);
    assert_eq!(configuration.settings.deletion_grace_seconds, 24 * 3600);
    let [root] = &configuration.settings.authorization_rules[..] else {
        panic!("one rule")
    };
    assert_eq!(
        (root.name.as_str(), root.rights.len()),
        ("RootManageSharedAccessKey", 3)
    );
    let orders = &configuration.topics[0];
    assert_eq!(
        (
            orders.uid.as_str(),
            orders.name.as_str(),
            orders.retention_seconds
        ),
        (&*uid(1), "orders", 86_400)
    );
    let billing = &orders.subscriptions[0];
    assert_eq!(billing.lock_duration_seconds, 60);
    assert_eq!(billing.max_delivery_count, 10);
    assert_eq!(billing.time_to_live_seconds, 86_400);
    assert_eq!(billing.filter, config::Filter::default());
    assert_eq!(billing.dead_letter_topic, None);
}

fn shop(spec: Value) -> Value {
    json!({"kind": "Namespace", "metadata": {"name": "shop", "namespace": "prod"}, "spec": spec})
}

#[test]
fn whom_a_namespace_trusts_and_where_it_keeps_its_copy_arrive_in_the_document() {
    let plan = planned(&[shop(json!({
        "disableLocalAuth": true,
        "identity": {"issuers": [{
            "url": "https://login.example.com/tenant", "audiences": ["weft", "events"], "prefix": "corp:",
            "groupsClaim": "roles", "certificateAuthority": "-----BEGIN CERTIFICATE-----",
        }]},
        "checkpoint": {"objectStore": {"url": "s3://bucket/shop", "credentialsSecretRef": {"name": "store"}}},
    }))]);
    let settings = &plan.configurations[0].settings;
    assert!(settings.disable_local_auth);
    let issuer = Issuer {
        url: "https://login.example.com/tenant".into(),
        audiences: vec!["weft".into(), "events".into()],
        prefix: "corp:".into(),
        username_claim: None,
        groups_claim: Some("roles".into()),
        certificate_authority_pem: Some("-----BEGIN CERTIFICATE-----".into()),
    };
    assert_eq!(settings.issuers, [issuer]);
    let url = "s3://bucket/shop".to_owned();
    assert_eq!(settings.checkpoint, Checkpoint::ObjectStore { url });
}

#[test]
fn a_namespace_that_says_nothing_of_identity_has_the_document_that_it_had_before() {
    let silent = planned(&[shop(json!({}))]);
    let explicit = planned(&[shop(
        json!({"disableLocalAuth": false, "checkpoint": {"configMap": {}}}),
    )]);
    let settings = &silent.configurations[0].settings;
    assert_eq!(&explicit.configurations[0].settings, settings);
    let json = serde_json::to_string(settings).unwrap();
    for word in ["disableLocalAuth", "issuers", "checkpoint"] {
        assert!(!json.contains(word), "{json}");
    }
}

#[test]
fn what_is_set_arrives_in_the_document() {
    let shop = json!({"kind": "Namespace", "metadata": {"name": "shop", "namespace": "prod"}, "spec": {
        "storage": {"ephemeral": {"sizeLimit": "1.5Gi"}},
        "authorizationRules": [{"name": "app", "rights": ["Listen"]}],
        "deletionPolicy": "Delete", "deletionGracePeriod": "PT90S",
    }});
    let billing = with(
        subscription("billing", "orders"),
        "filtersConfiguration",
        json!({
            "includedEventTypes": ["a", "b"], "subjectBeginsWith": "/x", "subjectEndsWith": ".jpg",
            "filters": [{"key": "EventType", "stringNotContains": ["q"]}, {"key": "data.N", "numberInRange": [[1, 2.5]]}],
        }),
    );
    let billing = with(
        billing,
        "queue",
        json!({"receiveLockDurationInSeconds": 300, "maxDeliveryCount": 1, "eventTimeToLive": "PT1H"}),
    );
    let orders = with(topic("orders", "shop"), "eventRetentionInDays", json!(7));
    let plan = planned(&[shop, with(orders, "azureName", json!("OrdersV2")), billing]);
    let configuration = &plan.configurations[0];
    assert_eq!(configuration.settings.storage_capacity_bytes, 3 << 29);
    assert_eq!(configuration.settings.deletion_grace_seconds, 90);
    assert_eq!(
        configuration.settings.authorization_rules[1].rights,
        [Right::Listen]
    );
    let orders = &configuration.topics[0];
    assert_eq!(
        (orders.name.as_str(), orders.resource_name.as_str()),
        ("OrdersV2", "orders")
    );
    assert_eq!(orders.retention_seconds, 7 * 86_400);
    let billing = &orders.subscriptions[0];
    assert_eq!(
        (billing.lock_duration_seconds, billing.max_delivery_count),
        (300, 1)
    );
    assert_eq!(billing.time_to_live_seconds, 3600);
    assert_eq!(billing.filter.subject_ends_with.as_deref(), Some(".jpg"));
    assert_eq!(billing.filter.predicates[0].key, "type");
    assert_eq!(
        billing.filter.predicates[0].operator,
        Operator::StringNotContains(vec!["q".into()])
    );
    assert_eq!(billing.filter.predicates[1].key, "data.N");
    assert_eq!(
        billing.filter.predicates[1].operator,
        Operator::NumberInRange(vec![[1.0, 2.5]])
    );
}

#[test]
fn children_wait_for_their_parents() {
    let plan = planned(&[
        topic("orders", "shop"),
        subscription("billing", "nowhere"),
        subscription("audit", "orders"),
    ]);
    let expected = [
        ("orders", Reason::ParentNotFound),
        ("billing", Reason::ParentNotFound),
        ("audit", Reason::ParentNotAccepted),
    ];
    assert_eq!(reasons(&plan), expected);
    assert_eq!(
        message_about(&plan, "orders"),
        "spec.namespaceRef: there is no Namespace \"prod/shop\"; apply that Namespace (order does not matter), or correct the reference"
    );
    assert!(plan.configurations.is_empty());
}

#[test]
fn a_parent_in_another_kubernetes_namespace_is_not_found() {
    let mut orders = topic("orders", "shop");
    orders["metadata"]["namespace"] = json!("test");
    assert_eq!(
        reasons(&planned(&[namespace("shop"), orders]))[1],
        ("orders", Reason::ParentNotFound)
    );
}

#[test]
fn the_older_of_two_topics_keeps_the_name() {
    let younger = topic("orders-v2", "shop");
    let older = with(topic("orders", "shop"), "azureName", json!("Orders-V2"));
    let plan = planned(&[
        namespace("shop"),
        older,
        younger,
        subscription("billing", "orders-v2"),
    ]);
    let expected = [
        ("shop", Reason::Accepted),
        ("orders", Reason::Accepted),
        ("orders-v2", Reason::NameConflict),
        ("billing", Reason::ParentNotAccepted),
    ];
    assert_eq!(reasons(&plan), expected);
    assert!(message_about(&plan, "orders-v2").contains("create it with another azureName"));
}

#[test]
fn equal_names_in_different_parents_do_not_conflict() {
    let of = |name: &str, parent: &str| with(topic(name, parent), "azureName", json!("Orders"));
    let plan = planned(&[
        namespace("shop"),
        namespace("lab"),
        of("one", "shop"),
        of("two", "lab"),
        with(subscription("three", "one"), "azureName", json!("Billing")),
        with(subscription("four", "two"), "azureName", json!("BILLING")),
    ]);
    assert!(
        plan.decisions.iter().all(plan::Decision::accepted),
        "{:?}",
        reasons(&plan)
    );
}

#[test]
fn an_event_cannot_live_longer_than_its_topic_keeps_it() {
    let billing = with(
        subscription("billing", "orders"),
        "queue.eventTimeToLive",
        json!("PT24H1M"),
    );
    let plan = planned(&[namespace("shop"), topic("orders", "shop"), billing]);
    assert_eq!(reasons(&plan)[2].1, Reason::Invalid);
    assert_eq!(
        message_about(&plan, "billing"),
        "spec.queue.eventTimeToLive: P1DT1M is longer than Topic \"orders\" keeps events, which is P1D; write at most P1D, or raise eventRetentionInDays of the Topic (at most 7)"
    );
}

#[test]
fn dead_letters_go_to_a_topic_of_the_same_namespace() {
    let to = |name: &str, topic: &str, target: &str| {
        with(
            subscription(name, topic),
            "deadLetter",
            json!({"topicRef": {"name": target}}),
        )
    };
    let plan = planned(&[
        namespace("shop"),
        namespace("lab"),
        topic("orders", "shop"),
        topic("dead", "shop"),
        topic("foreign", "lab"),
        to("good", "orders", "dead"),
        to("lost", "orders", "nowhere"),
        to("across", "orders", "foreign"),
        to("itself", "orders", "orders"),
        to("back", "dead", "orders"),
    ]);
    assert_eq!(
        reasons(&plan)[5..],
        [
            ("good", Reason::Accepted),
            ("lost", Reason::DeadLetterTopicNotFound),
            ("across", Reason::DeadLetterTopicNotFound),
            ("itself", Reason::DeadLetterCycle),
            ("back", Reason::DeadLetterCycle),
        ]
    );
    let shop = plan
        .configurations
        .iter()
        .find(|configuration| configuration.namespace.name == "shop")
        .unwrap();
    let targets: Vec<_> = shop
        .topics
        .iter()
        .map(|topic| (topic.name.as_str(), topic.dead_letter_target))
        .collect();
    assert_eq!(targets, [("orders", false), ("dead", true)]);
    assert_eq!(
        shop.topics[0].subscriptions[0].dead_letter_topic.as_deref(),
        Some(&*uid(3))
    );
}

#[test]
fn dead_letters_may_go_to_an_object_store_instead() {
    let billing = with(
        subscription("billing", "orders"),
        "deadLetter",
        json!({"objectStore": {"url": "s3://bucket/letters", "credentialsSecretRef": {"name": "store"}}}),
    );
    let plan = planned(&[namespace("shop"), topic("orders", "shop"), billing]);
    let orders = &plan.configurations[0].topics[0];
    assert!(!orders.dead_letter_target);
    let billing = &orders.subscriptions[0];
    assert_eq!(billing.dead_letter_topic, None);
    let url = "s3://bucket/letters".to_owned();
    assert_eq!(billing.dead_letter_store, Some(config::DeadLetterStore { url }));
}

#[test]
fn an_object_that_is_being_deleted_is_gone() {
    let mut shop = namespace("shop");
    shop["metadata"]["deletionTimestamp"] = json!("2026-01-02T00:00:00Z");
    let plan = planned(&[shop, topic("orders", "shop")]);
    assert_eq!(reasons(&plan), [("orders", Reason::ParentNotFound)]);
}

#[test]
fn an_object_without_a_uid_is_refused() {
    let shop = json!({"apiVersion": "weft.dev/v1alpha1", "kind": "Namespace", "metadata": {"name": "shop"}, "spec": {}});
    let Ok(Object::Namespace(shop)) = manifest::read(&shop) else {
        panic!("it is valid")
    };
    let plan = plan(&Inputs {
        namespaces: vec![&shop],
        ..Inputs::default()
    });
    assert_eq!(plan.decisions[0].reason, Reason::Invalid);
}

#[test]
fn an_object_that_an_older_schema_admitted_is_checked_again() {
    let Object::Topic(mut orders) = born(1, &topic("orders", "shop")) else {
        panic!("a Topic")
    };
    orders.spec.event_retention_in_days = Some(8);
    let plan = plan(&Inputs {
        topics: vec![&orders],
        ..Inputs::default()
    });
    assert_eq!(
        plan.decisions[0].message(),
        "spec.eventRetentionInDays: this is a whole number from 1 to 7; write for example 7"
    );
}

#[test]
fn the_pieces_are_the_document_and_one_changed_topic_changes_one_shard() {
    let objects: Vec<Value> = std::iter::once(namespace("shop"))
        .chain((0..40).map(|number| topic(&format!("topic-{number}"), "shop")))
        .collect();
    let before = planned(&objects).configurations.remove(0);
    let pieces = before.pieces(7).unwrap();
    assert_eq!(pieces.head.revision, 7);
    let shards: Vec<Shard> = (0..16)
        .map(|index| {
            assert!(pieces.head.vouches_for(index, &pieces.shards[index]));
            serde_json::from_slice(&pieces.shards[index]).unwrap()
        })
        .collect();
    assert_eq!(
        Document::assemble(pieces.head.clone(), shards).unwrap(),
        before.document(7).unwrap()
    );

    let mut changed = objects;
    changed[9] = with(changed[9].clone(), "eventRetentionInDays", json!(2));
    let after = planned(&changed).configurations.remove(0).pieces(8).unwrap();
    let different = (0..16)
        .filter(|index| after.shards[*index] != pieces.shards[*index])
        .count();
    assert_eq!(different, 1);
}
