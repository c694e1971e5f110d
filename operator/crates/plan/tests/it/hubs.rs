//! Event hubs.

use config::{Hub, Shard};
use crds::shared::Reason;
use plan::{Plan, manifest, plan, shard_of};
use serde_json::{Value, json};

use crate::objects::{hub, inputs, message_about, namespace, planned, reasons, topic, uid, with};

fn hubs(plan: &Plan) -> &[Hub] {
    &plan.configurations[0].hubs
}

fn groups(names: &[&str]) -> Value {
    names.iter().map(|name| json!({"name": name})).collect()
}

#[test]
fn a_hub_without_wishes_has_four_partitions_and_a_day() {
    let plan = planned(&[namespace("shop"), hub("telemetry", "shop")]);
    let expected = Hub {
        uid: uid(1),
        name: "telemetry".into(),
        resource_name: "telemetry".into(),
        partition_count: 4,
        retention_seconds: 86_400,
        retention_bytes: None,
        consumer_groups: Vec::new(),
    };
    assert_eq!(hubs(&plan), [expected]);
    let place = plan.decisions[1].place.as_ref().unwrap();
    assert_eq!(
        (place.namespace.as_str(), place.shard),
        ("shop", Some(shard_of(&uid(1))))
    );
}

#[test]
fn what_is_set_arrives_in_the_document() {
    let event_hub = json!({
        "partitionCount": 32,
        "messageRetention": {"timeInHours": 2160, "sizeInBytes": 1 << 30},
        "consumerGroups": groups(&["dashboards", "Archive"]),
    });
    let telemetry = with(hub("telemetry", "shop"), "eventHub", event_hub);
    let plan = planned(&[
        namespace("shop"),
        with(telemetry, "azureName", json!("Tele_metry.V2")),
    ]);
    let hub = &hubs(&plan)[0];
    assert_eq!(
        (hub.name.as_str(), hub.resource_name.as_str()),
        ("Tele_metry.V2", "telemetry")
    );
    assert_eq!((hub.partition_count, hub.retention_seconds), (32, 90 * 86_400));
    assert_eq!(hub.retention_bytes, Some(1 << 30));
    assert_eq!(hub.consumer_groups, ["Archive", "dashboards"]);
}

#[test]
fn the_order_of_consumer_groups_is_no_change() {
    let of = |names: &[&str]| with(hub("telemetry", "shop"), "eventHub.consumerGroups", groups(names));
    let one = planned(&[namespace("shop"), of(&["a", "B", "c"])]);
    let other = planned(&[namespace("shop"), of(&["c", "a", "B"])]);
    assert_eq!(one.configurations, other.configurations);
}

#[test]
fn consumer_groups_that_differ_in_case_alone_are_one_too_many() {
    let wanted = groups(&["dashboards", "audit", "DashBoards"]);
    let plan = planned(&[
        namespace("shop"),
        with(hub("telemetry", "shop"), "eventHub.consumerGroups", wanted),
    ]);
    assert_eq!(reasons(&plan)[1].1, Reason::Invalid);
    assert_eq!(
        message_about(&plan, "telemetry"),
        "spec.eventHub.consumerGroups[2].name: the names of consumer groups are unique, ignoring case, and there is \
         \"dashboards\" already; give one of them another name, or remove it"
    );
}

#[test]
fn the_older_of_two_hubs_keeps_the_name_and_a_topic_has_names_of_its_own() {
    let plan = planned(&[
        namespace("shop"),
        namespace("lab"),
        topic("orders", "shop"),
        with(hub("first", "shop"), "azureName", json!("Orders")),
        hub("orders", "shop"),
        with(hub("elsewhere", "lab"), "azureName", json!("ORDERS")),
    ]);
    let expected = [
        ("shop", Reason::Accepted),
        ("lab", Reason::Accepted),
        ("orders", Reason::Accepted),
        ("first", Reason::Accepted),
        ("orders", Reason::NameConflict),
        ("elsewhere", Reason::Accepted),
    ];
    assert_eq!(reasons(&plan), expected);
    let message = plan.decisions[4].message();
    assert!(
        message.contains("the older Hub \"first\" of Namespace \"shop\""),
        "{message}"
    );
}

#[test]
fn a_hub_waits_for_its_namespace() {
    let plan = planned(&[hub("telemetry", "shop")]);
    assert_eq!(reasons(&plan), [("telemetry", Reason::ParentNotFound)]);
}

#[test]
fn a_name_that_is_kept_for_a_path_is_refused_and_dots_are_fine() {
    let read = |name: &str| {
        let mut hub = hub(name, "shop");
        hub["apiVersion"] = json!("weft.dev/v1alpha1");
        manifest::read(&hub)
    };
    let found = read("messages").unwrap_err();
    assert!(
        found[0].rule.contains("are reserved") && found[0].path == "metadata.name",
        "{found:?}"
    );
    assert!(read("a").is_ok() && read("eu.telemetry").is_ok());
}

