//! One node: its namespaces, its daemons, and what may be done to them.

mod configuration;
mod setup;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;

use super::{cgroups, names, network, pki::Pki, process::Process};
use crate::cluster::{command, connection::Cluster, settings::Settings, wait};

/// Lines of a daemon's log in an error.
const LOG_LINES: usize = 25;

/// How long the API server, and then the DNS, may take to come back.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// A node of a cluster on this machine, on or off.
#[derive(Debug, Clone)]
pub struct Node {
    settings: Settings,
    number: u8,
    state: PathBuf,
    folder: PathBuf,
}

impl Node {
    pub(super) fn new(settings: &Settings, number: u8) -> anyhow::Result<Self> {
        ensure!(
            number < settings.nodes,
            "the cluster has {} nodes, and no n{number}",
            settings.nodes
        );
        Ok(Self {
            state: settings.state_folder()?,
            folder: settings.node_folder(number)?,
            settings: settings.clone(),
            number,
        })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// `n0`, its name in Kubernetes.
    pub fn name(&self) -> String {
        format!("n{}", self.number)
    }

    pub fn address(&self) -> String {
        self.settings.network.node(self.number)
    }

    /// Where its pods' logs are: `NAMESPACE_POD_UID/CONTAINER/N.log`.
    pub(crate) fn pod_logs(&self) -> PathBuf {
        self.folder.join("log/pods")
    }

    fn program(&self, name: &str) -> PathBuf {
        self.state.join("bin").join(name)
    }

    fn init_file(&self) -> PathBuf {
        self.folder.join("init")
    }

    fn init(&self) -> Option<Process> {
        Process::from_file(&self.init_file())
    }

    pub fn is_on(&self) -> bool {
        self.init().is_some()
    }

    /// Ends everything on the node at once, as if its plug had been pulled. Files stay.
    pub fn power_off(&self) -> anyhow::Result<()> {
        if let Some(init) = self.init() {
            init.kill()
                .with_context(|| format!("power off {}", self.name()))?;
        }
        cgroups::remove_node(&self.settings, self.number)
    }

    /// Gives it namespaces, a link, cgroups and its container runtime.
    pub(super) fn power_on(&self, pki: &Pki) -> anyhow::Result<()> {
        configuration::write(self, pki)?;
        let init = self.start_init()?;
        network::attach(&self.settings, self.number, init.id())?;
        cgroups::create(&self.settings, self.number)?;
        setup::run(self)?;
        let configuration = self.folder.join("containerd.toml");
        self.start_daemon("containerd", &[format!("--config={}", configuration.display())])
    }

    /// Starts again, after [`power_off`](Self::power_off), what ran on it, and waits until the cluster's DNS answers.
    pub fn power_on_again(&self) -> anyhow::Result<()> {
        let pki = Pki::load(self.state.join("pki"))?;
        ensure!(!self.is_on(), "{} is on", self.name());
        let daemons = self.known_daemons()?;
        self.power_on(&pki)?;
        let (store, others): (Vec<_>, Vec<_>) = daemons
            .iter()
            .filter(|daemon| *daemon != "containerd")
            .partition(|daemon| matches!(daemon.as_str(), "etcd" | "kube-apiserver"));
        for daemon in &store {
            self.restart_daemon(daemon)?;
        }
        if !store.is_empty() {
            // The controllers give up on an API server that is not ready within seconds.
            let cluster = Cluster::open(&self.settings.kubeconfig()?, None)?;
            wait::until("the API server to be ready", READY_DEADLINE, || {
                cluster.check_ready()
            })?;
        }
        for daemon in others {
            self.restart_daemon(daemon)?;
        }
        wait::until("names to be served", READY_DEADLINE, || {
            names::check(&self.settings)
        })
    }

    fn start_init(&self) -> anyhow::Result<Process> {
        let namespaces = ["--mount", "--net", "--pid", "--uts", "--ipc"];
        let mut command = Command::new("unshare");
        command.args(namespaces);
        command.args(["--propagation", "private", "--fork", "--mount-proc"]);
        command.arg(self.program("pause"));
        let parent = self.detach(command, "init")?;
        let init = Process::child_of(parent)?;
        init.save(&self.init_file())?;
        wait::until(
            "the node's first process to be in its namespaces",
            Duration::from_secs(10),
            || {
                let program = init.program().context("it has ended")?;
                ensure!(program == "pause", "it is still {program}");
                Ok(())
            },
        )?;
        Ok(init)
    }

    /// A command that runs inside the node.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> anyhow::Result<Command> {
        let init = self.init().with_context(|| format!("{} is off", self.name()))?;
        let mut command = Command::new("nsenter");
        command.args(["--target", &init.id().to_string()]);
        command.args(["--mount", "--net", "--pid", "--uts", "--ipc", "--wd=/", "--"]);
        command.arg(program);
        let tools = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let path = format!("{}:{tools}", self.state.join("bin").display());
        command.env_clear().env("PATH", path).env("HOME", "/root");
        Ok(command)
    }

