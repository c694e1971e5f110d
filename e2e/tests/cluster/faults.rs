//! The API server refuses, stalls, forgets and lies in one request of five: the operator comes to the same objects. And
//! when nothing happens, it does nothing.

use std::{collections::BTreeMap, thread, time::Duration};

use anyhow::ensure;
use crds::v1alpha1::{EventSubscription, Namespace, Topic};
use e2e::{
    cluster::{Cluster, Space, until},
    eventgrid::event,
};
use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Secret};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{ListParams, ObjectMeta, PartialObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    fixture::{self, FaultProxy, HostOperator, Operator, SHOP, SOON},
    harness,
};

/// Requests that the operator has to have made before the faults can be believed to have mattered.
const SUBSTANTIAL: u64 = 60;
const QUIET: Duration = Duration::from_secs(60);

#[test]
fn an_operator_whose_api_server_fails_one_request_in_five_comes_to_the_same_objects() {
    let _alone = harness::alone();
    let calm = Space::create("calm").expect("a space");
    calm.apply(&manifests()).expect("the manifests are accepted");
    wait_until_all_ready(&calm);

    let cluster = Cluster::shared();
    let installed = Operator::installed();
    let stopped = installed.stop();
    let faulty = Space::create("faulty").expect("a space");
    let proxy = FaultProxy::listen(cluster).expect("a proxy");
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("kubeconfig");
    proxy.write_kubeconfig(&kubeconfig).expect("written");
    proxy.faults(true);
    let operator = HostOperator::start(&faulty, &kubeconfig);
    faulty.apply(&manifests()).expect("the manifests are accepted");
    wait_until_all_ready(&faulty);
    publish_to_all(&faulty);
    for round in 0..5 {
        for space in [&faulty, &calm] {
            space
                .annotate::<Namespace>("shop", "weft.dev/rotate-keys", &format!("round {round}"))
                .expect("annotated");
        }
        let name = format!("later-{round}");
        faulty.apply(&topic(&name)).expect("a Topic");
        calm.apply(&topic(&name)).expect("a Topic");
        faulty.wait_ready::<Topic>(&name, SOON).expect("ready");
        fixture::connect(&faulty)
            .publish(&name, &[event("first")])
            .expect("Ready is a promise, faults or not");
    }
    println!("{} requests, faults {:?}", proxy.requests(), proxy.counts());
    assert!(proxy.requests() > SUBSTANTIAL, "{} requests", proxy.requests());
    assert!(proxy.counts().len() >= 5, "{:?}", proxy.counts());
    // What a lie has spoiled is repaired when the truth comes out; then both are the same.
    proxy.faults(false);
    drop(stopped);
    for round in 0..5 {
        calm.wait_ready::<Topic>(&format!("later-{round}"), SOON)
            .expect("ready");
    }
    let (calm, faulty) = (&calm, &faulty);
    until("both to have the same objects", SOON, || {
        let (expected, found) = (picture(calm), picture(faulty));
        for (name, object) in &expected {
            ensure!(
                found.get(name) == Some(object),
                "{name} is {:#?}, not {object:#}",
                found.get(name)
            );
        }
        ensure!(found.len() == expected.len(), "{:?}", found.keys());
        Ok(())
    })
    .expect("they are the same");
    drop(operator);
}

#[test]
fn at_rest_nothing_is_looked_at_and_nothing_is_written() {
    let _together = harness::together();
    let space = fixture::shop("rest");
    // Of its own, so that it counts nothing but this space; the cluster's operator looks after the space, too.
    let operator = HostOperator::start(&space, Cluster::shared().kubeconfig());
    settle(&operator);
    let counted = |name: &str| operator.metric(name).expect("a metric");
    let reconciles = counted("weft_operator_reconciles_total");
    let writes = counted("weft_operator_writes_total");
    assert!(reconciles > 0.0, "it has looked at the space at its start");
    let before = versions(&space);
    thread::sleep(QUIET);
    let after = versions(&space);
    let changed: Vec<_> = after
        .iter()
        .filter(|(name, version)| before.get(*name) != Some(version))
        .collect();
    assert!(
        changed.is_empty(),
        "{changed:?} were written in {QUIET:?} at rest"
    );
    assert_eq!(after.len(), before.len());
    assert_eq!(
        counted("weft_operator_reconciles_total"),
        reconciles,
        "reconciles in {QUIET:?} at rest"
    );
    assert_eq!(
        counted("weft_operator_writes_total"),
        writes,
        "writes in {QUIET:?} at rest"
    );
    drop(operator);
}

/// A cluster is full of objects of others: whatever becomes of them, the operator neither looks nor holds them.
#[test]
fn objects_of_others_cost_nothing() {
    let _together = harness::together();
    let space = fixture::shop("others");
    let operator = HostOperator::start(&space, Cluster::shared().kubeconfig());
    settle(&operator);
    let counted = |name: &str| operator.metric(name).expect("a metric");
    let reconciles = counted("weft_operator_reconciles_total");
    let cached = counted("weft_operator_cached_objects");
    let reads = counted("weft_operator_reads_total");
    let resident = operator.resident_bytes();
    assert!(cached > 0.0, "it holds what is its own");
    make_objects_of_others(&space);
    // A watch that tells of them does so within a second; the operator takes its time for nothing else here.
    thread::sleep(Duration::from_secs(5));
    assert_eq!(counted("weft_operator_cached_objects"), cached, "held");
    assert_eq!(counted("weft_operator_reconciles_total"), reconciles, "looked at");
    assert_eq!(counted("weft_operator_reads_total"), reads, "read");
    let grown = operator.resident_bytes().saturating_sub(resident);
    let held = u64::from(OTHERS) * 2 * OTHERS_BYTES as u64;
    assert!(
        grown < held / 4,
        "it grew by {grown} bytes, of {held} in objects of others"
    );
}

