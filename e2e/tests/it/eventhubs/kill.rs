//! `kill -9` under producers and consumers of every SDK, twenty times: no acknowledged event is lost, every partition
//! keeps its order, and its sequence numbers have no gap and no repeat.

use std::{thread, time::Duration};

use e2e::{
    Weft,
    eventhubs::{Client, Door, Outcome, Report, Sdk},
    manifests::Manifests,
    random::Random,
};

use super::streams::{Streams, truth};

const KILLS: u64 = 20;
const HUB: &str = "telemetry";

#[test]
fn nothing_acknowledged_is_lost_and_every_partition_keeps_its_order_in_twenty_kills() {
    let seed = Random::new_seed();
    println!("seed {seed}");
    let mut random = Random::from_seed(seed);
    let partitions = u32::try_from(Sdk::ALL.len()).expect("few SDKs");
    let manifests = Manifests::new("2Gi").hub(HUB, partitions, &[]);
    let mut weft = Weft::start(manifests.yaml()).expect("weft starts");
    let streams = Streams::new(&Sdk::ALL);
    let clients: Vec<_> = Sdk::ALL
        .iter()
        .map(|sdk| [start(&weft, *sdk), start(&weft, *sdk)])
        .collect();
    streams.during(clients, |streams| {
        kill_again_and_again(&mut weft, streams, &mut random)
    });
    streams.check(|partition| truth(start(&weft, Sdk::Go), partition));
    let mut report = Report::default();
    for sdk in Sdk::ALL {
        report.note("goes on after the broker was killed", sdk, Outcome::Works);
    }
    report.check().expect("the page says what was seen");
}

fn start(weft: &Weft, sdk: Sdk) -> Client {
    let door = if sdk == Sdk::Rust { Door::Tls } else { Door::Plain };
    Client::start(weft, sdk, door, HUB).expect("the client starts")
}

fn kill_again_and_again(weft: &mut Weft, streams: &Streams, random: &mut Random) {
    for cycle in 0..KILLS {
        streams.everybody_sends(&format!("after {cycle} kills"));
        thread::sleep(Duration::from_millis(random.below(300)));
        weft.kill().expect("killed");
        thread::sleep(Duration::from_millis(random.below(200)));
        weft.resume().expect("weft starts after a crash");
    }
    streams.everybody_sends("after the last kill");
}
