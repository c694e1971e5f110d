//! The binary in what looks to it like a pod.

#[path = "pod/world.rs"]
mod world;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use config::{Checkpoint, DeadLetterStore};
use runtime::TaskScope;
use serde_json::json;
use testkit::ApiServer;

use crate::plane::{KEYS, topic};
use world::{Documents, Pod, World, claimed, in_background, nowhere, put_checkpoints, until};

#[test]
fn mounted_files_are_enough_to_serve_over_https() {
    let world = World::begun(nowhere());
    world.mount(&Documents::new(7, &[topic(1, "orders")]));
    world.mount_secrets(1, KEYS);
    let mut pod = Pod::start(&world, &[]);
    pod.until_ready();
    let client = pod.https();
    assert_eq!(client.publish("orders", "placed").0, 200);
    assert_eq!(client.receive("orders", "billing").len(), 1);
    assert!(pod.metric("weft_configuration_revision 7"));
    let output = pod.stop();
    assert!(output.contains("the API server does not answer"), "{output}");
    assert!(!output.contains("ERROR"), "{output}");
}

#[test]
fn after_a_kill_it_serves_the_newest_of_what_was_in_effect_and_what_is_mounted() {
    let runtime = in_background();
    let server = runtime.block_on(ApiServer::start(&TaskScope::root()));
    put_checkpoints(&server);
    let world = World::new(server.address());
    world.mount(&Documents::new(7, &[topic(1, "orders")]));
    world.mount_secrets(1, KEYS);
    Documents::new(8, &[topic(1, "orders"), topic(2, "invoices")]).put(&server);
    world.put_secrets(&server, 1, KEYS);
    let mut pod = Pod::start(&world, &[]);
    pod.until_ready();
    until(|| pod.metric("weft_configuration_revision 8"));
    assert_eq!(pod.https().publish("invoices", "issued").0, 200);
    until(|| world.is_kept(8));
    pod.kill();

    // Nobody answers any more, and the kubelet still shows the older files.
    server.fail_with(Some(503));
    let mut pod = Pod::start(&world, &[]);
    pod.until_ready();
    assert!(pod.metric("weft_configuration_revision 8"));
    assert_eq!(pod.https().receive("invoices", "billing").len(), 1);
    pod.kill();

    world.mount(&Documents::new(9, &[topic(1, "orders"), topic(3, "receipts")]));
    let mut pod = Pod::start(&world, &[]);
    pod.until_ready();
    assert_eq!(pod.https().publish("receipts", "printed").0, 200);
    pod.stop();
}

#[test]
fn a_change_at_the_api_server_applies_and_is_reported() {
    let runtime = in_background();
    let server = runtime.block_on(ApiServer::start(&TaskScope::root()));
    put_checkpoints(&server);
    let world = World::new(server.address());
    let first = Documents::new(7, &[topic(1, "orders")]);
    world.mount(&first);
    world.mount_secrets(1, KEYS);
    first.put(&server);
    world.put_secrets(&server, 1, KEYS);
    server.put("configmaps", world::object("shop-0-report", json!({})));
    let pod = Pod::start(&world, &[]);
    until(|| world::reported(&server).is_some_and(|report| report.revision == 7));
    let report = world::reported(&server).unwrap();
    assert_eq!((report.pod_uid.as_str(), report.secrets_revision), ("pod-uid", 1));
    assert_eq!(report.shards, first.head.shards);
    assert_eq!(report.namespace_uid, world::NAMESPACE_CR_UID);

    let mut odd = topic(3, "odd");
    odd.name = "no/name".into();
    Documents::new(8, &[topic(1, "orders"), topic(2, "invoices"), odd.clone()]).put(&server);
    until(|| world::reported(&server).is_some_and(|report| report.revision == 8));
    let report = world::reported(&server).unwrap();
    assert_eq!(report.refused[0].uid, odd.uid);
    let client = pod.https();
    assert_eq!(client.publish("invoices", "issued").0, 200);

    let fresh = "ZnJlc2gta2V5LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg=";
    world.put_secrets(&server, 2, [fresh, KEYS[1]]);
    until(|| world::reported(&server).is_some_and(|report| report.secrets_revision == 2));
    assert_eq!(client.publish("orders", "placed").0, 401);
    assert_eq!(pod.https_with(fresh).publish("orders", "placed").0, 200);
    let output = pod.stop();
    assert!(!output.contains("ERROR") && !output.contains(fresh), "{output}");
}

#[test]
fn without_any_configuration_it_is_alive_but_not_ready_until_one_comes() {
    let runtime = in_background();
    let server = runtime.block_on(ApiServer::start(&TaskScope::root()));
    put_checkpoints(&server);
    let world = World::new(server.address());
    let mut pod = Pod::start(&world, &[]);
    until(|| pod.page("/healthz") == Some(200));
    assert_eq!(pod.page("/readyz"), Some(503));
    Documents::new(1, &[topic(1, "orders")]).put(&server);
    world.put_secrets(&server, 1, KEYS);
    pod.until_ready();
    assert_eq!(pod.https().publish("orders", "placed").0, 200);
    let output = pod.stop();
    assert!(output.contains("no configuration to begin with"), "{output}");
}

