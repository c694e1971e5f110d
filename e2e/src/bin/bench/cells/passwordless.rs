//! How soon the quickstart without a password has its first event acknowledged, beside its twin with a connection string.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use e2e::{
    Weft,
    eventhubs::{Sdk, example, passwordless_example},
    manifests::Manifests,
};

use crate::{probe, requests, table::Row};

const HUB: &str = "telemetry";
/// Of each, in turns, after one that is not counted.
const ROUNDS: usize = 9;
const AIM: f64 = 1.5;

pub(crate) fn run() -> anyhow::Result<Vec<Row>> {
    let manifests = Manifests::new(requests::SIZE).hub(HUB, 4, &[]);
    let weft = Weft::start_on_usual_ports(manifests.yaml())?;
    let probe = probe::run()?;
    let variables = [("EVENT_HUB_NAME", HUB)];
    let (mut with_token, mut with_string) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let token = passwordless_example(&weft, Sdk::PythonNewest, "send.py", &variables)?;
        let string = example(&weft, Sdk::PythonNewest, "eventhubs/send.py", &variables)?;
        let times = (first_line(token)?, first_line(string)?);
        // The first time files come from the disk and are compiled.
        if round > 0 {
            with_token.push(times.0);
            with_string.push(times.1);
        }
    }
    let (with_token, with_string) = (median(with_token), median(with_string));
    let ratio = with_token.as_secs_f64() / with_string.as_secs_f64();
    Ok(vec![Row {
        what: "start of Python's send.py without a password, to its acknowledged events".to_owned(),
        measured: format!("{} ms", with_token.as_millis()),
        against: format!(
            "with a connection string: {} ms; aim ≤ {AIM}",
            with_string.as_millis()
        ),
        ratio: Some(ratio),
        probe: Some(probe),
        ..Row::default()
    }])
}

/// How long it takes until it says that its events were sent.
fn first_line(mut command: Command) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().context("start it")?;
    let output = child.stdout.take().context("take its stdout")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).context("read")?;
    let time = start.elapsed();
    ensure!(child.wait().context("wait")?.success(), "it failed");
    ensure!(line.starts_with("sent 3 events"), "it said {line:?}");
    Ok(time)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
