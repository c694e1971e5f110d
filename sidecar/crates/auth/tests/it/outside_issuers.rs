//! Who the subjects of other issuers are here.

use std::sync::Arc;

use std::time::Duration;

use auth::{
    Authorizer, Error, EveryRight, Issuer, Issuers, JwkSet, Keys, Mapping, Names, Question, Resource,
    ReviewError, Reviewer, Subject, Verified,
};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::fixture::at;
use crate::issuer::{CLUSTER, NOW, OUTSIDE, Pair, SECONDS, claims, cluster, wait};

fn mapping(prefix: &str) -> Mapping {
    Mapping::Claims {
        prefix: prefix.into(),
        username: "sub".into(),
        groups: Some("groups".into()),
    }
}

fn issuer(pair: &Pair, mapping: Mapping) -> Issuer {
    Issuer {
        url: OUTSIDE.into(),
        audiences: vec!["api://events".into(), "events".into()],
        keys: JwkSet {
            keys: vec![pair.published()],
        },
        mapping,
    }
}

fn verify(mapping: Mapping, claims: &Value) -> Result<Verified, Error> {
    let pair = Pair::ec("one");
    let authorizer = Authorizer::new(&Keys::default()).with_reviewer(Arc::new(EveryRight));
    authorizer.trust(Issuers::from(vec![issuer(&pair, mapping)]));
    authorizer.verify(&pair.sign(claims), at(NOW))
}

fn says(more: &Value) -> Value {
    let mut claims = json!({"iss": OUTSIDE, "sub": "ann", "aud": "events", "exp": SECONDS + 60});
    let members = more.as_object().unwrap().clone();
    claims.as_object_mut().unwrap().extend(members);
    claims
}

#[test]
fn a_user_and_its_groups_get_the_prefix_and_nothing_of_the_cluster_s() {
    let more = json!({"groups": ["ops", "dev"], "kubernetes.io": {"serviceaccount": {"uid": "x"}}});
    let verified = verify(mapping("idp:"), &says(&more)).unwrap();
    assert_eq!(verified.subject.username, "idp:ann");
    assert_eq!(verified.subject.groups, ["idp:ops", "idp:dev"]);
    assert_eq!(verified.subject.uid, None);
}

#[test]
fn the_claims_for_user_and_groups_can_be_others() {
    let other = Mapping::Claims {
        prefix: "idp:".into(),
        username: "email".into(),
        groups: None,
    };
    let more = json!({"email": "ann@example.org", "groups": ["ops"]});
    let verified = verify(other.clone(), &says(&more)).unwrap();
    assert_eq!(verified.subject.username, "idp:ann@example.org");
    assert!(verified.subject.groups.is_empty());
    for email in [Value::Null, json!(""), json!(7)] {
        let refused = verify(other.clone(), &says(&json!({"email": email}))).unwrap_err();
        assert!(matches!(refused, Error::BearerMalformed(_)));
    }
}

#[test]
fn an_email_that_nobody_has_confirmed_is_nobody() {
    let by_email = Mapping::Claims {
        prefix: "idp:".into(),
        username: "email".into(),
        groups: None,
    };
    let with = |verified| says(&json!({"email": "ann@example.org", "email_verified": verified}));
    verify(by_email.clone(), &with(json!(true))).unwrap();
    for verified in [json!(false), json!("true"), json!("false"), Value::Null] {
        let refused = verify(by_email.clone(), &with(verified)).unwrap_err();
        assert!(refused.to_string().contains("email_verified"), "{refused}");
    }
    verify(mapping("idp:"), &with(json!(false))).expect("who is known by `sub`");
}

#[test]
fn groups_may_be_one_text_or_missing_but_nothing_else() {
    let one = verify(mapping("idp:"), &says(&json!({"groups": "ops"}))).unwrap();
    assert_eq!(one.subject.groups, ["idp:ops"]);
    let none = verify(mapping("idp:"), &says(&json!({}))).unwrap();
    assert!(none.subject.groups.is_empty());
    for groups in [json!(7), json!([1]), json!({"ops": true}), json!(["ops", null])] {
        verify(mapping("idp:"), &says(&json!({"groups": groups}))).unwrap_err();
    }
}

#[test]
fn no_outside_issuer_speaks_for_the_cluster() {
    for (prefix, more) in [
        ("system:", json!({})),
        ("system:x:", json!({})),
        ("", json!({})),
        ("", json!({"sub": "system:admin"})),
        ("sys", json!({"sub": "tem:serviceaccount:shop:web"})),
        ("sys", json!({"sub": "ann", "groups": ["tem:masters"]})),
        ("system", json!({"sub": ":admin"})),
    ] {
        let refused = verify(mapping(prefix), &says(&more)).unwrap_err();
        assert!(
            matches!(refused, Error::BearerMalformed(_)),
            "{prefix} {more}: {refused}"
        );
    }
}

#[test]
fn an_issuer_s_keys_are_good_for_its_own_tokens_only() {
    let (cluster_key, outside_key) = (Pair::ec("one"), Pair::ec("one"));
    let authorizer = Authorizer::new(&Keys::default()).with_reviewer(Arc::new(EveryRight));
    authorizer.trust(Issuers::from(vec![
        cluster(&[&cluster_key]),
        Issuer {
            url: OUTSIDE.into(),
            audiences: vec!["events".into()],
            keys: JwkSet {
                keys: vec![outside_key.published()],
            },
            mapping: mapping("idp:"),
        },
    ]));
    let outside = says(&json!({}));
    authorizer.verify(&cluster_key.sign(&claims()), at(NOW)).unwrap();
    authorizer.verify(&outside_key.sign(&outside), at(NOW)).unwrap();
    assert_eq!(claims()["iss"], CLUSTER);
    for token in [outside_key.sign(&claims()), cluster_key.sign(&outside)] {
        assert_eq!(
            authorizer.verify(&token, at(NOW)).unwrap_err(),
            Error::BearerBadSignature
        );
    }
}

/// Allows everything to one user.
struct Only(&'static str);

impl Reviewer for Only {
    fn review<'a>(
        &'a self,
        subject: &'a Subject,
        _: &'a Question,
    ) -> BoxFuture<'a, Result<bool, ReviewError>> {
        std::future::ready(Ok(subject.username == self.0)).boxed()
    }
}

#[test]
fn a_grant_is_its_user_s_by_the_prefix_of_now() {
    let pair = Pair::ec("one");
    let authorizer = Authorizer::new(&Keys::default()).with_reviewer(Arc::new(Only("idp:ann")));
    authorizer.name(Names {
        namespace: "shop".into(),
        ..Names::default()
    });
    authorizer.trust(Issuers::from(vec![issuer(&pair, mapping("idp:"))]));
    let (token, hub) = (pair.sign(&says(&json!({}))), Resource::Hub("telemetry"));
    let grant = wait(authorizer.grant_bearer(&token, &hub, at(NOW))).unwrap();
    let later = at(NOW) + Duration::from_secs(5);
    let grant = wait(grant.review_again(&authorizer, later)).unwrap();
    authorizer.trust(Issuers::from(vec![issuer(&pair, mapping("other:"))]));
    let error = wait(grant.review_again(&authorizer, later)).unwrap_err();
    assert!(
        matches!(&error, Error::LacksVerb { username, .. } if username == "other:ann"),
        "{error}"
    );
}
