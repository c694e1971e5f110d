use std::sync::Arc;

use checkpoint::conformance::{self, Place};
use checkpoint::{Copier, Entries, Log, open};
use runtime::TaskScope;
use runtime::metrics::Registry;
use tokio::sync::watch;
use uuid::Uuid;

use super::super::fake::Fake;
use super::*;

const UID: &str = "00000000-0000-4000-8000-0000000000aa";

/// What the operator makes.
fn empty() -> Fake {
    let fake = Fake::default();
    for index in 0..PAGES {
        fake.put_config_map(&checkpoints("shop", index), json!({NAMESPACE_UID_LABEL: UID}));
    }
    fake
}

fn store(fake: &Fake) -> ConfigMapStore {
    ConfigMapStore::new(fake.server(), "team", "shop", UID)
}

const NEW: Log = Log::New {
    id: Uuid::from_u128(1),
};

fn page() -> Bytes {
    Bytes::from_static(b"page")
}

#[tokio::test]
async fn config_maps_keep_what_a_store_has_to() {
    conformance::check(async || {
        let fake = empty();
        let place: Place = Box::new(move || Arc::new(store(&fake)));
        place
    })
    .await;
}

#[tokio::test]
async fn a_page_is_one_write_of_one_object() {
    let fake = empty();
    let store = store(&fake);
    let claim = open(&[&store], NEW, "uid", |_| 0).await.unwrap().claim;
    assert_eq!(fake.patches(), ["shop-checkpoints-00"], "the claim");
    store.save(&claim, 7, page()).await.unwrap();
    assert_eq!(fake.patches()[1..], ["shop-checkpoints-07"]);
    let object = fake.config_map("shop-checkpoints-07");
    assert_eq!(object.binary_data.unwrap()["page.json.gz"].0, b"page");
    assert_eq!(object.data, None);
    let first = fake.config_map("shop-checkpoints-00");
    let found: Claim = serde_json::from_str(&first.data.unwrap()["claim.json"]).unwrap();
    assert_eq!(found, claim);
}

#[tokio::test]
async fn somebody_who_touches_the_objects_is_no_other_log() {
    let fake = empty();
    let store = store(&fake);
    let claim = open(&[&store], NEW, "uid", |_| 0).await.unwrap().claim;
    for index in [0, 7] {
        store.save(&claim, index, page()).await.unwrap();
        let touch = |object: &mut Value| object["metadata"]["annotations"] = json!({"touched": "1"});
        fake.edit(&checkpoints("shop", index), touch);
        store.save(&claim, index, page()).await.unwrap();
    }
}

#[tokio::test]
async fn objects_that_are_not_there_yet_are_waited_for() {
    let fake = empty();
    fake.remove_config_map("shop-checkpoints-03");
    let refused = open(&[&store(&fake)], NEW, "uid", |_| 0).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Unavailable(text) if text.contains("shop-checkpoints-03")),
        "{refused}"
    );
    assert!(
        fake.patches().is_empty(),
        "nothing is claimed before everything can be read"
    );
}

#[tokio::test]
async fn what_another_namespace_of_the_same_name_left_behind_is_not_read() {
    let fake = empty();
    let foreign = ConfigMapStore::new(fake.server(), "team", "shop", "another");
    let refused = open(&[&foreign], NEW, "uid", |_| 0).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Unavailable(text) if text.contains("left behind")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_missing_role_and_a_server_that_is_busy_are_told_apart() {
    let fake = empty();
    let store = store(&fake);
    fake.fail_with(Some((403, "User \"x\" cannot get resource \"configmaps\"")));
    let refused = open(&[&store], NEW, "uid", |_| 0).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Refused(text) if text.contains("cannot get resource")),
        "{refused}"
    );
    fake.fail_with(Some((503, "etcd has no leader")));
    let away = open(&[&store], NEW, "uid", |_| 0).await.unwrap_err();
    assert!(matches!(away, StoreError::Unavailable(_)), "{away}");
    fake.fail_with(None);
    open(&[&store], NEW, "uid", |_| 0).await.unwrap();
}

#[tokio::test]
async fn a_claim_that_somebody_broke_stops_the_start_and_says_what_to_do() {
    let fake = empty();
    fake.edit("shop-checkpoints-00", |object| {
        object["data"] = json!({"claim.json": "{\"incarnation\":"});
    });
    let refused = open(&[&store(&fake)], NEW, "uid", |_| 0)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("claim.json of the ConfigMap shop-checkpoints-00"),
        "{refused}"
    );
}

#[tokio::test]
async fn objects_that_the_operator_made_anew_are_claimed_again_by_the_log_that_goes_on() {
    let fake = empty();
    let before = store(&fake);
    let claim = open(&[&before], NEW, "uid", |_| 0).await.unwrap().claim;
    before.save(&claim, 7, page()).await.unwrap();
    for index in 0..PAGES {
        fake.put_config_map(&checkpoints("shop", index), json!({NAMESPACE_UID_LABEL: UID}));
    }
    assert_eq!(before.save(&claim, 7, page()).await, Err(StoreError::Conflict));
    let log = Log::Known {
        id: claim.log,
        incarnation: 0,
    };
    assert_eq!(open(&[&before], log, "uid", |_| 0).await.unwrap().claim, claim);
    before.save(&claim, 7, page()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pod_with_an_empty_disk_finds_what_the_one_before_saved_and_the_one_before_is_stopped() {
    let fake = empty();
    let before = Arc::new(store(&fake));
    let claim = open(&[&*before], NEW, "uid", |_| 0).await.unwrap().claim;
    let entries: Arc<Mutex<Entries>> = Arc::default();
    let changes = watch::Sender::new(0);
    let (scope, registry) = (TaskScope::root(), Registry::default());
    let source = entries.clone();
    let copied = move || source.lock().clone();
    Copier::start(before, claim, copied, changes.subscribe(), &scope, &registry);
    let checkpoint = |position: u64| {
        for partition in 0..100 {
            let key = format!("blob/checkpoints/shop/telemetry/$default/checkpoint/{partition}");
            entries.lock().insert(key, position.to_string().into());
        }
        changes.send_modify(|count| *count += 1);
    };
    // Ten minutes of checkpoints, with an outage in the middle.
    for second in 0..600 {
        checkpoint(second);
        fake.fail_with(
            (200..400)
                .contains(&second)
                .then_some((503, "etcd has no leader")),
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let patches = fake.patches();
    for index in 0..PAGES {
        let name = checkpoints("shop", index);
        let count = patches.iter().filter(|patched| **patched == name).count();
        assert!((35..=62).contains(&count), "{name}: {count} patches in 600 s");
    }

    let after = store(&fake);
    let log = Log::New {
        id: Uuid::from_u128(2),
    };
    let opened = open(&[&after], log, "uid", |_| 0).await.unwrap();
    assert_eq!(opened.claim.incarnation, 1);
    assert_eq!(opened.restored.len(), 100);
    let oldest = |value: &Bytes| std::str::from_utf8(value).unwrap().parse::<u64>().unwrap();
    let oldest = opened.restored.values().map(oldest).min().unwrap();
    assert!(oldest >= 588, "at most some seconds back: {oldest}");

    let count = fake.patches().len();
    checkpoint(10_000);
    tokio::time::sleep(PAUSE * 3).await;
    assert!(scope.shutdown(PAUSE).await.is_empty());
    assert_eq!(fake.patches().len(), count, "whoever was replaced writes nothing");
    assert!(registry.encode().contains("weft_checkpoint_copy_is_fenced 1"));
}
