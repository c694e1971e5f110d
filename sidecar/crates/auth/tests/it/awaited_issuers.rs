//! Issuers that are trusted before their keys are known.

use std::sync::Arc;

use auth::{Authorizer, Error, ErrorKind, EveryRight, Issuers, Keys};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use crate::fixture::at;
use crate::issuer::{CLUSTER, NOW, OUTSIDE, Pair, claims, claims_with, cluster};

fn trusting(issuers: Issuers) -> Authorizer {
    let authorizer = Authorizer::new(&Keys::default()).with_reviewer(Arc::new(EveryRight));
    authorizer.trust(issuers);
    authorizer
}

fn outside() -> Value {
    claims_with("iss", json!(OUTSIDE))
}

fn kind(authorizer: &Authorizer, token: &str) -> ErrorKind {
    authorizer.verify(token, at(NOW)).unwrap_err().kind()
}

fn wants_keys(authorizer: &Authorizer) -> bool {
    authorizer.wants_keys().notified().now_or_never().is_some()
}

#[test]
fn a_token_of_an_issuer_without_keys_yet_is_for_later_and_calls_for_them() {
    let pair = Pair::ec("one");
    let authorizer = trusting(Issuers {
        known: vec![cluster(&[&pair])],
        awaited: vec![OUTSIDE.into()],
        awaits_cluster: false,
    });
    assert_eq!(kind(&authorizer, &pair.sign(&outside())), ErrorKind::Unavailable);
    assert!(wants_keys(&authorizer));
    // Nobody waits for the others.
    authorizer.verify(&pair.sign(&claims()), at(NOW)).unwrap();
    let foreign = pair.sign(&claims_with("iss", json!("https://evil.example")));
    let refused = authorizer.verify(&foreign, at(NOW)).unwrap_err();
    assert_eq!(refused, Error::UnknownIssuer("https://evil.example".into()));
    assert!(!wants_keys(&authorizer));
}

#[test]
fn with_its_keys_an_issuer_that_was_awaited_is_as_any_other() {
    let pair = Pair::ec("one");
    let authorizer = trusting(Issuers {
        awaited: vec![CLUSTER.into()],
        ..Issuers::default()
    });
    let token = pair.sign(&claims());
    assert_eq!(kind(&authorizer, &token), ErrorKind::Unavailable);
    authorizer.trust(Issuers::from(vec![cluster(&[&pair])]));
    authorizer.verify(&token, at(NOW)).unwrap();
    let other = Pair::ec("one").sign(&claims());
    assert_eq!(kind(&authorizer, &other), ErrorKind::Unauthenticated);
}

#[test]
fn before_the_cluster_is_known_only_who_says_to_be_a_service_account_may_be_of_it() {
    let pair = Pair::ec("one");
    let authorizer = trusting(Issuers {
        awaits_cluster: true,
        ..Issuers::default()
    });
    assert_eq!(kind(&authorizer, &pair.sign(&claims())), ErrorKind::Unavailable);
    assert!(wants_keys(&authorizer));
    let ann = pair.sign(&claims_with("sub", json!("ann")));
    let refused = authorizer.verify(&ann, at(NOW)).unwrap_err();
    assert_eq!(refused, Error::UnknownIssuer(CLUSTER.into()));
    assert!(!wants_keys(&authorizer));
}

#[test]
fn what_is_no_token_at_all_is_refused_whoever_is_awaited() {
    let authorizer = trusting(Issuers {
        awaited: vec![OUTSIDE.into()],
        awaits_cluster: true,
        ..Issuers::default()
    });
    let pair = Pair::ec("one");
    let unsigned = pair.sign_with(&json!({"alg": "none"}), &outside());
    for token in ["nonsense", &unsigned] {
        assert_eq!(kind(&authorizer, token), ErrorKind::Unauthenticated, "{token}");
    }
    assert!(!wants_keys(&authorizer));
}
