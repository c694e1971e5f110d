//! Folders, ports and objects of a pod, and the process in it.

use std::cell::RefCell;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use base64::Engine;
use config::{Digest, FORMAT, Head, PodReport, SHARD_COUNT, Secrets, Shard, Topic, objects};
use credentials::Certificates;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sidecar::Settings;
use tempfile::TempDir;
use testkit::ApiServer;
use tokio::sync::watch;

use crate::client::{Client, page, try_page};
use crate::plane::{KEYS, certificates_for, configuration, keys, set_certificate};

/// `metadata.uid` of the Namespace; the data's uid (in the document) is another one, as after an adoption.
pub(super) const NAMESPACE_CR_UID: &str = "00000000-0000-4000-8000-0000000000cc";

/// What lies in a pod.
pub(super) struct World {
    folder: TempDir,
    certificates: Certificates,
    /// Nobody else has it: ports that are free there stay so until the pod takes them.
    address: Ipv4Addr,
    /// To the object store with the copy of positions, if there is one.
    store_key: RefCell<Option<&'static str>>,
}

impl World {
    pub(super) fn new(api_server: SocketAddr) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let address = Ipv4Addr::new(127, 7, 0, NEXT.fetch_add(1, Relaxed));
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            certificates: certificates_for(&address.to_string()),
            address,
            store_key: RefCell::default(),
        };
        for folder in ["config", "secrets", "data"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        fs::write(world.path("kubeconfig"), testkit::kubeconfig(api_server)).unwrap();
        world
    }

    /// On a volume where a log has begun, so that nothing has to be claimed.
    pub(super) fn begun(api_server: SocketAddr) -> Self {
        let world = Self::new(api_server);
        let mut first = configuration(Vec::new());
        set_certificate(&mut first, &world.certificates);
        let (_sender, receiver) = watch::channel(Arc::new(first));
        in_background().block_on(async {
            let sidecar = sidecar::start(Settings::new(world.path("data")), receiver).await;
            assert!(sidecar.unwrap().stop().await.is_empty());
        });
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn mount(&self, documents: &Documents) {
        let folder = self.path("config");
        fs::write(folder.join(objects::HEAD_KEY), documents.head_json()).unwrap();
        for index in 0..SHARD_COUNT {
            fs::write(folder.join(objects::shard_file(index)), documents.gzip(index)).unwrap();
        }
    }

    pub(super) fn mount_secrets(&self, revision: u64, pair: [&str; 2]) {
        fs::write(self.path("secrets/revision"), revision.to_string()).unwrap();
        fs::write(self.path("secrets/secrets.json"), self.secrets(pair)).unwrap();
    }

    pub(super) fn mount_broken_secrets(&self) {
        let json = r#"{"rules":[],"certificatePem":"none","privateKeyPem":"none"}"#;
        fs::write(self.path("secrets/revision"), "1").unwrap();
        fs::write(self.path("secrets/secrets.json"), json).unwrap();
    }

    pub(super) fn put_secrets(&self, server: &ApiServer, revision: u64, pair: [&str; 2]) {
        let data = json!({
            objects::SECRETS_REVISION_KEY: base64(revision.to_string().as_bytes()),
            objects::SECRETS_KEY: base64(&self.secrets(pair)),
        });
        server.put("secrets", object("shop-secrets", json!({"data": data})));
    }

    /// From the next Secret on.
    pub(super) fn use_store_key(&self, key: &'static str) {
        self.store_key.replace(Some(key));
    }

    fn secrets(&self, pair: [&str; 2]) -> Vec<u8> {
        let store_key = self.store_key.borrow().into_iter();
        let options =
            store_key.flat_map(|key| [("aws_access_key_id", key), ("aws_secret_access_key", "hush")]);
        let mut configuration = configuration(Vec::new());
        set_certificate(&mut configuration, &self.certificates);
        let secrets = Secrets {
            rules: vec![keys(pair)],
            object_store: options.map(|(name, value)| (name.into(), value.into())).collect(),
            ..configuration.secrets
        };
        serde_json::to_vec(&secrets).unwrap()
    }

    /// Whether the volume holds this revision for the next start.
    pub(super) fn is_kept(&self, revision: u64) -> bool {
        let kept = fs::read(self.path("data/last-configuration")).unwrap_or_default();
        String::from_utf8_lossy(&kept).contains(&format!("\"revision\":{revision},"))
    }
}

/// A document in its pieces.
pub(super) struct Documents {
    pub(super) head: Head,
    shards: Vec<Vec<u8>>,
}

impl Documents {
    /// All topics are in shard 1.
    pub(super) fn new(revision: u64, topics: &[Topic]) -> Self {
        let shard = |index| Shard {
            format: FORMAT,
            index,
            topics: if index == 1 { topics.to_vec() } else { Vec::new() },
            hubs: Vec::new(),
        };
        let shards: Vec<_> = (0..SHARD_COUNT)
            .map(|index| serde_json::to_vec(&shard(index)).unwrap())
            .collect();
        let mut head = configuration(Vec::new()).document.head;
        head.revision = revision;
        head.shards = std::array::from_fn(|index| Digest::of(&shards[index]));
        Self { head, shards }
    }

    fn head_json(&self) -> String {
        serde_json::to_string(&self.head).unwrap()
    }

