//! The same path in every language: a token, a batch sent and received, and a processor with its checkpoints in blobs.

use std::thread;

use anyhow::{Context, ensure};
use e2e::{
    Weft,
    blobs::Blobs,
    eventhubs::{Client, Outcome, Sdk},
    manifests::Manifests,
};

use crate::eventhubs::scenarios::{self, Scenario, Stage};

/// The older asynchronous client of Python cannot use TLS on the loopback interface.
const WITH_A_TOKEN: [Sdk; 7] = [
    Sdk::PythonOldest,
    Sdk::PythonNewest,
    Sdk::PythonNewestAio,
    Sdk::JavaScript,
    Sdk::Go,
    Sdk::Java,
    Sdk::RustStable,
];
/// Rust's store of checkpoints knows no keys.
const WITH_A_KEY: [Sdk; 7] = [
    Sdk::PythonOldest,
    Sdk::PythonOldestAio,
    Sdk::PythonNewest,
    Sdk::PythonNewestAio,
    Sdk::JavaScript,
    Sdk::Go,
    Sdk::Java,
];

#[test]
fn programs_in_five_languages_need_nothing_but_a_token() {
    run_all(&WITH_A_TOKEN, &scenarios::PASSWORDLESS, Client::passwordless);
}

#[test]
fn processors_keep_their_checkpoints_with_the_key_of_the_connection_string() {
    run_all(&WITH_A_KEY, &scenarios::CHECKPOINTS, Client::with_checkpoints);
}

type Start = fn(&Weft, Sdk, &str, &str) -> anyhow::Result<Client>;

/// At the same time, each with a hub and a container of its own.
fn run_all(sdks: &[Sdk], scenarios: &[Scenario], start: Start) {
    let hub = |number| format!("hub-{number}");
    let manifests = (0..sdks.len()).fold(Manifests::new("1Gi"), |manifests, number| {
        manifests.hub(&hub(number), scenarios::PARTITIONS, &[])
    });
    let weft = &Weft::start_on_usual_ports(manifests.yaml()).expect("weft starts");
    let failures: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> = sdks
            .iter()
            .enumerate()
            .map(|(number, sdk)| {
                scope.spawn(move || {
                    let run = run(weft, *sdk, &hub(number), scenarios, start);
                    run.with_context(|| format!("{sdk:?}")).err()
                })
            })
            .collect();
        let ended = runs
            .into_iter()
            .map(|run| run.join().expect("a run does not panic"));
        ended.flatten().map(|error| format!("{error:#}\n")).collect()
    });
    assert!(failures.is_empty(), "{}", failures.concat());
}

fn run(weft: &Weft, sdk: Sdk, hub: &str, scenarios: &[Scenario], start: Start) -> anyhow::Result<()> {
    let container = format!("progress-of-{hub}");
    let mut stage = Stage::new(start(weft, sdk, hub, &container)?, hub);
    for (scenario, play) in scenarios {
        let outcome = play(&mut stage).with_context(|| (*scenario).to_owned())?;
        ensure!(outcome == Outcome::Works, "{scenario}: {outcome:?}");
    }
    let blobs = Blobs::of(weft)?.list(&container, "")?;
    let checkpoints = blobs.iter().filter(|blob| blob.name.contains("/checkpoint/"));
    ensure!(
        checkpoints.count() > 0,
        "no checkpoint is in the container: {blobs:?}"
    );
    Ok(())
}