    /// Asks the container runtime: `ctr -n k8s.io …`.
    pub fn ctr(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command(self.program("ctr"))?;
        command.args(["--namespace", "k8s.io"]).args(arguments);
        command::run(&mut command)
    }

    /// Gives it an image.
    pub(crate) fn import_image(&self, tar: &Path) -> anyhow::Result<()> {
        let file = tar.display().to_string();
        self.ctr(&["images", "import", &file])
            .with_context(|| format!("load {file} on {}", self.name()))?;
        Ok(())
    }

    /// Starts a daemon with these arguments and remembers them.
    pub(super) fn start_daemon(&self, name: &str, arguments: &[String]) -> anyhow::Result<()> {
        let line = serde_json::to_vec(arguments)?;
        fs::write(self.daemon_file(name, "arguments"), line).context("note a daemon's arguments")?;
        self.restart_daemon(name)
    }

    /// Starts a daemon as it was started before.
    pub fn restart_daemon(&self, name: &str) -> anyhow::Result<()> {
        ensure!(!self.is_running(name), "{name} runs on {} already", self.name());
        let line = fs::read(self.daemon_file(name, "arguments"))
            .with_context(|| format!("find {name} on {}", self.name()))?;
        let arguments: Vec<String> = serde_json::from_slice(&line).context("read a daemon's arguments")?;
        let mut command = self.command(self.program(name))?;
        command.args(arguments);
        let parent = self.detach(command, name)?;
        let daemon = Process::child_of(parent).with_context(|| self.why_not(name, "it did not start"))?;
        daemon.save(&self.daemon_file(name, "process"))
    }

    /// `kill -9`; [`restart_daemon`](Self::restart_daemon) brings it back.
    pub fn kill_daemon(&self, name: &str) -> anyhow::Result<()> {
        match Process::from_file(&self.daemon_file(name, "process")) {
            Some(process) => process
                .kill()
                .with_context(|| format!("kill {name} on {}", self.name())),
            None => bail!("{name} does not run on {}", self.name()),
        }
    }

    pub fn is_running(&self, daemon: &str) -> bool {
        Process::from_file(&self.daemon_file(daemon, "process")).is_some()
    }

    /// The process of a container (`containerd://ID` of a pod's status), as the host sees it: for `kill -9`, and for
    /// [`crate::procfs`].
    pub fn container_process(&self, container_id: &str) -> anyhow::Result<u32> {
        let id = container_id.rsplit('/').next().context("a container has an id")?;
        let processes = cgroups::processes(&self.settings, self.number, id)?;
        processes
            .into_iter()
            .min()
            .with_context(|| format!("no process is left in container {id}"))
    }

    /// `kill -9` of a container's process.
    pub fn kill_container(&self, container_id: &str) -> anyhow::Result<()> {
        let id = self.container_process(container_id)?;
        match Process::of(id) {
            Some(process) => process.signal(Signal::KILL),
            None => Ok(()),
        }
    }

    /// The end of a daemon's log.
    pub fn daemon_log(&self, name: &str) -> String {
        wait::tail(
            &fs::read_to_string(self.log_file(name)).unwrap_or_default(),
            LOG_LINES,
        )
    }

    pub(super) fn why_not(&self, daemon: &str, what: &str) -> String {
        format!(
            "{what}; {daemon} on {} {}; the end of its log:\n{}",
            self.name(),
            if self.is_running(daemon) {
                "runs"
            } else {
                "has ended"
            },
            self.daemon_log(daemon)
        )
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("daemons/{name}.log"))
    }

    fn daemon_file(&self, name: &str, what: &str) -> PathBuf {
        self.folder.join(format!("daemons/{name}.{what}"))
    }

    fn known_daemons(&self) -> anyhow::Result<Vec<String>> {
        let entries = fs::read_dir(self.folder.join("daemons")).context("list the daemons")?;
        Ok(entries
            .flatten()
            .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".arguments")?.to_owned()))
            .collect())
    }

    /// Starts a command that outlives this program, in a group of its own so that Ctrl-C does not reach it.
    fn detach(&self, mut command: Command, name: &str) -> anyhow::Result<u32> {
        use std::os::unix::process::CommandExt as _;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file(name))
            .with_context(|| format!("open the log of {name}"))?;
        let errors = log.try_clone().context("share the log")?;
        command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0);
        let child = command.spawn().with_context(|| format!("start {name}"))?;
        Ok(child.id())
    }
}
