//! Runs a program in a pod: an image that holds nothing, and this machine's own Python and Node mounted read-only.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use super::{command, images, space::Space, wait};
use crate::{clients::Sdk, eventhubs, toolbox};

/// Where Linux keeps programs and what they are linked with.
const SYSTEM: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib64", "/usr", "/etc/alternatives"];

/// The proxies of a busy cluster learn of a new pod within this. It is waited for because an SDK's own retries last a few
/// seconds only.
const PROXIES_DEADLINE: Duration = Duration::from_secs(60);

/// Not root, and not the broker's user.
const USER: u32 = 1000;

/// A program that will run in a pod of its own.
#[derive(Debug)]
pub struct Program<'a> {
    space: &'a Space,
    name: String,
    command: Vec<String>,
    mounts: Vec<PathBuf>,
    environment: BTreeMap<String, String>,
    /// Secrets whose keys become variables.
    variables_of: Vec<String>,
    /// Namespaces whose certificates lie under `/var/run/weft/NAME`.
    connections: Vec<String>,
    /// Services that every node has to lead to before it starts.
    services: Vec<String>,
    labels: BTreeMap<String, String>,
    service_account: Option<String>,
}

impl<'a> Program<'a> {
    pub(super) fn new(space: &'a Space, name: &str) -> Self {
        Self {
            space,
            name: name.to_owned(),
            command: Vec::new(),
            mounts: Vec::new(),
            environment: BTreeMap::from([("PYTHONDONTWRITEBYTECODE".into(), "1".into())]),
            variables_of: Vec::new(),
            connections: Vec::new(),
            services: Vec::new(),
            labels: BTreeMap::from([("e2e".into(), "program".into())]),
            service_account: None,
        }
    }

    /// What to run. Paths are those of this machine.
    pub fn command<I: Into<String>>(mut self, command: impl IntoIterator<Item = I>) -> Self {
        self.command = command.into_iter().map(Into::into).collect();
        self
    }

    /// Runs a Python file with an SDK's environment.
    ///
    /// # Errors
    /// When the SDK cannot be installed on this machine.
    pub fn python(mut self, sdk: Sdk, file: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let version = match sdk {
            Sdk::PythonBeta => "beta",
            Sdk::PythonNewest => "newest",
            Sdk::JavaScript => bail!("{sdk:?} is not Python"),
        };
        let interpreter = toolbox::python(version)?;
        let environment = interpreter.parent().and_then(Path::parent);
        let environment = environment
            .context("an interpreter lies in an environment")?
            .to_path_buf();
        self.mounts.push(environment);
        self.mounts.extend(python_home()?);
        let file = file
            .canonicalize()
            .with_context(|| format!("find {}", file.display()))?;
        self.mounts
            .push(file.parent().context("a file lies in a folder")?.to_path_buf());
        self.command = vec![interpreter.display().to_string(), file.display().to_string()];
        self.command
            .extend(arguments.iter().map(|argument| (*argument).to_owned()));
        Ok(self)
    }

    /// Waits to be used by [`Client::in_pod`](crate::eventhubs::Client::in_pod): connected to a Namespace as its documentation
    /// says, trust included, with the settings of one hub.
    ///
    /// # Errors
    /// When a program cannot be made ready on this machine.
    pub fn eventhubs(mut self, sdks: &[eventhubs::Sdk], namespace: &str, hub: &str) -> anyhow::Result<Self> {
        for sdk in sdks {
            self.mounts.extend(eventhubs::parts(*sdk)?);
        }
        let trust = format!("/var/run/weft/{namespace}");
        let java = format!("-Djavax.net.ssl.trustStore={trust}/bundle.p12");
        Ok(self
            .command(["sleep", "infinity"])
            .connected_to(namespace)
            .variables_of(&format!("hub.{hub}-connection"))
            .variable("PYTHONPATH", trust)
            .variable("JAVA_TOOL_OPTIONS", java))
    }

    /// Waits to be used by [`Client::in_pod`](crate::eventhubs::Client::in_pod), with the token of a ServiceAccount and with
    /// checkpoints in a container: connected by its label alone.
    ///
    /// # Errors
    /// When a program cannot be made ready on this machine.
    pub fn passwordless(
        mut self,
        sdks: &[eventhubs::Sdk],
        account: &str,
        namespace: &str,
        hub: &str,
    ) -> anyhow::Result<Self> {
        for sdk in sdks {
            self.mounts.extend(eventhubs::parts(*sdk)?);
        }
        Ok(self
            .command(["sleep", "infinity"])
            .labelled_for(namespace)
            .service_account(account)
            .variable("EVENT_HUB_CREDENTIAL", "token")
            .variable("EVENT_HUB_NAME", hub)
            .variable("BLOB_CONTAINER_NAME", "checkpoints"))
    }

