//! A running program on an SDK.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use super::{
    ConnectionString, Line, Lines, Request, Sdk,
    tools::{self, Age, Rust},
};
use crate::{Weft, cluster::Running};

/// How long an answer may take altogether. Generous: a JVM starts on a busy machine.
const ANSWER_DEADLINE: Duration = Duration::from_secs(120);

/// How many lines wait to be read before the program has to.
const LINES_WAITING: usize = 10_000;

/// Which door a program comes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// AMQP as the connection string of local mode says: without TLS. Rust's SDK knows no such thing.
    Plain,
    /// AMQP over TLS.
    Tls,
    /// AMQP over a WebSocket over TLS.
    WebSocket,
}

/// A program that waits for requests. Dropping it kills it.
#[derive(Debug)]
pub struct Client {
    sdk: Sdk,
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
    /// What it said on standard error.
    complaints: Arc<Mutex<String>>,
    /// In the place of the one from the environment.
    connection: Option<ConnectionString>,
    /// The copy that Node runs lives as long as the process.
    _program: Option<tempfile::TempPath>,
}

impl Client {
    /// Starts a program through `weft exec`, with the hub that it is to use.
    ///
    /// # Errors
    /// When its SDK cannot be installed, or when it cannot be built or started.
    pub fn start(weft: &Weft, sdk: Sdk, door: Door, hub: &str) -> anyhow::Result<Self> {
        let (words, program) = command_line(sdk)?;
        let mut command = weft.exec();
        command.args(words).env("EVENT_HUB_NAME", hub);
        let connection = enter(weft, door, &mut command)?;
        tidy(&mut command);
        Self::spawn(sdk, command, connection, program)
    }

    /// Starts a program through `weft exec` that shows the token of the environment and keeps checkpoints in this container.
    /// It knows no port, so the doors must be on the usual ones ([`Weft::start_on_usual_ports`]); nor any key.
    ///
    /// # Errors
    /// As [`Client::start`].
    pub fn passwordless(weft: &Weft, sdk: Sdk, hub: &str, container: &str) -> anyhow::Result<Self> {
        let (words, program) = command_line(sdk)?;
        let mut command = weft.exec();
        command.args(without_keys()).args(words);
        command.envs([
            ("EVENT_HUB_CREDENTIAL", "token"),
            ("EVENT_HUB_NAME", hub),
            ("BLOB_CONTAINER_NAME", container),
        ]);
        tidy(&mut command);
        Self::spawn(sdk, command, None, program)
    }

    /// Starts a program through `weft exec` on the plain door that keeps checkpoints in this container, by connection string.
    ///
    /// # Errors
    /// As [`Client::start`].
    pub fn with_checkpoints(weft: &Weft, sdk: Sdk, hub: &str, container: &str) -> anyhow::Result<Self> {
        let (words, program) = command_line(sdk)?;
        let mut command = weft.exec();
        command.args(words);
        command.envs([("EVENT_HUB_NAME", hub), ("BLOB_CONTAINER_NAME", container)]);
        tidy(&mut command);
        Self::spawn(sdk, command, None, program)
    }

    /// Starts a program in a pod that was made for it ([`Program::eventhubs`](crate::cluster::Program::eventhubs),
    /// [`Program::passwordless`](crate::cluster::Program::passwordless)).
    ///
    /// # Errors
    /// As [`Client::start`].
    pub fn in_pod(pod: &Running<'_>, sdk: Sdk) -> anyhow::Result<Self> {
        let (words, program) = command_line(sdk)?;
        let words = words.iter().map(|word| word.to_str().context("a path is text"));
        let command = pod.exec(&words.collect::<anyhow::Result<Vec<_>>>()?)?;
        Self::spawn(sdk, command, None, program)
    }

