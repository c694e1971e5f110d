use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::*;

const OLD: &str = "0a0a0a0a-0000-4000-8000-000000000000";
const NEW: &str = "0b0b0b0b-0000-4000-8000-000000000000";
const OTHER: &str = "0c0c0c0c-0000-4000-8000-000000000000";

fn owner() -> Owner {
    Owner {
        name: "shop".to_owned(),
        kubernetes_namespace: "apps".to_owned(),
        uid: NEW.to_owned(),
    }
}

fn wanted(size: &str) -> Wanted<'_> {
    Wanted {
        size,
        storage_class: None,
        deletion_policy: config::DeletionPolicy::Delete,
        deletion_grace_seconds: 3600,
    }
}

/// The claim with the data of `data_uid`, as the Namespace `user` left it.
fn existing(data_uid: &str, user: &str) -> PersistentVolumeClaim {
    let user = Owner {
        uid: user.to_owned(),
        ..owner()
    };
    let choice = Choice {
        name: names::claim("shop", data_uid),
        data_uid: data_uid.to_owned(),
        live: None,
    };
    from(claim(&user, &choice, &wanted("10Gi")).prepared.value)
}

fn from(value: Value) -> PersistentVolumeClaim {
    serde_json::from_value(value).unwrap()
}

fn refs(claims: &[PersistentVolumeClaim]) -> Vec<&PersistentVolumeClaim> {
    claims.iter().collect()
}

fn nobody(_: &str) -> bool {
    false
}

#[test]
fn a_namespace_has_a_claim_of_its_own() {
    let owner = owner();
    let choice = choose(&owner, None, &[], nobody).unwrap();
    assert_eq!(choice.name, "shop-data-0b0b0b0b");
    assert_eq!((choice.adopted(&owner), choice.live), (None, None));
    let claims = [existing(OLD, OLD), existing(NEW, NEW)];
    assert_eq!(
        choose(&owner, None, &refs(&claims), nobody).unwrap().live,
        Some(&claims[1])
    );
}

#[test]
fn no_tool_takes_a_claim_for_a_part_of_an_application_with_the_name_of_its_namespace() {
    let choice = choose(&owner(), None, &[], nobody).unwrap();
    let claim = from(claim(&owner(), &choice, &wanted("10Gi")).prepared.value);
    assert_eq!(claim.metadata.owner_references, None, "it outlives its Namespace");
    let labels = claim.metadata.labels.unwrap();
    assert!(!labels.contains_key("app.kubernetes.io/instance"), "{labels:?}");
}

#[test]
fn the_data_of_an_earlier_namespace_is_found_by_its_uid_under_whatever_name() {
    let mut claim = existing(OLD, OLD);
    claim.metadata.name = Some("warehouse-data-0a0a0a0a".to_owned());
    let claims = [existing(NEW, NEW), claim];
    let choice = choose(&owner(), Some(OLD), &refs(&claims), nobody).unwrap();
    assert_eq!(choice.name, "warehouse-data-0a0a0a0a");
    assert_eq!(choice.adopted(&owner()), Some(OLD));
}

#[test]
fn adopted_data_stays_when_the_annotation_goes() {
    let claims = [existing(OLD, NEW), existing(NEW, NEW)];
    let choice = choose(&owner(), None, &refs(&claims), |uid| uid == NEW).unwrap();
    assert_eq!(choice.data_uid, OLD);
}

#[test]
fn data_that_is_not_there_or_in_use_is_not_adopted() {
    let error = choose(&owner(), Some(OLD), &[&existing(OTHER, OTHER)], nobody).unwrap_err();
    assert_eq!(
        error,
        Error::NothingToAdopt {
            data_uid: OLD.to_owned()
        }
    );
    let claims = [existing(OLD, OTHER)];
    let error = choose(&owner(), Some(OLD), &refs(&claims), |uid| uid == OTHER).unwrap_err();
    assert!(error.to_string().contains(OTHER), "{error}");
    assert!(choose(&owner(), Some(OLD), &refs(&claims), nobody).is_ok());
}

#[test]
fn a_claim_of_a_stranger_is_left_alone() {
    let mut claim = existing(NEW, NEW);
    claim.metadata.labels = None;
    let error = choose(&owner(), None, &[&claim], nobody).unwrap_err();
    assert!(matches!(error, Error::NameTaken { name } if name == "shop-data-0b0b0b0b"));
}

#[test]
fn a_claim_grows_and_never_shrinks() {
    let live = existing(NEW, NEW);
    let claims = [live];
    let choice = choose(&owner(), None, &refs(&claims), nobody).unwrap();
    let size = |claim: &Claim| {
        claim.prepared.value["spec"]["resources"]["requests"]["storage"]
            .as_str()
            .map(str::to_owned)
    };
    let larger = claim(&owner(), &choice, &wanted("20Gi"));
    assert_eq!(
        (size(&larger).as_deref(), larger.notices.len()),
        (Some("20Gi"), 0)
    );
    let smaller = claim(&owner(), &choice, &wanted("9000Mi"));
    assert_eq!(
        (size(&smaller).as_deref(), smaller.notices.len()),
        (Some("10Gi"), 1)
    );
    let same = claim(&owner(), &choice, &wanted("10240Mi"));
    assert_eq!(same.notices.len(), 0);
}

