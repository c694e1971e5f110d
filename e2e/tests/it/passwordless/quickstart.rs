//! The programs of `examples/passwordless`, which hold nothing but the quickstart's calls.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
};

use anyhow::{Context, ensure};
use e2e::{
    Weft,
    blobs::Blobs,
    cluster::until,
    eventhubs::{Sdk, passwordless_example},
    manifests::Manifests,
};
use rustix::process::{Pid, Signal, kill_process};

use super::rounds::PATIENCE;

const CONTAINER: &str = "checkpoints";

#[test]
fn three_events_are_sent_and_received_without_a_password_and_the_next_receiver_goes_on_after_them() {
    let runs = [
        (Sdk::PythonNewest, "", "hub-0"),
        (Sdk::PythonNewest, "_sync", "hub-1"),
        (Sdk::PythonOldest, "_sync", "hub-2"),
    ];
    let manifests = runs.iter().fold(Manifests::new("1Gi"), |manifests, (_, _, hub)| {
        manifests.hub(hub, 2, &[])
    });
    let weft = &Weft::start_on_usual_ports(manifests.yaml()).expect("weft starts");
    thread::scope(|scope| {
        for (sdk, suffix, hub) in runs {
            scope.spawn(move || {
                for round in 1..=2 {
                    let played = play(weft, sdk, suffix, hub, round);
                    played.unwrap_or_else(|error| panic!("{sdk:?}{suffix}, round {round}: {error:#}"));
                }
            });
        }
    });
}

/// Sends three events, and receives them and no others.
fn play(weft: &Weft, sdk: Sdk, suffix: &str, hub: &str, round: i64) -> anyhow::Result<()> {
    let variables = [("EVENT_HUB_NAME", hub), ("BLOB_CONTAINER_NAME", CONTAINER)];
    let example = |program| passwordless_example(weft, sdk, &format!("{program}{suffix}.py"), &variables);
    let sent = example("send")?.output().context("send")?;
    let said = String::from_utf8_lossy(&sent.stderr);
    ensure!(sent.status.success(), "{} {said}", sent.status);
    ensure!(
        sent.stdout == format!("sent 3 events to {hub}\n").as_bytes(),
        "{sent:?}"
    );
    let mut receiver = Receiver::start(example("recv")?)?;
    let mut lines = receiver.lines(3)?;
    // Each run sends one batch to one partition or the other.
    until("all checkpoints to be stored", PATIENCE, || {
        let positions = Blobs::of(weft)?.positions(CONTAINER, hub, "$default")?;
        let stored: i64 = positions.values().map(|number| number + 1).sum();
        ensure!(stored == 3 * round, "{positions:?}");
        Ok(())
    })?;
    lines.extend(receiver.stop()?);
    // A program that was ended does not give its partitions back, and the next one would wait for minutes.
    Blobs::of(weft)?.forget_owners(CONTAINER, hub, "$default")?;
    let partition = lines.first().and_then(|line| line.split_whitespace().last());
    let partition = partition.context("a line")?.to_owned();
    let expected =
        [1, 2, 3].map(|number| format!("received 'measurement {number}' from partition {partition}"));
    ensure!(lines == expected, "{lines:?}");
    Ok(())
}

/// A program that receives until it is interrupted.
struct Receiver {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Receiver {
    fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("start the receiver")?;
        let lines = follow(child.stdout.take().context("take its stdout")?);
        Ok(Self { child, lines })
    }

    fn lines(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        let lines = (0..count).map(|_| self.lines.recv_timeout(PATIENCE));
        match lines.collect() {
            Ok(lines) => Ok(lines),
            Err(error) => {
                let _ = self.child.kill();
                let mut said = String::new();
                let stderr = self.child.stderr.take();
                let _ = stderr.map(|mut stderr| stderr.read_to_string(&mut said));
                Err(error).with_context(|| format!("it received too little: {said}"))
            }
        }
    }

    /// SIGTERM: whoever runs the tests in the background has made their children ignore SIGINT. Returns what it has said since.
    fn stop(mut self) -> anyhow::Result<Vec<String>> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("end it")?;
        let mut stderr = self.child.stderr.take().context("take its stderr")?;
        std::io::copy(&mut stderr, &mut std::io::sink()).context("wait for its last words")?;
        self.child.wait().context("wait for its end")?;
        Ok(self.lines.iter().collect())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn follow(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(100);
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
