//! Programs on Azure's Event Hubs SDKs, unmodified, in five languages. What they do is written to
//! `docs/compatibility.md`.

mod kill;
mod quickstart;
mod refusals;
pub(crate) mod scenarios;
mod streams;

use std::{thread, time::Instant};

use anyhow::Context;
use e2e::{
    Weft,
    eventhubs::{Client, Door, Outcome, Report, Sdk},
    manifests::Manifests,
};

use self::scenarios::Stage;

#[test]
fn the_oldest_python_finds_the_service_it_knows() {
    run_all(&[Sdk::PythonOldest, Sdk::PythonOldestAio]);
}

#[test]
fn the_newest_python_finds_the_service_it_knows() {
    run_all(&[Sdk::PythonNewest, Sdk::PythonNewestAio]);
}

#[test]
fn javascript_finds_the_service_it_knows() {
    run_all(&[Sdk::JavaScript]);
}

#[test]
fn go_finds_the_service_it_knows() {
    run_all(&[Sdk::Go]);
}

#[test]
fn java_finds_the_service_it_knows() {
    run_all(&[Sdk::Java]);
}

#[test]
fn rust_finds_the_service_it_knows() {
    run_all(&[Sdk::Rust]);
}

/// Every scenario through the usual door and a few through the others, each program with a hub of its own.
fn run_all(sdks: &[Sdk]) {
    let runs: Vec<_> = sdks
        .iter()
        .flat_map(|&sdk| [Door::Plain, Door::Tls, Door::WebSocket].map(|door| (sdk, door)))
        .enumerate()
        .map(|(number, (sdk, door))| (sdk, door, format!("hub-{number}")))
        .collect();
    let manifests = runs.iter().fold(Manifests::new("1Gi"), |manifests, (_, _, hub)| {
        manifests.hub(hub, scenarios::PARTITIONS, &["dashboards"])
    });
    let weft = &Weft::start(manifests.yaml()).expect("weft starts");
    let mut report = Report::default();
    let mut failures = Vec::new();
    thread::scope(|scope| {
        let running: Vec<_> = runs
            .iter()
            .map(|(sdk, door, hub)| scope.spawn(move || (sdk, door, run(weft, *sdk, *door, hub))))
            .collect();
        for run in running {
            match run.join().expect("a run does not panic") {
                (_, _, Ok(seen)) => report.merge(seen),
                (sdk, door, Err(error)) => failures.push(format!("{sdk:?} through {door:?}: {error:#}\n")),
            }
        }
    });
    assert!(failures.is_empty(), "{}", failures.concat());
    report.check().expect("the page says what was seen");
}

fn run(weft: &Weft, sdk: Sdk, door: Door, hub: &str) -> anyhow::Result<Report> {
    let mut report = Report::default();
    // Rust's SDK has no plain door.
    if (sdk, door) == (Sdk::Rust, Door::Plain) {
        return Ok(report);
    }
    let row = match door {
        Door::Plain => None,
        Door::Tls => Some("AMQP over TLS"),
        Door::WebSocket => Some("AMQP over a WebSocket"),
    };
    if let (Some(row), Some(why)) = (row, closed(sdk, door)) {
        report.note(row, sdk, Outcome::Unsupported(why.to_owned()));
        return Ok(report);
    }
    let mut stage = Stage::new(Client::start(weft, sdk, door, hub)?, hub);
    let usual = if sdk == Sdk::Rust { Door::Tls } else { Door::Plain };
    let scenarios = if door == usual {
        &scenarios::ALL[..]
    } else {
        &scenarios::BRIEF
    };
    for (scenario, play) in scenarios {
        let start = Instant::now();
        let outcome = play(&mut stage).with_context(|| (*scenario).to_owned())?;
        println!("{sdk:?} through {door:?}: {scenario}: {:.1?}", start.elapsed());
        if door == usual {
            report.note(scenario, sdk, outcome);
        }
    }
    if let Some(row) = row {
        report.note(row, sdk, Outcome::Works);
    }
    Ok(report)
}

/// Why an SDK cannot come through a door, whoever stands behind it.
fn closed(sdk: Sdk, door: Door) -> Option<&'static str> {
    match (sdk, door) {
        (Sdk::PythonOldestAio, Door::Tls) => {
            Some("over the loopback interface it asks for a segment size that Linux refuses")
        }
        (Sdk::PythonOldestAio, Door::WebSocket) => Some("it needs an aiohttp that Python 3.8 cannot have"),
        _ => None,
    }
}
