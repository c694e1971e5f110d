//! Three processors in three languages share eight partitions while processors and the broker are killed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::ensure;
use e2e::{
    Weft,
    blobs::{Blobs, Positions},
    cluster::until,
    eventhubs::{Client, Sdk},
    manifests::Manifests,
    random::Random,
};

use super::rounds::{EXPIRATION, Ledger, PATIENCE, Processor, Producer, Taken};

const KILLS: usize = 20;
const PARTITIONS: u32 = 8;
const HUB: &str = "telemetry";
/// Lower case: the store of Go's SDK takes the name as it is, and those of the others in lower case.
const GROUP: &str = "dashboards";
const CONTAINER: &str = "progress";
const SDKS: [Sdk; 3] = [Sdk::PythonNewestAio, Sdk::JavaScript, Sdk::Go];
/// As long may two processors take the same partition: until the one that lost it has noticed.
const WINDOW: Duration = Duration::from_secs(15);

/// Everything that is going on.
struct Group {
    weft: Weft,
    ledger: Arc<Ledger>,
    producer: Producer,
    processors: Vec<Option<Processor>>,
    lives: usize,
}

#[test]
fn every_event_is_processed_and_no_checkpoint_goes_back_in_twenty_kills_of_processors_and_of_the_broker() {
    let seed = Random::new_seed();
    println!("seed {seed}");
    let mut random = Random::from_seed(seed);
    let mut group = Group::start();
    for kill in 0..KILLS {
        group.producer.send(2);
        // One broker to two processors.
        if kill % 3 == 2 {
            group.kill_broker();
        } else {
            let place = random.below(SDKS.len() as u64) as usize;
            group.kill_processor(place);
        }
        if kill % 4 == 3 {
            group.producer.send(1);
            group.ledger.wait_for(&group.producer.acknowledged);
        }
    }
    group.producer.send(2);
    group.ledger.wait_for(&group.producer.acknowledged);
    group.everything_is_stored();
    group.stop();
    check_owners(&group.ledger.taken());
}

impl Group {
    fn start() -> Self {
        let manifests = Manifests::new("1Gi").hub(HUB, PARTITIONS, &[GROUP]);
        let weft = Weft::start_on_usual_ports(manifests.yaml()).expect("weft starts");
        let producer = Client::passwordless(&weft, Sdk::Go, HUB, CONTAINER).expect("the producer starts");
        let mut group = Self {
            producer: Producer::new(producer, PARTITIONS),
            weft,
            ledger: Arc::default(),
            processors: SDKS.iter().map(|_| None).collect(),
            lives: 0,
        };
        for place in 0..SDKS.len() {
            group.start_processor(place);
        }
        group.producer.send(2);
        group.ledger.wait_for(&group.producer.acknowledged);
        group
    }

    fn start_processor(&mut self, place: usize) {
        let client = Client::passwordless(&self.weft, SDKS[place], HUB, CONTAINER);
        let client = client.expect("the processor starts");
        self.processors[place] = Some(Processor::start(client, GROUP, self.lives, &self.ledger));
        self.lives += 1;
    }

    fn kill_processor(&mut self, place: usize) {
        self.processors[place].take().expect("it runs").kill();
        self.start_processor(place);
    }

    /// No checkpoint is older afterwards, unless a processor has stored an older event meanwhile: of a partition that it
    /// had just lost.
    fn kill_broker(&mut self) {
        let stored = self.ledger.stored();
        let before = self.positions();
        self.weft.kill().expect("killed");
        self.weft.resume().expect("weft starts after a crash");
        let after = self.positions();
        let lives = Vec::from_iter(self.processors.iter().flatten().map(Processor::life));
        for (partition, number) in &before {
            let now = *after.get(partition).expect("a checkpoint that was there stays");
            assert!(
                now >= *number || self.ledger.may_have_stored(partition, now, &lives, stored),
                "partition {partition}: {number} was stored, now it is {now}"
            );
        }
    }

    fn positions(&self) -> Positions {
        let blobs = Blobs::of(&self.weft).expect("the blob door");
        blobs.positions(CONTAINER, HUB, GROUP).expect("checkpoints")
    }

    /// Processors that had just lost a partition may have stored the older of two events last; the next event mends that.
    fn everything_is_stored(&mut self) {
        until("the last event of every partition to be stored", PATIENCE, || {
            let (stored, newest) = (self.positions(), self.ledger.newest());
            if stored != newest {
                self.producer.send(1);
                self.ledger.wait_for(&self.producer.acknowledged);
            }
            ensure!(stored == newest, "stored {stored:?}, processed {newest:?}");
            Ok(())
        })
        .expect("it is");
    }

    fn stop(&mut self) {
        for processor in &mut self.processors {
            processor.take().expect("it runs").stop();
        }
    }
}

/// An event that two processors took was taken in the time that it takes to notice a loss.
fn check_owners(taken: &[Taken]) {
    let mut by_event: BTreeMap<(&str, i64), BTreeMap<usize, &Taken>> = BTreeMap::new();
    for taken in taken {
        by_event
            .entry((&taken.partition, taken.number))
            .or_default()
            .entry(taken.life)
            .or_insert(taken);
    }
    // Events in a row that the same two have taken.
    let mut runs: BTreeMap<(&str, usize, usize), (i64, &Taken)> = BTreeMap::new();
    for ((partition, number), lives) in &by_event {
        for (first, second) in pairs(lives) {
            let run = runs
                .entry((partition, first.life, second.life))
                .or_insert((*number, second));
            if run.0 + 1 < *number {
                *run = (*number, second);
            }
            run.0 = *number;
            let span = second.at.saturating_duration_since(run.1.at);
            assert!(
                span <= EXPIRATION + WINDOW,
                "partition {partition} was taken by two processors for {span:?}, up to {first:?} and {second:?}"
            );
        }
    }
}

/// Every two of those who took an event, in the order of their lives.
fn pairs<'t>(lives: &BTreeMap<usize, &'t Taken>) -> Vec<(&'t Taken, &'t Taken)> {
    let all: Vec<_> = lives.values().copied().collect();
    let pairs = all.iter().enumerate();
    pairs
        .flat_map(|(place, first)| all[place + 1..].iter().map(move |second| (*first, *second)))
        .collect()
}
