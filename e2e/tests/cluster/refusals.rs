//! What a user meets who makes a mistake, or has something in the way: words that say what to do, and nothing broken.

use std::collections::BTreeMap;

use anyhow::ensure;
use crds::v1alpha1::{EventSubscription, Namespace, Topic};
use e2e::{
    cluster::{Space, refusal, until},
    http::Connection,
};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Secret, Service},
};
use kube::ResourceExt as _;
use serde_json::json;

use crate::{
    fixture::{self, SHOP, SOON},
    harness,
};

#[test]
fn children_may_be_applied_before_their_parents() {
    let _together = harness::together();
    let space = Space::create("order").expect("a space");
    let mut documents: Vec<_> = SHOP.split("---").collect();
    documents.reverse();
    space.apply(documents[0]).expect("the subscription is accepted");
    let waits = space.wait_for::<EventSubscription>("billing", "Accepted", "False", SOON);
    assert_eq!(waits.expect("it waits").reason, "ParentNotFound");
    space.apply(documents[1]).expect("the topic is accepted");
    let waits = space.wait_for::<Topic>("orders", "Accepted", "False", SOON);
    assert_eq!(waits.expect("it waits").reason, "ParentNotFound");
    let waits = space.wait_for::<EventSubscription>("billing", "Ready", "False", SOON);
    assert!(
        ["ParentNotFound", "ParentNotAccepted"].contains(&waits.expect("it waits").reason.as_str()),
        "its topic is there, but is not accepted"
    );
    space.apply(documents[2]).expect("the namespace is accepted");
    fixture::wait_for_shop(&space);
    let mut client = fixture::connect(&space);
    fixture::publish(&mut client, &["first"]);
    assert_eq!(fixture::take(&mut client), ["first"]);
}

#[test]
fn a_mistake_in_each_kind_is_refused_with_the_rule_and_the_fix() {
    let _together = harness::together();
    let space = Space::create("mistakes").expect("a space");
    for (manifest, words) in [
        (
            "kind: Namespace\nmetadata: {name: Shop.1}\nspec: {}",
            "a lowercase RFC 1123 subdomain",
        ),
        (
            "kind: Namespace\nmetadata: {name: shop}\nspec: {storage: {}}",
            "set one of them, or leave out storage for a persistent volume of 10Gi",
        ),
        (
            "kind: Namespace\nmetadata: {name: shop}\nspec: {storage: {persistentVolume: {size: lots}}}",
            "write for example 10Gi",
        ),
        (
            "kind: Topic\nmetadata: {name: of}\nspec: {namespaceRef: {name: shop}}",
            "set spec.azureName to the name that clients use",
        ),
        (
            "kind: Topic\nmetadata: {name: messages}\nspec: {namespaceRef: {name: shop}}",
            "set spec.azureName to another name",
        ),
        (
            "kind: EventSubscription\nmetadata: {name: billing}\n\
             spec: {topicRef: {name: orders}, queue: {}, filtersConfiguration: {filters: [{key: data.country}]}}",
            "set one operator such as stringIn",
        ),
        (
            "kind: EventSubscription\nmetadata: {name: billing}\n\
             spec: {topicRef: {name: orders}, queue: {maxDeliveryCount: 11}}",
            "should be less than or equal to 10",
        ),
        (
            "kind: Hub\nmetadata: {name: telemetry}\n\
             spec: {namespaceRef: {name: shop}, eventHub: {consumerGroups: [{name: $default}]}}",
            "remove this entry; without others, remove consumerGroups",
        ),
        (
            "kind: Hub\nmetadata: {name: telemetry}\n\
             spec: {namespaceRef: {name: shop}, eventHub: {messageRetention: {sizeInBytes: 1000}}}",
            "write at least 1048576 times the number of partitions",
        ),
        (
            "kind: Hub\nmetadata: {name: telemetry}\nspec: {namespaceRef: {name: shop}}",
            "spec.eventHub: Required value",
        ),
    ] {
        let manifest = format!("apiVersion: weft.dev/v1alpha1\n{manifest}");
        let error = space.apply(&manifest).expect_err("it must be refused");
        let status = refusal(&error).unwrap_or_else(|| panic!("the API server answers: {error:#}"));
        assert_eq!(status.code, 422, "{status:?}");
        assert!(status.message.contains(words), "{manifest}\n{}", status.message);
    }
}

