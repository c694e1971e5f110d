//! What the subject of a bearer token may do.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use auth::{Authorizer, Credential, Error, ErrorKind, Issuers, Keys, Names, Resource, Verb};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use model::Timestamp;

use crate::fixture::at;
use crate::issuer::{NOW, Pair, Roles, authorizer, claims, claims_with, cluster, wait};

const HUB: Resource<'static> = Resource::Hub("Telemetry/Partitions/0");

fn after(seconds: u64) -> Timestamp {
    at(NOW) + Duration::from_secs(seconds)
}

/// Whether a token of the cluster may send to the hub.
struct Sender {
    authorizer: Authorizer,
    token: String,
}

impl Sender {
    fn new(roles: &Arc<Roles>) -> Self {
        let pair = Pair::ec("one");
        Self {
            authorizer: authorizer(&[&pair], roles.clone()),
            token: pair.sign(&claims()),
        }
    }

    fn send(&self, now: Timestamp) -> Result<(), Error> {
        let token = Credential::Bearer(&self.token);
        wait(self.authorizer.permit_send(&token, &HUB, now)).map(|_| ())
    }
}

#[test]
fn the_hub_is_asked_about_first_and_the_namespace_only_if_that_is_not_enough() {
    let roles = Roles::with(&["send hubs.weft.dev/telemetry-hub"]);
    Sender::new(&roles).send(at(NOW)).unwrap();
    assert_eq!(roles.asked(), ["send hubs.weft.dev/telemetry-hub"]);
    let roles = Roles::with(&["send eventnamespaces.weft.dev/shop"]);
    Sender::new(&roles).send(at(NOW)).unwrap();
    assert_eq!(
        roles.asked(),
        [
            "send hubs.weft.dev/telemetry-hub",
            "send eventnamespaces.weft.dev/shop"
        ]
    );
}