#[test]
fn a_claim_keeps_its_storage_class() {
    let mut live = existing(NEW, NEW);
    live.spec.as_mut().unwrap().storage_class_name = Some("standard".to_owned());
    let claims = [live];
    let choice = choose(&owner(), None, &refs(&claims), nobody).unwrap();
    let class = |wanted: Option<&str>, uid: &str| {
        let wanted = Wanted {
            storage_class: wanted,
            ..self::wanted("10Gi")
        };
        let owner = Owner {
            uid: uid.to_owned(),
            ..owner()
        };
        let claim = claim(&owner, &choice, &wanted);
        let class = claim.prepared.value["spec"]["storageClassName"].as_str();
        (class.map(str::to_owned), claim.notices.len())
    };
    let standard = Some("standard".to_owned());
    assert_eq!(class(Some("fast"), NEW), (standard.clone(), 1));
    assert_eq!(class(Some("standard"), NEW), (standard.clone(), 0));
    // The cluster's choice is the cluster's; what an earlier Namespace applied cannot be taken away.
    assert_eq!(class(None, NEW), (None, 0));
    assert_eq!(class(None, OTHER), (standard, 0));
}

#[test]
fn a_claim_is_used_by_whoever_has_it_made_it_or_asks_for_it() {
    let claim = existing(OLD, NEW);
    assert!(is_used_by(&claim, NEW, None));
    assert!(is_used_by(&claim, OLD, None));
    assert!(is_used_by(&claim, OTHER, Some(OLD)));
    assert!(!is_used_by(&claim, OTHER, Some(NEW)));
    assert!(!is_used_by(&claim, OTHER, None));
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn marked(claim: &PersistentVolumeClaim, mark: &str) -> PersistentVolumeClaim {
    let mut claim = claim.clone();
    let annotations = claim.metadata.annotations.as_mut().unwrap();
    annotations.insert(annotations::DELETE_AFTER.to_owned(), mark.to_owned());
    claim
}

#[test]
fn an_abandoned_claim_is_marked_then_waits_then_goes() {
    let claim = existing(OLD, OLD);
    let Lifecycle::Mark { delete_after, patch } = lifecycle(&claim, false, now()) else {
        panic!("it is not marked")
    };
    assert_eq!(delete_after, now() + SignedDuration::from_hours(1));
    let mark = "2026-01-01T01:00:00Z";
    assert_eq!(
        patch,
        json!({"metadata": {"annotations": {"weft.dev/delete-after": mark}}})
    );
    let claim = marked(&claim, mark);
    let just_before = delete_after - SignedDuration::from_secs(1);
    assert_eq!(
        lifecycle(&claim, false, just_before),
        Lifecycle::Wait { until: delete_after }
    );
    assert_eq!(lifecycle(&claim, false, delete_after), Lifecycle::Delete);
}

#[test]
fn a_claim_in_use_loses_its_mark_however_late() {
    let claim = marked(&existing(OLD, NEW), "2020-01-01T00:00:00Z");
    let unmark = json!({"metadata": {"annotations": {"weft.dev/delete-after": null}}});
    assert_eq!(
        lifecycle(&claim, true, now()),
        Lifecycle::Unmark { patch: unmark }
    );
    assert_eq!(lifecycle(&existing(OLD, NEW), true, now()), Lifecycle::Keep);
}

#[test]
fn what_is_to_be_retained_or_does_not_say_is_never_deleted() {
    for (key, value) in [
        (annotations::DELETION_POLICY, Some("Retain")),
        (annotations::DELETION_POLICY, Some("delete")),
        (annotations::DELETION_POLICY, None),
        (annotations::DELETION_GRACE, Some("soon")),
        (annotations::DELETION_GRACE, None),
    ] {
        let mut claim = existing(OLD, OLD);
        let annotations = claim.metadata.annotations.as_mut().unwrap();
        match value {
            Some(value) => annotations.insert(key.to_owned(), value.to_owned()),
            None => annotations.remove(key),
        };
        assert_eq!(lifecycle(&claim, false, now()), Lifecycle::Keep);
        let claim = marked(&claim, "2020-01-01T00:00:00Z");
        assert!(matches!(
            lifecycle(&claim, false, now()),
            Lifecycle::Unmark { .. }
        ));
    }
}

#[test]
fn a_mark_that_does_not_parse_is_written_anew() {
    let claim = marked(&existing(OLD, OLD), "tomorrow");
    assert!(matches!(lifecycle(&claim, false, now()), Lifecycle::Mark { .. }));
}