    /// Runs a program of `examples/passwordless` in the place of what [`passwordless`](Self::passwordless) waits for.
    ///
    /// # Errors
    /// When Python cannot be made ready on this machine.
    pub fn example(self, sdk: eventhubs::Sdk, program: &str) -> anyhow::Result<Self> {
        let folder = eventhubs::examples();
        let folder = folder.canonicalize().context("find the examples")?;
        let interpreter = eventhubs::interpreter(sdk)?;
        let words = [interpreter, folder.join(program)].map(|word| word.display().to_string());
        Ok(self
            .mount(folder)
            .variable("PYTHONUNBUFFERED", "1")
            .command(words))
    }

    /// Answers one request of an SDK's program until the pod goes, in the place of what
    /// [`passwordless`](Self::passwordless) waits for: for what must go on without an API server.
    ///
    /// # Errors
    /// When the program cannot be made ready on this machine.
    pub fn answering(self, sdk: eventhubs::Sdk, request: &eventhubs::Request) -> anyhow::Result<Self> {
        let words = eventhubs::words(sdk, &[request])?;
        // A line on its standard input would end a stream, and so does the end of it.
        let script = "sleep infinity | exec \"$@\"".to_owned();
        let shell = ["sh", "-c", &script, "program"].map(str::to_owned);
        Ok(self.command(shell.into_iter().chain(words)))
    }

    /// Connects it to a Namespace of Weft by the label `weft.dev/connect` alone.
    pub fn labelled_for(mut self, namespace: &str) -> Self {
        self.services
            .extend([namespace.to_owned(), format!("{namespace}-blob")]);
        self.label("weft.dev/connect", namespace)
    }

    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Runs it as this ServiceAccount. The API server's own token is not mounted.
    pub fn service_account(mut self, name: &str) -> Self {
        self.service_account = Some(name.to_owned());
        self
    }

    /// Mounts a folder or file of this machine at its own path, read-only.
    pub fn mount(mut self, path: impl Into<PathBuf>) -> Self {
        self.mounts.push(path.into());
        self
    }

    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Every key of a Secret becomes a variable: `envFrom`.
    pub fn variables_of(mut self, secret: &str) -> Self {
        self.variables_of.push(secret.to_owned());
        self
    }

    /// Connects it to a Namespace of Weft as its documentation says: variables from the Secret `NAME-connection`, and the
    /// ConfigMap `NAME-trust` mounted under `/var/run/weft/NAME`.
    pub fn connected_to(mut self, namespace: &str) -> Self {
        self.connections.push(namespace.to_owned());
        self.variables_of(&format!("{namespace}-connection"))
    }

    /// Runs it to its end and returns what it said.
    ///
    /// # Errors
    /// When it fails or takes longer than the deadline; the message holds what it said.
    pub fn run(self, deadline: Duration) -> anyhow::Result<String> {
        let running = self.start()?;
        running.wait(deadline)
    }

    /// Starts it, as soon as every node leads to the Namespaces that it is connected to.
    pub fn start(self) -> anyhow::Result<Running<'a>> {
        self.space.cluster().machine()?;
        for service in self.connections.iter().chain(&self.services) {
            self.space.wait_until_reachable(service, PROXIES_DEADLINE)?;
        }
        let pod: Pod = serde_json::from_value(self.pod()).context("write a pod")?;
        let cluster = self.space.cluster();
        let api = cluster.api::<Pod>(self.space.name());
        cluster
            .block_on(api.create(&PostParams::default(), &pod))
            .with_context(|| format!("create the pod {}", self.name))?;
        Ok(Running {
            space: self.space,
            name: self.name,
        })
    }

    fn pod(&self) -> Value {
        let mut volumes = vec![json!({"name": "tmp", "emptyDir": {}})];
        let mut mounts = vec![json!({"name": "tmp", "mountPath": "/tmp"})];
        let system = SYSTEM.iter().map(PathBuf::from).filter(|folder| folder.exists());
        for (number, path) in system.chain(self.mounts.iter().cloned()).enumerate() {
            let name = format!("host-{number}");
            // Two may ask for the same.
            let known = mounts
                .iter()
                .any(|mount| mount["mountPath"].as_str() == path.to_str());
            if known {
                continue;
            }
            volumes.push(json!({"name": name, "hostPath": {"path": path}}));
            mounts.push(json!({"name": name, "mountPath": path, "readOnly": true}));
        }
        for (number, namespace) in self.connections.iter().enumerate() {
            let name = format!("trust-{number}");
            let trust = format!("{namespace}-trust");
            volumes.push(json!({"name": name, "configMap": {"name": trust}}));
            mounts.push(json!({
                "name": name,
                "mountPath": format!("/var/run/weft/{namespace}"),
                "readOnly": true,
            }));
        }
        let environment: Vec<_> = self
            .environment
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let from: Vec<_> = self
            .variables_of
            .iter()
            .map(|secret| json!({"secretRef": {"name": secret}}))
            .collect();
        json!({
            "metadata": {"name": self.name, "labels": self.labels},
            "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 1,
                "automountServiceAccountToken": false,
                "serviceAccountName": self.service_account.as_deref().unwrap_or("default"),
                "securityContext": {"runAsUser": USER, "runAsGroup": USER},
                "containers": [{
                    "name": "program",
                    "image": images::PAUSE,
                    "imagePullPolicy": "Never",
                    "command": self.command,
                    "workingDir": "/tmp",
                    "env": environment,
                    "envFrom": from,
                    "volumeMounts": mounts,
                }],
                "volumes": volumes,
            },
        })
    }
}

