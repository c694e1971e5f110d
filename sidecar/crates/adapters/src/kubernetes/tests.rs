//! A pod's source against an API server in memory.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use config::{Configuration, Digest, FORMAT, PodReport, SHARD_COUNT, objects};
use k8s_openapi::ByteString;
use runtime::TaskScope;
use runtime::metrics::Registry;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::ApiServer;

use super::pieces::Pieces;
use super::testing::{document_pieces, secrets, topic};
use super::{Access, Pod, Source};

/// Nothing waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);
const UID: &str = "00000000-0000-4000-8000-0000000000aa";

/// A pod's file system.
struct World {
    folder: TempDir,
    scope: TaskScope,
}

impl World {
    fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            scope: TaskScope::root(),
        };
        for folder in ["config", "secrets", "data"] {
            fs::create_dir(world.folder.path().join(folder)).unwrap();
        }
        world
    }

    fn mount(&self, pieces: &Pieces) {
        let folder = self.folder.path().join("config");
        fs::write(folder.join(objects::HEAD_KEY), &pieces.head_json).unwrap();
        for (index, shard) in pieces.shards.iter().enumerate() {
            fs::write(folder.join(objects::shard_file(index)), shard).unwrap();
        }
    }

    fn mount_secrets(&self, revision: u64, key: &str) {
        let folder = self.folder.path().join("secrets");
        fs::write(folder.join("revision"), revision.to_string()).unwrap();
        fs::write(
            folder.join("secrets.json"),
            serde_json::to_vec(&secrets(key)).unwrap(),
        )
        .unwrap();
    }

    fn open(&self, server: SocketAddr) -> Source {
        let kubeconfig = self.folder.path().join("kubeconfig");
        fs::write(&kubeconfig, testkit::kubeconfig(server)).unwrap();
        let pod = Pod {
            kubernetes_namespace: "team".into(),
            namespace: "shop".into(),
            namespace_uid: UID.into(),
            pod: "shop-0".into(),
            config_dir: self.folder.path().join("config"),
            secrets_dir: self.folder.path().join("secrets"),
            data_dir: self.folder.path().join("data"),
        };
        Source::open(
            pod,
            Access::Kubeconfig(kubeconfig),
            &Registry::default(),
            &self.scope,
        )
    }
}

/// Where nobody listens.
fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "namespace": "team", "labels": {objects::NAMESPACE_UID_LABEL: UID}})
}

fn put_shard(server: &ApiServer, pieces: &Pieces, index: usize) {
    let gzip = ByteString(pieces.shards[index].to_vec());
    server.put(
        "configmaps",
        json!({"metadata": metadata(&objects::shard("shop", index)), "binaryData": {objects::SHARD_KEY: gzip}}),
    );
}

fn put_head(server: &ApiServer, pieces: &Pieces) {
    let json = String::from_utf8(pieces.head_json.to_vec()).unwrap();
    server.put(
        "configmaps",
        json!({"metadata": metadata("shop-config"), "data": {objects::HEAD_KEY: json}}),
    );
}

/// As the operator does it: shards first.
fn put(server: &ApiServer, pieces: &Pieces) {
    for index in 0..SHARD_COUNT {
        put_shard(server, pieces, index);
    }
    put_head(server, pieces);
}

fn put_secrets(server: &ApiServer, revision: u64, key: &str) {
    let data = json!({
        objects::SECRETS_REVISION_KEY: ByteString(revision.to_string().into_bytes()),
        objects::SECRETS_KEY: ByteString(serde_json::to_vec(&secrets(key)).unwrap()),
    });
    server.put(
        "secrets",
        json!({"metadata": metadata("shop-secrets"), "data": data}),
    );
}

async fn wait_for(source: &Source, fits: impl Fn(&Configuration) -> bool) -> Arc<Configuration> {
    let mut configurations = source.configurations();
    let fitting = configurations.wait_for(|found| found.as_deref().is_some_and(&fits));
    let found = tokio::time::timeout(PATIENCE, fitting).await.expect("it comes");
    found.unwrap().clone().unwrap()
}

async fn until(condition: impl Fn() -> bool) {
    let poll = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, poll)
        .await
        .expect("it becomes true");
}

fn revision(configuration: &Configuration) -> u64 {
    configuration.document.head.revision
}

fn report(revision: u64) -> PodReport {
    PodReport {
        format: FORMAT,
        pod_uid: "p".into(),
        version: "1".into(),
        namespace_uid: UID.into(),
        serves_hubs: true,
        stores_dead_letters: true,
        revision,
        shards: [Digest::of(b"s"); SHARD_COUNT],
        secrets_revision: 1,
        refused: Vec::new(),
        problem: None,
        pending_restart: Vec::new(),
        incarnation: None,
        data_lost: None,
        copy_trouble: None,
        issuers: None,
        groups: Vec::new(),
        lags: Vec::new(),
    }
}

