//! Which bearer tokens are good, and what the others learn.

use std::time::Duration;

use auth::{Authorizer, Error, EveryRight, Issuers, Keys, TOKEN_BYTES_MAX};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonwebtoken::Algorithm;
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::Arc;

use crate::fixture::at;
use crate::issuer::{NOW, Pair, SECONDS, authorizer, claims, claims_with, cluster, unsigned};

fn trusting(pair: &Pair) -> Authorizer {
    authorizer(&[pair], Arc::new(EveryRight))
}

fn refused(authorizer: &Authorizer, token: &str) -> Error {
    authorizer.verify(token, at(NOW)).unwrap_err()
}

#[test]
fn a_token_signed_by_any_kind_of_public_key_is_good() {
    let mut pairs = vec![Pair::ec("ec"), Pair::ed("ed")];
    for algorithm in [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ] {
        pairs.push(Pair {
            algorithm,
            ..Pair::rsa("rsa")
        });
    }
    for pair in pairs {
        let verified = trusting(&pair).verify(&pair.sign(&claims()), at(NOW)).unwrap();
        assert_eq!(verified.subject.username, "system:serviceaccount:shop:web");
        assert_eq!(
            verified.expires,
            at("2026-11-29T12:59:00Z"),
            "{:?}",
            pair.algorithm
        );
    }
}

#[test]
fn a_service_account_is_who_the_api_server_would_say() {
    let pair = Pair::ec("one");
    let verified = trusting(&pair).verify(&pair.sign(&claims()), at(NOW)).unwrap();
    let subject = &*verified.subject;
    assert_eq!(subject.uid.as_deref(), Some("d4"));
    assert_eq!(
        subject.groups,
        [
            "system:serviceaccounts",
            "system:serviceaccounts:shop",
            "system:authenticated"
        ]
    );
}

#[test]
fn a_token_of_the_cluster_for_no_service_account_is_refused() {
    let pair = Pair::ec("one");
    for subject in [
        json!("system:admin"),
        json!("system:serviceaccount:shop"),
        json!("system:serviceaccount::web"),
        json!("system:serviceaccount:shop:web:x"),
        json!(7),
        Value::Null,
        // Not whom `kubernetes.io` is about.
        json!("system:serviceaccount:shop:other"),
        json!("system:serviceaccount:kube-system:web"),
    ] {
        let token = pair.sign(&claims_with("sub", subject.clone()));
        let error = refused(&trusting(&pair), &token);
        assert!(matches!(error, Error::BearerMalformed(_)), "{subject}: {error}");
    }
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    let pair = Pair::ec("one");
    for audience in [
        json!("https://kubernetes.default.svc"),
        json!(["WEFT"]),
        json!([]),
        json!(["weft", 1]),
        json!({"weft": true}),
        Value::Null,
    ] {
        let token = pair.sign(&claims_with("aud", audience.clone()));
        let error = refused(&trusting(&pair), &token);
        assert!(
            matches!(error, Error::WrongAudience { .. }),
            "{audience}: {error}"
        );
    }
    let token = pair.sign(&claims_with("aud", json!(["a", "b"])));
    let text = refused(&trusting(&pair), &token).to_string();
    assert!(text.contains("meant for `a` or `b`, not for `weft`"), "{text}");
    let token = pair.sign(&claims_with("aud", json!("weft")));
    trusting(&pair).verify(&token, at(NOW)).unwrap();
}

#[test]
fn a_token_of_a_foreign_issuer_is_refused() {
    let pair = Pair::ec("one");
    for issuer in [
        "https://kubernetes.default.svc/",
        "HTTPS://kubernetes.default.svc",
        "https://evil.example",
        "",
    ] {
        let token = pair.sign(&claims_with("iss", json!(issuer)));
        assert_eq!(
            refused(&trusting(&pair), &token),
            Error::UnknownIssuer(issuer.into())
        );
    }
    let token = pair.sign(&claims_with("iss", Value::Null));
    assert!(matches!(
        refused(&trusting(&pair), &token),
        Error::BearerMalformed(_)
    ));
    let nobody = Authorizer::new(&Keys::default());
    assert_eq!(refused(&nobody, &pair.sign(&claims())), Error::NoIssuer);
}

