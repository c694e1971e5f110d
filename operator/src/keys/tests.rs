use config::Right;
use proptest::prelude::*;

use super::*;

static NO_STORE: BTreeMap<String, String> = BTreeMap::new();
static NO_STORES: BTreeMap<String, StoreCredentials> = BTreeMap::new();
const ROOT: &str = "RootManageSharedAccessKey";

fn owner() -> Owner {
    Owner {
        name: "shop".to_owned(),
        kubernetes_namespace: "apps".to_owned(),
        uid: "4f6d7a52-0d0c-4c5e-8f51-3d6f2f7a1b11".to_owned(),
    }
}

fn rules(names: &[&str]) -> Vec<AuthorizationRule> {
    names
        .iter()
        .map(|name| AuthorizationRule {
            name: (*name).to_owned(),
            rights: vec![Right::Send],
        })
        .collect()
}

fn serving(text: &str) -> Serving {
    Serving {
        certificate_pem: text.to_owned(),
        private_key_pem: credentials::Secret::new("key"),
    }
}

/// Decides, and hands back the Secret as the API server has it then.
fn step(existing: Option<&Secret>, wanted: &Wanted<'_>) -> (Decision, Secret) {
    let decision = decide(existing, wanted).unwrap();
    let secret = serde_json::from_value(decision.secret(&owner()).value).unwrap();
    (decision, secret)
}

fn wanted<'a>(rules: &'a [AuthorizationRule], rotate: Option<&'a str>, serving: &'a Serving) -> Wanted<'a> {
    Wanted {
        rules,
        rotate,
        serving,
        object_store: &NO_STORE,
        dead_letter_stores: &NO_STORES,
        certificate_rotated: None,
        seen_revision: 0,
    }
}

#[test]
fn keys_are_made_once_and_kept() {
    let (rules, serving) = (rules(&[ROOT, "app"]), serving("a"));
    let (first, secret) = step(None, &wanted(&rules, None, &serving));
    assert_eq!((first.revision, first.changed), (1, true));
    let (second, again) = step(Some(&secret), &wanted(&rules, None, &serving));
    assert_eq!((second.revision, second.changed), (1, false));
    assert_eq!(again, secret);
}

#[test]
fn a_new_certificate_is_a_new_revision_with_the_same_keys() {
    let rules = rules(&[ROOT]);
    let (first, secret) = step(None, &wanted(&rules, None, &serving("a")));
    let (second, _) = step(Some(&secret), &wanted(&rules, None, &serving("b")));
    assert_eq!((second.revision, second.changed), (2, true));
    assert_eq!(second.secrets.rules, first.secrets.rules);
}

#[test]
fn a_word_rotates_every_rule_once() {
    let (rules, serving) = (rules(&[ROOT, "app"]), serving("a"));
    // The word was there from the start: fresh keys are as new as anybody can wish.
    let (first, secret) = step(None, &wanted(&rules, Some("1"), &serving));
    let (second, secret) = step(Some(&secret), &wanted(&rules, Some("1"), &serving));
    assert_eq!(second.secrets, first.secrets);
    let (third, secret) = step(Some(&secret), &wanted(&rules, Some("2"), &serving));
    for (before, after) in second.secrets.rules.iter().zip(&third.secrets.rules) {
        assert_eq!(after.secondary_key, before.primary_key);
        assert_ne!(after.primary_key, before.primary_key);
    }
    // Neither the same word nor its absence rotates again; nor does its return.
    for word in [Some("2"), None, Some("2")] {
        let (after, _) = step(Some(&secret), &wanted(&rules, word, &serving));
        assert_eq!((after.secrets, after.changed), (third.secrets.clone(), false));
    }
}

#[test]
fn a_rule_that_was_gone_returns_with_new_keys() {
    let serving = serving("a");
    let (with, without) = (rules(&[ROOT, "app"]), rules(&[ROOT]));
    let (first, secret) = step(None, &wanted(&with, None, &serving));
    let (second, secret) = step(Some(&secret), &wanted(&without, None, &serving));
    assert_eq!(second.secrets.rules, first.secrets.rules[..1]);
    let (third, _) = step(Some(&secret), &wanted(&with, None, &serving));
    assert_eq!(third.secrets.rules[0], first.secrets.rules[0]);
    assert_ne!(third.secrets.rules[1], first.secrets.rules[1]);
}

#[test]
fn a_secret_that_was_deleted_or_restored_comes_after_what_the_pod_has() {
    let (rules, serving) = (rules(&[ROOT]), serving("a"));
    let (_, old) = step(None, &wanted(&rules, None, &serving));
    for existing in [None, Some(&old)] {
        let wanted = Wanted {
            seen_revision: 7,
            ..wanted(&rules, None, &serving)
        };
        let (decision, _) = step(existing, &wanted);
        assert_eq!((decision.revision, decision.changed), (8, true));
    }
}

#[test]
fn a_secret_that_does_not_parse_is_named_and_kept() {
    let (rules, serving) = (rules(&[ROOT]), serving("a"));
    let (_, secret) = step(None, &wanted(&rules, None, &serving));
    for key in [objects::SECRETS_KEY, objects::SECRETS_REVISION_KEY] {
        let mut damaged = secret.clone();
        let data = damaged.data.as_mut().unwrap();
        data.insert(key.to_owned(), ByteString(b"?".to_vec()));
        let error = decide(Some(&damaged), &wanted(&rules, None, &serving)).unwrap_err();
        assert!(error.to_string().contains("shop-secrets"), "{error}");
    }
}

