//! The two programs of Microsoft's quickstart in Python: three events, sent in one batch and received.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use e2e::{
    Weft,
    eventhubs::{Sdk, quickstart},
    manifests::Manifests,
};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn three_events_of_the_quickstart_are_sent_and_received() {
    let runs = [
        (Sdk::PythonOldest, "", "hub-0"),
        (Sdk::PythonOldest, "_aio", "hub-1"),
        (Sdk::PythonNewest, "", "hub-2"),
        (Sdk::PythonNewest, "_aio", "hub-3"),
    ];
    let manifests = runs.iter().fold(Manifests::new("1Gi"), |manifests, (_, _, hub)| {
        manifests.hub(hub, 2, &[])
    });
    let weft = Weft::start(manifests.yaml()).expect("weft starts");
    for (sdk, suffix, hub) in runs {
        play(&weft, sdk, suffix, hub).unwrap_or_else(|error| panic!("{sdk:?}{suffix}: {error:#}"));
    }
}

fn play(weft: &Weft, sdk: Sdk, suffix: &str, hub: &str) -> anyhow::Result<()> {
    let sent = quickstart(weft, sdk, &format!("send{suffix}.py"), hub)?
        .output()
        .context("send")?;
    let said = String::from_utf8_lossy(&sent.stderr);
    ensure!(
        sent.status.success() && sent.stdout == b"sent\n",
        "{} {said}",
        sent.status
    );
    let lines = first_lines(quickstart(weft, sdk, &format!("recv{suffix}.py"), hub)?, 3)?;
    let partition = lines
        .first()
        .and_then(|line| line.split_whitespace().last())
        .context("a line")?;
    let expected = ["first", "second", "third"]
        .map(|number| format!("received \"{number} event\" from partition {partition}"));
    ensure!(lines == expected, "{lines:?}");
    Ok(())
}

/// The first lines of a program that does not end by itself.
fn first_lines(mut command: Command, count: usize) -> anyhow::Result<Vec<String>> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("start the receiver")?;
    let output = child.stdout.take().context("take its stdout")?;
    let (sender, receiver) = mpsc::sync_channel(count);
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let lines = (0..count)
        .map(|_| receiver.recv_timeout(PATIENCE).context("it received too little"))
        .collect();
    child
        .kill()
        .and_then(|()| child.wait())
        .context("end the receiver")?;
    lines
}
