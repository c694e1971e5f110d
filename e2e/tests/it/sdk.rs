//! Programs on Azure's own SDKs, unmodified: every operation, every publish mode that the client has, its errors.

use std::thread;

use e2e::{
    Weft,
    clients::{self, Door, Sdk},
    manifests::Manifests,
};

#[test]
fn python_newest_finds_the_service_it_knows() {
    run_all(
        Sdk::PythonNewest,
        &[
            ("every_operation", Door::Http),
            ("kinds_of_data", Door::Http),
            ("dicts", Door::Http),
            ("errors", Door::Http),
            ("release_with_delay", Door::Http),
            ("names", Door::Http),
            ("api_versions", Door::Http),
            ("publish_and_receive", Door::Http),
            ("publish_and_receive", Door::Https),
            ("publish_and_receive", Door::Exec),
            ("publish_and_receive", Door::Token),
        ],
    );
}

#[test]
fn python_beta_finds_the_service_it_knows_bugs_included() {
    run_all(
        Sdk::PythonBeta,
        &[
            ("every_operation", Door::Http),
            ("kinds_of_data", Door::Http),
            ("merged_lists", Door::Http),
            ("binary_mode", Door::Http),
            ("errors", Door::Http),
            ("release_with_delay", Door::Http),
            ("kinds_of_data", Door::Https),
            ("kinds_of_data", Door::Exec),
        ],
    );
}

#[test]
fn javascript_finds_the_service_it_knows() {
    run_all(
        Sdk::JavaScript,
        &[
            ("every_operation", Door::Http),
            ("kinds_of_data", Door::Http),
            ("bytes", Door::Http),
            ("errors", Door::Http),
            ("release_with_delay", Door::Http),
            ("publish_and_receive", Door::Http),
            ("publish_and_receive", Door::Https),
            ("publish_and_receive", Door::Exec),
            ("publish_and_receive", Door::Token),
        ],
    );
}

/// Runs the scenarios at the same time, each on a topic of its own, and tells all failures at once.
fn run_all(sdk: Sdk, scenarios: &[(&str, Door)]) {
    let topics: Vec<_> = (0..scenarios.len())
        .map(|index| format!("topic-{index}"))
        .collect();
    let manifests = topics.iter().fold(Manifests::new("1Gi"), |manifests, topic| {
        manifests
            .topic(topic)
            .subscription(topic, &format!("{topic}-all"), "")
    });
    let weft = Weft::start(manifests.yaml()).expect("weft starts");
    let failures: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> = scenarios
            .iter()
            .zip(&topics)
            .map(|(&(scenario, door), topic)| {
                let weft = &weft;
                scope.spawn(move || {
                    clients::run(weft, sdk, door, scenario, topic, &format!("{topic}-all")).err()
                })
            })
            .collect();
        runs.into_iter()
            .filter_map(|run| run.join().expect("a run does not panic"))
            .collect()
    });
    assert!(
        failures.is_empty(),
        "{}",
        failures
            .iter()
            .map(|error| format!("{error:#}\n"))
            .collect::<String>()
    );
}
