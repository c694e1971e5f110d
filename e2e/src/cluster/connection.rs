//! A connection to a cluster's API server that tests and the harness itself use. Calls block: a test reads as a dialogue.

use std::{
    collections::HashMap,
    fmt::Debug,
    future::Future,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use anyhow::{Context, ensure};
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Config, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::Status,
};
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use super::{
    binaries::Binaries, command, machine::Machine, progress::Progress, requirements, settings::Settings,
};

/// What the harness and tests call themselves in managed fields.
pub const FIELD_MANAGER: &str = "e2e";

/// How long the API server may take to say whether it is ready.
const ANSWER_DEADLINE: Duration = Duration::from_secs(3);

/// A cluster: that of this machine, or whichever `KUBECONFIG` names. Cheap to clone.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

struct Inner {
    runtime: Runtime,
    client: Client,
    kubeconfig: PathBuf,
    machine: Option<Machine>,
    kinds: Mutex<HashMap<(String, String), super::apply::Kind>>,
}

impl Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("kubeconfig", &self.0.kubeconfig)
            .finish_non_exhaustive()
    }
}

/// A kind that lives in Kubernetes namespaces, as the typed calls want it.
pub trait Kind:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug
{
}

impl<K> Kind for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug
{
}

impl Cluster {
    /// The cluster that `KUBECONFIG` names, or the one that `e2e up` started.
    ///
    /// # Errors
    /// When there is neither.
    pub fn connect() -> anyhow::Result<Self> {
        let settings = Settings::from_environment()?;
        let own = settings.kubeconfig()?;
        match std::env::var_os("KUBECONFIG").map(PathBuf::from) {
            Some(named) if named != own && !named.as_os_str().is_empty() => Self::open(&named, None),
            _ => Self::open(&own, Some(Machine::running(&settings)?)),
        }
    }

