//! Whose data it is: a name that returns is empty, data that is adopted is there, volumes outlive their Namespace as long
//! as the user wants, and grow.

use anyhow::{Context as _, ensure};
use crds::v1alpha1::{EventSubscription, Namespace, Topic};
use e2e::cluster::{Space, until};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt as _;
use serde_json::json;

use crate::{
    fixture::{self, GONE, SHOP, SOON},
    harness,
};

#[test]
fn a_topic_that_is_made_again_is_empty_and_one_that_adopts_is_not() {
    let _together = harness::together();
    let space = fixture::shop("adopt");
    let mut client = fixture::connect(&space);
    fixture::publish(&mut client, &["one", "two", "three"]);
    let topic = space.uid::<Topic>("orders").expect("a uid");
    let subscription = space.uid::<EventSubscription>("billing").expect("a uid");

    delete_topic(&space);
    space.apply(SHOP).expect("the same names again");
    fixture::wait_for_shop(&space);
    assert_eq!(
        fixture::take(&mut client),
        Vec::<String>::new(),
        "it is another topic"
    );

    delete_topic(&space);
    space
        .apply(&adopting("Topic\nmetadata: {name: orders", &topic))
        .expect("a topic that adopts");
    space
        .apply(&adopting(
            "EventSubscription\nmetadata: {name: billing",
            &subscription,
        ))
        .expect("a subscription that adopts");
    fixture::wait_for_shop(&space);
    assert_eq!(fixture::take(&mut client), ["one", "two", "three"]);
}

#[test]
fn a_namespace_that_adopts_finds_every_topic_as_it_was() {
    let _together = harness::together();
    let space = fixture::shop("adopt-all");
    let mut client = fixture::connect(&space);
    fixture::publish(&mut client, &["kept"]);
    let old = space.uid::<Namespace>("shop").expect("a uid");

    space.delete::<Namespace>("shop").expect("deleted");
    space.wait_gone::<Namespace>("shop", GONE).expect("it goes");
    let orphan = space
        .wait_for::<Topic>("orders", "Ready", "False", SOON)
        .expect("its Topic is told");
    assert_eq!(orphan.reason, "ParentNotFound");
    wait_for_pods_to_go(&space);

    space
        .apply(&adopting("Namespace\nmetadata: {name: shop", &old))
        .expect("a Namespace that adopts");
    fixture::wait_for_shop(&space);
    let mut client = fixture::connect(&space);
    assert_eq!(fixture::take(&mut client), ["kept"]);
    // There is still the one volume.
    assert_eq!(claims(&space).len(), 1, "{:?}", claims(&space));
}

#[test]
fn data_that_a_namespace_has_left_for_other_data_is_free_again() {
    let _together = harness::together();
    let space = Space::create("adopt-on").expect("a space");
    // Said by the pod on the first data, which is about to be replaced.
    space.expect_errors("it is for the Namespace with uid");
    let plain = |name: &str, annotations: &str| {
        format!(
            "apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {{name: {name}, annotations: {{{annotations}}}}}\n\
             spec: {{storage: {{persistentVolume: {{size: 64Mi}}}}}}"
        )
    };
    let mut olds = Vec::new();
    for name in ["first", "second"] {
        space.apply(&plain(name, "")).expect("accepted");
        space.wait_ready::<Namespace>(name, SOON).expect("ready");
        olds.push(space.uid::<Namespace>(name).expect("a uid"));
        space.delete::<Namespace>(name).expect("deleted");
        space
            .wait_gone::<Pod>(&format!("{name}-0"), GONE)
            .expect("the pod goes");
    }
    for (old, volume) in olds.iter().zip(["first-data-", "second-data-"]) {
        space
            .apply(&plain("shop", &format!("weft.dev/adopt-data: {old}")))
            .expect("accepted");
        until("the pod to be on the data", SOON, || {
            let pod: Pod = space.broker("shop")?;
            let spec = serde_json::to_string(&pod.spec)?;
            ensure!(spec.contains(volume), "{spec}");
            fixture::life(&space, "shop").map(drop)
        })
        .expect("it has adopted");
    }
    until("the data that was left to say when it goes", SOON, || {
        let claim = find_claim(&space, "first-data-")?;
        ensure!(
            claim.annotations().contains_key("weft.dev/delete-after"),
            "{:?} {:?}",
            claim.annotations(),
            claim.labels()
        );
        Ok(())
    })
    .expect("it is like that of a Namespace that is gone");
}