#[test]
fn an_unsigned_token_is_refused() {
    let pair = Pair::ec("one");
    for algorithm in ["none", "None", ""] {
        let header = json!({"alg": algorithm, "kid": "one"});
        for token in [
            format!("{}.", unsigned(&header, &claims())),
            pair.sign_with(&header, &claims()),
        ] {
            let error = refused(&trusting(&pair), &token);
            assert_eq!(error, Error::AlgorithmRefused(algorithm.into()), "{token}");
        }
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let pair = Pair::rsa("one");
    let published = serde_json::to_string(&pair.published()).unwrap();
    let signed = unsigned(&json!({"alg": "HS256", "kid": "one"}), &claims());
    let mut hmac = Hmac::<Sha256>::new_from_slice(published.as_bytes()).unwrap();
    hmac.update(signed.as_bytes());
    let token = format!(
        "{signed}.{}",
        URL_SAFE_NO_PAD.encode(hmac.finalize().into_bytes())
    );
    assert_eq!(
        refused(&trusting(&pair), &token),
        Error::AlgorithmRefused("HS256".into())
    );
}

#[test]
fn a_published_shared_secret_verifies_nothing() {
    let pair = Pair::ec("one");
    let authorizer = trusting(&pair);
    let mut issuer = cluster(&[]);
    issuer.keys = serde_json::from_value(json!({"keys": [
        {"kty": "oct", "kid": "one", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"},
        {"kty": "RSA", "kid": "one", "use": "enc", "n": "AQAB", "e": "AQAB"},
    ]}))
    .unwrap();
    authorizer.trust(Issuers::from(vec![issuer]));
    assert_eq!(
        refused(&authorizer, &pair.sign(&claims())),
        Error::BearerBadSignature
    );
}

#[test]
fn a_token_is_good_from_its_first_to_its_last_moment_with_a_minute_for_clocks() {
    let pair = Pair::ec("one");
    let authorizer = trusting(&pair);
    let token = pair.sign(&claims());
    let (begins, expires) = (at("2026-11-29T11:59:00Z"), at("2026-11-29T12:59:00Z"));
    let (minute, moment) = (Duration::from_secs(60), Duration::from_micros(1));
    // Twice: the second time it is remembered.
    for _ in 0..2 {
        authorizer.verify(&token, expires + minute - moment).unwrap();
        assert_eq!(
            authorizer.verify(&token, expires + minute).unwrap_err(),
            Error::BearerExpired(expires)
        );
    }
    let fresh = trusting(&pair);
    assert_eq!(
        fresh.verify(&token, begins - minute - moment).unwrap_err(),
        Error::BearerNotYetValid(begins)
    );
    fresh.verify(&token, begins - minute).unwrap();
}

#[test]
fn every_date_of_a_token_counts() {
    let pair = Pair::ec("one");
    let later = json!(SECONDS + 61);
    let begins = at("2026-11-29T12:01:01Z");
    for name in ["nbf", "iat"] {
        let token = pair.sign(&claims_with(name, later.clone()));
        assert_eq!(
            refused(&trusting(&pair), &token),
            Error::BearerNotYetValid(begins)
        );
        let without = pair.sign(&claims_with(name, Value::Null));
        trusting(&pair).verify(&without, at(NOW)).unwrap();
        let broken = pair.sign(&claims_with(name, json!("soon")));
        assert!(matches!(
            refused(&trusting(&pair), &broken),
            Error::BearerMalformed(_)
        ));
    }
    for broken in [Value::Null, json!("1795957140"), json!(true)] {
        let token = pair.sign(&claims_with("exp", broken));
        assert!(matches!(
            refused(&trusting(&pair), &token),
            Error::BearerMalformed(_)
        ));
    }
    let fraction = pair.sign(&claims_with("exp", json!(1_795_953_600.5)));
    let verified = trusting(&pair).verify(&fraction, at(NOW)).unwrap();
    assert_eq!(verified.expires, at("2026-11-29T12:00:00.5Z"));
}

#[test]
fn a_key_that_was_rotated_out_opens_nothing_any_more() {
    let (old, new) = (Pair::ec("old"), Pair::ec("new"));
    let authorizer = trusting(&old);
    let token = old.sign(&claims());
    authorizer.verify(&token, at(NOW)).unwrap();
    authorizer.trust(Issuers::from(vec![cluster(&[&new])]));
    assert_eq!(refused(&authorizer, &token), Error::BearerBadSignature);
    authorizer.verify(&new.sign(&claims()), at(NOW)).unwrap();
}

#[test]
fn an_unknown_key_calls_for_new_keys_and_a_wrong_signature_does_not() {
    let (known, unknown) = (Pair::ec("known"), Pair::ec("unknown"));
    let authorizer = trusting(&known);
    let wants_keys = authorizer.wants_keys();
    let called = || wants_keys.notified().now_or_never().is_some();
    authorizer.verify(&known.sign(&claims()), at(NOW)).unwrap();
    let pretender = Pair::ec("known");
    assert_eq!(
        refused(&authorizer, &pretender.sign(&claims())),
        Error::BearerBadSignature
    );
    assert!(!called(), "the key of that name is known");
    let foreign = unknown.sign(&claims_with("iss", json!("https://evil.example")));
    refused(&authorizer, &foreign);
    assert!(!called(), "only the keys of trusted issuers are of interest");
    assert_eq!(
        refused(&authorizer, &unknown.sign(&claims())),
        Error::BearerBadSignature
    );
    assert!(called());
    assert!(!called(), "once is enough");
}

#[test]
fn everybody_who_fetches_keys_is_called() {
    let (known, unknown) = (Pair::ec("known"), Pair::ec("unknown"));
    let authorizer = trusting(&known);
    let wants_keys = authorizer.wants_keys();
    let (mut cluster, mut outside) = (Box::pin(wants_keys.notified()), Box::pin(wants_keys.notified()));
    cluster.as_mut().enable();
    outside.as_mut().enable();
    refused(&authorizer, &unknown.sign(&claims()));
    assert!(cluster.now_or_never().is_some() && outside.now_or_never().is_some());
}

#[test]
fn a_token_that_names_no_key_is_tried_with_all_that_fit() {
    let (one, two) = (Pair::rsa("one"), Pair::ec("two"));
    let authorizer = authorizer(&[&one, &two], Arc::new(EveryRight));
    for pair in [&one, &two] {
        let header = json!({"alg": format!("{:?}", pair.algorithm)});
        let token = pair.sign_with(&header, &claims());
        authorizer.verify(&token, at(NOW)).unwrap();
    }
}

#[test]
fn a_key_is_good_for_the_algorithm_that_it_is_published_for() {
    let pair = Pair {
        algorithm: Algorithm::PS256,
        ..Pair::rsa("one")
    };
    let published = Pair::rsa("one");
    // The same key, but for RS256 only.
    let authorizer = trusting(&published);
    assert_eq!(
        refused(&authorizer, &pair.sign(&claims())),
        Error::BearerBadSignature
    );
}

#[test]
fn a_header_that_demands_an_extension_is_refused() {
    let pair = Pair::ec("one");
    for critical in [json!(["b64"]), json!(["exp"]), json!([])] {
        let header = json!({"alg": "ES256", "kid": "one", "b64": true, "crit": critical});
        let text = refused(&trusting(&pair), &pair.sign_with(&header, &claims())).to_string();
        assert!(text.contains("`crit`"), "{text}");
    }
}

#[test]
fn a_key_that_a_token_brings_along_is_not_believed() {
    let (trusted, own) = (Pair::ec("one"), Pair::ec("own"));
    let header = json!({"alg": "ES256", "jwk": own.published(), "jku": "https://evil.example/keys"});
    assert_eq!(
        refused(&trusting(&trusted), &own.sign_with(&header, &claims())),
        Error::BearerBadSignature
    );
}

#[test]
fn a_token_beyond_the_limit_is_refused_and_one_within_it_is_not() {
    let pair = Pair::ec("one");
    let padded = |length: usize| pair.sign(&claims_with("padding", json!("x".repeat(length))));
    let fits = padded(11_000);
    assert!(fits.len() < TOKEN_BYTES_MAX);
    trusting(&pair).verify(&fits, at(NOW)).unwrap();
    let long = padded(12_000);
    assert!(long.len() > TOKEN_BYTES_MAX);
    assert!(matches!(
        refused(&trusting(&pair), &long),
        Error::BearerMalformed(_)
    ));
}

#[test]
fn a_payload_under_another_payload_s_signature_is_refused() {
    let pair = Pair::ec("one");
    let authorizer = trusting(&pair);
    let good = pair.sign(&claims());
    authorizer.verify(&good, at(NOW)).unwrap();
    let mine = pair.sign(&claims_with("jti", json!("other")));
    let payload = mine.split('.').nth(1).unwrap();
    let signature = good.rsplit_once('.').unwrap().1;
    let header = good.split_once('.').unwrap().0;
    assert_eq!(
        refused(&authorizer, &format!("{header}.{payload}.{signature}")),
        Error::BearerBadSignature
    );
}

#[test]
fn what_is_no_token_is_malformed() {
    let pair = Pair::ec("one");
    let good = pair.sign(&claims());
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = encode(r#"{"alg":"ES256","kid":"one"}"#);
    for token in [
        String::new(),
        "..".into(),
        "a.b".into(),
        format!("{good}.x"),
        format!("{}.e30.x", encode("[]")),
        format!("{}.e30.x", encode(r#"{"alg":7}"#)),
        format!("{}.e30.x", encode(r#"{"typ":"JWT"}"#)),
        format!("{header}=.e30.x"),
        format!("{header}.!.x"),
        format!("{header}.{}.x", encode("[1]")),
        format!("{header}.{}.x", encode("{")),
        format!("{header}.{}.x", encode(r#"{"iss":7}"#)),
        format!("Bearer {good}"),
    ] {
        let error = refused(&trusting(&pair), &token);
        assert!(matches!(error, Error::BearerMalformed(_)), "{token}: {error}");
    }
    let deep = format!(r#"{{"iss":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let token = format!("{header}.{}.x", encode(&deep));
    assert!(matches!(
        refused(&trusting(&pair), &token),
        Error::BearerMalformed(_)
    ));
}

#[test]
fn no_refusal_shows_the_token() {
    let pair = Pair::ec("one");
    let token = Pair::ec("one").sign(&claims());
    let shown = format!(
        "{} {:?} {:?}",
        refused(&trusting(&pair), &token),
        trusting(&pair),
        auth::Credential::Bearer(&token)
    );
    for part in token.split('.') {
        assert!(!shown.contains(part), "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_change_of_one_character_keeps_a_token_good(place in 0.0..1.0_f64, byte in 0x21_u8..0x7f) {
        let pair = Pair::ec("one");
        let good = pair.sign(&claims());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a short text")]
        let place = (place * good.len() as f64) as usize;
        let mut changed = good.clone();
        changed.replace_range(place..=place, &char::from(byte).to_string());
        prop_assume!(changed != good);
        prop_assert!(trusting(&pair).verify(&changed, at(NOW)).is_err(), "{}", changed);
    }
}