#[test]
fn a_configuration_that_cannot_be_begun_with_is_reported_and_the_next_one_is_served() {
    let runtime = in_background();
    let server = runtime.block_on(ApiServer::start(&TaskScope::root()));
    put_checkpoints(&server);
    let world = World::new(server.address());
    let first = Documents::new(7, &[topic(1, "orders")]);
    world.mount(&first);
    world.mount_broken_secrets();
    first.put(&server);
    server.put("configmaps", world::object("shop-0-report", json!({})));
    let mut pod = Pod::start(&world, &[]);
    until(|| world::reported(&server).is_some_and(|report| report.problem.is_some()));
    let report = world::reported(&server).unwrap();
    assert_eq!(report.revision, 0);
    assert!(report.problem.unwrap().reason.contains("certificate"));
    world.put_secrets(&server, 2, KEYS);
    pod.until_ready();
    until(|| world::reported(&server).is_some_and(|report| report.revision == 7 && report.problem.is_none()));
    pod.stop();
}

#[test]
fn a_newer_configuration_that_cannot_be_used_is_in_report_log_and_metrics() {
    let runtime = in_background();
    let server = runtime.block_on(ApiServer::start(&TaskScope::root()));
    put_checkpoints(&server);
    let world = World::new(server.address());
    let first = Documents::new(7, &[topic(1, "orders")]);
    world.mount(&first);
    world.mount_secrets(1, KEYS);
    first.put(&server);
    world.put_secrets(&server, 1, KEYS);
    server.put("configmaps", world::object("shop-0-report", json!({})));
    let mut pod = Pod::start(&world, &[]);
    pod.until_ready();
    assert!(pod.metric("weft_kubernetes_configuration_is_unusable 0"));

    let mut newer = Documents::new(8, &[]);
    newer.head.format += 1;
    newer.put(&server);
    until(|| world::reported(&server).is_some_and(|report| report.problem.is_some()));
    assert_eq!(world::reported(&server).unwrap().revision, 7);
    assert!(pod.metric("weft_kubernetes_configuration_is_unusable 1"));
    Documents::new(8, &[]).put(&server);
    until(|| world::reported(&server).is_some_and(|report| report.revision == 8 && report.problem.is_none()));
    assert!(pod.metric("weft_kubernetes_configuration_is_unusable 0"));
    let output = pod.stop();
    assert_eq!(output.matches("configuration not applied").count(), 1, "{output}");
    assert!(output.contains("format"), "{output}");
}

#[test]
fn what_cannot_be_used_to_begin_with_is_reported_and_not_called_missing() {
    let runtime = in_background();
    let server = runtime.block_on(ApiServer::start(&TaskScope::root()));
    put_checkpoints(&server);
    let world = World::new(server.address());
    let mut documents = Documents::new(1, &[]);
    documents.head.format += 1;
    documents.put(&server);
    world.put_secrets(&server, 1, KEYS);
    server.put("configmaps", world::object("shop-0-report", json!({})));
    let mut pod = Pod::start(&world, &[]);
    until(|| world::reported(&server).is_some_and(|report| report.problem.is_some()));
    let problem = world::reported(&server).unwrap().problem.unwrap();
    assert!(problem.reason.contains("format"), "{problem:?}");
    Documents::new(2, &[]).put(&server);
    pod.until_ready();
    let output = pod.stop();
    assert!(output.contains("cannot be used"), "{output}");
}

#[test]
fn a_volume_of_another_namespace_ends_the_process_with_the_reason() {
    let runtime = in_background();
    let server = runtime.block_on(ApiServer::start(&TaskScope::root()));
    put_checkpoints(&server);
    let world = World::new(server.address());
    world.mount(&Documents::new(7, &[]));
    world.mount_secrets(1, KEYS);
    server.put("configmaps", world::object("shop-0-report", json!({})));
    let mut pod = Pod::start(&world, &[]);
    pod.until_ready();
    pod.stop();

    let mut foreign = Documents::new(8, &[]);
    foreign.head.namespace.uid = "00000000-0000-4000-8000-0000000000ff".into();
    world.mount(&foreign);
    let (code, output) = Pod::start(&world, &[]).wait();
    assert_eq!(code, Some(1), "{output}");
    let last = output.trim_end().lines().last().unwrap();
    assert!(last.contains("holds the data of another Namespace"), "{output}");
    until(|| world::reported(&server).is_some_and(|report| report.revision == 0 && report.problem.is_some()));
}