#[test]
fn the_partitions_of_a_hub_grow_and_never_shrink() {
    let _together = harness::together();
    let space = Space::create("shrink").expect("a space");
    let hub = |partitions: u32| {
        format!(
            "apiVersion: weft.dev/v1alpha1\nkind: Hub\nmetadata: {{name: telemetry}}\n\
             spec: {{namespaceRef: {{name: shop}}, eventHub: {{partitionCount: {partitions}}}}}"
        )
    };
    space.apply(&hub(2)).expect("accepted");
    space.apply(&hub(8)).expect("it grows");
    let error = space.apply(&hub(4)).expect_err("it must be refused");
    let words = format!("{error:#}");
    assert!(words.contains("can grow and never shrink"), "{words}");
}

#[test]
fn a_misspelt_field_is_named() {
    let _together = harness::together();
    let space = Space::create("misspelt").expect("a space");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("topic.yaml");
    std::fs::write(
        &file,
        "apiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {name: orders}\n\
         spec: {namespaceRef: {name: shop}, eventRetentionDays: 3}\n",
    )
    .expect("write it");
    let error = space
        .kubectl(["apply", "-f", &file.display().to_string()])
        .expect_err("it must be refused");
    let words = format!("{error:#}");
    assert!(
        words.contains("unknown field \"spec.eventRetentionDays\""),
        "{words}"
    );
}

#[test]
fn what_refers_to_another_parent_must_be_a_new_object() {
    let _together = harness::together();
    let space = Space::create("immutable").expect("a space");
    space.apply(SHOP).expect("the manifests are accepted");
    let moved = json!({"spec": {"namespaceRef": {"name": "store"}}});
    let error = space
        .patch::<Topic>("orders", &moved)
        .expect_err("a reference is immutable");
    let status = refusal(&error).expect("the API server answers");
    assert!(
        status
            .message
            .contains("create another resource with the new reference"),
        "{}",
        status.message
    );
}

#[test]
fn of_two_topics_with_one_name_the_older_keeps_it() {
    let _together = harness::together();
    let space = fixture::shop("conflict");
    // Names for clients are compared ignoring case.
    space
        .apply(
            "apiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {name: again}\n\
             spec: {namespaceRef: {name: shop}, azureName: Orders}",
        )
        .expect("the API server cannot know");
    let refused = space
        .wait_for::<Topic>("again", "Accepted", "False", SOON)
        .expect("the younger is refused");
    assert_eq!(refused.reason, "NameConflict");
    assert!(refused.message.contains("orders"), "{}", refused.message);
    space
        .wait_ready::<Topic>("orders", SOON)
        .expect("the older stays ready");
    let mut client = fixture::connect(&space);
    fixture::publish(&mut client, &["still mine"]);
    assert_eq!(fixture::take(&mut client), ["still mine"]);
    space.delete::<Topic>("orders").expect("the older is deleted");
    space
        .wait_ready::<Topic>("again", SOON)
        .expect("the younger takes its place");
}

#[test]
fn a_service_that_has_the_name_already_is_not_touched() {
    let _together = harness::together();
    let space = Space::create("taken").expect("a space");
    space
        .apply(
            "apiVersion: v1\nkind: Service\nmetadata: {name: shop, labels: {owner: somebody}}\n\
             spec: {selector: {app: other}, ports: [{port: 443}]}",
        )
        .expect("somebody's Service");
    let before: Service = space.get("shop").expect("it is there");
    space.apply(SHOP).expect("the manifests are accepted");
    let refused = space
        .wait_for::<Namespace>("shop", "Accepted", "False", SOON)
        .expect("the Namespace is told");
    assert_eq!(refused.reason, "NameTaken");
    assert!(
        refused.message.contains("Service") && refused.message.contains("shop"),
        "{}",
        refused.message
    );
    let after: Service = space.get("shop").expect("it is there");
    assert_eq!(
        before.resource_version(),
        after.resource_version(),
        "nobody wrote it"
    );
    space.delete::<Service>("shop").expect("its owner removes it");
    fixture::wait_for_shop(&space);
    let mut client = fixture::connect(&space);
    fixture::publish(&mut client, &["free"]);
}

