//! The disk is lost, and with it every event; positions come back from their copy, and new events are seen.

use std::{
    collections::BTreeSet,
    fs,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use e2e::{
    Weft,
    blobs::{Blobs, Positions},
    cluster::until,
    eventhubs::{Client, Sdk},
    manifests::Manifests,
};

use super::rounds::{Ledger, PATIENCE, Processor, Producer};

const PARTITIONS: u32 = 4;
const HUB: &str = "telemetry";
const GROUP: &str = "dashboards";
const CONTAINER: &str = "progress";
/// From where the first log that follows another one numbers its events.
const SECOND_LIFE: i64 = 1 << 40;
/// What was stored this long ago is in the copy, wherever that is.
const COPIED: Duration = Duration::from_secs(10);

#[test]
fn positions_come_back_from_beside_the_data_after_a_graceful_stop_and_the_loss_of_the_log() {
    let weft = Weft::start_on_usual_ports(manifests("").yaml()).expect("weft starts");
    play(weft, |weft| {
        weft.terminate().expect("it stops");
        // The log and nothing else: the copy of local mode lies beside it.
        let namespaces = fs::read_dir(weft.data_folder().join("namespaces")).expect("a folder each");
        for namespace in namespaces {
            let folder = namespace.expect("an entry").path();
            assert!(
                folder.join("log.checkpoints").is_dir(),
                "there is no copy in {folder:?}"
            );
            fs::remove_dir_all(folder.join("log")).expect("the log is lost");
        }
    });
}

#[test]
fn positions_come_back_from_an_object_store_after_a_kill_and_the_loss_of_the_whole_data_folder() {
    let copy = tempfile::tempdir().expect("a folder");
    let url = format!(
        "checkpoint: {{objectStore: {{url: 'file://{}'}}}}",
        copy.path().display()
    );
    let weft = Weft::start_on_usual_ports(manifests(&url).yaml()).expect("weft starts");
    play(weft, |weft| {
        // As long as a copy may be behind; a slow machine gets as much again.
        thread::sleep(2 * COPIED);
        weft.kill().expect("killed");
        fs::remove_dir_all(weft.data_folder()).expect("everything is lost");
    });
}

/// As old may what comes back be: a page is copied every ten seconds, and a busy machine needs some time for it.
const BEHIND: Duration = Duration::from_secs(15);

#[test]
fn what_comes_back_is_at_most_ten_seconds_old_when_the_disk_is_lost_under_load() {
    let copy = tempfile::tempdir().expect("a folder");
    let url = format!(
        "checkpoint: {{objectStore: {{url: 'file://{}'}}}}",
        copy.path().display()
    );
    let mut weft = Weft::start_on_usual_ports(manifests(&url).yaml()).expect("weft starts");
    weft.expect_errors("the disk is empty");
    let mut producer = producer(&weft);
    let processor = processor(&weft, Sdk::Go, &Arc::default());
    let begin = Instant::now();
    let mut looks = Vec::new();
    while begin.elapsed() < 2 * BEHIND {
        producer.send(1);
        looks.push((Instant::now(), positions(&weft)));
        thread::sleep(Duration::from_millis(500));
    }
    processor.kill();
    let lost_at = Instant::now();
    weft.kill().expect("killed");
    fs::remove_dir_all(weft.data_folder()).expect("everything is lost");
    weft.resume().expect("it starts on an empty disk");
    let restored = positions(&weft);
    let is_old = |(at, _): &&(Instant, _)| lost_at.duration_since(*at) >= BEHIND;
    let (_, old) = looks.iter().rev().find(is_old).expect("it took longer than that");
    let (_, last) = looks.last().expect("many looks");
    assert_eq!(old.len(), PARTITIONS as usize, "{old:?}");
    for (partition, number) in old {
        assert!(
            last[partition] > *number,
            "{partition} went on: {old:?}, {last:?}"
        );
        assert!(
            restored[partition] >= *number,
            "{partition}: {restored:?}, and {old:?} was old"
        );
    }
}

fn manifests(spec: &str) -> Manifests {
    let manifests = Manifests::new("1Gi");
    let manifests = if spec.is_empty() {
        manifests
    } else {
        manifests.field(spec)
    };
    manifests.hub(HUB, PARTITIONS, &[GROUP])
}

fn play(mut weft: Weft, lose: impl FnOnce(&mut Weft)) {
    weft.expect_errors("the disk is empty");
    let mut before = producer(&weft);
    before.send(3);
    let ledger = Arc::<Ledger>::default();
    let processor = processor(&weft, Sdk::PythonNewestAio, &ledger);
    ledger.wait_for(&before.acknowledged);
    let stored = wait_until_stored(&weft, &ledger);
    processor.stop();
    drop(before);

    lose(&mut weft);
    weft.resume().expect("it starts on an empty disk");
    assert_eq!(positions(&weft), stored, "positions come back");
    // Consumers of before: one whose checkpoints came back, in each of two languages.
    for (round, sdk) in [Sdk::JavaScript, Sdk::PythonNewest].into_iter().enumerate() {
        let mut after = producer(&weft);
        after.send(1);
        let ledger = Arc::default();
        let processor = self::processor(&weft, sdk, &ledger);
        ledger.wait_for(&after.acknowledged);
        wait_until_stored(&weft, &ledger);
        processor.stop();
        check(&ledger, round);
    }
    assert!(
        weft.log()
            .contains("the disk is empty though there were events before"),
        "it says what happened"
    );
}

/// New events were seen, and nothing else: each once, with numbers that no event had before.
fn check(ledger: &Ledger, round: usize) {
    let taken = ledger.taken();
    let numbers: BTreeSet<_> = taken.iter().map(|taken| taken.number).collect();
    let first = SECOND_LIFE + i64::try_from(round).expect("few rounds");
    assert_eq!(numbers, [first].into(), "{taken:?}");
    assert_eq!(taken.len(), PARTITIONS as usize, "{taken:?}");
}

fn producer(weft: &Weft) -> Producer {
    let client = Client::passwordless(weft, Sdk::Go, HUB, CONTAINER).expect("a producer");
    Producer::new(client, PARTITIONS)
}

fn processor(weft: &Weft, sdk: Sdk, ledger: &Arc<Ledger>) -> Processor {
    let client = Client::passwordless(weft, sdk, HUB, CONTAINER).expect("a processor");
    Processor::start(client, GROUP, 0, ledger)
}

fn wait_until_stored(weft: &Weft, ledger: &Ledger) -> Positions {
    until("every event to be stored", PATIENCE, || {
        let (stored, newest) = (positions(weft), ledger.newest());
        ensure!(stored == newest, "stored {stored:?}, processed {newest:?}");
        Ok(stored)
    })
    .expect("it is")
}

fn positions(weft: &Weft) -> Positions {
    let blobs = Blobs::of(weft).expect("the blob door");
    blobs.positions(CONTAINER, HUB, GROUP).expect("checkpoints")
}