    fn spawn(
        sdk: Sdk,
        mut command: Command,
        connection: Option<ConnectionString>,
        program: Option<tempfile::TempPath>,
    ) -> anyhow::Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("start the program on {sdk:?}"))?;
        let complaints = Arc::default();
        keep(
            child.stderr.take().context("take its stderr")?,
            Arc::clone(&complaints),
        );
        Ok(Self {
            sdk,
            input: child.stdin.take().context("take its stdin")?,
            lines: follow(child.stdout.take().context("take its stdout")?),
            child,
            complaints,
            connection,
            _program: program,
        })
    }

    pub fn sdk(&self) -> Sdk {
        self.sdk
    }

    /// Answers one request, whatever the SDK makes of it.
    ///
    /// # Errors
    /// When the program ends, hangs or prints what is not in the contract.
    pub fn run(&mut self, request: &Request) -> anyhow::Result<Lines> {
        self.begin(request)?;
        let deadline = Instant::now() + ANSWER_DEADLINE;
        let mut lines = Vec::new();
        loop {
            let line = self
                .line(deadline)
                .with_context(|| format!("{:?} on {}", self.sdk, request.scenario))?
                .with_context(|| {
                    format!("{:?} did not answer to {request:?} in time: {lines:?}", self.sdk)
                })?;
            let is_last = matches!(line, Line::Done(_) | Line::Unsupported(_) | Line::Error(_));
            lines.push(line);
            if is_last {
                return Ok(Lines::new(lines));
            }
        }
    }

    /// Hands a request over, without waiting for the answer. For streams.
    pub fn begin(&mut self, request: &Request) -> anyhow::Result<()> {
        let mut request = request.clone();
        if request.connection.is_none() {
            request.connection = self.connection.as_ref().map(ToString::to_string);
        }
        let mut text = serde_json::to_string(&request).context("write the request")?;
        text.push('\n');
        self.write(&text)
    }

    /// Ends a stream.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.write("stop\n")
    }

    /// The next line, or none by the deadline.
    pub fn line(&mut self, deadline: Instant) -> anyhow::Result<Option<Line>> {
        match self
            .lines
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(line) => Ok(Some(line)),
                Err(error) => bail!("the program printed {text:?}: {error}\n{}", self.complaints()),
            },
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                bail!(
                    "the program has ended ({:?}):\n{}",
                    self.child.wait(),
                    self.complaints()
                )
            }
        }
    }

    /// `kill -9`. Returns what it had said and nobody had read yet.
    pub fn kill(mut self) -> anyhow::Result<Vec<Line>> {
        self.child.kill().context("kill the program")?;
        self.child.wait().context("wait for its end")?;
        // Of the last line there may be half.
        let lines = self.lines.iter();
        Ok(lines
            .filter_map(|text| serde_json::from_str(&text).ok())
            .collect())
    }

    fn write(&mut self, text: &str) -> anyhow::Result<()> {
        let written = self
            .input
            .write_all(text.as_bytes())
            .and_then(|()| self.input.flush());
        written.with_context(|| format!("the program takes no request:\n{}", self.complaints()))
    }

    fn complaints(&self) -> String {
        let complaints = self.complaints.lock();
        complaints
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- {:?} said ---\n{}--- end ---", self.sdk, self.complaints());
        }
    }
}

/// What a program is made of besides the system: files and folders of this machine.
///
/// # Errors
/// When its SDK cannot be installed, or when it cannot be built.
pub(crate) fn parts(sdk: Sdk) -> anyhow::Result<Vec<PathBuf>> {
    let (words, _) = command_line(sdk)?;
    let mut parts: Vec<PathBuf> = Vec::new();
    match sdk {
        Sdk::PythonOldest | Sdk::PythonOldestAio | Sdk::PythonNewest | Sdk::PythonNewestAio => {
            let interpreter = words.first().context("a command has a first word")?;
            parts.extend(interpreter.parent().and_then(Path::parent).map(Path::to_owned));
            parts.extend(tools::home_of_python(interpreter)?);
            parts.push(tools::source_folder("python"));
        }
        // Its copy of the program lies beside the modules.
        Sdk::JavaScript => parts.extend(words.get(1).and_then(|file| file.parent()).map(Path::to_owned)),
        Sdk::Java => {
            let libraries = env::split_paths(words.get(4).context("a class path")?);
            parts.extend(libraries.filter_map(|path| path.parent().map(Path::to_owned)));
            parts.extend(tools::settings_of_java()?);
        }
        Sdk::Go | Sdk::Rust | Sdk::RustStable => {
            parts.extend(words.first().and_then(|file| file.parent()).map(Path::to_owned));
        }
    }
    parts.sort();
    parts.dedup();
    Ok(parts)
}

/// The words of a command that answers these requests and ends.
///
/// # Errors
/// As [`parts`], and for a program that has to be copied first.
pub(crate) fn words(sdk: Sdk, requests: &[&Request]) -> anyhow::Result<Vec<String>> {
    let (words, copy) = command_line(sdk)?;
    if copy.is_some() {
        bail!("the program on {sdk:?} lasts no longer than this process");
    }
    let words = words.into_iter().map(|word| word.display().to_string());
    let requests = requests.iter().map(serde_json::to_string);
    let mut words: Vec<_> = words.collect();
    for request in requests {
        words.push(request.context("write the request")?);
    }
    Ok(words)
}

/// The words of the command, and the file that must live as long as the process.
fn command_line(sdk: Sdk) -> anyhow::Result<(Vec<PathBuf>, Option<tempfile::TempPath>)> {
    let python = |age, program: &str| {
        Ok::<_, anyhow::Error>(vec![
            tools::python(age)?,
            tools::source_folder("python").join(program),
        ])
    };
    let words = match sdk {
        Sdk::PythonOldest => python(Age::Oldest, "client.py")?,
        Sdk::PythonOldestAio => python(Age::Oldest, "client_aio.py")?,
        Sdk::PythonNewest => python(Age::Newest, "client.py")?,
        Sdk::PythonNewestAio => python(Age::Newest, "client_aio.py")?,
        Sdk::JavaScript => {
            let program = tools::javascript()?;
            return Ok((vec![PathBuf::from("node"), program.to_path_buf()], Some(program)));
        }
        Sdk::Go => vec![tools::go()?],
        Sdk::Java => {
            // These start a JVM sooner, and nothing here runs long enough for the others to pay.
            let words = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"].map(PathBuf::from);
            let program = [tools::java()?, "weft.Main".to_owned()].map(PathBuf::from);
            words.into_iter().chain(program).collect()
        }
        Sdk::Rust => vec![tools::rust(Rust::NEWEST)?],
        Sdk::RustStable => vec![tools::rust(Rust::PASSWORDLESS)?],
    };
    Ok((words, None))
}