fn reported(server: &ApiServer) -> Option<u64> {
    let object = server.get("configmaps", "shop-0-report")?;
    let text = object["data"][objects::REPORT_KEY].as_str()?;
    serde_json::from_str::<PodReport>(text)
        .ok()
        .map(|report| report.revision)
}

fn count(server: &ApiServer, method: &str, part: &str) -> usize {
    let requests = server.requests();
    let fits = requests
        .iter()
        .filter(|request| request.method == method && request.target.contains(part));
    fits.count()
}

#[tokio::test]
async fn what_is_mounted_is_served_at_once_without_an_api_server() {
    let world = World::new();
    world.mount(&document_pieces(7, &[topic(1, "orders")]));
    world.mount_secrets(2, "key");
    let source = world.open(nowhere());
    let configuration = source
        .configurations()
        .borrow()
        .clone()
        .expect("nothing is waited for");
    assert_eq!((revision(&configuration), configuration.secrets_revision), (7, 2));
    assert_eq!(configuration.secrets, secrets("key"));
}

#[tokio::test]
async fn the_newest_document_in_effect_is_served_again_after_a_restart() {
    let world = World::new();
    let server = ApiServer::start(&world.scope).await;
    world.mount(&document_pieces(7, &[topic(1, "orders")]));
    world.mount_secrets(2, "key");
    put(
        &server,
        &document_pieces(9, &[topic(1, "orders"), topic(2, "bills")]),
    );
    put_secrets(&server, 2, "key");
    let source = world.open(server.address());
    wait_for(&source, |found| revision(found) == 9).await;
    let kept = world.folder.path().join("data/last-configuration");
    source.applied(7);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!kept.exists(), "revision 9 is not in effect yet");
    source.applied(9);
    until(|| kept.exists()).await;
    world.scope.shutdown(PATIENCE).await;

    let again = World {
        scope: TaskScope::root(),
        ..world
    };
    let source = again.open(nowhere());
    let configuration = source.configurations().borrow().clone().unwrap();
    assert_eq!(
        (revision(&configuration), configuration.document.topics.len()),
        (9, 2)
    );
}

#[tokio::test]
async fn a_change_costs_one_get_and_one_patch_and_rest_costs_nothing() {
    let world = World::new();
    let server = ApiServer::start(&world.scope).await;
    let first = document_pieces(7, &[topic(1, "orders"), topic(2, "bills")]);
    world.mount(&first);
    world.mount_secrets(2, "key");
    put(&server, &first);
    put_secrets(&server, 2, "key");
    server.put("configmaps", json!({"metadata": metadata("shop-0-report")}));
    let source = world.open(server.address());
    source.report(report(7));
    until(|| reported(&server) == Some(7)).await;
    until(|| count(&server, "GET", "watch=true") == 2).await;
    assert_eq!(count(&server, "GET", "shop-config-"), 0, "everything was mounted");

    put(
        &server,
        &document_pieces(8, &[topic(1, "orders"), topic(2, "receipts")]),
    );
    let configuration = wait_for(&source, |found| revision(found) == 8).await;
    assert_eq!(configuration.document.topics[1].name, "receipts");
    source.report(report(8));
    source.report(report(8));
    until(|| reported(&server) == Some(8)).await;
    let asked = server.requests().len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.requests().len(), asked, "{:?}", server.requests());
    assert_eq!(count(&server, "GET", "shop-config-"), 1);
    assert!(count(&server, "GET", "shop-config-02") == 1 && count(&server, "PATCH", "shop-0-report") == 2);
}

#[tokio::test]
async fn shards_that_run_ahead_are_waited_for() {
    let world = World::new();
    let server = ApiServer::start(&world.scope).await;
    world.mount(&document_pieces(7, &[topic(2, "bills")]));
    world.mount_secrets(2, "key");
    let (eighth, ninth) = (
        document_pieces(8, &[topic(2, "receipts")]),
        document_pieces(9, &[topic(2, "refunds")]),
    );
    put_shard(&server, &ninth, 2);
    put_head(&server, &eighth);
    let source = world.open(server.address());
    until(|| count(&server, "GET", "shop-config-02") >= 3).await;
    assert_eq!(revision(source.configurations().borrow().as_deref().unwrap()), 7);
    let mut problems = source.problems();
    let stuck = tokio::time::timeout(PATIENCE, problems.wait_for(Option::is_some)).await;
    assert_eq!(stuck.unwrap().unwrap().as_ref().unwrap().revision, 8);

    put_head(&server, &ninth);
    wait_for(&source, |found| revision(found) == 9).await;
    until(|| source.problems().borrow().is_none()).await;
}

