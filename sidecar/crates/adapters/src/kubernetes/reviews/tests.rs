use std::sync::atomic::{AtomicUsize, Ordering};

use auth::{Object, Verb};
use serde_json::json;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::super::fake::Fake;
use super::*;

fn subject() -> Subject {
    Subject {
        username: "system:serviceaccount:team:orders".into(),
        uid: Some("u-1".into()),
        groups: vec!["system:serviceaccounts".into(), "system:authenticated".into()],
    }
}

fn question(verb: Verb, resource: &'static str, subresource: Option<&'static str>, name: &str) -> Question {
    Question {
        verb,
        object: Object {
            resource,
            subresource,
            name: name.into(),
        },
    }
}

#[tokio::test]
async fn a_subject_may_do_what_the_api_server_says() {
    let fake = Fake::default();
    fake.allow("send", "telemetry");
    let reviews = Reviews::new(fake.server(), "team");
    let ask = async |verb, name| {
        let question = question(verb, "hubs", None, name);
        reviews.review(&subject(), &question).await.unwrap()
    };
    assert!(ask(Verb::Send, "telemetry").await);
    assert!(!ask(Verb::Receive, "telemetry").await);
    assert!(!ask(Verb::Send, "orders").await);
}

#[tokio::test]
async fn what_is_asked_is_who_may_do_what_where() {
    let fake = Fake::default();
    let reviews = Reviews::new(fake.server(), "team");
    let question = question(Verb::Send, "eventnamespaces", Some("checkpoints"), "shop");
    reviews.review(&subject(), &question).await.unwrap();
    let asked = fake.reviews().remove(0);
    assert_eq!(asked["metadata"]["namespace"], "team");
    let expected = json!({
        "user": "system:serviceaccount:team:orders",
        "uid": "u-1",
        "groups": ["system:serviceaccounts", "system:authenticated"],
        "resourceAttributes": {
            "namespace": "team", "verb": "send", "group": "weft.dev",
            "resource": "eventnamespaces", "subresource": "checkpoints", "name": "shop",
        },
    });
    assert_eq!(asked["spec"], expected);
}

#[tokio::test]
async fn a_no_of_an_api_server_that_is_not_ready_is_no_answer() {
    let fake = Fake::default();
    let reviews = Reviews::new(fake.server(), "team");
    let question = question(Verb::Send, "hubs", None, "telemetry");
    fake.be_ready(false);
    reviews.review(&subject(), &question).await.unwrap_err();
    fake.be_ready(true);
    assert!(!reviews.review(&subject(), &question).await.unwrap());
    fake.be_ready(false);
    fake.allow("send", "telemetry");
    assert!(
        reviews.review(&subject(), &question).await.unwrap(),
        "a yes is a yes"
    );
}

#[tokio::test]
async fn no_answer_is_neither_yes_nor_no() {
    let fake = Fake::default();
    let reviews = Reviews::new(fake.server(), "team");
    fake.fail_with(Some((
        403,
        "cannot create resource \"localsubjectaccessreviews\"",
    )));
    let question = question(Verb::Send, "hubs", None, "telemetry");
    let ReviewError(reason) = reviews.review(&subject(), &question).await.unwrap_err();
    assert!(reason.contains("localsubjectaccessreviews"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_hangs_is_given_up_after_three_seconds() {
    let fake = Fake::default();
    fake.hang();
    let reviews = Reviews::new(fake.server(), "team");
    let question = question(Verb::Send, "hubs", None, "telemetry");
    let began = Instant::now();
    reviews.review(&subject(), &question).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn no_more_than_some_reviews_are_under_way_and_the_others_are_told_so_soon() {
    let fake = Fake::default();
    fake.hang();
    let reviews = Reviews::new(fake.server(), "team");
    let question = question(Verb::Send, "hubs", None, "telemetry");
    let subject = subject();
    let began = Instant::now();
    let asked = (0..100).map(async |_| {
        let ReviewError(reason) = reviews.review(&subject, &question).await.unwrap_err();
        reason.contains("too many").then(|| began.elapsed())
    });
    let answers = futures_util::future::join_all(asked).await;
    let turned_away: Vec<Duration> = answers.into_iter().flatten().collect();
    assert_eq!(turned_away.len(), 100 - AT_ONCE);
    assert!(turned_away.iter().all(|waited| *waited < Duration::from_secs(2)));
    assert_eq!(fake.held(), AT_ONCE);
}

/// Counts what is said louder than details.
#[derive(Clone, Default)]
struct Said(Arc<AtomicUsize>);

impl Subscriber for Said {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("adapters") && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_a_line_when_it_begins_and_one_when_it_is_over() {
    let said = Said::default();
    let lines = || said.0.load(Ordering::Relaxed);
    let _guard = tracing::subscriber::set_default(said.clone());
    let fake = Fake::default();
    let reviews = Reviews::new(fake.server(), "team");
    let (subject, question) = (subject(), question(Verb::Send, "hubs", None, "telemetry"));
    fake.fail_with(Some((503, "away")));
    for _ in 0..100 {
        reviews.clone().review(&subject, &question).await.unwrap_err();
    }
    assert_eq!(lines(), 1);
    fake.fail_with(None);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        reviews.review(&subject, &question).await.unwrap();
    }
    assert_eq!(lines(), 2);
}
