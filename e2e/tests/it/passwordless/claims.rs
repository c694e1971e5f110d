//! Many processors want the same partitions at the same moment.

use std::{collections::BTreeMap, time::Instant};

use e2e::{
    Weft,
    blobs::Blobs,
    eventhubs::{Client, Line, Request, Sdk},
    manifests::Manifests,
};

use super::rounds::PATIENCE;

const PARTITIONS: usize = 8;
const TAKEOVERS: usize = 4;
const HUB: &str = "telemetry";
const GROUP: &str = "dashboards";
const CONTAINER: &str = "claims";
/// JavaScript's store makes a blob that is not there without a condition, so it does not join in the first claim.
const FIRST: [Sdk; 8] = [
    Sdk::PythonNewest,
    Sdk::PythonNewest,
    Sdk::PythonNewestAio,
    Sdk::PythonNewestAio,
    Sdk::PythonNewestAio,
    Sdk::PythonOldest,
    Sdk::PythonOldest,
    Sdk::PythonOldestAio,
];
const LATER: [Sdk; 2] = [Sdk::JavaScript, Sdk::JavaScript];

#[test]
fn of_eight_processors_that_claim_a_partition_at_once_exactly_one_gets_it() {
    let manifests = Manifests::new("1Gi").hub(HUB, 8, &[GROUP]);
    let weft = Weft::start_on_usual_ports(manifests.yaml()).expect("weft starts");
    let start = |sdk: &Sdk| Client::passwordless(&weft, *sdk, HUB, CONTAINER).expect("a processor starts");
    let mut processors: Vec<_> = FIRST.iter().map(start).collect();
    for round in 0..=TAKEOVERS {
        if round == 1 {
            processors.extend(LATER.iter().map(start));
        }
        let won = claim(&mut processors, round);
        let blobs = Blobs::of(&weft).expect("the blob door");
        let owners = blobs.owners(CONTAINER, HUB, GROUP).expect("owners");
        assert_eq!(
            owners, won,
            "what the winners were told is what is stored, round {round}"
        );
        assert_eq!(owners.len(), PARTITIONS);
    }
}

/// Lets all of them claim every partition at the same time, and returns who got which.
fn claim(processors: &mut [Client], round: usize) -> BTreeMap<String, String> {
    let name = |place: usize| format!("round-{round}-processor-{place}");
    for (place, processor) in processors.iter_mut().enumerate() {
        let request = Request::claim(GROUP, PARTITIONS, &name(place));
        processor.begin(&request).expect("it begins");
    }
    for processor in &mut *processors {
        match next(processor) {
            Line::Ready(listed) => assert_eq!(listed, if round == 0 { 0 } else { PARTITIONS }),
            other => panic!("{:?}: {other:?}", processor.sdk()),
        }
    }
    for processor in &mut *processors {
        processor.stop().expect("it is told to claim");
    }
    let mut owners = BTreeMap::new();
    for (place, processor) in processors.iter_mut().enumerate() {
        let Line::Claimed(won) = next(processor) else {
            panic!("{:?} says something else", processor.sdk())
        };
        for partition in won {
            let before = owners.insert(partition.clone(), name(place));
            assert_eq!(
                before, None,
                "two have got partition {partition} in round {round}"
            );
        }
        assert!(matches!(next(processor), Line::Done(_)));
    }
    owners
}

fn next(processor: &mut Client) -> Line {
    let line = processor.line(Instant::now() + PATIENCE).expect("it lives");
    line.unwrap_or_else(|| panic!("{:?} is silent for {PATIENCE:?}", processor.sdk()))
}
