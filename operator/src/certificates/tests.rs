use k8s_openapi::jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::{keys, labels};

fn owner() -> Owner {
    Owner {
        name: "shop".to_owned(),
        kubernetes_namespace: "apps".to_owned(),
        uid: "4f6d7a52-0d0c-4c5e-8f51-3d6f2f7a1b11".to_owned(),
    }
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn names_of(dns_names: &[&str]) -> ServerNames {
    let dns_names: Vec<_> = dns_names.iter().map(|name| (*name).to_owned()).collect();
    server_names(&owner(), "cluster.local", &dns_names).unwrap()
}

/// What the two Secrets hold after a decision was written.
#[derive(Clone)]
struct World {
    ca: Option<Secret>,
    secrets: Option<Secret>,
}

const EMPTY: World = World {
    ca: None,
    secrets: None,
};

impl World {
    fn decide(
        &self,
        words: [Option<&str>; 2],
        dns_names: &[&str],
        now: Timestamp,
    ) -> Result<Decision, Error> {
        let [rotate_certificate, rotate_ca] = words;
        let wanted = Wanted {
            owner: &owner(),
            names: &names_of(dns_names),
            rotate_certificate,
            rotate_ca,
        };
        decide(&wanted, self.ca.as_ref(), self.secrets.as_ref(), now)
    }

    /// The world after `decision` was written.
    fn with(&self, decision: &Decision) -> Self {
        let ca = decision
            .ca
            .clone()
            .map(|ca| serde_json::from_value(ca.value).unwrap());
        Self {
            ca: ca.or_else(|| self.ca.clone()),
            ..self.with_serving(decision)
        }
    }

    /// The world in which only the Secret with the keys was written.
    fn with_serving(&self, decision: &Decision) -> Self {
        let wanted = keys::Wanted {
            rules: &[],
            rotate: None,
            serving: &decision.serving,
            object_store: &BTreeMap::new(),
            dead_letter_stores: &BTreeMap::new(),
            certificate_rotated: decision.certificate_rotated.as_deref(),
            seen_revision: 0,
        };
        let secrets = keys::decide(self.secrets.as_ref(), &wanted).unwrap();
        Self {
            ca: self.ca.clone(),
            secrets: Some(serde_json::from_value(secrets.secret(&owner()).value).unwrap()),
        }
    }
}

const NO_WORDS: [Option<&str>; 2] = [None, None];

#[test]
fn certificates_are_made_once_and_kept() {
    let first = EMPTY.decide(NO_WORDS, &[], now()).unwrap();
    let world = EMPTY.with(&first);
    let second = world.decide(NO_WORDS, &[], now()).unwrap();
    assert_eq!(second.serving, first.serving);
    assert_eq!(second.ca, first.ca);
    assert!(second.next_renewal.unwrap() > now() + days(200));
}

#[test]
fn the_certificate_covers_every_name_of_the_service() {
    let decision = EMPTY.decide(NO_WORDS, &["*.example.com"], now()).unwrap();
    let facts = credentials::examine(&decision.serving.certificate_pem).unwrap();
    for name in [
        "shop",
        "shop.apps",
        "shop.apps.svc",
        "shop.apps.svc.cluster.local",
        "shop-blob",
        "shop-blob.apps.svc.cluster.local",
        "localhost",
        "shop.example.com",
    ] {
        assert!(facts.covers(name), "{name}");
    }
}

#[test]
fn a_name_that_is_added_brings_a_new_certificate() {
    let first = EMPTY.decide(NO_WORDS, &[], now()).unwrap();
    let second = EMPTY
        .with(&first)
        .decide(NO_WORDS, &["events.example.com"], now())
        .unwrap();
    assert_ne!(second.serving, first.serving);
    assert_eq!(second.trust_pem, first.trust_pem);
}

#[test]
fn a_certificate_is_renewed_when_it_is_due() {
    let first = EMPTY.decide(NO_WORDS, &[], now()).unwrap();
    let due = first.next_renewal.unwrap();
    let world = EMPTY.with(&first);
    let early = world.decide(NO_WORDS, &[], due - days(1)).unwrap();
    assert_eq!(early.serving, first.serving);
    let late = world
        .decide(NO_WORDS, &[], due + SignedDuration::from_secs(1))
        .unwrap();
    assert_ne!(late.serving, first.serving);
    assert!(late.next_renewal.unwrap() > due);
}

#[test]
fn a_word_brings_one_new_certificate() {
    let first = EMPTY.decide([Some("1"), None], &[], now()).unwrap();
    let world = EMPTY.with(&first);
    assert_eq!(
        world.decide([Some("1"), None], &[], now()).unwrap().serving,
        first.serving
    );
    let second = world.decide([Some("2"), None], &[], now()).unwrap();
    assert_ne!(second.serving, first.serving);
    assert_eq!(second.trust_pem, first.trust_pem);
    let world = world.with(&second);
    let third = world.decide([Some("2"), None], &[], now()).unwrap();
    assert_eq!(third.serving, second.serving);
    let fourth = world.decide(NO_WORDS, &[], now()).unwrap();
    assert_eq!(fourth.serving, second.serving);
    let fifth = world.with(&fourth).decide([Some("2"), None], &[], now()).unwrap();
    assert_eq!(fifth.serving, second.serving);
}

#[test]
fn a_word_for_a_new_authority_is_trusted_at_once_and_signs_later() {
    let first = EMPTY.decide(NO_WORDS, &[], now()).unwrap();
    let second = EMPTY.with(&first).decide([None, Some("1")], &[], now()).unwrap();
    assert_eq!(second.serving, first.serving);
    let (before, after) = (first.trust_pem.unwrap(), second.trust_pem.clone().unwrap());
    assert!(after.starts_with(&before) && after.len() > before.len());
    let world = EMPTY.with(&second);
    let third = world.decide([None, Some("1")], &[], now()).unwrap();
    assert_eq!(third.ca, second.ca);
    let takes_over = third.next_renewal.unwrap();
    assert!(takes_over < now() + days(91));
    let fourth = world.decide([None, Some("1")], &[], takes_over).unwrap();
    assert_ne!(fourth.serving, first.serving);
    assert_eq!(fourth.trust_pem, second.trust_pem);
}

#[test]
fn a_write_that_stopped_half_way_is_made_good() {
    let first = EMPTY.decide(NO_WORDS, &[], now()).unwrap();
    let world = EMPTY.with(&first);
    // The authorities were written, the keys were not: the word is not fulfilled, and the next attempt fulfils it.
    let second = world.decide([Some("1"), Some("1")], &[], now()).unwrap();
    let half = World {
        ca: world.with(&second).ca,
        ..world.clone()
    };
    let third = half.decide([Some("1"), Some("1")], &[], now()).unwrap();
    assert_ne!(third.serving, first.serving);
    assert_eq!(third.trust_pem, second.trust_pem);
    // The keys are there, their authority is not: a certificate that nobody can trust is replaced.
    let orphan = World {
        ca: None,
        ..world.clone()
    };
    let fourth = orphan.decide(NO_WORDS, &[], now()).unwrap();
    assert_ne!(fourth.serving, first.serving);
    assert_ne!(fourth.trust_pem, first.trust_pem);
}

#[test]
fn damaged_authorities_are_named_and_kept() {
    let first = EMPTY.decide(NO_WORDS, &[], now()).unwrap();
    let mut world = EMPTY.with(&first);
    world.ca.as_mut().unwrap().data = None;
    let error = world.decide(NO_WORDS, &[], now()).unwrap_err();
    assert!(error.to_string().contains("shop-ca"), "{error}");
}

/// A certificate as a user would offer it.
fn offer(names: &[&str]) -> Secret {
    let names = ServerNames::new(names).unwrap();
    let certificates = Certificates::create("user", &names, now().into()).unwrap();
    let text = |text: &str| ByteString(text.as_bytes().to_vec());
    let mut secret: Secret = serde_json::from_value(json!({
        "metadata": {"name": "front-door", "labels": {labels::USABLE: "true"}},
        "type": "kubernetes.io/tls",
    }))
    .unwrap();
    secret.data = Some(BTreeMap::from([
        (
            "tls.crt".to_owned(),
            text(certificates.serving().certificate_pem()),
        ),
        (
            "tls.key".to_owned(),
            text(certificates.serving().key_pem().expose()),
        ),
        ("ca.crt".to_owned(), text(&certificates.trust_pem())),
    ]));
    secret
}

fn take(secret: &Secret) -> Result<Decision, OfferError> {
    from_secret(&owner(), "front-door", Some(secret), now())
}

#[test]
fn a_certificate_of_the_users_is_served_as_it_is() {
    let decision = take(&offer(&["*.apps.svc"])).unwrap();
    assert!(decision.ca.is_none());
    assert_eq!(decision.notice, None);
    assert!(decision.trust_pem.unwrap().contains("BEGIN CERTIFICATE"));
    assert_eq!(decision.next_renewal, Some(now() + days(365)));
}

#[test]
fn without_authorities_of_its_own_the_public_roots_vouch_for_it() {
    let mut secret = offer(&["*.apps.svc"]);
    secret.data.as_mut().unwrap().remove("ca.crt");
    assert_eq!(take(&secret).unwrap().trust_pem, None);
}

#[test]
fn a_certificate_that_programs_will_not_accept_is_served_with_a_word_of_warning() {
    let notice = take(&offer(&["events.example.com"])).unwrap().notice.unwrap();
    assert!(notice.contains("shop.apps.svc"), "{notice}");
    let notice = take(&offer(&["shop.apps.svc"])).unwrap().notice.unwrap();
    assert!(notice.contains("shop-blob.apps.svc"), "{notice}");
    let late = from_secret(
        &owner(),
        "front-door",
        Some(&offer(&["*.apps.svc"])),
        now() + days(366),
    )
    .unwrap();
    assert!(late.notice.unwrap().contains("expired"));
    assert_eq!(late.next_renewal, None);
}

#[test]
fn each_reason_to_refuse_the_users_secret_is_told_apart() {
    let good = offer(&["*.apps.svc"]);
    let mut unlabelled = good.clone();
    unlabelled.metadata.labels = None;
    let mut offered_no = good.clone();
    let label = (labels::USABLE.to_owned(), "false".to_owned());
    offered_no.metadata.labels = Some(BTreeMap::from([label]));
    let change = |key: &str, value: Option<&[u8]>| {
        let mut secret = good.clone();
        let data = secret.data.as_mut().unwrap();
        match value {
            Some(value) => data.insert(key.to_owned(), ByteString(value.to_vec())),
            None => data.remove(key),
        };
        secret
    };
    let other = offer(&["*.apps.svc"]);
    let other_key = &other.data.as_ref().unwrap()["tls.key"].0;
    let refuse = |secret: &Secret| take(secret).unwrap_err();
    assert!(matches!(refuse(&unlabelled), OfferError::NotUsable { .. }));
    assert!(matches!(refuse(&offered_no), OfferError::NotUsable { .. }));
    for (secret, missing) in [
        (change("tls.key", None), "tls.key"),
        (change("tls.crt", Some(b" \n")), "tls.crt"),
    ] {
        assert!(matches!(refuse(&secret), OfferError::Incomplete { key, .. } if key == missing));
    }
    for part in ["tls.crt", "tls.key", "ca.crt"] {
        let error = refuse(&change(part, Some(b"not PEM")));
        assert!(
            matches!(error, OfferError::Malformed { key, .. } if key == part),
            "{part}: {error}"
        );
    }
    let error = refuse(&change("tls.key", Some(other_key)));
    assert!(matches!(error, OfferError::KeyMismatch { .. }), "{error}");
    let missing = from_secret(&owner(), "front-door", None, now()).unwrap_err();
    assert!(matches!(missing, OfferError::Missing { .. }));
}

#[test]
fn after_the_users_certificate_ours_takes_its_place_again() {
    let first = EMPTY.decide(NO_WORDS, &[], now()).unwrap();
    let world = EMPTY.with(&first);
    let world = world.with_serving(&take(&offer(&["*.apps.svc"])).unwrap());
    let second = world.decide(NO_WORDS, &[], now()).unwrap();
    assert_eq!(second.trust_pem, first.trust_pem);
    assert!(!second.serving.certificate_pem.is_empty());
    let facts = credentials::examine(&second.serving.certificate_pem).unwrap();
    assert!(facts.covers("shop.apps.svc.cluster.local"));
}
