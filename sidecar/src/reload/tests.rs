use auth::Keys;
use broker::DeletionPolicy;
use config::{Digest, Document, Head, NamespaceIdentity, SHARD_COUNT, Secrets, Settings, Topic};
use runtime::Clock;
use runtime::metrics::Registry;
use storage::embedded::{self, Options};
use tempfile::TempDir;

use super::*;

const CAPACITY: ByteCount = ByteCount::mib(16);

pub(crate) fn configuration(revision: u64, topics: Vec<Topic>) -> Configuration {
    let head = Head {
        format: config::FORMAT,
        namespace: NamespaceIdentity {
            name: "shop".into(),
            uid: "n".into(),
        },
        revision,
        settings: Settings {
            storage_capacity_bytes: CAPACITY.get(),
            deletion_policy: config::DeletionPolicy::Retain,
            deletion_grace_seconds: 0,
            authorization_rules: Vec::new(),
            disable_local_auth: false,
            issuers: Vec::new(),
            checkpoint: config::Checkpoint::ConfigMap,
        },
        shards: [Digest::of(b""); SHARD_COUNT],
    };
    let secrets = Secrets {
        rules: Vec::new(),
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

fn topic() -> Topic {
    Topic {
        uid: "00000000-0000-4000-8000-000000000001".into(),
        name: "orders".into(),
        resource_name: "orders".into(),
        retention_seconds: 86_400,
        dead_letter_target: false,
        subscriptions: Vec::new(),
    }
}

/// Revision 1 is in effect, and the broker takes no change: it is stopped.
async fn reloader(folder: &TempDir, scope: &TaskScope) -> Reloader {
    let (clock, registry) = (Clock::system(), Registry::default());
    let options = Options {
        capacity: CAPACITY,
        ..Options::default()
    };
    let opened = embedded::open(folder.path(), options, scope, &clock, &registry);
    let (log, table, replay) = opened.unwrap();
    let brokers = scope.child("broker");
    let broker = Broker::start(
        log.clone(),
        table,
        replay,
        clock.clone(),
        &brokers,
        &registry,
        broker::Origin::default(),
    )
    .unwrap();
    assert!(brokers.shutdown(Duration::from_secs(10)).await.is_empty());
    let first = Report::on(&configuration(1, Vec::new()), Vec::new());
    Reloader {
        letters: Letters::new(broker.clone(), clock, scope.child("copies"), &registry),
        broker,
        copies: Copies::Usual(Arc::new(checkpoint::Memory::default())),
        authorizer: Authorizer::new(&Keys::default()),
        issuers: watch::channel(Vec::new()).0,
        checkpoint: config::Checkpoint::ConfigMap,
        certificate: None,
        metrics: ConfigurationMetrics::register(&registry, &first),
        report: watch::Sender::new(first),
        log,
        capacity: CAPACITY,
        namespace_uid: "n".into(),
        entities: Entities::default(),
        deletion: DeletionConfig {
            policy: DeletionPolicy::Retain,
            grace: Duration::ZERO,
        },
    }
}

#[tokio::test]
async fn a_refusal_is_told_once_and_another_one_right_after_it_too() {
    let (folder, scope) = (tempfile::tempdir().unwrap(), TaskScope::root());
    let mut reloader = reloader(&folder, &scope).await;
    let mut reports = reloader.report.subscribe();
    let revision = |report: &Report| report.problem.as_ref().map(|problem| problem.revision);

    let waits = configuration(2, vec![topic()]);
    assert!(reloader.on_configuration(&waits).await, "it is tried again");
    assert_eq!(revision(&reports.borrow_and_update()), Some(2));
    assert!(reloader.on_configuration(&waits).await);
    assert!(!reports.has_changed().unwrap(), "nothing is new");

    let mut foreign = configuration(3, vec![topic()]);
    foreign.document.head.namespace.uid = "another".into();
    assert!(!reloader.on_configuration(&foreign).await, "it cannot change");
    assert_eq!(revision(&reports.borrow_and_update()), Some(3));
    scope.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn credentials_of_the_copy_that_cannot_be_used_hold_nothing_else_up() {
    let (folder, scope) = (tempfile::tempdir().unwrap(), TaskScope::root());
    let mut reloader = reloader(&folder, &scope).await;
    let in_s3 = |revision, options: &[(&str, &str)]| {
        let mut configuration = configuration(revision, Vec::new());
        configuration.document.head.settings.checkpoint = config::Checkpoint::ObjectStore {
            url: "s3://bucket/weft".to_owned(),
        };
        let options = options
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        configuration.secrets.object_store = options.collect();
        configuration
    };
    let first = in_s3(
        1,
        &[("aws_access_key_id", "id"), ("aws_secret_access_key", "hush")],
    );
    reloader.copies = Copies::open(&crate::Settings::new(folder.path()), &first).unwrap();
    reloader
        .on_configuration(&in_s3(2, &[("aws_password", "hush")]))
        .await;
    let report = reloader.report.borrow().clone();
    assert_eq!((report.applied_revision, report.problem), (2, None));
    scope.shutdown(Duration::from_secs(10)).await;
}