#[test]
fn a_volume_goes_with_its_grace_period_or_stays() {
    let _together = harness::together();
    let space = Space::create("grace").expect("a space");
    let with = |name: &str, policy: &str| {
        format!(
            "apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {{name: {name}}}\n\
             spec: {{storage: {{persistentVolume: {{size: 64Mi}}}}, {policy}}}"
        )
    };
    let policies = [
        ("brief", "deletionGracePeriod: PT0S"),
        ("kept", "deletionPolicy: Retain"),
        ("usual", "deletionPolicy: Delete"),
    ];
    for (name, policy) in policies {
        space
            .apply(&with(name, policy))
            .expect("the manifest is accepted");
    }
    for (name, _) in policies {
        space.wait_ready::<Namespace>(name, SOON).expect("ready");
        space.delete::<Namespace>(name).expect("deleted");
    }
    let stays = |name: &str| claims(&space).iter().any(|claim| claim.starts_with(name));
    until("the volume without a grace period to go", SOON, || {
        ensure!(!stays("brief-data-"), "{:?}", claims(&space));
        Ok(())
    })
    .expect("it goes");
    assert!(
        stays("kept-data-") && stays("usual-data-"),
        "{:?}",
        claims(&space)
    );
    // Whoever looks at the volume that has a day left is told so.
    until("the volume to say when it goes", SOON, || {
        let claim = find_claim(&space, "usual-data-")?;
        let note = claim
            .annotations()
            .keys()
            .any(|key| key.starts_with("weft.dev/delete"));
        ensure!(note, "{:?}", claim.annotations());
        Ok(())
    })
    .expect("it says");
}

#[test]
fn a_volume_grows_with_the_spec() {
    let _together = harness::together();
    let space = fixture::shop("grow");
    let larger = json!({"spec": {"storage": {"persistentVolume": {"size": "2Gi"}}}});
    space.patch::<Namespace>("shop", &larger).expect("it may grow");
    until("the volume to have grown", SOON, || {
        let claim = find_claim(&space, "shop-data-")?;
        let capacity = claim
            .status
            .and_then(|status| status.capacity)
            .unwrap_or_default();
        ensure!(
            capacity.get("storage").is_some_and(|size| size.0 == "2Gi"),
            "{capacity:?}"
        );
        Ok(())
    })
    .expect("it grows");
    space
        .wait_ready::<Namespace>("shop", SOON)
        .expect("the Namespace is ready at its new size");
}

#[test]
fn a_volume_whose_class_cannot_grow_is_told_and_goes_on() {
    let _together = harness::together();
    let space = Space::create("fixed").expect("a space");
    let fixed = SHOP.replacen("size: 1Gi", "size: 1Gi, storageClassName: folders-fixed", 1);
    space.apply(&fixed).expect("the manifests are accepted");
    fixture::wait_for_shop(&space);
    let larger = json!({"spec": {"storage": {"persistentVolume": {"size": "2Gi"}}}});
    space
        .patch::<Namespace>("shop", &larger)
        .expect("the API server cannot know");
    let told = space
        .wait_for::<Namespace>("shop", "Programmed", "False", SOON)
        .expect("the Namespace is told");
    assert_eq!(told.reason, "VolumeNotResized", "{}", told.message);
    // Nothing else is withheld for that.
    let labelled = json!({"spec": {"podTemplate": {"metadata": {"labels": {"team": "orders"}}}}});
    space.patch::<Namespace>("shop", &labelled).expect("patched");
    until("the pod to have its new label", SOON, || {
        let pod: Pod = space.broker("shop")?;
        ensure!(pod.labels().contains_key("team"), "{:?}", pod.labels());
        fixture::life(&space, "shop").map(drop)
    })
    .expect("the pod is replaced");
    let mut client = fixture::connect(&space);
    fixture::publish(&mut client, &["goes on"]);
    assert_eq!(fixture::take(&mut client), ["goes on"]);
}

/// One document of [`SHOP`] with the annotation that takes data over.
fn adopting(beginning: &str, uid: &str) -> String {
    let kind = format!("kind: {beginning}");
    let document = SHOP.split("---").find(|document| document.contains(&kind));
    let document = document.expect("a document of the shop");
    document.replacen(
        beginning,
        &format!("{beginning}, annotations: {{weft.dev/adopt-data: {uid}}}"),
        1,
    )
}

fn delete_topic(space: &Space) {
    space.delete::<EventSubscription>("billing").expect("deleted");
    space.delete::<Topic>("orders").expect("deleted");
    space
        .wait_gone::<EventSubscription>("billing", GONE)
        .expect("it goes");
    space.wait_gone::<Topic>("orders", GONE).expect("it goes");
}

fn wait_for_pods_to_go(space: &Space) {
    space.wait_gone::<Pod>("shop-0", GONE).expect("the pod goes");
}

fn claims(space: &Space) -> Vec<String> {
    let claims = space.list::<PersistentVolumeClaim>().expect("listed").into_iter();
    // One that is being deleted is as good as gone.
    let claims = claims.filter(|claim| claim.metadata.deletion_timestamp.is_none());
    claims.map(|claim| claim.name_any()).collect()
}

fn find_claim(space: &Space, prefix: &str) -> anyhow::Result<PersistentVolumeClaim> {
    let claims = space.list::<PersistentVolumeClaim>()?.into_iter();
    let mut found = claims.filter(|claim| claim.name_any().starts_with(prefix));
    found.next().with_context(|| format!("no claim {prefix}…"))
}