#[tokio::test]
async fn a_configuration_that_comes_only_from_the_api_server_is_waited_for() {
    let world = World::new();
    let server = ApiServer::start(&world.scope).await;
    let source = world.open(server.address());
    assert!(source.configurations().borrow().is_none());
    assert_eq!(source.lacks().len(), 3, "{:?}", source.lacks());
    put(&server, &document_pieces(1, &[topic(1, "orders")]));
    put_secrets(&server, 1, "key");
    let configuration = wait_for(&source, |_| true).await;
    assert_eq!((revision(&configuration), configuration.secrets_revision), (1, 1));
}

#[tokio::test]
async fn what_changed_during_an_outage_is_there_when_it_ends() {
    let world = World::new();
    let server = ApiServer::start(&world.scope).await;
    let first = document_pieces(7, &[topic(1, "orders")]);
    world.mount(&first);
    world.mount_secrets(2, "key");
    put(&server, &first);
    put_secrets(&server, 2, "key");
    server.put("configmaps", json!({"metadata": metadata("shop-0-report")}));
    let source = world.open(server.address());
    source.report(report(7));
    until(|| reported(&server) == Some(7)).await;

    server.fail_with(Some(503));
    put(&server, &document_pieces(8, &[topic(1, "purchases")]));
    put_secrets(&server, 3, "other");
    source.report(report(70));
    source.report(report(71));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(revision(source.configurations().borrow().as_deref().unwrap()), 7);
    server.fail_with(None);
    wait_for(&source, |found| {
        revision(found) == 8 && found.secrets_revision == 3
    })
    .await;
    until(|| reported(&server) == Some(71)).await;
}

#[tokio::test]
async fn a_lost_report_is_written_again_when_the_operator_touches_the_head() {
    let world = World::new();
    let server = ApiServer::start(&world.scope).await;
    let first = document_pieces(7, &[topic(1, "orders")]);
    world.mount(&first);
    world.mount_secrets(2, "key");
    put(&server, &first);
    let source = world.open(server.address());
    source.report(report(7));
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.put("configmaps", json!({"metadata": metadata("shop-0-report")}));
    tokio::time::timeout(PATIENCE, source.is_reported())
        .await
        .unwrap();
    assert_eq!(
        reported(&server),
        Some(7),
        "it was tried until the object was there"
    );

    server.put("configmaps", json!({"metadata": metadata("shop-0-report")}));
    assert_eq!(reported(&server), None);
    let mut head = server.get("configmaps", "shop-config").unwrap();
    head["metadata"]["annotations"] = json!({"touched": "1"});
    server.put("configmaps", head);
    until(|| reported(&server) == Some(7)).await;
}

#[tokio::test]
async fn what_another_namespace_of_the_same_name_left_behind_is_not_read() {
    let world = World::new();
    let server = ApiServer::start(&world.scope).await;
    let foreign = document_pieces(700, &[topic(1, "theirs")]);
    put(&server, &foreign);
    for name in ["shop-config", "shop-config-01"] {
        let mut object = server.get("configmaps", name).unwrap();
        object["metadata"]["labels"][objects::NAMESPACE_UID_LABEL] = json!("another");
        server.put("configmaps", object);
    }
    put_secrets(&server, 1, "key");
    let source = world.open(server.address());
    until(|| count(&server, "GET", "watch=true") == 2).await;
    assert!(source.configurations().borrow().is_none());
    put(&server, &document_pieces(1, &[topic(1, "ours")]));
    let configuration = wait_for(&source, |_| true).await;
    assert_eq!(
        (
            revision(&configuration),
            configuration.document.topics[0].name.as_str()
        ),
        (1, "ours")
    );
}

#[tokio::test]
async fn a_deleted_configuration_stays_in_effect() {
    let world = World::new();
    let server = ApiServer::start(&world.scope).await;
    put(&server, &document_pieces(7, &[topic(1, "orders")]));
    put_secrets(&server, 1, "key");
    let source = world.open(server.address());
    wait_for(&source, |_| true).await;
    server.remove("configmaps", "shop-config");
    server.remove("secrets", "shop-secrets");
    put(&server, &document_pieces(8, &[topic(1, "purchases")]));
    let configuration = wait_for(&source, |found| revision(found) == 8).await;
    assert_eq!(configuration.secrets_revision, 1);
}

#[tokio::test(start_paused = true)]
async fn newer_mounted_files_are_found_while_the_api_server_is_lost() {
    let world = World::new();
    world.mount(&document_pieces(7, &[topic(1, "orders")]));
    world.mount_secrets(2, "key");
    let source = world.open(nowhere());
    world.mount(&document_pieces(8, &[topic(1, "purchases")]));
    world.mount_secrets(3, "other");
    wait_for(&source, |found| {
        revision(found) == 8 && found.secrets_revision == 3
    })
    .await;
}
