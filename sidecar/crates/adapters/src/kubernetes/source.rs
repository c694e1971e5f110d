//! The handle: what to serve, and where to say what became of it.

use std::path::PathBuf;
use std::sync::Arc;

use config::{Configuration, PodReport, Problem};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Client;
use kube::api::Api;
use prometheus_client::metrics::gauge::Gauge;
use runtime::TaskScope;
use runtime::metrics::Registry;
use tokio::sync::watch;

use super::access::Access;
use super::backoff::Backoff;
use super::follower::Follower;
use super::keeper::Keeper;
use super::local::Local;
use super::pieces::Unknown;
use super::reach::Reach;
use super::reporter::Reporter;

/// Which pod this is, and where things lie in it.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The Kubernetes namespace.
    pub kubernetes_namespace: String,
    /// `metadata.name` of the Namespace that it serves.
    pub namespace: String,
    /// `metadata.uid` of that Namespace. What another one left behind is not read.
    pub namespace_uid: String,
    /// Name of the pod.
    pub pod: String,
    /// Where the kubelet lays the document.
    pub config_dir: PathBuf,
    /// Where the kubelet lays the secrets.
    pub secrets_dir: PathBuf,
    /// The volume; it must be there.
    pub data_dir: PathBuf,
}

/// A pod's configuration, from the newest of three places: mounted files, the volume, the API server.
#[derive(Debug)]
pub struct Source {
    configurations: watch::Receiver<Option<Arc<Configuration>>>,
    problems: watch::Receiver<Option<Problem>>,
    applied: watch::Sender<Option<u64>>,
    reports: watch::Sender<Option<Arc<PodReport>>>,
    written: watch::Receiver<Option<Arc<PodReport>>>,
    lacks: Vec<String>,
}

impl Source {
    /// Reads what lies in the pod, which takes milliseconds, and leaves the API server to tasks in `scope`: nothing here
    /// waits for it. They try for ever, and end with the scope.
    pub fn open(pod: Pod, access: Access, registry: &Registry, scope: &TaskScope) -> Self {
        let pod = Arc::new(pod);
        let Local {
            mirror,
            stored,
            lacks,
        } = Local::read(&pod);
        let (configuration, configurations) = watch::channel(mirror.configuration());
        let (problem, problems) = watch::channel(mirror.problem());
        let (pieces, newest) = watch::channel(mirror.pieces());
        let (applied, is_applied) = watch::channel(None);
        let (reports, report) = watch::channel(None);
        let (written, is_written) = watch::channel(None);
        let (again, asked_again) = watch::channel(());
        let keeper = Keeper {
            pod: pod.clone(),
            pieces: newest,
            applied: is_applied,
            stored,
        };
        scope.spawn("keep configuration", keeper.run(scope.clone()));
        let follower = Follower {
            pod: pod.clone(),
            mirror,
            reach: Reach::default(),
            answers: answers(registry),
            is_unusable: is_unusable(registry),
            has_heard: false,
            told: Unknown::new(),
            configuration,
            problem,
            pieces,
            again,
        };
        let reporter = move |client: Client| Reporter {
            api: Api::namespaced(client, &pod.kubernetes_namespace),
            pod: pod.clone(),
            reports: report.clone(),
            again: asked_again.clone(),
            written: written.clone(),
        };
        scope.spawn("api server", talk(access, follower, reporter, scope.clone()));
        Self {
            configurations,
            problems,
            applied,
            reports,
            written: is_written,
            lacks,
        }
    }

    /// The newest configuration that is whole, and each that comes later; `None` as long as there is none.
    pub fn configurations(&self) -> watch::Receiver<Option<Arc<Configuration>>> {
        self.configurations.clone()
    }

    /// Why something newer is not in [`Source::configurations`].
    pub fn problems(&self) -> watch::Receiver<Option<Problem>> {
        self.problems.clone()
    }

    /// What was not found in the pod at the start, in words for the user.
    pub fn lacks(&self) -> &[String] {
        &self.lacks
    }

    /// This revision is in effect: it is kept for the next start.
    pub fn applied(&self, revision: u64) {
        self.applied.send_replace(Some(revision));
    }

    /// Reports to the operator, as soon as that is possible.
    pub fn report(&self, report: PodReport) {
        self.reports.send_if_modified(|present| {
            let is_new = present.as_deref() != Some(&report);
            if is_new {
                *present = Some(Arc::new(report));
            }
            is_new
        });
    }

    /// Resolves once the last [`Source::report`] is with the API server.
    ///
    /// # Cancel safety
    /// Cancel safe: it only watches.
    pub async fn is_reported(&self) {
        let report = self.reports.borrow().clone();
        let mut written = self.written.clone();
        // If the task is gone, nobody will report.
        let _ = written.wait_for(|written| *written == report).await;
    }
}

fn answers(registry: &Registry) -> Gauge {
    registry.part("kubernetes").register(
        "api_server_answers",
        "1 while the configuration is followed at the API server, 0 while it cannot be asked",
        Gauge::default(),
    )
}

fn is_unusable(registry: &Registry) -> Gauge {
    registry.part("kubernetes").register(
        "configuration_is_unusable",
        "1 while the API server has a configuration or a Secret that cannot be used, so that older ones stay, else 0",
        Gauge::default(),
    )
}

/// Everything that needs the API server.
async fn talk(
    access: Access,
    mut follower: Follower,
    reporter: impl FnOnce(Client) -> Reporter,
    scope: TaskScope,
) {
    let mut backoff = Backoff::default();
    let client = loop {
        match access.client().await {
            Ok(client) => break client,
            Err(error) => follower.on_no_way(&error),
        }
        tokio::select! {
            () = scope.cancelled() => return,
            () = tokio::time::sleep(backoff.next()) => {}
        }
    };
    let namespace = follower.kubernetes_namespace().to_owned();
    scope.spawn("report", reporter(client.clone()).run(scope.clone()));
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let secrets: Api<Secret> = Api::namespaced(client, &namespace);
    follower.run(config_maps, secrets, scope).await;
}
