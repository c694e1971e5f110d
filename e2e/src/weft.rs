//! A running `weft dev`, with its manifests and data in a temporary folder.

mod log;
mod ports;
mod process;
mod settings;

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context, bail};

pub(crate) use self::log::is_alarm;
use self::{log::Log, process::Process};
use crate::{EventGrid, binary, manifests::NAMESPACE};

/// How long a stop may take before it counts as hung.
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// The product as a process. Dropping it kills it, deletes its data, and panics when the log holds an ERROR line or a
/// panic that the test did not expect; when the test has failed already, it prints the log instead.
#[derive(Debug)]
pub struct Weft {
    home: tempfile::TempDir,
    binary: PathBuf,
    place: Place,
    process: Option<Process>,
    log: Log,
}

/// Where the doors are.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// On 127.0.0.1, from this port on.
    Base(u16),
    /// On the usual ports of a loopback address of its own.
    Usual(Ipv4Addr),
}

impl Weft {
    /// Starts it with these manifests and waits until it says `ready`.
    ///
    /// # Errors
    /// When it is not ready in time; the message holds its log.
    pub fn start(manifests: &str) -> anyhow::Result<Self> {
        let mut weft = Self::prepare(manifests)?;
        weft.resume()?;
        Ok(weft)
    }

    /// Like [`start`](Self::start), on the ports that programs expect where they are told none, of a loopback address of
    /// its own.
    pub fn start_on_usual_ports(manifests: &str) -> anyhow::Result<Self> {
        let mut weft = Self::prepare_at(Place::Usual(ports::free_address()?), manifests)?;
        weft.resume()?;
        Ok(weft)
    }

    /// Like [`start`](Self::start), without starting: [`resume`](Self::resume) does.
    pub fn prepare(manifests: &str) -> anyhow::Result<Self> {
        Self::prepare_at(Place::Base(ports::free_block()?), manifests)
    }

    fn prepare_at(place: Place, manifests: &str) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new()
            .prefix("weft-e2e-")
            .tempdir()
            .context("create a temporary folder")?;
        fs::create_dir(home.path().join("manifests")).context("create the manifests folder")?;
        let log = Log::new(home.path().join("log"));
        let weft = Self {
            binary: binary::weft()?,
            place,
            process: None,
            log,
            home,
        };
        weft.apply(manifests)?;
        Ok(weft)
    }

    /// Replaces the manifests; a running process follows by itself.
    pub fn apply(&self, manifests: &str) -> anyhow::Result<()> {
        // Written aside and renamed, so that nobody reads half a file.
        let (aside, file) = (
            self.home.path().join("next.yaml"),
            self.home.path().join("manifests/weft.yaml"),
        );
        fs::write(&aside, manifests).context("write the manifests")?;
        fs::rename(&aside, &file).context("move the manifests into place")
    }

    /// Starts it again on the same data; returns how long it took to say `ready`.
    pub fn resume(&mut self) -> anyhow::Result<Duration> {
        let mut command = Command::new(&self.binary);
        command
            .arg("dev")
            .arg(self.home.path().join("manifests"))
            .arg("--data")
            .arg(self.data_folder());
        match self.place {
            Place::Base(base) => command.args(["--port-base", &base.to_string()]),
            Place::Usual(address) => command.args(["--listen", &address.to_string()]),
        };
        match Process::start(command, self.log.path(), NAMESPACE) {
            Ok((process, elapsed)) => {
                self.process = Some(process);
                Ok(elapsed)
            }
            Err(error) => Err(error).with_context(|| format!("start weft; its log:\n{}", self.log.tail())),
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().context("it is not running")?.kill()
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it does not end within 30 s.
    pub fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        self.process
            .take()
            .context("it is not running")?
            .terminate(STOP_DEADLINE)
    }

    /// Accepts log lines that hold `text`, though they say ERROR.
    pub fn expect_errors(&mut self, text: &str) {
        self.log.expect(text);
    }

    /// The process id.
    ///
    /// # Panics
    /// When it is not running.
    pub fn pid(&self) -> u32 {
        self.process
            .as_ref()
            .expect("a test asks for the pid of a running process")
            .id()
    }

    /// False once the process has ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    pub fn http_address(&self) -> SocketAddr {
        self.place.door(0, 8080)
    }

    pub fn https_address(&self) -> SocketAddr {
        self.place.door(1, 8443)
    }

    /// Of checkpoints in blobs, over TLS.
    pub fn blob_address(&self) -> SocketAddr {
        self.place.door(6, 10_000)
    }

    pub fn operations_address(&self) -> SocketAddr {
        self.place.door(9, 9464)
    }

    pub fn http_endpoint(&self) -> String {
        format!("http://{}", self.http_address())
    }

    pub fn https_endpoint(&self) -> String {
        format!("https://{}", self.https_address())
    }

    pub fn data_folder(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// What stands in `DATA/NAMESPACE.env`.
    pub fn settings(&self) -> anyhow::Result<BTreeMap<String, String>> {
        settings::read(&self.data_folder().join(format!("{NAMESPACE}.env")))
    }

    /// The key that a program is given.
    pub fn key(&self) -> anyhow::Result<String> {
        self.settings()?
            .remove("EVENTGRID_KEY")
            .context("find EVENTGRID_KEY among the settings")
    }

    /// A connection with the key.
    pub fn client(&self) -> anyhow::Result<EventGrid> {
        EventGrid::open(self.http_address(), &self.key()?)
    }

    /// Runs one of the `weft` commands that ask a running Namespace, and returns what it prints.
    ///
    /// # Errors
    /// When it fails; the message holds what it said.
    pub fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .args(["--namespace", NAMESPACE, "--data-dir"])
            .arg(self.data_folder());
        let output = command.output().context("run weft")?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            bail!(
                "weft {} failed ({}): {}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&said)
            );
        }
        String::from_utf8(output.stdout).context("read what weft printed")
    }

    /// `weft exec` with this Namespace's settings; the caller adds the program and its arguments.
    pub fn exec(&self) -> Command {
        let mut command = self.program();
        command
            .args(["exec", NAMESPACE, "--data"])
            .arg(self.data_folder())
            .arg("--");
        command
    }

    /// The binary, unaware of what this machine's own environment says about it.
    fn program(&self) -> Command {
        let mut command = Command::new(&self.binary);
        for name in [
            "WEFT_LOG",
            "WEFT_DATA",
            "EVENTGRID_ENDPOINT",
            "EVENTGRID_KEY",
            "SSL_CERT_FILE",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// A file of this test's own, deleted with it.
    pub fn scratch_file(&self, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.home.path().join(name);
        fs::write(&path, content).context("write a scratch file")?;
        Ok(path)
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

impl Place {
    /// `step` ports after the first, or the usual one.
    fn door(self, step: u16, usual: u16) -> SocketAddr {
        match self {
            Self::Base(base) => (Ipv4Addr::LOCALHOST, base + step).into(),
            Self::Usual(address) => (address, usual).into(),
        }
    }
}

impl Drop for Weft {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            let _ = process.kill();
        }
        if std::thread::panicking() {
            eprintln!("--- log of weft ---\n{}--- end of log ---", self.log.tail());
            return;
        }
        let unexpected = self.log.unexpected();
        assert!(
            unexpected.is_empty(),
            "weft logged what no test expected:\n{}",
            unexpected.join("\n")
        );
    }
}