#[test]
fn what_no_hub_can_be_says_what_to_write() {
    let mistake = |event_hub: Value| {
        let mut hub = with(hub("telemetry", "shop"), "eventHub", event_hub);
        hub["apiVersion"] = json!("weft.dev/v1alpha1");
        manifest::read(&hub).unwrap_err()[0].to_string()
    };
    assert_eq!(
        mistake(json!(null)),
        "spec.eventHub: eventHub is required; write eventHub: {}"
    );
    assert_eq!(
        mistake(json!({"consumerGroups": [{"name": "$Default"}]})),
        "spec.eventHub.consumerGroups[0].name: the consumer group $Default always exists and is not listed; remove this \
         entry; without others, remove consumerGroups"
    );
    assert_eq!(
        mistake(json!({"partitionCount": 0})),
        "spec.eventHub.partitionCount: this is a whole number from 1 to 1024; write for example 1"
    );
    assert!(
        mistake(json!({"messageRetention": {"sizeInBytes": 1 << 20}}))
            .starts_with("spec.eventHub.messageRetention.sizeInBytes: each partition has an equal share")
    );
}

#[test]
fn partitions_of_living_hubs_never_shrink() {
    let of = |count: u32| with(hub("telemetry", "shop"), "eventHub.partitionCount", json!(count));
    let found = manifest::check_change(crds::Kind::Hub, &of(8), &of(7));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, "spec.eventHub.partitionCount");
    assert!(
        found[0].fix.contains("write at least the number that it has"),
        "{found:?}"
    );
}

#[test]
fn a_hub_takes_over_the_data_of_one_that_is_gone() {
    const GONE: &str = "99999999-9999-4999-8999-999999999999";
    let adopting = |name: &str, uid: &str| {
        let mut hub = hub(name, "shop");
        hub["metadata"]["annotations"] = json!({"weft.dev/adopt-data": uid});
        hub
    };
    let plan = planned(&[
        namespace("shop"),
        adopting("telemetry", GONE),
        adopting("second", GONE),
        adopting("thief", &uid(1)),
    ]);
    let expected = [
        ("shop", Reason::Accepted),
        ("telemetry", Reason::Accepted),
        ("second", Reason::DataInUse),
        ("thief", Reason::DataInUse),
    ];
    assert_eq!(reasons(&plan), expected);
    assert_eq!(hubs(&plan)[0].uid, GONE);
    assert!(message_about(&plan, "thief").contains("belongs to a Hub that is still there"));
}

#[test]
fn one_changed_hub_changes_one_shard_and_topics_keep_theirs() {
    let mut objects = vec![namespace("shop")];
    objects.extend((0..20).map(|number| topic(&format!("topic-{number}"), "shop")));
    let without = planned(&objects).configurations.remove(0).pieces(1).unwrap();
    objects.extend((0..20).map(|number| hub(&format!("hub-{number}"), "shop")));
    let before = planned(&objects).configurations.remove(0).pieces(1).unwrap();
    let changed = with(objects[30].clone(), "eventHub.partitionCount", json!(5));
    objects[30] = changed;
    let after = planned(&objects).configurations.remove(0).pieces(1).unwrap();
    let differ = |index: &usize| after.shards[*index] != before.shards[*index];
    assert_eq!((0..16).filter(differ).count(), 1);
    for (with, without) in before.shards.iter().zip(&without.shards) {
        let (with, without): (Shard, Shard) = (
            serde_json::from_slice(with).unwrap(),
            serde_json::from_slice(without).unwrap(),
        );
        assert_eq!(with.topics, without.topics);
        assert!(without.hubs.is_empty());
    }
}

/// A ConfigMap holds 1 MiB, and the operator compresses what it writes into one.
#[test]
fn a_hundred_hubs_with_as_many_consumer_groups_as_they_can_have_fit_into_the_shards() {
    let names = |hub: usize| (0..1_000).map(move |group| format!("{hub:0>25}{group:0>25}"));
    let mut objects = vec![namespace("shop")];
    objects.extend((0..100).map(|number| {
        let groups: Value = names(number).map(|name| json!({"name": name})).collect();
        with(
            hub(&format!("hub-{number}"), "shop"),
            "eventHub.consumerGroups",
            groups,
        )
    }));
    let born = |(index, mut object): (usize, Value)| {
        object["apiVersion"] = json!("weft.dev/v1alpha1");
        object["metadata"]["uid"] = json!(uid(index));
        manifest::read(&object).unwrap()
    };
    let objects: Vec<_> = objects.into_iter().enumerate().map(born).collect();
    let plan = plan(&inputs(&objects));
    assert_eq!(hubs(&plan).len(), 100);
    let pieces = plan.configurations[0].pieces(1).unwrap();
    let longest = pieces.shards.iter().map(Vec::len).max().unwrap();
    assert!(longest < 1 << 20, "{longest} bytes before compression");
}