#[test]
fn an_api_server_that_never_answers_delays_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::begun(silent.local_addr().unwrap());
    world.mount(&Documents::new(7, &[topic(1, "orders")]));
    world.mount_secrets(1, KEYS);
    let mut pod = Pod::start(&world, &[]);
    pod.until_ready();
    assert_eq!(pod.https().publish("orders", "placed").0, 200);
    // Three seconds are for the last copy of the checkpoints, if there is something new in them.
    let stopping = Duration::from_secs(7);
    let (sender, stopped) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(pod.stop()));
    stopped
        .recv_timeout(stopping)
        .expect("nor does it hold up the stop for long");
}

/// How long something may take that usually takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// An object store that lets nobody in, and tells which keys it was shown.
fn keeper() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, keys) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut bytes) = (stream.unwrap(), vec![0; 8192]);
            let count = stream.read(&mut bytes).unwrap();
            let request = String::from_utf8_lossy(&bytes[..count]).into_owned();
            let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(refusal.as_bytes()).unwrap();
            let key = request.split_once("Credential=").unwrap().1.split('/').next();
            if sender.send(key.unwrap().to_owned()).is_err() {
                return;
            }
        }
    });
    (endpoint, keys)
}

#[test]
fn a_start_that_waits_for_its_store_takes_other_credentials() {
    let runtime = in_background();
    let server = runtime.block_on(ApiServer::start(&TaskScope::root()));
    put_checkpoints(&server);
    let (endpoint, asked) = keeper();
    let world = World::new(server.address());
    let mut documents = Documents::new(7, &[]);
    documents.head.settings.checkpoint = Checkpoint::ObjectStore {
        url: "s3://bucket/weft".into(),
    };
    documents.put(&server);
    world.use_store_key("first");
    world.put_secrets(&server, 1, KEYS);
    let place = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    let pod = Pod::start_with(&world, &[], &place);
    assert_eq!(asked.recv_timeout(PATIENCE).unwrap(), "first");
    world.use_store_key("second");
    world.put_secrets(&server, 2, KEYS);
    assert!((0..20).any(|_| asked.recv_timeout(PATIENCE).unwrap() == "second"));
    assert_eq!(pod.page("/readyz"), Some(503));
    pod.kill();
}

#[test]
fn a_store_is_opened_as_whom_the_cloud_says_the_pod_is() {
    let (endpoint, asked) = keeper();
    let mut orders = topic(1, "orders");
    orders.subscriptions[0].dead_letter_store = Some(DeadLetterStore {
        url: "s3://bucket/letters".into(),
    });
    let world = World::begun(nowhere());
    world.mount(&Documents::new(7, &[orders]));
    world.mount_secrets(1, KEYS);
    let variables = [
        ("AWS_ACCESS_KEY_ID", "of-the-cloud"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ENDPOINT_URL", &endpoint),
    ];
    let mut pod = Pod::start_with(&world, &[], &variables);
    pod.until_ready();
    let client = pod.https();
    assert_eq!(client.publish("orders", "placed").0, 200);
    let received = client.receive("orders", "billing").into_iter();
    let tokens: Vec<_> = received.map(|(_, token)| token).collect();
    assert_eq!(client.reject("orders", "billing", &tokens), 1);
    assert_eq!(asked.recv_timeout(PATIENCE).unwrap(), "of-the-cloud");
    let output = pod.stop();
    assert!(!output.contains("hush"), "{output}");
}

#[test]
fn a_stop_answers_requests_that_wait() {
    let world = World::begun(nowhere());
    world.mount(&Documents::new(7, &[topic(1, "orders")]));
    world.mount_secrets(1, KEYS);
    let mut pod = Pod::start(&world, &["--plaintext"]);
    pod.until_ready();
    let client = pod.http();
    let waiter = std::thread::spawn(move || client.receive_for("orders", "billing", 60));
    std::thread::sleep(Duration::from_millis(300));
    pod.stop();
    assert_eq!(waiter.join().unwrap(), (200, json!({"value": []})));
}

#[test]
fn an_empty_volume_claims_the_next_incarnation_and_waits_until_it_can() {
    let runtime = in_background();
    let server = runtime.block_on(ApiServer::start(&TaskScope::root()));
    put_checkpoints(&server);
    server.put("configmaps", world::object("shop-0-report", json!({})));
    for incarnation in 0..2 {
        let world = World::new(server.address());
        world.mount(&Documents::new(7, &[topic(1, "orders")]));
        world.mount_secrets(1, KEYS);
        server.fail_with(Some(503));
        let mut pod = Pod::start(&world, &[]);
        until(|| pod.page("/healthz") == Some(200));
        assert_eq!(pod.page("/readyz"), Some(503), "it must not give numbers again");
        server.fail_with(None);
        pod.until_ready();
        assert_eq!(claimed(&server), Some(incarnation));
        until(|| world::reported(&server).is_some_and(|report| report.incarnation == Some(incarnation)));
        let lost = world::reported(&server).unwrap().data_lost;
        assert_eq!(lost.is_some(), incarnation > 0, "{lost:?}");
        pod.kill();
    }
}