#[test]
fn programs_get_a_new_key_only_when_the_pod_accepts_it() {
    let (rules, serving) = (rules(&[ROOT]), serving("a"));
    let (first, secret) = step(None, &wanted(&rules, None, &serving));
    let old = first.secrets.rules[0].primary_key.clone();
    assert_eq!(first.key_for_programs(None, None).expose(), old);
    let (rotated, _) = step(Some(&secret), &wanted(&rules, Some("1"), &serving));
    let new = rotated.secrets.rules[0].primary_key.clone();
    assert_eq!(rotated.key_for_programs(Some(1), Some(&old)).expose(), old);
    assert_eq!(rotated.key_for_programs(Some(1), None).expose(), old);
    assert_eq!(rotated.key_for_programs(Some(2), Some(&old)).expose(), new);
    // Nothing valid is handed out: the new key at least will be.
    assert_eq!(rotated.key_for_programs(Some(1), Some("gone")).expose(), new);
}

#[test]
fn a_new_certificate_does_not_change_the_key_that_programs_get() {
    let rules = rules(&[ROOT]);
    let (first, secret) = step(None, &wanted(&rules, None, &serving("a")));
    let key = first.secrets.rules[0].primary_key.clone();
    let (second, _) = step(Some(&secret), &wanted(&rules, None, &serving("b")));
    assert_eq!(second.key_for_programs(Some(1), Some(&key)).expose(), key);
}

#[derive(Clone, Debug)]
struct Turn {
    extra: Vec<&'static str>,
    word: Option<String>,
    certificate: String,
    lost: bool,
    reported: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    let extra = proptest::sample::subsequence(vec!["app", "backup", "Reader"], 0..=3);
    (
        extra,
        proptest::option::of("[ab]"),
        "[xy]",
        proptest::bool::weighted(0.1),
        any::<bool>(),
    )
        .prop_map(|(extra, word, certificate, lost, reported)| Turn {
            extra,
            word,
            certificate,
            lost,
            reported,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens: the revision grows exactly with the content, keys stay with their rules, and what programs
    /// are given is always something that the Secret or the pod accepts.
    #[test]
    fn the_laws_of_keys_hold(turns in proptest::collection::vec(turn(), 1..12)) {
        let mut secret: Option<Secret> = None;
        let mut last: Option<Decision> = None;
        let mut seen = 0;
        for turn in turns {
            if turn.lost {
                secret = None;
            }
            let names: Vec<_> = std::iter::once(ROOT).chain(turn.extra).collect();
            let (rules, serving) = (rules(&names), serving(&turn.certificate));
            let wanted = Wanted {
                seen_revision: seen,
                ..wanted(&rules, turn.word.as_deref(), &serving)
            };
            let (decision, after) = step(secret.as_ref(), &wanted);
            let (again, _) = step(Some(&after), &wanted);
            prop_assert!(!again.changed);
            prop_assert_eq!(&again.secrets, &decision.secrets);
            let with_keys: Vec<_> = decision.secrets.rules.iter().map(|keys| keys.name.as_str()).collect();
            prop_assert_eq!(with_keys, names);
            if let (Some(before), Some(_)) = (&last, &secret) {
                prop_assert_eq!(decision.changed, decision.secrets != before.secrets);
                prop_assert_eq!(decision.revision, before.revision + u64::from(decision.changed));
                for keys in &decision.secrets.rules {
                    if let Some(old) = before.secrets.rules.iter().find(|old| old.name == keys.name) {
                        prop_assert!(keys == old || keys.secondary_key == old.primary_key);
                    }
                }
            }
            if turn.reported {
                seen = decision.revision;
            }
            prop_assert!(decision.revision >= seen);
            secret = Some(after);
            last = Some(decision);
        }
    }
}

#[test]
fn other_credentials_of_object_stores_are_a_new_revision_with_the_same_keys() {
    let (rules, serving) = (rules(&[ROOT]), serving("a"));
    let (first, secret) = step(None, &wanted(&rules, None, &serving));
    let store = BTreeMap::from([("aws_access_key_id".to_owned(), "id".to_owned())]);
    let credentials = StoreCredentials {
        options: store.clone(),
        subscriptions: ["billing".to_owned()].into(),
    };
    let stores = BTreeMap::from([("letters".to_owned(), credentials)]);
    let with_store = Wanted {
        object_store: &store,
        dead_letter_stores: &stores,
        ..wanted(&rules, None, &serving)
    };
    let (second, secret) = step(Some(&secret), &with_store);
    assert_eq!((second.revision, second.changed), (2, true));
    assert_eq!(second.secrets.rules, first.secrets.rules);
    assert_eq!(second.secrets.object_store, store);
    assert_eq!(second.secrets.dead_letter_stores, stores);
    let (third, _) = step(Some(&secret), &with_store);
    assert_eq!((third.revision, third.changed), (2, false));
}