/// ConfigMaps, and as many Secrets.
const OTHERS: u32 = 1000;
const OTHERS_BYTES: usize = 16 << 10;

/// Creates them and changes them, as another tool would.
fn make_objects_of_others(space: &Space) {
    let client = space.cluster().client();
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), space.name());
    let secrets: Api<Secret> = Api::namespaced(client, space.name());
    let text = "x".repeat(OTHERS_BYTES);
    let change = Patch::Merge(json!({"metadata": {"labels": {"of": "another"}}}));
    space
        .cluster()
        .block_on(stream::iter(0..OTHERS).for_each_concurrent(16, |number| {
            let (config_maps, secrets, text, change) = (&config_maps, &secrets, &text, &change);
            async move {
                let name = format!("other-{number}");
                let object =
                    |kind: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
                let mut config_map = object("ConfigMap");
                config_map["data"] = json!({"text": text});
                let mut secret = object("Secret");
                secret["stringData"] = json!({"text": text});
                let config_map = serde_json::from_value(config_map).expect("a ConfigMap");
                let secret = serde_json::from_value(secret).expect("a Secret");
                let (to_post, to_patch) = (PostParams::default(), PatchParams::default());
                config_maps.create(&to_post, &config_map).await.expect("created");
                secrets.create(&to_post, &secret).await.expect("created");
                config_maps
                    .patch(&name, &to_patch, change)
                    .await
                    .expect("changed");
                secrets.patch(&name, &to_patch, change).await.expect("changed");
            }
        }));
}

/// What the start of the second operator has to do is done.
fn settle(operator: &HostOperator) {
    let mut last = f64::NAN;
    until("the operator on the host to come to rest", SOON, || {
        thread::sleep(Duration::from_secs(2));
        let now = operator.metric("weft_operator_reconciles_total")?;
        let is_still = now == last;
        last = now;
        ensure!(is_still, "{now} reconciles so far");
        Ok(())
    })
    .expect("it comes to rest");
}

/// Everything in the space but the Leases, by kind and name, with its version.
fn versions(space: &Space) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    for (name, object) in fixture::children(space) {
        versions.insert(name, object.resource_version().unwrap_or_default());
    }
    add::<Namespace>(space, &mut versions);
    add::<Topic>(space, &mut versions);
    add::<EventSubscription>(space, &mut versions);
    add::<k8s_openapi::api::core::v1::Pod>(space, &mut versions);
    add::<Event>(space, &mut versions);
    versions
}

fn add<K>(space: &Space, versions: &mut BTreeMap<String, String>)
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()> + Clone + std::fmt::Debug,
    PartialObjectMeta<K>: serde::de::DeserializeOwned,
    K: serde::de::DeserializeOwned,
{
    let api: Api<K> = space.cluster().api(space.name());
    let list = space
        .cluster()
        .block_on(api.list_metadata(&ListParams::default()));
    for object in list.expect("listed") {
        let ObjectMeta {
            name,
            resource_version,
            ..
        } = object.metadata;
        let name = format!("{}/{}", K::kind(&()), name.unwrap_or_default());
        versions.insert(name, resource_version.unwrap_or_default());
    }
}

/// A Namespace with more than one of everything.
fn manifests() -> String {
    let mut manifests = SHOP.to_owned();
    for number in 0..8 {
        manifests.push_str(&format!("---\n{}", topic(&format!("topic-{number}"))));
    }
    manifests
}

fn topic(name: &str) -> String {
    format!(
        "apiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {{name: {name}}}\n\
         spec: {{namespaceRef: {{name: shop}}}}\n"
    )
}

fn wait_until_all_ready(space: &Space) {
    fixture::wait_for_shop(space);
    for topic in space.list::<Topic>().expect("listed") {
        space.wait_ready::<Topic>(&topic.name_any(), SOON).expect("ready");
    }
}

fn publish_to_all(space: &Space) {
    let mut client = fixture::connect(space);
    for topic in space.list::<Topic>().expect("listed") {
        client
            .publish(&topic.name_any(), &[event("first")])
            .expect("Ready is a promise");
    }
}

/// Every child without what must differ between two spaces.
fn picture(space: &Space) -> BTreeMap<String, Value> {
    let uid = space.uid::<Namespace>("shop").expect("a uid");
    let short: String = uid.chars().filter(char::is_ascii_hexdigit).take(8).collect();
    let mut words = vec![(space.name().to_owned(), "SPACE"), (uid, "UID"), (short, "SHORT")];
    for topic in space.list::<Topic>().expect("listed") {
        words.push((topic.uid().unwrap_or_default(), "UID of a Topic"));
    }
    let subscription = space.uid::<EventSubscription>("billing").expect("a uid");
    words.push((subscription, "UID of an EventSubscription"));
    fixture::children(space)
        .into_iter()
        .map(|(name, object)| {
            let name = name.replace(&words[2].0, "SHORT");
            (name, fixture::normalised(&object, &words))
        })
        .collect()
}
