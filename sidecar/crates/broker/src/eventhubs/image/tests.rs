use std::sync::Arc;
use std::time::Duration;

use auth::Permit;
use bytes::Bytes;
use runtime::Clock;
use storage::memory::Store;
use storage::{Log, Position, Reservation};

use super::*;
use crate::eventhubs::hubs::Hubs;
use crate::eventhubs::producers::{ProducerOptions, ProducerStamp};
use crate::eventhubs::shared::Shared;
use crate::snapshots::{FirstSnapshot, Growth};
use crate::{DeletionConfig, DeletionPolicy, HubConfig};

const HUB: Uid = Uid::from_u128(1 << 64);

struct Fixture {
    store: Store,
    clock: Clock,
    hubs: Hubs,
}

impl Fixture {
    fn new() -> Self {
        let store = Store::unbounded();
        let clock = testkit::clock();
        let hubs = hubs(&store, &clock, Image::default());
        Self { store, clock, hubs }
    }

    fn configure(&self, partitions: Option<u32>) {
        let hub = |partition_count| HubConfig {
            uid: HUB,
            name: String::from("telemetry"),
            partition_count,
            retention: Duration::from_secs(3600),
            size: None,
            consumer_groups: Vec::new(),
        };
        let deletion = DeletionConfig {
            policy: DeletionPolicy::Retain,
            grace: Duration::ZERO,
        };
        let hubs: Vec<HubConfig> = partitions.into_iter().map(hub).collect();
        let now = self.clock.now();
        self.hubs.configure(&hubs, deletion, Reservation::none(), now);
    }

    fn append(&self, partition: u32, count: usize) {
        let hub = self.hubs.hub("telemetry").unwrap();
        let partition = hub.partition(partition).unwrap();
        for _ in 0..count {
            let events = [Bytes::from_static(b"event"), Bytes::new()];
            partition.append(&Permit::internal(), &events, None).unwrap();
        }
    }

    /// Opens a producer and lets it send.
    async fn produce(&self) {
        let hub = self.hubs.hub("telemetry").unwrap();
        let (partition, permit) = (hub.partition(0).unwrap(), Permit::internal());
        let producer = partition
            .open_producer(&permit, ProducerOptions::default())
            .await
            .unwrap();
        for first_sequence in 0..3 {
            let stamp = ProducerStamp {
                id: producer.id,
                epoch: producer.epoch,
                first_sequence,
            };
            let events = [Bytes::from_static(b"event")];
            partition.append(&permit, &events, Some(stamp)).unwrap();
        }
    }

    /// Goes through everything that can happen to a hub.
    async fn live(&self) {
        self.configure(Some(2));
        self.append(0, 5);
        self.append(1, 3);
        self.clock.advance(Duration::from_secs(1800));
        self.produce().await;
        self.clock.advance(Duration::from_secs(1801));
        self.hubs.tend(self.clock.now());
        self.configure(None);
        self.hubs.purge(HUB, self.clock.now()).unwrap();
        self.configure(Some(1));
        self.append(0, 4);
        self.configure(Some(3));
        self.produce().await;
        self.append(2, 2);
        self.configure(None);
        self.configure(Some(3));
        self.append(1, 1);
    }
}

fn hubs(store: &Store, clock: &Clock, image: Image) -> Hubs {
    let (log, ..) = store.open();
    let growth = Arc::new(Growth::new(&*log));
    let shared = Shared::new(log, clock.clone(), growth);
    Hubs::new(Arc::new(shared), image, FirstSnapshot::new(true))
}

/// Applies the records of the log from `from` on to a snapshot, and writes the result down again.
fn replayed(fixture: &Fixture, mut image: Image, from: Position) -> Vec<u8> {
    let (_, _, mut replay) = fixture.store.open();
    let mut seen = Replayed::default();
    replay.records(from, &mut |_, record| image.replay(record, &mut seen));
    assert_eq!(seen.malformed, 0);
    hubs(&fixture.store, &fixture.clock, image).encode(0)
}

#[tokio::test]
async fn the_log_alone_gives_the_state_back() {
    let fixture = Fixture::new();
    fixture.live().await;
    let state = fixture.hubs.encode(0);
    assert_eq!(replayed(&fixture, Image::default(), Position::START), state);
}

/// A snapshot is taken while others append, so it may contain more than its position says.
#[tokio::test]
async fn what_a_snapshot_knows_already_changes_nothing_when_it_is_replayed() {
    let fixture = Fixture::new();
    fixture.live().await;
    let state = fixture.hubs.encode(0);
    let (log, ..) = fixture.store.open();
    for from in 0..log.end().get() {
        let (image, _) = Image::decode(&state).unwrap();
        let again = replayed(&fixture, image, Position::new(from));
        assert_eq!(again, state, "from record {from}");
    }
}

#[tokio::test]
async fn a_snapshot_that_is_cut_is_refused() {
    let fixture = Fixture::new();
    fixture.live().await;
    let state = fixture.hubs.encode(7);
    assert_eq!(Image::decode(&state).unwrap().1, 7);
    for length in 0..state.len() {
        assert!(Image::decode(&state[..length]).is_err(), "{length} bytes");
    }
}

/// The machine's clock was hours late and is corrected.
#[tokio::test]
async fn a_wall_clock_that_jumps_ahead_takes_no_event_and_no_hub() {
    let fixture = Fixture::new();
    fixture.configure(Some(2));
    fixture.append(0, 3);
    let hour = Duration::from_secs(3600);
    let jumped = fixture.clock.now() + 5 * hour;
    fixture.hubs.tend(jumped);
    let events = |fixture: &Fixture| {
        let table = fixture.hubs.streams();
        table.iter().map(|stream| stream.events).sum::<u64>()
    };
    let hub = fixture.hubs.hub("telemetry").unwrap();
    let is_empty = || hub.partition(0).unwrap().properties().is_empty;
    assert!(!is_empty());
    // By now they are as old as it is allowed.
    fixture.clock.advance(hour);
    fixture.hubs.tend(jumped + hour);
    assert!(is_empty());
    fixture.append(1, 3);
    let deletion = DeletionConfig {
        policy: DeletionPolicy::Delete,
        grace: hour,
    };
    fixture
        .hubs
        .configure(&[], deletion, Reservation::none(), jumped + hour);
    let known = |fixture: &Fixture| fixture.hubs.streams().len();
    fixture.hubs.tend(jumped + 9 * hour);
    assert_eq!((known(&fixture), events(&fixture)), (1, 6));
    fixture.clock.advance(hour);
    fixture.hubs.tend(jumped + 10 * hour);
    assert_eq!(known(&fixture), 0);
}