    fn gzip(&self, index: usize) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&self.shards[index]).unwrap();
        encoder.finish().unwrap()
    }

    /// As the operator does it: the head last.
    pub(super) fn put(&self, server: &ApiServer) {
        for index in 0..SHARD_COUNT {
            let data = json!({objects::SHARD_KEY: base64(&self.gzip(index))});
            let shard = object(&objects::shard("shop", index), json!({"binaryData": data}));
            server.put("configmaps", shard);
        }
        let data = json!({objects::HEAD_KEY: self.head_json()});
        server.put("configmaps", object("shop-config", json!({"data": data})));
    }
}

/// An object of ours.
pub(super) fn object(name: &str, mut content: Value) -> Value {
    let labels = json!({objects::NAMESPACE_UID_LABEL: NAMESPACE_CR_UID});
    content["metadata"] = json!({"name": name, "namespace": "team", "labels": labels});
    content
}

/// What the operator creates for the checkpoints.
pub(super) fn put_checkpoints(server: &ApiServer) {
    for index in 0..objects::CHECKPOINT_PAGES {
        let page = object(&objects::checkpoints("shop", index), json!({}));
        server.put("configmaps", page);
    }
}

/// Incarnation that the copy of the checkpoints belongs to.
pub(super) fn claimed(server: &ApiServer) -> Option<u64> {
    let object = server.get("configmaps", &objects::checkpoints("shop", 0))?;
    let claim = object["data"][objects::CHECKPOINT_CLAIM_KEY].as_str()?;
    serde_json::from_str::<Value>(claim).ok()?["incarnation"].as_u64()
}

/// What the pod reported last.
pub(super) fn reported(server: &ApiServer) -> Option<PodReport> {
    let object = server.get("configmaps", "shop-0-report")?;
    serde_json::from_str(object["data"][objects::REPORT_KEY].as_str()?).ok()
}

/// The process.
pub(super) struct Pod {
    process: Child,
    https: SocketAddr,
    http: SocketAddr,
    operations: SocketAddr,
    trust: String,
}

impl Pod {
    pub(super) fn start(world: &World, more: &[&str]) -> Self {
        Self::start_with(world, more, &[])
    }

    /// With variables that somebody put into the container.
    pub(super) fn start_with(world: &World, more: &[&str], variables: &[(&str, &str)]) -> Self {
        let [https, http, operations] = [(); 3].map(|()| free(world.address));
        let folder = |name: &str| world.path(name).into_os_string();
        let process = Command::new(env!("CARGO_BIN_EXE_weft-sidecar"))
            .args(["--name", "shop", "--kubernetes-namespace", "team"])
            .args(["--namespace-uid", NAMESPACE_CR_UID])
            .args(["--pod", "shop-0", "--pod-uid", "pod-uid"])
            .args(["--data-dir".into(), folder("data")])
            .args(["--config-dir".into(), folder("config")])
            .args(["--secrets-dir".into(), folder("secrets")])
            .args(["--kubeconfig".into(), folder("kubeconfig")])
            .args(["--listen", &world.address.to_string()])
            .args(["--https-port", &https.port().to_string()])
            .args(["--http-port", &http.port().to_string()])
            // Any: nobody of these tests goes there.
            .args(["--amqps-port", "0", "--amqp-port", "0", "--blob-port", "0"])
            .args(["--operations-port", &operations.port().to_string()])
            .args(more)
            .env_remove("WEFT_LOG")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            process,
            https,
            http,
            operations,
            trust: world.certificates.trust_pem(),
        }
    }

    /// Status of a page of the operations port; `None` while it is closed.
    pub(super) fn page(&self, path: &str) -> Option<u16> {
        try_page(self.operations, path).map(|(status, _)| status)
    }

    pub(super) fn until_ready(&mut self) {
        for _ in 0..6000 {
            if self.page("/readyz") == Some(200) {
                return;
            }
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("it has ended ({status}): {}", self.said());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.process.kill().unwrap();
        panic!("it was not ready within 30 s: {}", self.said());
    }

    /// What was logged, to its end.
    fn said(&mut self) -> String {
        let mut output = String::new();
        let log = self.process.stderr.take();
        log.unwrap().read_to_string(&mut output).unwrap();
        output
    }

    pub(super) fn metric(&self, line: &str) -> bool {
        page(self.operations, "/metrics")
            .1
            .lines()
            .any(|found| found == line)
    }

    pub(super) fn https(&self) -> Client {
        self.https_with(KEYS[0])
    }

    pub(super) fn https_with(&self, key: &str) -> Client {
        Client::https(self.https, key, &self.trust)
    }

    pub(super) fn http(&self) -> Client {
        Client::http(self.http, KEYS[0])
    }

    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// As a power cut.
    pub(super) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// As Kubernetes does it. Returns what was logged.
    pub(super) fn stop(self) -> String {
        let terminated = Command::new("kill")
            .args(["-TERM", &self.id().to_string()])
            .status();
        assert!(terminated.unwrap().success());
        let (code, output) = self.wait();
        assert_eq!(code, Some(0), "{output}");
        output
    }

    /// Exit code and log.
    pub(super) fn wait(mut self) -> (Option<i32>, String) {
        let output = self.said();
        (self.process.wait().unwrap().code(), output)
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        // A test that fails must not leave it running.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where nobody listens.
pub(super) fn nowhere() -> SocketAddr {
    free(Ipv4Addr::LOCALHOST)
}

fn free(address: Ipv4Addr) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Runs what the test itself serves.
pub(super) fn in_background() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

pub(super) fn until(condition: impl Fn() -> bool) {
    for _ in 0..6000 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("waited for 30 s in vain");
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
