//! Changes apply while everything runs; mistakes change nothing.

use sidecar::{Configuration, Kind};

use crate::plane::{KEYS, Plane, certificates, configuration, keys, set_certificate, topic};

fn orders() -> Configuration {
    configuration(vec![topic(1, "orders")])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_appears_and_disappears() {
    let plane = Plane::start(orders()).await;
    let client = plane.client();
    assert_eq!(client.publish("invoices", "issued").0, 404);

    let report = plane
        .change(|next| next.document.topics.push(topic(2, "invoices")))
        .await;
    assert_eq!((report.applied_revision, report.problem), (2, None));
    assert_eq!(client.publish("invoices", "issued").0, 200);
    assert_eq!(client.receive("invoices", "billing").len(), 1);

    plane
        .change(|next| next.document.topics.retain(|topic| topic.name != "invoices"))
        .await;
    assert_eq!(client.publish("invoices", "issued").0, 404);
    assert_eq!(client.publish("orders", "placed").0, 200);
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_a_topic_survives_its_absence_but_not_a_new_uid() {
    let plane = Plane::start(orders()).await;
    let client = plane.client();
    client.publish("orders", "placed");
    plane.change(|next| next.document.topics.clear()).await;
    plane
        .change(|next| next.document.topics.push(topic(1, "orders")))
        .await;
    assert_eq!(client.receive("orders", "billing").len(), 1);

    client.publish("orders", "placed");
    plane
        .change(|next| next.document.topics = vec![topic(2, "orders")])
        .await;
    assert_eq!(
        client.receive_for("orders", "billing", 10).1["value"],
        serde_json::json!([])
    );
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_filter_holds_for_the_next_event() {
    let plane = Plane::start(orders()).await;
    let client = plane.client();
    plane
        .change(|next| {
            let subscription = &mut next.document.topics[0].subscriptions[0];
            subscription.filter.included_event_types = vec!["placed".into()];
        })
        .await;
    assert_eq!(client.publish("orders", "cancelled").0, 200);
    assert_eq!(client.publish("orders", "placed").0, 200);
    let received: Vec<_> = client
        .receive("orders", "billing")
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(received, ["placed"]);
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_live_and_a_rotation_retires_only_the_older() {
    let plane = Plane::start(orders()).await;
    let status = |key: &str| plane.client_with(key).publish("orders", "placed").0;
    assert_eq!([status(KEYS[0]), status(KEYS[1])], [200, 200]);

    let fresh = "ZnJlc2gta2V5LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg=";
    // Keys travel apart from the document: the revision need not change.
    let mut next = plane.current();
    next.secrets.rules = vec![keys([fresh, KEYS[0]])];
    assert_eq!(plane.send(next).await.problem, None);
    assert_eq!([status(fresh), status(KEYS[0]), status(KEYS[1])], [200, 200, 401]);
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_to_the_next_connection() {
    let plane = Plane::start(orders()).await;
    let renewed = certificates();
    assert!(plane.https(&renewed).connection_error().is_some());
    assert_eq!(plane.https(plane.certificates()).connection_error(), None);

    plane.change(|next| set_certificate(next, &renewed)).await;
    assert_eq!(plane.https(&renewed).connection_error(), None);
    assert!(plane.https(plane.certificates()).connection_error().is_some());
    plane.stop().await;
}

/// What the reason must name, and how to make it.
type Mistake = (&'static str, fn(&mut Configuration));

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_does_not_fit_leaves_the_last_good_one() {
    let mistakes: [Mistake; 5] = [
        ("certificate", |next| {
            next.secrets.certificate_pem = "no certificate".into()
        }),
        ("private key", |next| {
            next.secrets.private_key_pem = certificates().serving().key_pem().expose().into()
        }),
        ("format", |next| next.document.head.format += 1),
        ("Namespace", |next| {
            next.document.head.namespace.uid = "00000000-0000-4000-8000-00000000000b".into()
        }),
        ("older", |next| next.document.head.revision = 0),
    ];
    let plane = Plane::start(orders()).await;
    let good = plane.current();
    for (part, mistake) in mistakes {
        let mut broken = good.clone();
        broken.document.head.revision += 1;
        broken.document.topics.clear();
        broken.secrets.rules.clear();
        mistake(&mut broken);
        let report = plane.send(broken).await;
        let problem = report.problem.expect(part);
        assert!(problem.reason.contains(part), "{part}: {}", problem.reason);
        assert_eq!(report.applied_revision, 1);
        assert_eq!(plane.client().publish("orders", "placed").0, 200, "{part}");
        assert_eq!(
            plane.https(plane.certificates()).connection_error(),
            None,
            "{part}"
        );
    }
    let report = plane.send(good).await;
    assert_eq!(report.problem, None);
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_that_does_not_fit_is_refused_alone_and_goes_on_as_it_was() {
    let plane = Plane::start(orders()).await;
    plane.client().publish("orders", "placed");
    let report = plane
        .change(|next| {
            next.document.topics[0].name = "no/name".into();
            next.document.topics.push(topic(2, "invoices"));
            let mut nameless = topic(3, "nameless");
            nameless.uid = "not a uid".into();
            next.document.topics.push(nameless);
        })
        .await;
    assert_eq!(report.applied_revision, 2);
    let refused: Vec<_> = report
        .refused
        .iter()
        .map(|refused| (refused.kind, refused.resource_name.as_str()))
        .collect();
    assert_eq!(refused, [(Kind::Topic, "orders"), (Kind::Topic, "nameless")]);
    let client = plane.client();
    assert_eq!(client.receive("orders", "billing").len(), 1);
    assert_eq!(client.publish("invoices", "issued").0, 200);
    assert_eq!(client.publish("nameless", "lost").0, 404);
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_larger_log_is_there_at_once_and_a_smaller_one_at_the_next_start() {
    let mut small = orders();
    small.document.head.settings.storage_capacity_bytes = 4 << 20;
    let plane = Plane::start(small).await;
    let (client, data) = (plane.client(), "x".repeat(100_000));
    let publish = || client.publish_data("orders", "placed", &data).0;
    assert!((0..100).any(|_| publish() == 429), "the log has an end");

    let resize = |bytes| plane.change(move |next| next.document.head.settings.storage_capacity_bytes = bytes);
    let report = resize(64 << 20).await;
    assert_eq!((report.problem, report.pending_restart), (None, vec![]));
    assert!((0..100).all(|_| publish() == 200), "there is room again");

    let report = resize(32 << 20).await;
    assert_eq!((report.applied_revision, report.problem), (3, None));
    assert!(
        report.pending_restart[0].contains("32 MiB instead of 64 MiB"),
        "{:?}",
        report.pending_restart
    );
    plane.stop().await;
}