#[test]
fn a_secret_that_its_owner_did_not_offer_is_not_used() {
    let _together = harness::together();
    let space = Space::create("secret").expect("a space");
    let name = format!("shop.{}.svc", space.name());
    let certificate = rcgen::generate_simple_self_signed([name.clone()]).expect("a certificate");
    let pem = certificate.cert.pem();
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "own-certificate"},
        "stringData": {"tls.crt": pem, "tls.key": certificate.signing_key.serialize_pem()},
    });
    space.apply(&secret.to_string()).expect("a Secret");
    let with_secret = SHOP.replacen(
        "spec: {storage",
        "spec: {tls: {secretRef: {name: own-certificate}}, storage",
        1,
    );
    space.apply(&with_secret).expect("the manifests are accepted");
    let refused = space
        .wait_for::<Namespace>("shop", "Accepted", "False", SOON)
        .expect("the Namespace is told");
    assert_eq!(refused.reason, "SecretNotUsable");
    assert!(refused.message.contains("weft.dev/usable"), "{}", refused.message);
    let made = space.list::<StatefulSet>().expect("listed");
    assert!(made.is_empty(), "nothing runs with what nobody offered: {made:?}");

    let offered = json!({"metadata": {"labels": {"weft.dev/usable": "true"}}});
    space
        .patch::<Secret>("own-certificate", &offered)
        .expect("its owner offers it");
    fixture::wait_for_shop(&space);
    let address = space.service_address("shop", 443).expect("an address");
    until("the door to show the user's certificate", SOON, || {
        Connection::open_tls(address, &name, &pem).map(drop)
    })
    .expect("it is the one of the Secret");
}

#[test]
fn a_secret_that_does_not_exist_is_named() {
    let _together = harness::together();
    let space = Space::create("no-secret").expect("a space");
    let with_secret = SHOP.replacen(
        "spec: {storage",
        "spec: {tls: {secretRef: {name: nowhere}}, storage",
        1,
    );
    space.apply(&with_secret).expect("the manifests are accepted");
    let refused = space
        .wait_for::<Namespace>("shop", "Accepted", "False", SOON)
        .expect("the Namespace is told");
    assert_eq!(refused.reason, "SecretNotFound");
    assert!(refused.message.contains("nowhere"), "{}", refused.message);
}

#[test]
fn a_quota_in_the_way_is_told_in_kubernetes_words() {
    let _together = harness::together();
    let space = Space::create("quota").expect("a space");
    space
        .apply("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\nspec: {hard: {persistentvolumeclaims: 0}}")
        .expect("a quota");
    until("the quota to hold", SOON, || {
        let quota: k8s_openapi::api::core::v1::ResourceQuota = space.get("none")?;
        let hard: Option<BTreeMap<_, _>> = quota.status.and_then(|status| status.hard);
        ensure!(hard.is_some_and(|hard| !hard.is_empty()), "it is not counted yet");
        Ok(())
    })
    .expect("the quota is counted");
    space.apply(SHOP).expect("the manifests are accepted");
    let refused = until("the Namespace to tell", SOON, || {
        let condition = space.wait_for::<Namespace>("shop", "Programmed", "False", SOON)?;
        ensure!(condition.reason == "ObjectRefused", "{condition:?}");
        Ok(condition)
    })
    .expect("the Namespace is told");
    assert!(refused.message.contains("exceeded quota"), "{}", refused.message);
}
