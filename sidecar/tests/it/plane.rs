//! A data plane with its folder, its credentials and the sender of its configuration.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use config::{
    AccessKeys, AuthorizationRule, DeletionPolicy, Digest, Document, Filter, Head, NamespaceIdentity, Right,
};
use config::{Secrets, Subscription, Topic};
use credentials::{Certificates, ServerNames};
use sidecar::{Configuration, Report, Settings, Sidecar};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::client::Client;

pub(crate) const NAMESPACE_UID: &str = "00000000-0000-4000-8000-00000000000a";
/// Long enough for a slow machine; nothing waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Plane {
    pub(crate) sidecar: Sidecar,
    sender: watch::Sender<Arc<Configuration>>,
    pub(crate) folder: Arc<TempDir>,
    certificates: Arc<Certificates>,
}

impl Plane {
    /// Started and ready, in a fresh folder.
    pub(crate) async fn start(configuration: Configuration) -> Self {
        let plane = Self::open(Arc::new(tempfile::tempdir().unwrap()), configuration).await;
        plane.sidecar.ready().await.unwrap();
        plane
    }

    /// Started, in a folder that may hold data of before.
    pub(crate) async fn open(folder: Arc<TempDir>, mut configuration: Configuration) -> Self {
        let certificates = Arc::new(certificates());
        set_certificate(&mut configuration, &certificates);
        let (sender, receiver) = watch::channel(Arc::new(configuration));
        let sidecar = sidecar::start(Settings::new(folder.path().join("data")), receiver)
            .await
            .unwrap();
        Self {
            sidecar,
            sender,
            folder,
            certificates,
        }
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(KEYS[0])
    }

    pub(crate) fn client_with(&self, key: &str) -> Client {
        Client::http(self.sidecar.addresses().http.unwrap(), key)
    }

    pub(crate) fn https(&self, trusted: &Certificates) -> Client {
        Client::https(
            self.sidecar.addresses().https.unwrap(),
            KEYS[0],
            &trusted.trust_pem(),
        )
    }

    pub(crate) fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    pub(crate) fn operations(&self) -> SocketAddr {
        self.sidecar.addresses().operations.unwrap()
    }

    /// The next revision: what is in effect, changed. Returns the report on it.
    pub(crate) async fn change(&self, change: impl FnOnce(&mut Configuration)) -> Report {
        let mut next = self.current();
        next.document.head.revision += 1;
        change(&mut next);
        self.send(next).await
    }

    pub(crate) fn current(&self) -> Configuration {
        self.sender.borrow().as_ref().clone()
    }

    /// Sends `configuration` as it is and waits for what becomes of it.
    pub(crate) async fn send(&self, configuration: Configuration) -> Report {
        let mut reports = self.sidecar.report();
        reports.mark_unchanged();
        self.sender.send_replace(Arc::new(configuration));
        tokio::time::timeout(PATIENCE, reports.changed())
            .await
            .expect("a report comes")
            .unwrap();
        reports.borrow_and_update().clone()
    }

    /// Stops in order; gives back the folder for another start.
    pub(crate) async fn stop(self) -> Arc<TempDir> {
        assert_eq!(self.sidecar.stop().await, [""; 0], "everything stops in time");
        self.folder
    }
}

/// The two keys of the only rule.
pub(crate) const KEYS: [&str; 2] = [
    "cHJpbWFyeS1rZXktb2YtdGhlLXRlc3RzLTAxMjM0NTY=",
    "c2Vjb25kYXJ5LWtleS1vZi10aGUtdGVzdHMtMDEyMzQ=",
];

pub(crate) fn configuration(topics: Vec<Topic>) -> Configuration {
    let rule = AuthorizationRule {
        name: "RootManageSharedAccessKey".into(),
        rights: vec![Right::Manage],
    };
    let head = Head {
        format: config::FORMAT,
        namespace: NamespaceIdentity {
            name: "shop".into(),
            uid: NAMESPACE_UID.into(),
        },
        revision: 1,
        settings: config::Settings {
            storage_capacity_bytes: 256 << 20,
            deletion_policy: DeletionPolicy::Delete,
            deletion_grace_seconds: 86_400,
            authorization_rules: vec![rule],
            disable_local_auth: false,
            issuers: Vec::new(),
            checkpoint: config::Checkpoint::ConfigMap,
        },
        shards: [Digest::of(b""); config::SHARD_COUNT],
    };
    let secrets = Secrets {
        rules: vec![keys(KEYS)],
        certificate_pem: String::new(),
        private_key_pem: String::new(),
        object_store: std::collections::BTreeMap::new(),
        dead_letter_stores: std::collections::BTreeMap::new(),
    };
    Configuration {
        document: Document {
            head,
            topics,
            hubs: Vec::new(),
        },
        secrets,
        secrets_revision: 1,
    }
}

pub(crate) fn keys([primary, secondary]: [&str; 2]) -> AccessKeys {
    AccessKeys {
        name: "RootManageSharedAccessKey".into(),
        primary_key: primary.into(),
        secondary_key: secondary.into(),
    }
}

/// A topic with one subscription, `billing`. Equal numbers have equal uids.
pub(crate) fn topic(number: u32, name: &str) -> Topic {
    Topic {
        uid: format!("00000000-0000-4000-8000-{number:06}000000"),
        name: name.into(),
        resource_name: name.to_ascii_lowercase(),
        retention_seconds: 86_400,
        dead_letter_target: false,
        subscriptions: vec![Subscription {
            uid: format!("00000000-0000-4000-8000-{number:06}000001"),
            name: "billing".into(),
            resource_name: "billing".into(),
            lock_duration_seconds: 60,
            max_delivery_count: 10,
            time_to_live_seconds: 86_400,
            filter: Filter::default(),
            dead_letter_topic: None,
            dead_letter_store: None,
        }],
    }
}

/// An authority of its own, and a certificate for loopback.
pub(crate) fn certificates() -> Certificates {
    certificates_for("127.0.0.1")
}

pub(crate) fn certificates_for(address: &str) -> Certificates {
    let names = ServerNames::new(["localhost", address]).unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "the client checks the certificate against the machine's clock"
    )]
    let now = std::time::SystemTime::now();
    assert!(now > UNIX_EPOCH);
    Certificates::create("shop", &names, now).unwrap()
}

pub(crate) fn set_certificate(configuration: &mut Configuration, certificates: &Certificates) {
    configuration.secrets.certificate_pem = certificates.serving().certificate_pem().to_owned();
    configuration.secrets.private_key_pem = certificates.serving().key_pem().expose().to_owned();
}
