//! One run of the binary, from its start to its end.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a start may take. Generous: a debug build on a busy machine makes a CA first.
const READY_DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Starts the command, appends its stderr to `log`, and waits for `ready NAMESPACE …` on its stdout.
    pub(super) fn start(
        mut command: Command,
        log: &Path,
        namespace: &str,
    ) -> anyhow::Result<(Self, Duration)> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .context("open the log")?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let start = Instant::now();
        let mut child = command.spawn().context("spawn weft")?;
        let lines = follow(child.stdout.take().context("take its stdout")?);
        let process = Self(child);
        let prefix = format!("ready {namespace} ");
        loop {
            match lines.recv_timeout(READY_DEADLINE.saturating_sub(start.elapsed())) {
                Ok(line) if line.starts_with(&prefix) => return Ok((process, start.elapsed())),
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    process.kill()?;
                    bail!("it did not say {prefix:?} within {READY_DEADLINE:?}");
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => bail!("it ended without saying {prefix:?}"),
            }
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        self.0.kill().context("kill weft")?;
        self.0.wait().context("wait for the killed weft")?;
        Ok(())
    }

    pub(super) fn terminate(mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        kill_process(Pid::from_child(&self.0), Signal::TERM).context("send SIGTERM")?;
        let start = Instant::now();
        while start.elapsed() < deadline {
            if let Some(status) = self.0.try_wait().context("wait for weft")? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.kill()?;
        bail!("it was still running {deadline:?} after SIGTERM")
    }
}

/// Reads stdout to its end, so that the process never blocks on it; lines go to whoever still listens.
fn follow(stdout: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(64);
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}
