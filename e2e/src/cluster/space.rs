//! A Kubernetes namespace of a test's own.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Namespace, Pod, Secret, Service, ServiceAccount},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{Api, api::DeleteParams, api::PostParams, core::DynamicObject};
use serde::Serialize;
use serde_json::json;

use super::{
    command,
    connection::{Cluster, Kind},
    program::Program,
    wait,
};
use crate::{EventGrid, blobs::Blobs, http};

/// Where a test works. Dropping it shows everything that is in it when the test has failed, fails the test on ERROR
/// lines that it did not expect, and deletes the namespace (in the background; `KEEP_SPACES=1` keeps it).
#[derive(Debug)]
pub struct Space {
    cluster: Cluster,
    name: String,
    expected: Mutex<Vec<String>>,
    deleted: bool,
}

/// Controllers start over after the API server was away, and wait for their lease.
const CONTROLLERS: Duration = Duration::from_secs(60);

impl Space {
    /// Makes one in which pods can be made; `prefix` tells whose it is.
    ///
    /// # Errors
    /// When the API server refuses, or nobody gives the namespace its ServiceAccount.
    pub fn create(prefix: &str) -> anyhow::Result<Self> {
        Self::create_with(prefix, &[])
    }

    /// Makes one with labels, such as `pod-security.kubernetes.io/enforce=restricted`.
    pub fn create_with(prefix: &str, labels: &[(&str, &str)]) -> anyhow::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}-{}-{number}", std::process::id());
        let cluster = Cluster::shared().clone();
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let namespace: Namespace =
            serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}}))?;
        let api: Api<Namespace> = Api::all(cluster.client());
        cluster
            .block_on(api.create(&PostParams::default(), &namespace))
            .with_context(|| format!("create the Kubernetes namespace {name}"))?;
        let space = Self {
            cluster,
            name,
            expected: Mutex::default(),
            deleted: false,
        };
        wait::until("the default ServiceAccount", CONTROLLERS, || {
            space.get::<ServiceAccount>("default").map(drop)
        })?;
        Ok(space)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Accepts log lines of this space's pods that hold `text`, though they say ERROR.
    pub fn expect_errors(&self, text: &str) {
        if let Ok(mut expected) = self.expected.lock() {
            expected.push(text.to_owned());
        }
    }

    /// [`Cluster::apply`] here.
    pub fn apply(&self, yaml: &str) -> anyhow::Result<Vec<DynamicObject>> {
        self.cluster.apply(&self.name, yaml)
    }

    /// [`Cluster::create`] here.
    pub fn create_objects(&self, yaml: &str) -> anyhow::Result<Vec<DynamicObject>> {
        self.cluster.create(&self.name, yaml)
    }

    pub fn get<K: Kind>(&self, name: &str) -> anyhow::Result<K> {
        self.cluster.get(&self.name, name)
    }

    pub fn find<K: Kind>(&self, name: &str) -> anyhow::Result<Option<K>> {
        self.cluster.find(&self.name, name)
    }

    /// All of a kind.
    pub fn list<K: Kind>(&self) -> anyhow::Result<Vec<K>> {
        self.cluster.list(&self.name, "")
    }

    pub fn uid<K: Kind>(&self, name: &str) -> anyhow::Result<String> {
        self.cluster.uid::<K>(&self.name, name)
    }

    /// Asks for its deletion and returns at once.
    pub fn delete<K: Kind>(&self, name: &str) -> anyhow::Result<()> {
        self.cluster.delete::<K>(&self.name, name)
    }

    pub fn patch<K: Kind>(&self, name: &str, change: &serde_json::Value) -> anyhow::Result<K> {
        self.cluster.patch(&self.name, name, change)
    }

    pub fn annotate<K: Kind>(&self, name: &str, key: &str, value: &str) -> anyhow::Result<K> {
        self.cluster.annotate(&self.name, name, key, value)
    }

    /// Waits for `Ready=True` of the current generation.
    pub fn wait_ready<K: Kind + Serialize>(
        &self,
        name: &str,
        deadline: Duration,
    ) -> anyhow::Result<Condition> {
        self.wait_for::<K>(name, "Ready", "True", deadline)
    }

    /// [`Cluster::wait_for`] here.
    pub fn wait_for<K: Kind + Serialize>(
        &self,
        name: &str,
        condition: &str,
        status: &str,
        deadline: Duration,
    ) -> anyhow::Result<Condition> {
        self.cluster
            .wait_for::<K>(&self.name, name, condition, status, deadline)
    }

    pub fn wait_gone<K: Kind>(&self, name: &str, deadline: Duration) -> anyhow::Result<()> {
        self.cluster.wait_gone::<K>(&self.name, name, deadline)
    }

    /// `kubectl --namespace …` with these arguments; returns what it printed.
    ///
    /// # Errors
    /// When it fails; the message holds what it said.
    pub fn kubectl<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> anyhow::Result<String> {
        command::run(&mut self.kubectl_command(arguments)?)
    }

    /// The same, not yet run.
    pub fn kubectl_command<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> anyhow::Result<Command> {
        let mut kubectl = self.cluster.kubectl()?;
        kubectl.args(["--namespace", &self.name]).args(arguments);
        Ok(kubectl)
    }

    /// The text values of a Secret, such as `shop-connection`.
    pub fn secret(&self, name: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let secret: Secret = self.get(name)?;
        let data = secret.data.unwrap_or_default().into_iter();
        data.map(|(key, value)| {
            let text = String::from_utf8(value.0).with_context(|| format!("read {name}/{key} as text"))?;
            Ok((key, text))
        })
        .collect()
    }

    /// Where a Service's port is, for programs of the host: its ClusterIP.
    pub fn service_address(&self, name: &str, port: u16) -> anyhow::Result<SocketAddr> {
        self.cluster.machine()?;
        let service: Service = self.get(name)?;
        let address = service.spec.and_then(|spec| spec.cluster_ip);
        let address = address
            .filter(|address| address != "None")
            .with_context(|| format!("Service {name} has no ClusterIP"))?;
        Ok(SocketAddr::new(
            address.parse().context("parse a ClusterIP")?,
            port,
        ))
    }

    /// What a client of a Namespace's HTTPS door on the host needs.
    ///
    /// # Errors
    /// When the Namespace has no Service, connection Secret or trust ConfigMap yet.
    pub fn door(&self, namespace: &str) -> anyhow::Result<Door> {
        let mut settings = self.settings(namespace)?;
        let key = settings
            .remove("EVENTGRID_KEY")
            .with_context(|| format!("find EVENTGRID_KEY in {namespace}-connection"))?;
        Ok(Door {
            address: self.service_address(namespace, 443)?,
            server_name: format!("{namespace}.{}.svc", self.name),
            authorities: self.authorities(namespace)?,
            key,
        })
    }

    /// What `NAME-connection` gives to a program.
    pub fn settings(&self, namespace: &str) -> anyhow::Result<BTreeMap<String, String>> {
        self.secret(&format!("{namespace}-connection"))
    }

    /// The authorities that vouch for a Namespace, as PEM.
    pub fn authorities(&self, namespace: &str) -> anyhow::Result<String> {
        let trust: ConfigMap = self.get(&format!("{namespace}-trust"))?;
        let pem = trust.data.and_then(|mut data| data.remove("ca.crt"));
        pem.with_context(|| format!("find ca.crt in {namespace}-trust"))
    }

    /// The blob door of a Namespace as the host reaches it, opened by the Namespace's key.
    ///
    /// # Errors
    /// As [`door`](Self::door).
    pub fn blobs(&self, namespace: &str) -> anyhow::Result<Blobs> {
        let door = self.door(namespace)?;
        Ok(Blobs {
            address: self.service_address(&format!("{namespace}-blob"), 443)?,
            server_name: format!("{namespace}-blob.{}.svc", self.name),
            authorities: door.authorities,
            authorization: format!("SharedAccessKey {}", door.key),
        })
    }

    /// A token of a ServiceAccount for an hour, as kubelet would give it to a pod.
    ///
    /// # Errors
    /// When the API server refuses.
    pub fn token(&self, account: &str, audience: &str) -> anyhow::Result<String> {
        let words = [
            "create",
            "token",
            account,
            "--audience",
            audience,
            "--duration",
            "1h",
        ];
        Ok(self.kubectl(words)?.trim().to_owned())
    }

    /// A connection to a Namespace, from the host, by its Service, over TLS.
    pub fn event_grid(&self, namespace: &str) -> anyhow::Result<EventGrid> {
        self.door(namespace)?.open()
    }

    /// Waits until a Service leads to its pod from every node: a proxy writes its rules some time after the pod is ready,
    /// and refuses connections until then.
    pub(super) fn wait_until_reachable(&self, name: &str, deadline: Duration) -> anyhow::Result<()> {
        let service: Service = self.get(name)?;
        let address = service.spec.and_then(|spec| spec.cluster_ip);
        let address = address.with_context(|| format!("the Service {name} has no address"))?;
        let connect = format!("exec 3<>/dev/tcp/{address}/443");
        for node in self.cluster.machine()?.nodes()? {
            let what = format!("{} to lead to the Service {name}", node.name());
            wait::until(&what, deadline, || {
                let mut command = node.command("timeout")?;
                command::run(command.args(["5", "bash", "-c", &connect]))
            })?;
        }
        Ok(())
    }

    /// A program to run in a pod here, with the machine's own Python and Node.
    pub fn program(&self, name: &str) -> Program<'_> {
        Program::new(self, name)
    }

    /// The pod of a Namespace.
    pub fn broker(&self, namespace: &str) -> anyhow::Result<Pod> {
        self.get(&format!("{namespace}-0"))
    }

    /// `kill -9` of the broker's process in its container.
    pub fn kill_broker(&self, namespace: &str) -> anyhow::Result<()> {
        self.kill_container(&format!("{namespace}-0"))
    }

    /// `kill -9` of the process in a pod's first container.
    pub fn kill_container(&self, pod: &str) -> anyhow::Result<()> {
        let node = self.cluster.machine()?.node_of(&self.get::<Pod>(pod)?)?;
        node.kill_container(&self.container_id(pod)?)
    }

    /// `containerd://…` of a pod's first container.
    pub fn container_id(&self, pod: &str) -> anyhow::Result<String> {
        let pod: Pod = self.get(pod)?;
        let statuses = pod.status.and_then(|status| status.container_statuses);
        let id = statuses.and_then(|statuses| statuses.into_iter().next()?.container_id);
        id.context("a running pod has a container")
    }

    /// Everything about it, as a failed test shows it.
    pub fn describe(&self) -> String {
        self.cluster.describe(&self.name)
    }

    /// Deletes the whole Kubernetes namespace and waits until it is gone.
    pub fn delete_all(&mut self, deadline: Duration) -> anyhow::Result<()> {
        self.check_logs()?;
        self.begin_deletion()?;
        let api: Api<Namespace> = Api::all(self.cluster.client());
        super::until(
            &format!("the Kubernetes namespace {} to be gone", self.name),
            deadline,
            || match self.cluster.block_on(api.get_opt(&self.name))? {
                None => Ok(()),
                Some(namespace) => bail!("{:?}", namespace.status),
            },
        )
    }

    fn begin_deletion(&mut self) -> anyhow::Result<()> {
        self.deleted = true;
        let api: Api<Namespace> = Api::all(self.cluster.client());
        match self
            .cluster
            .block_on(api.delete(&self.name, &DeleteParams::default()))
        {
            Err(error) if !super::is_not_found(&error) => {
                Err(error).context("delete the Kubernetes namespace")
            }
            _ => Ok(()),
        }
    }

    /// # Errors
    /// When a pod here has said ERROR, or has panicked, and nobody expected it.
    pub fn check_logs(&self) -> anyhow::Result<()> {
        let expected = self
            .expected
            .lock()
            .map(|expected| expected.clone())
            .unwrap_or_default();
        let logs = self.cluster.logs(&self.name)?;
        let alarms: Vec<_> = logs.iter().flat_map(|log| log.alarms(&expected)).collect();
        if !alarms.is_empty() {
            bail!("a pod logged what no test expected:\n{}", alarms.join("\n"));
        }
        Ok(())
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        let checked = if failed {
            eprintln!("{}", self.describe());
            Ok(())
        } else {
            self.check_logs()
        };
        if !self.deleted && std::env::var_os("KEEP_SPACES").is_none() {
            // What cannot be deleted now goes with the cluster.
            let _ = self.begin_deletion();
        }
        if let Err(error) = checked {
            panic!("{error:#}");
        }
    }
}

/// A Namespace's HTTPS door as the host reaches it.
#[derive(Debug, Clone)]
pub struct Door {
    pub address: SocketAddr,
    /// The name that its certificate has to bear.
    pub server_name: String,
    /// The authorities to trust, as PEM.
    pub authorities: String,
    pub key: String,
}

impl Door {
    pub fn open(&self) -> anyhow::Result<EventGrid> {
        let connection = http::Connection::open_tls(self.address, &self.server_name, &self.authorities)?;
        Ok(EventGrid::over(connection, &self.key))
    }
}