    /// The one connection of this process.
    ///
    /// # Panics
    /// When there is no cluster: no test can go on without it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| match Self::connect() {
            Ok(cluster) => cluster,
            Err(error) => panic!("there is no cluster to test on: {error:#}"),
        })
    }

    /// A connection with a kubeconfig; `machine` if the cluster is this machine's.
    pub fn open(kubeconfig: &Path, machine: Option<Machine>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("start a runtime")?;
        let client = runtime.block_on(client(kubeconfig))?;
        Ok(Self(Arc::new(Inner {
            runtime,
            client,
            kubeconfig: kubeconfig.to_path_buf(),
            machine,
            kinds: Mutex::default(),
        })))
    }

    /// For calls that have no method here.
    pub fn client(&self) -> Client {
        self.0.client.clone()
    }

    /// Runs a future to its end, on the runtime that the client belongs to.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.runtime.block_on(future)
    }

    /// Asks whether the API server would serve.
    ///
    /// # Errors
    /// When it does not answer within 3 s, or says why not.
    pub fn check_ready(&self) -> anyhow::Result<()> {
        let request = hyper::Request::get("/readyz").body(kube::client::Body::empty())?;
        let asked = self.block_on(async {
            // The timer wants the runtime, so it begins inside.
            tokio::time::timeout(ANSWER_DEADLINE, self.client().send(request)).await
        });
        let answer = asked.context("wait for an answer")?.context("ask /readyz")?;
        ensure!(answer.status().is_success(), "/readyz says {}", answer.status());
        Ok(())
    }

    /// What only the owner of the nodes may do.
    ///
    /// # Errors
    /// When the cluster is somebody else's.
    pub fn machine(&self) -> anyhow::Result<&Machine> {
        self.0.machine.as_ref().context(
            "this needs a cluster of this machine (cargo run -p e2e -- up), not one that KUBECONFIG names",
        )
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.0.kubeconfig
    }

    /// kubectl of the cluster's version, for this cluster.
    pub fn kubectl(&self) -> anyhow::Result<Command> {
        let program = match &self.0.machine {
            Some(machine) => machine.state_folder().join("bin/kubectl"),
            None => requirements::find("kubectl").context("find kubectl in PATH")?,
        };
        let mut command = command::local(program);
        command.env("KUBECONFIG", &self.0.kubeconfig);
        Ok(command)
    }

    /// Helm for this cluster; built at first need.
    pub fn helm(&self) -> anyhow::Result<Command> {
        let mut command = command::local(Binaries::helm(Progress::begin())?);
        command.env("KUBECONFIG", &self.0.kubeconfig);
        // Its own folders would lie in the home of whoever runs the tests.
        let home = std::env::temp_dir().join("weft-e2e-helm");
        for (variable, folder) in [
            ("HELM_CACHE_HOME", "cache"),
            ("HELM_CONFIG_HOME", "config"),
            ("HELM_DATA_HOME", "data"),
        ] {
            command.env(variable, home.join(folder));
        }
        Ok(command)
    }

    pub(super) fn kinds(&self) -> &Mutex<HashMap<(String, String), super::apply::Kind>> {
        &self.0.kinds
    }

    pub fn api<K: Kind>(&self, namespace: &str) -> Api<K> {
        Api::namespaced(self.client(), namespace)
    }

    /// # Errors
    /// When it is not there, among others.
    pub fn get<K: Kind>(&self, namespace: &str, name: &str) -> anyhow::Result<K> {
        self.block_on(self.api::<K>(namespace).get(name))
            .with_context(|| format!("get {} {namespace}/{name}", K::kind(&())))
    }

    pub fn find<K: Kind>(&self, namespace: &str, name: &str) -> anyhow::Result<Option<K>> {
        self.block_on(self.api::<K>(namespace).get_opt(name))
            .with_context(|| format!("get {} {namespace}/{name}", K::kind(&())))
    }

    /// Those that a label selector names; all of them for "".
    pub fn list<K: Kind>(&self, namespace: &str, labels: &str) -> anyhow::Result<Vec<K>> {
        let parameters = ListParams::default().labels(labels);
        let list = self.block_on(self.api::<K>(namespace).list(&parameters));
        Ok(list
            .with_context(|| format!("list {} in {namespace}", K::plural(&())))?
            .items)
    }

    /// Deletes in the foreground of nobody: returns at once. What is not there is fine.
    pub fn delete<K: Kind>(&self, namespace: &str, name: &str) -> anyhow::Result<()> {
        self.delete_with::<K>(namespace, name, &DeleteParams::default())
    }

    pub fn delete_with<K: Kind>(
        &self,
        namespace: &str,
        name: &str,
        parameters: &DeleteParams,
    ) -> anyhow::Result<()> {
        match self.block_on(self.api::<K>(namespace).delete(name, parameters)) {
            Err(error) if !is_not_found(&error) => {
                Err(error).with_context(|| format!("delete {} {namespace}/{name}", K::kind(&())))
            }
            _ => Ok(()),
        }
    }

    /// A JSON merge patch.
    pub fn patch<K: Kind>(
        &self,
        namespace: &str,
        name: &str,
        change: &serde_json::Value,
    ) -> anyhow::Result<K> {
        let patch = Patch::Merge(change);
        self.block_on(
            self.api::<K>(namespace)
                .patch(name, &PatchParams::default(), &patch),
        )
        .with_context(|| format!("patch {} {namespace}/{name}", K::kind(&())))
    }

    /// Sets an annotation of a user's.
    pub fn annotate<K: Kind>(
        &self,
        namespace: &str,
        name: &str,
        key: &str,
        value: &str,
    ) -> anyhow::Result<K> {
        self.patch(
            namespace,
            name,
            &serde_json::json!({"metadata": {"annotations": {key: value}}}),
        )
    }

    /// The uid of an object.
    pub fn uid<K: Kind>(&self, namespace: &str, name: &str) -> anyhow::Result<String> {
        self.get::<K>(namespace, name)?
            .uid()
            .context("an object has a uid")
    }
}

/// Says whether the API server answered that there is no such object.
pub fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// The status that the API server answered with, if it did.
pub fn refusal(error: &anyhow::Error) -> Option<&Status> {
    match error.downcast_ref::<kube::Error>()? {
        kube::Error::Api(status) => Some(status),
        _ => None,
    }
}

async fn client(kubeconfig: &Path) -> anyhow::Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig)
        .with_context(|| format!("read the kubeconfig {}", kubeconfig.display()))?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .context("understand the kubeconfig")?;
    config.proxy_url = None;
    Client::try_from(config).context("make a client")
}
