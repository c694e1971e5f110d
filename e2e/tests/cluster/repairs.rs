//! What somebody does to the objects that Weft made is repaired, and what stood in the way of one is tried again.

use std::time::Duration;

use anyhow::ensure;
use crds::v1alpha1::{Namespace, Topic};
use e2e::cluster::{Space, until};
use k8s_openapi::api::{
    core::v1::{Secret, Service},
    networking::v1::NetworkPolicy,
};
use serde_json::json;

use crate::{
    fixture::{self, SHOP, SOON},
    harness,
};

/// Nothing tells of an object that is not Weft's: it is looked for again after 15 seconds.
const LOOKED_FOR_AGAIN: Duration = Duration::from_secs(40);

#[test]
fn a_selector_that_somebody_narrowed_is_as_it_was() {
    let _together = harness::together();
    let space = fixture::shop("selector");
    let narrower = json!({"spec": {"selector": {"tier": "none"}}});
    space.patch::<Service>("shop", &narrower).expect("patched");
    until("the Service to lead to the pod again", SOON, || {
        let service: Service = space.get("shop")?;
        let selector = service.spec.and_then(|spec| spec.selector).unwrap_or_default();
        ensure!(!selector.contains_key("tier"), "{selector:?}");
        Ok(())
    })
    .expect("it is repaired");
    let nobody = json!({"spec": {"podSelector": {"matchLabels": {"tier": "none"}}}});
    space.patch::<NetworkPolicy>("shop", &nobody).expect("patched");
    until("the NetworkPolicy to select the pod again", SOON, || {
        let policy: NetworkPolicy = space.get("shop")?;
        let selector = format!("{:?}", policy.spec.map(|spec| spec.pod_selector));
        ensure!(!selector.contains("tier"), "{selector}");
        Ok(())
    })
    .expect("it is repaired");
}

#[test]
fn keys_stay_when_somebody_takes_the_label_off_their_secret() {
    let _together = harness::together();
    let space = fixture::shop("label");
    let keys = space.secret("shop-secrets").expect("keys");
    let authority = space.secret("shop-ca").expect("an authority");
    let unlabelled = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}});
    for name in ["shop-secrets", "shop-ca"] {
        space.patch::<Secret>(name, &unlabelled).expect("patched");
    }
    for name in ["shop-secrets", "shop-ca"] {
        until("the label to be there again", SOON, || {
            let secret: Secret = space.get(name)?;
            let labels = secret.metadata.labels.unwrap_or_default();
            ensure!(labels.contains_key("app.kubernetes.io/managed-by"), "{labels:?}");
            Ok(())
        })
        .expect("it is given back");
    }
    // Whatever else follows from that has happened when a later change is in effect.
    space.apply(&topic("later")).expect("a Topic");
    space.wait_ready::<Topic>("later", SOON).expect("ready");
    assert!(space.secret("shop-secrets").expect("keys") == keys, "other keys");
    assert!(
        space.secret("shop-ca").expect("an authority") == authority,
        "another authority"
    );
}

#[test]
fn a_secret_of_ones_own_with_the_name_of_a_topics_stays_until_it_goes() {
    let _together = harness::together();
    let space = Space::create("taken-secret").expect("a space");
    space
        .apply("apiVersion: v1\nkind: Secret\nmetadata: {name: topic.orders-connection}\nstringData: {mine: secret}")
        .expect("a Secret of the user's own");
    space.apply(SHOP).expect("the manifests are accepted");
    fixture::wait_for_shop(&space);
    let mine = space.secret("topic.orders-connection").expect("it is there");
    assert_eq!(mine.keys().collect::<Vec<_>>(), ["mine"], "it is not Weft's");
    space
        .delete::<Secret>("topic.orders-connection")
        .expect("deleted");
    until("the Topic's Secret to be made", LOOKED_FOR_AGAIN, || {
        let settings = space.secret("topic.orders-connection")?;
        ensure!(settings.contains_key("EVENTGRID_TOPIC_NAME"), "something else");
        Ok(())
    })
    .expect("it is made when the name is free");
}

#[test]
fn an_amount_of_memory_may_be_a_number_of_bytes() {
    let _together = harness::together();
    let space = Space::create("bytes").expect("a space");
    space
        .apply(
            "apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {name: shop}\nspec:\n  \
             storage: {ephemeral: {sizeLimit: 64Mi}}\n  \
             podTemplate: {spec: {resources: {limits: {memory: 4294967296}}}}",
        )
        .expect("a number beyond 32 bits is accepted");
    space.wait_ready::<Namespace>("shop", SOON).expect("ready");
    let pod: k8s_openapi::api::core::v1::Pod = space.broker("shop").expect("a pod");
    let container = pod.spec.and_then(|spec| spec.containers.into_iter().next());
    let limits = container
        .and_then(|one| one.resources?.limits)
        .unwrap_or_default();
    assert_eq!(
        limits.get("memory").map(|amount| amount.0.as_str()),
        Some("4294967296")
    );
}

fn topic(name: &str) -> String {
    format!(
        "apiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {{name: {name}}}\n\
         spec: {{namespaceRef: {{name: shop}}}}\n"
    )
}