/// A program in its pod.
#[derive(Debug)]
pub struct Running<'a> {
    space: &'a Space,
    name: String,
}

impl Running<'_> {
    /// What it has said so far.
    pub fn log(&self) -> anyhow::Result<String> {
        self.space.cluster().pod_log(self.space.name(), &self.name)
    }

    /// A command in its container, with this process's stdin and stdout.
    ///
    /// # Errors
    /// When there is no kubectl.
    pub fn exec(&self, words: &[&str]) -> anyhow::Result<Command> {
        let begin = ["exec", "--stdin", &self.name, "--"];
        self.space
            .kubectl_command(begin.into_iter().chain(words.iter().copied()))
    }

    /// Waits until it runs.
    pub fn wait_until_it_runs(&self, deadline: Duration) -> anyhow::Result<()> {
        wait::until(&format!("{} to run", self.name), deadline, || {
            let phase = phase(&self.space.get(&self.name)?);
            ensure!(phase == "Running", "it is {phase}");
            Ok(())
        })
    }

    /// Waits until its log holds a text.
    pub fn wait_until_it_says(&self, text: &str, deadline: Duration) -> anyhow::Result<String> {
        wait::until(&format!("{} to say {text:?}", self.name), deadline, || {
            let log = self.log()?;
            ensure!(
                log.contains(text),
                "{}; it has said:\n{log}",
                phase(&self.space.get(&self.name)?)
            );
            Ok(log)
        })
    }

    /// Waits for its end and returns what it said.
    ///
    /// # Errors
    /// When it fails or takes longer than the deadline; the message holds what it said.
    pub fn wait(&self, deadline: Duration) -> anyhow::Result<String> {
        let pod = wait::until(&format!("the program {} to end", self.name), deadline, || {
            let pod: Pod = self.space.get(&self.name)?;
            let phase = phase(&pod);
            ensure!(
                matches!(phase.as_str(), "Succeeded" | "Failed"),
                "it is {phase}; it has said:\n{}",
                self.log()?
            );
            Ok(pod)
        })?;
        // The log is linked a moment after it begins.
        std::thread::sleep(Duration::from_millis(150));
        let log = self.log()?;
        if phase(&pod) == "Failed" {
            bail!("the program {} failed; it has said:\n{log}", self.name);
        }
        Ok(log)
    }

    /// Ends it and removes its pod.
    pub fn stop(self) -> anyhow::Result<()> {
        let now = DeleteParams::default().grace_period(0);
        self.space
            .cluster()
            .delete_with::<Pod>(self.space.name(), &self.name, &now)
    }
}

fn phase(pod: &Pod) -> String {
    let phase = pod.status.as_ref().and_then(|status| status.phase.clone());
    phase.unwrap_or_else(|| "unknown".to_owned())
}

/// Where the interpreter's own library is, unless that is a part of the system.
fn python_home() -> anyhow::Result<Option<PathBuf>> {
    static HOME: OnceLock<PathBuf> = OnceLock::new();
    if HOME.get().is_none() {
        let home = command::call("python3", ["-c", "import sys; print(sys.base_prefix)"])?;
        let _ = HOME.set(PathBuf::from(home.trim()));
    }
    let home = HOME.get().context("python3 tells its home")?;
    Ok((!home.starts_with("/usr")).then(|| home.clone()))
}