/// Tells the program where the door is, and returns the connection string that it needs there.
fn enter(weft: &Weft, door: Door, command: &mut Command) -> anyhow::Result<Option<ConnectionString>> {
    let base = weft.http_address().port();
    let port = match door {
        Door::Plain => return Ok(None),
        Door::Tls => base + 3,
        Door::WebSocket => {
            command.env("EVENT_HUB_TRANSPORT", "websocket");
            base + 1
        }
    };
    let connection = ConnectionString::of(weft)?.secure();
    command.env(
        "EVENT_HUB_CUSTOM_ENDPOINT",
        format!("sb://{}:{port}", connection.host()),
    );
    Ok(Some(connection))
}

/// A proxy of the machine has no business between a client and localhost, and Python need not write beside sources.
pub(super) fn tidy(command: &mut Command) {
    for name in ["NO_PROXY", "no_proxy"] {
        command.env(name, "127.0.0.1,localhost");
    }
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONUNBUFFERED", "1");
}

fn follow(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(LINES_WAITING);
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn keep(mut errors: ChildStderr, complaints: Arc<Mutex<String>>) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = errors.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]);
            complaints
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
                .push_str(&text);
        }
    });
}

/// One of the two programs of the quickstart, on the plain door: `send.py`, `recv.py` and their `_aio` twins.
///
/// # Errors
/// When Python cannot be made ready.
pub fn quickstart(weft: &Weft, sdk: Sdk, program: &str, hub: &str) -> anyhow::Result<Command> {
    let file = tools::source_folder("python").join("quickstart").join(program);
    let mut command = weft.exec();
    command
        .arg(interpreter(sdk)?)
        .arg(file)
        .env("EVENT_HUB_NAME", hub);
    tidy(&mut command);
    Ok(command)
}

/// One of the programs of `examples/passwordless`, which find neither a key nor a connection string in their environment.
/// These variables go before those of `weft exec`.
///
/// # Errors
/// When Python cannot be made ready.
pub fn passwordless_example(
    weft: &Weft,
    sdk: Sdk,
    program: &str,
    variables: &[(&str, &str)],
) -> anyhow::Result<Command> {
    let mut command = weft.exec();
    command
        .args(without_keys())
        .args(variables.iter().map(|(name, value)| format!("{name}={value}")))
        .arg(interpreter(sdk)?)
        .arg(examples().join(program));
    tidy(&mut command);
    Ok(command)
}

/// A program of `examples`, such as `eventhubs/send.py`, with all that `weft exec` hands over.
///
/// # Errors
/// When Python cannot be made ready.
pub fn example(weft: &Weft, sdk: Sdk, program: &str, variables: &[(&str, &str)]) -> anyhow::Result<Command> {
    let mut command = weft.exec();
    command
        .arg("env")
        .args(variables.iter().map(|(name, value)| format!("{name}={value}")))
        .arg(interpreter(sdk)?)
        .arg(examples().join("..").join(program));
    tidy(&mut command);
    Ok(command)
}

/// What KEDA's scaler knows of a consumer group with checkpoints in this container: a line of JSON for each partition.
///
/// # Errors
/// When the program cannot be built.
pub fn keda(weft: &Weft, hub: &str, container: &str, group: &str) -> anyhow::Result<Command> {
    let mut command = weft.exec();
    command.arg(tools::keda()?).arg(group);
    command.envs([("EVENT_HUB_NAME", hub), ("BLOB_CONTAINER_NAME", container)]);
    tidy(&mut command);
    Ok(command)
}

/// The folder of the programs without a password.
pub fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/passwordless")
}

/// The Python of an SDK.
pub(crate) fn interpreter(sdk: Sdk) -> anyhow::Result<PathBuf> {
    let (words, _) = command_line(sdk)?;
    words.into_iter().next().context("a command has a first word")
}

/// The beginning of a command that does not find what `weft exec` hands over beside the token.
fn without_keys() -> impl Iterator<Item = &'static str> {
    let keys = [
        "EVENTGRID_KEY",
        "EVENT_HUB_CONNECTION_STR",
        "BLOB_STORAGE_CONNECTION_STRING",
    ];
    ["env"]
        .into_iter()
        .chain(keys.into_iter().flat_map(|key| ["-u", key]))
}
