//! A folder with manifests and data, and `weft` run on it.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

const POLL: Duration = Duration::from_millis(20);
/// 30 s: far beyond what anything here takes, even on a busy machine.
const POLLS_MAX: usize = 1_500;

/// Removed at the end, with every process that runs in it.
pub(crate) struct Home {
    dir: tempfile::TempDir,
    pub(crate) port_base: u16,
}

impl Home {
    /// With these files below `manifests/`.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let home = Self {
            dir: tempfile::tempdir().unwrap(),
            port_base: free_block(),
        };
        fs::create_dir(home.manifests()).unwrap();
        for (name, text) in files {
            home.write(name, text);
        }
        home
    }

    /// With the quickstart's manifests.
    pub(crate) fn quickstart() -> Self {
        Self::of_example(
            "quickstart",
            &["namespace.yaml", "topic.yaml", "subscriptions.yaml"],
        )
    }

    /// With the hub `telemetry`, which has four partitions.
    pub(crate) fn eventhubs() -> Self {
        Self::of_example("eventhubs", &["namespace.yaml", "hub.yaml"])
    }

    fn of_example(name: &str, files: &[&str]) -> Self {
        let home = Self::with(&[]);
        for file in files {
            home.write(file, &fs::read_to_string(example(name).join(file)).unwrap());
        }
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.path().join("manifests")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.manifests().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.manifests().join(name)).unwrap();
    }

    /// `weft` with these arguments, without the caller's settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weft"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("WEFT_DATA", self.data());
        for variable in [
            "EVENTGRID_ENDPOINT",
            "EVENTGRID_KEY",
            "AZURE_FEDERATED_TOKEN_FILE",
            "SSL_CERT_FILE",
            "REQUESTS_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
            "EVENTGRID_TOPIC_NAME",
            "EVENTGRID_EVENT_SUBSCRIPTION_NAME",
            "EVENT_HUB_NAME",
            "BLOB_STORAGE_ACCOUNT_URL",
            "BLOB_STORAGE_CONNECTION_STRING",
            "WEFT_LOG",
        ] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.command(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
            .into()
    }

    /// The same with something to read on standard input.
    pub(crate) fn piped(&self, arguments: &[&str], input: &[u8]) -> Said {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It may stop reading at the first mistake.
        let _ = stdin.write_all(input);
        drop(stdin);
        child.wait_with_output().unwrap().into()
    }

    /// What it printed on standard output; it must succeed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(
            said.code, 0,
            "weft {arguments:?}\n{}\n{}",
            said.stdout, said.stderr
        );
        said.stdout
    }

    /// The JSON documents that it printed, one a line.
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments = [arguments, &["--output", "json"]].concat();
        documents(&self.ok(&arguments))
    }

    /// `weft dev`, ready.
    pub(crate) fn start(&self) -> Dev {
        let dev = self.spawn(&[]);
        dev.wait_for_stdout("ready ");
        dev
    }

    pub(crate) fn spawn(&self, arguments: &[&str]) -> Dev {
        self.spawn_with(arguments, &[])
    }

    /// The same with these environment variables.
    pub(crate) fn spawn_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Dev {
        static RUN: AtomicU16 = AtomicU16::new(0);
        let run = RUN.fetch_add(1, Ordering::Relaxed);
        let (stdout, stderr) = (
            self.path().join(format!("{run}.out")),
            self.path().join(format!("{run}.err")),
        );
        let base = self.port_base.to_string();
        let mut command = self.command(&["dev", "manifests", "--port-base", &base]);
        command.args(arguments).stdin(Stdio::null());
        command
            .envs(variables.iter().copied())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap());
        Dev {
            child: command.spawn().unwrap(),
            stdout,
            stderr,
        }
    }

    /// A setting that `weft dev` wrote for its programs.
    pub(crate) fn setting(&self, namespace: &str, key: &str) -> String {
        let settings = self.json_env(namespace);
        settings[key]
            .as_str()
            .unwrap_or_else(|| panic!("{key} in {settings}"))
            .to_owned()
    }

    pub(crate) fn json_env(&self, namespace: &str) -> Value {
        serde_json::from_str(&self.ok(&["env", namespace, "--output", "json"])).unwrap()
    }
}

/// A running `weft dev`; killed when dropped.
pub(crate) struct Dev {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Dev {
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    pub(crate) fn wait_for_stdout(&self, text: &str) {
        eventually(
            || self.stdout().contains(text),
            || format!("`{text}` on stdout:\n{}\n{}", self.stdout(), self.stderr()),
        );
    }

    pub(crate) fn wait_for_stderr(&self, text: &str) {
        eventually(
            || self.stderr().contains(text),
            || format!("`{text}` on stderr:\n{}", self.stderr()),
        );
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn stop(mut self, signal: &str) -> ExitStatus {
        let pid = self.pid().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        self.end()
    }

    /// Waits for an end by itself.
    pub(crate) fn end(&mut self) -> ExitStatus {
        for _ in 0..POLLS_MAX {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            sleep(POLL);
        }
        panic!("weft dev does not end:\n{}", self.stderr());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a finished command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub(crate) fn documents(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|cause| panic!("{cause}: {line}")))
        .collect()
}

pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("examples")
        .join(name)
}

/// What `weft` with these arguments says about itself, after the command line.
pub(crate) fn help(arguments: &[&str]) -> String {
    let home = Home::with(&[]);
    let mut command = home.command(arguments);
    let said = command.env_remove("WEFT_DATA").output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    format!("$ weft {}\n{said}\n", arguments.join(" "))
}

/// Compares with `golden/NAME`; `UPDATE_GOLDEN=1 cargo test -p cli` renews it.
pub(crate) fn assert_golden(name: &str, said: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, said).unwrap();
    }
    assert_eq!(said, fs::read_to_string(&file).unwrap(), "{name}");
}

/// Polls until it holds.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool, otherwise: impl FnOnce() -> String) {
    for _ in 0..POLLS_MAX {
        if holds() {
            return;
        }
        sleep(POLL);
    }
    panic!("this did not come: {}", otherwise());
}

/// The first of twenty ports that nobody listens on: room for two Namespaces.
fn free_block() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that run these tests at the same time begin elsewhere.
    let first = 20_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 20;
    loop {
        let base = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed) * 20) % 40_000;
        let base = if base < 20_000 { base + 20_000 } else { base };
        if (base..base + 20).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return base;
        }
    }
}

pub(crate) fn namespace(name: &str) -> String {
    format!(
        "apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {{name: {name}}}\nspec: {{storage: {{ephemeral: {{sizeLimit: 256Mi}}}}}}\n"
    )
}

pub(crate) fn topic(name: &str, namespace: &str) -> String {
    format!(
        "apiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {{name: {name}}}\nspec: {{namespaceRef: {{name: {namespace}}}}}\n"
    )
}

pub(crate) fn subscription(name: &str, topic: &str) -> String {
    format!(
        "apiVersion: weft.dev/v1alpha1\nkind: EventSubscription\nmetadata: {{name: {name}}}\nspec: {{topicRef: {{name: {topic}}}, queue: {{}}}}\n"
    )
}
