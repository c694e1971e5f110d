//! `kill -9` under load, again and again: every acknowledged event is received, no acknowledged settlement comes back,
//! delivery counts never go down, and a batch survives whole or not at all.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use e2e::{
    EventGrid, Weft,
    eventgrid::{Settlement, event},
    ledger::{self, Ledger},
    manifests::Manifests,
    random::Random,
};

const CYCLES: u64 = 100;
const PUBLISHERS: u64 = 2;
const RECEIVERS: u64 = 2;

/// Events that were delivered more often than this are only acknowledged, so that nothing reaches its maximum of ten.
const RELEASED_AT_MOST: u64 = 3;

/// The subscription's lock: after a crash its holder is gone, and the event comes back when this is over.
const LOCK: Duration = Duration::from_secs(60);

#[test]
fn nothing_acknowledged_is_lost_and_nothing_settled_comes_back_in_a_hundred_crashes() {
    let seed = Random::new_seed();
    println!("seed {seed}");
    let mut random = Random::from_seed(seed);
    let manifests = Manifests::new("2Gi")
        .topic("orders")
        .subscription("orders", "billing", "");
    let mut weft = Weft::prepare(manifests.yaml()).expect("weft is prepared");
    let ledger = Mutex::new(Ledger::default());
    let next = AtomicU64::new(0);
    let mut starts = Vec::new();
    for cycle in 0..CYCLES {
        starts.push(weft.resume().expect("weft starts after a crash"));
        let life = Duration::from_millis(30 + random.below(250));
        live_and_die(&mut weft, &ledger, &next, &mut random, life);
        assert!(
            ledger
                .lock()
                .expect("no test thread panics")
                .violations()
                .is_empty(),
            "in cycle {cycle}"
        );
    }
    let restarts = starts.split_off(1);
    weft.resume().expect("weft starts after the last crash");
    drain(&weft, &ledger);
    let ledger = ledger.into_inner().expect("no test thread panics");
    println!(
        "{}; slowest restart {:?}",
        ledger.summary(),
        restarts.iter().max()
    );
    assert!(
        ledger.is_substantial(500, 100),
        "the load was no load: {}",
        ledger.summary()
    );
    ledger.check_complete();
}

/// Runs the load until the process is killed under it.
fn live_and_die(
    weft: &mut Weft,
    ledger: &Mutex<Ledger>,
    next: &AtomicU64,
    random: &mut Random,
    life: Duration,
) {
    let key = weft.key().expect("a key");
    let address = weft.http_address();
    thread::scope(|scope| {
        for _ in 0..PUBLISHERS {
            let random = Random::from_seed(random.below(u64::MAX));
            let key = &key;
            scope.spawn(move || {
                if let Ok(client) = EventGrid::open(address, key) {
                    publish_until_cut(client, ledger, next, random);
                }
            });
        }
        for _ in 0..RECEIVERS {
            let random = Random::from_seed(random.below(u64::MAX));
            let key = &key;
            scope.spawn(move || {
                if let Ok(client) = EventGrid::open(address, key) {
                    receive_until_cut(client, ledger, random);
                }
            });
        }
        thread::sleep(life);
        weft.kill().expect("killed");
    });
}

fn publish_until_cut(mut client: EventGrid, ledger: &Mutex<Ledger>, next: &AtomicU64, mut random: Random) {
    loop {
        let size = if random.chance(30) {
            1
        } else {
            1 + random.below(20)
        };
        let first = next.fetch_add(size, Ordering::Relaxed);
        let ids: Vec<_> = (first..first + size).collect();
        let events: Vec<_> = ids.iter().map(|id| event(&id.to_string())).collect();
        let outcome = client.publish("orders", &events);
        let acknowledged = outcome.is_ok();
        ledger
            .lock()
            .expect("no test thread panics")
            .published(ids, acknowledged);
        if !acknowledged {
            return;
        }
        // A breath, so that the hundredth restart does not replay the work of minutes.
        thread::sleep(Duration::from_millis(random.below(5)));
    }
}

fn receive_until_cut(mut client: EventGrid, ledger: &Mutex<Ledger>, mut random: Random) {
    loop {
        let most = 1 + u32::try_from(random.below(60)).expect("small");
        let Ok(deliveries) = client.receive("orders", "billing", most) else {
            return;
        };
        ledger
            .lock()
            .expect("no test thread panics")
            .received(&deliveries);
        // Some are released, some are kept until their lock expires, most are acknowledged.
        let (mut acknowledge, mut release) = (Vec::new(), Vec::new());
        for delivery in &deliveries {
            if delivery.delivery_count <= RELEASED_AT_MOST && random.chance(15) {
                release.push(delivery);
            } else if !random.chance(2) {
                acknowledge.push(delivery);
            }
        }
        for (settlement, deliveries) in [
            (Settlement::Acknowledge, acknowledge),
            (Settlement::Release { delay_seconds: 0 }, release),
        ] {
            if !ledger::settle(&mut client, ledger, settlement, &deliveries) {
                return;
            }
        }
    }
}

/// Takes everything that is left, until every lock of a dead receiver has surely expired.
fn drain(weft: &Weft, ledger: &Mutex<Ledger>) {
    let start = Instant::now();
    let mut client = weft.client().expect("a client");
    loop {
        let deliveries = client.receive("orders", "billing", 100).expect("received");
        if deliveries.is_empty() && start.elapsed() > LOCK + Duration::from_secs(2) {
            return;
        }
        ledger
            .lock()
            .expect("no test thread panics")
            .received(&deliveries);
        let deliveries: Vec<_> = deliveries.iter().collect();
        assert!(ledger::settle(
            &mut client,
            ledger,
            Settlement::Acknowledge,
            &deliveries
        ));
    }
}