#[test]
fn who_lacks_the_verb_is_told_where_it_could_come_from() {
    let roles = Roles::with(&["manage eventnamespaces.weft.dev/shop"]);
    let error = Sender::new(&roles).send(at(NOW)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert_eq!(
        error.to_string(),
        "`system:serviceaccount:shop:web` may not `send` on hubs.weft.dev/telemetry-hub or \
         eventnamespaces.weft.dev/shop: bind a role that has the verb, such as azure-event-hubs-data-sender"
    );
}

#[test]
fn every_permit_asks_for_its_own_verb() {
    let roles = Roles::with(&[
        "receive topics.weft.dev/orders-topic",
        "manage eventnamespaces.weft.dev/shop/checkpoints",
    ]);
    let Sender { authorizer, token } = Sender::new(&roles);
    let token = Credential::Bearer(&token);
    let (orders, checkpoints) = (Resource::topic("ORDERS"), Resource::Checkpoints);
    wait(authorizer.permit_listen(&token, &orders, at(NOW))).unwrap();
    wait(authorizer.permit_send(&token, &orders, at(NOW))).unwrap_err();
    wait(authorizer.permit_manage(&token, &orders, at(NOW))).unwrap_err();
    wait(authorizer.permit_manage(&token, &checkpoints, at(NOW))).unwrap();
    wait(authorizer.permit_listen(&token, &checkpoints, at(NOW))).unwrap_err();
    wait(authorizer.permit_manage(&token, &Resource::NAMESPACE, at(NOW))).unwrap_err();
}

#[test]
fn an_answer_is_used_again_for_seconds_and_not_longer() {
    let roles = Roles::with(&["send hubs.weft.dev/telemetry-hub"]);
    let sender = Sender::new(&roles);
    sender.send(at(NOW)).unwrap();
    sender.send(after(4)).unwrap();
    assert_eq!(roles.asked().len(), 1);
    roles.set(&[]);
    sender.send(after(4)).unwrap();
    let error = sender.send(after(5)).unwrap_err();
    assert!(matches!(error, Error::LacksVerb { verb: Verb::Send, .. }));
    roles.asked();
    sender.send(after(7)).unwrap_err();
    assert!(roles.asked().is_empty());
    roles.set(&["send eventnamespaces.weft.dev/shop"]);
    sender.send(after(8)).unwrap();
}

#[test]
fn one_question_is_asked_once_however_many_wait_for_its_answer() {
    let roles = Roles::with(&["send hubs.weft.dev/telemetry-hub"]);
    let Sender { authorizer, token } = Sender::new(&roles);
    let token = Credential::Bearer(&token);
    let permits = (0..100).map(|_| authorizer.permit_send(&token, &HUB, at(NOW)));
    let permits = wait(join_all(permits));
    assert_eq!(permits.iter().filter(|permit| permit.is_ok()).count(), 100);
    assert_eq!(roles.asked(), ["send hubs.weft.dev/telemetry-hub"]);
    assert_eq!(roles.most_asking.load(Ordering::SeqCst), 1);
}

#[test]
fn who_is_cancelled_while_it_asks_keeps_nobody_from_asking() {
    let roles = Roles::with(&["send hubs.weft.dev/telemetry-hub"]);
    let sender = Sender::new(&roles);
    wait(async {
        let token = Credential::Bearer(&sender.token);
        let first = sender.authorizer.permit_send(&token, &HUB, at(NOW));
        assert!(first.now_or_never().is_none(), "it is asking");
    });
    sender.send(at(NOW)).unwrap();
}

#[test]
fn every_token_of_a_subject_shares_its_decisions() {
    let roles = Roles::with(&["send hubs.weft.dev/telemetry-hub"]);
    let pair = Pair::ec("one");
    let authorizer = authorizer(&[&pair], roles.clone());
    let send =
        |token: &str| wait(authorizer.permit_send(&Credential::Bearer(token), &HUB, at(NOW))).map(|_| ());
    send(&pair.sign(&claims())).unwrap();
    // Another signature of the same.
    send(&pair.sign(&claims())).unwrap();
    assert_eq!(roles.asked().len(), 1);
    // Of another pod.
    send(&pair.sign(&claims_with("jti", "other".into()))).unwrap();
    let pod = serde_json::json!({"pod": {"name": "web-7f", "uid": "f9"}, "serviceaccount": {"name": "web", "uid": "d4"}});
    send(&pair.sign(&claims_with("kubernetes.io", pod))).unwrap();
    assert!(roles.asked().is_empty());
}

#[test]
fn while_nobody_answers_a_right_lives_on_for_ten_minutes() {
    let roles = Roles::with(&["send eventnamespaces.weft.dev/shop"]);
    let sender = Sender::new(&roles);
    sender.send(at(NOW)).unwrap();
    roles.go_away();
    for seconds in [5, 60, 599] {
        sender.send(after(seconds)).unwrap();
    }
    let error = sender.send(after(600)).unwrap_err();
    assert_eq!(error, Error::Unavailable("the API server is away".into()));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    roles.come_back();
    sender.send(after(604)).unwrap();
}

#[test]
fn while_nobody_answers_callers_do_not_wait_for_it_again_and_again() {
    let roles = Roles::with(&["send hubs.weft.dev/telemetry-hub"]);
    let sender = Sender::new(&roles);
    sender.send(at(NOW)).unwrap();
    roles.go_away();
    sender.send(after(5)).unwrap();
    roles.asked();
    for _ in 0..10 {
        sender.send(after(7)).unwrap();
    }
    assert!(roles.asked().is_empty());
    sender.send(after(8)).unwrap();
    assert_eq!(roles.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_reviewer_hangs_a_right_is_waited_for_a_second_and_then_no_more() {
    let roles = Roles::with(&["send eventnamespaces.weft.dev/shop"]);
    let Sender { authorizer, token } = Sender::new(&roles);
    let token = Credential::Bearer(&token);
    authorizer.permit_send(&token, &HUB, at(NOW)).await.unwrap();
    roles.take(Duration::from_secs(3_600));
    let waited = async |seconds| {
        let began = tokio::time::Instant::now();
        authorizer
            .permit_send(&token, &HUB, after(seconds))
            .await
            .unwrap();
        began.elapsed()
    };
    let first = waited(5).await;
    assert!(first <= Duration::from_millis(1_010), "{first:?}");
    // The same question is still open.
    let later = waited(6).await;
    assert!(later <= Duration::from_millis(10), "{later:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_late_is_heard() {
    let roles = Roles::with(&["send hubs.weft.dev/telemetry-hub"]);
    let Sender { authorizer, token } = Sender::new(&roles);
    let token = Credential::Bearer(&token);
    authorizer.permit_send(&token, &HUB, at(NOW)).await.unwrap();
    roles.set(&[]);
    roles.take(Duration::from_secs(2));
    authorizer.permit_send(&token, &HUB, after(5)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    roles.take(Duration::ZERO);
    let refused = authorizer.permit_send(&token, &HUB, after(8)).await;
    assert!(refused.unwrap_err().is_forbidden());
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_a_question_without_an_answer_does_not_ask_it_again() {
    let roles = Roles::with(&[]);
    roles.go_away();
    roles.take(Duration::from_secs(10));
    let Sender { authorizer, token } = Sender::new(&roles);
    let token = Credential::Bearer(&token);
    let began = tokio::time::Instant::now();
    let permits = (0..10).map(async |seconds| {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let namespace = Resource::NAMESPACE;
        authorizer.permit_send(&token, &namespace, after(seconds)).await
    });
    for refused in join_all(permits).await {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert!(began.elapsed() < Duration::from_secs(11), "{:?}", began.elapsed());
    assert_eq!(roles.asked().len(), 1);
}

#[test]
fn the_reason_why_there_is_no_answer_is_not_told() {
    let roles = Roles::with(&[]);
    roles.go_away();
    let told = Sender::new(&roles).send(at(NOW)).unwrap_err().to_string();
    assert!(!told.contains("API server"), "{told}");
    assert!(told.contains("try again"), "{told}");
}

#[test]
fn a_denial_and_what_was_never_asked_have_no_grace() {
    let roles = Roles::with(&[]);
    let sender = Sender::new(&roles);
    assert!(sender.send(at(NOW)).unwrap_err().is_forbidden());
    roles.go_away();
    assert_eq!(sender.send(after(3)).unwrap_err().kind(), ErrorKind::Unavailable);
    let roles = Roles::with(&["send hubs.weft.dev/telemetry-hub"]);
    roles.go_away();
    let stranger = Sender::new(&roles);
    assert_eq!(stranger.send(at(NOW)).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn a_grace_that_ends_with_one_answer_does_not_stand_in_for_the_next() {
    let roles = Roles::with(&["send hubs.weft.dev/telemetry-hub"]);
    let sender = Sender::new(&roles);
    sender.send(at(NOW)).unwrap();
    roles.set(&[]);
    roles.be_silent_about("send eventnamespaces.weft.dev/shop");
    let error = sender.send(after(120)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        roles.asked(),
        [
            "send hubs.weft.dev/telemetry-hub",
            "send hubs.weft.dev/telemetry-hub",
            "send eventnamespaces.weft.dev/shop"
        ]
    );
}

#[test]
fn a_grant_has_the_verbs_that_are_allowed_and_covers_the_whole_hub() {
    let roles = Roles::with(&["receive hubs.weft.dev/telemetry-hub"]);
    let Sender { authorizer, token } = Sender::new(&roles);
    let grant = wait(authorizer.grant_bearer(&token, &HUB, at(NOW))).unwrap();
    assert_eq!(grant.expires(), at("2026-11-29T13:00:00Z"));
    let consumer = Resource::Hub("telemetry/ConsumerGroups/$Default/Partitions/3");
    grant.permit_listen(&consumer, at(NOW)).unwrap();
    grant.must_know(&consumer, at(NOW)).unwrap();
    let error = grant.permit_send(&consumer, at(NOW)).unwrap_err();
    assert!(matches!(error, Error::LacksVerb { verb: Verb::Send, .. }));
    for other in [
        Resource::Hub("other"),
        Resource::NAMESPACE,
        Resource::Checkpoints,
        Resource::topic("telemetry"),
    ] {
        let error = grant.permit_listen(&other, at(NOW)).unwrap_err();
        assert!(matches!(error, Error::OutOfScope(_)), "{other:?}");
    }
    assert_eq!(
        grant.permit_listen(&HUB, grant.expires()).unwrap_err(),
        Error::BearerExpired(at("2026-11-29T12:59:00Z"))
    );
}

#[test]
fn manage_implies_no_other_verb() {
    let roles = Roles::with(&["manage eventnamespaces.weft.dev/shop"]);
    let Sender { authorizer, token } = Sender::new(&roles);
    let grant = wait(authorizer.grant_bearer(&token, &HUB, at(NOW))).unwrap();
    assert!(grant.permit_send(&HUB, at(NOW)).is_err());
    assert!(grant.permit_listen(&HUB, at(NOW)).is_err());
    grant.must_know(&HUB, at(NOW)).unwrap();
}

#[test]
fn a_grant_of_the_namespace_says_nothing_of_checkpoints() {
    let roles = Roles::with(&["receive eventnamespaces.weft.dev/shop"]);
    let Sender { authorizer, token } = Sender::new(&roles);
    let grant = wait(authorizer.grant_bearer(&token, &Resource::NAMESPACE, at(NOW))).unwrap();
    grant.permit_listen(&HUB, at(NOW)).unwrap();
    assert!(grant.permit_listen(&Resource::Checkpoints, at(NOW)).is_err());
    assert!(grant.must_cover(&Resource::Checkpoints).is_err());
}

#[test]
fn who_may_do_nothing_is_granted_nothing() {
    let roles = Roles::with(&[]);
    let Sender { authorizer, token } = Sender::new(&roles);
    let grant = |now| wait(authorizer.grant_bearer(&token, &HUB, now)).map(|_| ());
    let error = grant(at(NOW)).unwrap_err();
    assert!(matches!(error, Error::LacksVerb { verb: Verb::Send, .. }));
    roles.go_away();
    assert_eq!(grant(after(3)).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn a_grant_that_is_reviewed_again_has_the_rights_of_now() {
    let roles = Roles::with(&[
        "send hubs.weft.dev/telemetry-hub",
        "receive hubs.weft.dev/telemetry-hub",
    ]);
    let Sender { authorizer, token } = Sender::new(&roles);
    let grant = wait(authorizer.grant_bearer(&token, &HUB, at(NOW))).unwrap();
    roles.set(&["receive hubs.weft.dev/telemetry-hub"]);
    let grant = wait(grant.review_again(&authorizer, after(5))).unwrap();
    grant.permit_listen(&HUB, after(5)).unwrap();
    assert!(grant.permit_send(&HUB, after(5)).unwrap_err().is_forbidden());
    roles.go_away();
    let grant = wait(grant.review_again(&authorizer, after(304))).unwrap();
    grant.permit_listen(&HUB, after(304)).unwrap();
    assert_eq!(
        grant.permit_send(&HUB, after(304)).unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    let error = wait(grant.review_again(&authorizer, after(605))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    roles.come_back();
    roles.set(&[]);
    let error = wait(grant.review_again(&authorizer, after(609))).unwrap_err();
    assert!(error.is_forbidden());
}

#[test]
fn a_grant_ends_with_its_token_and_with_the_trust_in_its_issuer() {
    let roles = Roles::with(&["send hubs.weft.dev/telemetry-hub"]);
    let Sender { authorizer, token } = Sender::new(&roles);
    let grant = wait(authorizer.grant_bearer(&token, &HUB, at(NOW))).unwrap();
    let error = wait(grant.review_again(&authorizer, grant.expires())).unwrap_err();
    assert!(matches!(error, Error::BearerExpired(_)));
    authorizer.trust(Issuers::default());
    let error = wait(grant.review_again(&authorizer, after(5))).unwrap_err();
    assert_eq!(error, Error::NoIssuer);
}

#[test]
fn a_grant_ends_with_the_key_that_signed_its_token_and_not_with_another() {
    let roles = Roles::with(&["send hubs.weft.dev/telemetry-hub"]);
    let (old, new) = (Pair::ec("old"), Pair::ec("new"));
    let authorizer = authorizer(&[&old], roles.clone());
    let grant = wait(authorizer.grant_bearer(&old.sign(&claims()), &HUB, at(NOW))).unwrap();
    authorizer.trust(Issuers::from(vec![cluster(&[&old, &new])]));
    let grant = wait(grant.review_again(&authorizer, after(5))).unwrap();
    grant.permit_send(&HUB, after(5)).unwrap();
    authorizer.trust(Issuers::from(vec![cluster(&[&new])]));
    let error = wait(grant.review_again(&authorizer, after(10))).unwrap_err();
    assert_eq!(error, Error::BearerBadSignature);
}

#[test]
fn a_grant_ends_with_the_audience_of_its_token() {
    let roles = Roles::with(&["send hubs.weft.dev/telemetry-hub"]);
    let pair = Pair::ec("one");
    let authorizer = authorizer(&[&pair], roles.clone());
    let grant = wait(authorizer.grant_bearer(&pair.sign(&claims()), &HUB, at(NOW))).unwrap();
    let mut issuer = cluster(&[&pair]);
    issuer.audiences = vec!["other".into()];
    authorizer.trust(Issuers::from(vec![issuer]));
    let error = wait(grant.review_again(&authorizer, after(5))).unwrap_err();
    assert!(matches!(error, Error::WrongAudience { .. }), "{error}");
}

#[test]
fn before_the_namespace_is_known_nothing_is_asked() {
    let roles = Roles::with(&["send eventnamespaces.weft.dev/"]);
    let sender = Sender::new(&roles);
    sender.authorizer.name(Names::default());
    assert_eq!(sender.send(at(NOW)).unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(roles.asked().is_empty());
}

#[test]
fn without_anybody_to_ask_no_bearer_token_opens_a_door() {
    let pair = Pair::ec("one");
    let alone = Authorizer::new(&Keys::default());
    alone.trust(Issuers::from(vec![cluster(&[&pair])]));
    alone.name(Names {
        namespace: "shop".into(),
        ..Names::default()
    });
    let token = pair.sign(&claims());
    let refused = wait(alone.permit_send(&Credential::Bearer(&token), &HUB, at(NOW))).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
}
