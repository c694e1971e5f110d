//! What can be found after a power cut, by the ten thousand.
//!
//! A small owner (two streams, a journal of releases, snapshots in the table) works on the real log over a shadow disk.
//! Each cut of the disk's history is turned into images, and each image is opened with the product's own code: nothing
//! that was acknowledged may be missing, nothing that was released may come back, nothing may look damaged. The same
//! is then run with each sync taken out, one after the other, and has to fail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use model::{ByteCount, SequenceNumber, Timestamp, Uid};
use roaring::RoaringTreemap;
use runtime::Clock;

use crate::disk::Disk;
use crate::embedded::{self, Options};
use crate::metrics::Metrics;
use crate::segment::scan::Trust;
use crate::shadow::{History, ShadowDisk, Survivors};
use crate::sync::{Durability, Site};
use crate::{
    Class, Commit, EmbeddedLog, EmbeddedTable, Log, Position, Record, RecordKind, Replay, Reservation,
    StreamId, Table, Version, footprint,
};

const SEGMENT: u64 = 16 << 10;
const SLOW: StreamId = StreamId(Uid::from_u128(1));
const FAST: StreamId = StreamId(Uid::from_u128(2));

type Live = BTreeMap<StreamId, BTreeSet<u64>>;

/// What was promised to somebody, and since when in the disk's history.
#[derive(Clone, Debug)]
struct Fact {
    since: usize,
    promise: Promise,
}

#[derive(Clone, Debug)]
enum Promise {
    Kept(StreamId, u64),
    Released(StreamId, u64),
    Snapshot(Version),
    End(Position),
}

struct Prepared {
    stream: StreamId,
    payloads: Vec<(u64, Vec<u8>)>,
    room: Reservation,
}

struct Owner {
    log: Arc<EmbeddedLog>,
    table: Arc<EmbeddedTable>,
    live: Live,
    next: BTreeMap<StreamId, u64>,
    snapshot: Option<Version>,
    /// Asked to be released, acknowledged or not.
    doomed: BTreeSet<(StreamId, u64)>,
    facts: Vec<Fact>,
    dice: u64,
}

fn options() -> Options {
    Options {
        capacity: ByteCount(SEGMENT * 14),
        segment: Some(ByteCount(SEGMENT)),
        on_fatal: Arc::new(|error| panic!("no fault is injected here: {error}")),
        ..Options::default()
    }
}

struct Setup {
    clock: Clock,
    metrics: Metrics,
}

impl Setup {
    fn new() -> Self {
        Self {
            clock: Clock::system(),
            metrics: Metrics::register(&runtime::metrics::Registry::default()),
        }
    }

    fn open(
        &self,
        disk: &ShadowDisk,
        durability: Durability,
    ) -> (Arc<EmbeddedLog>, Arc<EmbeddedTable>, Replay) {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        embedded::open_unscoped(disk, options(), &self.clock, &self.metrics, durability).unwrap()
    }
}

fn payload(stream: StreamId, sequence: u64) -> Vec<u8> {
    let length = 10 + (sequence as usize * 131 + stream.0.to_u128() as usize * 57) % 900;
    format!("{sequence}.").bytes().cycle().take(length).collect()
}

impl Owner {
    /// Loads the snapshot, replays, says what is live.
    fn start((log, table, mut replay): (Arc<EmbeddedLog>, Arc<EmbeddedTable>, Replay), dice: u64) -> Self {
        let stored = table.snapshot().into_iter().find(|entry| entry.key == "snapshot");
        let (position, mut live) = stored
            .as_ref()
            .map_or_else(Default::default, |entry| decode(&entry.value));
        replay.records(position, &mut |_, record| {
            let sequence = record.sequence.get();
            if record.kind.is_retained() {
                assert_eq!(record.payload, payload(record.stream, sequence));
                live.entry(record.stream).or_default().insert(sequence);
            } else {
                live.entry(record.stream).or_default().remove(&sequence);
            }
        });
        for (stream, live) in &live {
            replay.retain(*stream, live.iter().copied().collect::<RoaringTreemap>());
        }
        replay.finish();
        log.forget_before("owner", position);
        Self {
            log,
            table,
            live,
            next: BTreeMap::new(),
            snapshot: stored.map(|entry| entry.version),
            doomed: BTreeSet::new(),
            facts: Vec::new(),
            dice,
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % sides
    }

    /// The next `count` payloads of a stream, and room for them.
    async fn prepare(&mut self, disk: &ShadowDisk, stream: StreamId, count: u64) -> Prepared {
        let first = *self.next.entry(stream).or_default();
        self.next.insert(stream, first + count);
        let payloads: Vec<_> = (first..first + count)
            .map(|sequence| (sequence, payload(stream, sequence)))
            .collect();
        let bytes = payloads.iter().map(|(_, payload)| footprint(payload.len())).sum();
        let room = self.room(disk, Class::Publish, stream, bytes).await;
        Prepared {
            stream,
            payloads,
            room,
        }
    }

    fn append(&self, prepared: Prepared) -> (StreamId, Commit, Vec<u64>) {
        let Prepared {
            stream,
            payloads,
            room,
        } = prepared;
        let record = |(sequence, payload)| Record {
            stream,
            sequence: SequenceNumber::new(sequence),
            kind: RecordKind::EVENT,
            time: Timestamp::from_micros(1),
            payload,
        };
        let records: Vec<_> = payloads
            .iter()
            .map(|(sequence, payload)| record((*sequence, payload)))
            .collect();
        let commit = self.log.append(room, &records);
        (
            stream,
            commit,
            payloads.into_iter().map(|(sequence, _)| sequence).collect(),
        )
    }

    /// Waits for the cleaner, which this small log keeps busy, and lets it go on by taking snapshots.
    async fn room(&mut self, disk: &ShadowDisk, class: Class, stream: StreamId, bytes: usize) -> Reservation {
        for attempt in 0..500 {
            if let Ok(room) = self.log.reserve(class, stream, bytes) {
                return room;
            }
            if attempt % 100 == 0 {
                self.save(disk).await;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("what was released is not won back: {:?}", self.log);
    }

    fn promise(&mut self, disk: &ShadowDisk, promise: Promise) {
        self.facts.push(Fact {
            since: disk.now(),
            promise,
        });
    }

    async fn publish(&mut self, disk: &ShadowDisk) {
        let count = 1 + self.roll(3);
        // Room first: asking for it may take a snapshot, which must not fall between an append and its commit.
        let mut prepared = vec![self.prepare(disk, FAST, count).await];
        if self.roll(6) == 0 {
            prepared.push(self.prepare(disk, SLOW, 1).await);
        }
        let waiting: Vec<_> = prepared
            .into_iter()
            .map(|prepared| self.append(prepared))
            .collect();
        for (stream, commit, sequences) in waiting {
            commit.durable().await;
            let after = Position::new(commit.position().get() + sequences.len() as u64);
            self.promise(disk, Promise::End(after));
            for sequence in sequences {
                self.live.entry(stream).or_default().insert(sequence);
                self.promise(disk, Promise::Kept(stream, sequence));
            }
        }
    }

    async fn settle(&mut self, disk: &ShadowDisk) {
        let fast: Vec<(StreamId, u64)> = self
            .live
            .entry(FAST)
            .or_default()
            .iter()
            .map(|s| (FAST, *s))
            .collect();
        let slow: Vec<(StreamId, u64)> = self
            .live
            .entry(SLOW)
            .or_default()
            .iter()
            .map(|s| (SLOW, *s))
            .collect();
        let mut dead: Vec<_> = fast.into_iter().take(4).collect();
        dead.extend(slow.into_iter().take(2).filter(|(_, sequence)| sequence % 3 != 0));
        for (stream, sequence) in dead {
            self.doomed.insert((stream, sequence));
            let record = Record {
                stream,
                sequence: SequenceNumber::new(sequence),
                kind: RecordKind::JOURNAL,
                time: Timestamp::from_micros(1),
                payload: b"released",
            };
            let room = self.room(disk, Class::Settle, stream, footprint(8)).await;
            self.log.append(room, &[record]).durable().await;
            self.log.release(stream, &[SequenceNumber::new(sequence)]);
            self.live.entry(stream).or_default().remove(&sequence);
            self.promise(disk, Promise::Released(stream, sequence));
        }
    }

    async fn save(&mut self, disk: &ShadowDisk) {
        let position = self.log.end();
        let value = encode(position, &self.live);
        let version = self
            .table
            .compare_and_set("snapshot", self.snapshot, value)
            .await
            .unwrap();
        self.snapshot = Some(version);
        self.log.forget_before("owner", position);
        self.promise(disk, Promise::Snapshot(version));
    }

    async fn work(&mut self, disk: &ShadowDisk, rounds: usize) {
        for round in 0..rounds {
            self.publish(disk).await;
            if round % 2 == 1 {
                self.settle(disk).await;
            }
            if round % 6 == 5 {
                self.save(disk).await;
            }
        }
    }
}

fn encode(position: Position, live: &Live) -> Bytes {
    let mut value = position.get().to_le_bytes().to_vec();
    for (stream, sequence) in live
        .iter()
        .flat_map(|(stream, live)| live.iter().map(move |s| (stream, s)))
    {
        value.push(stream.0.to_u128() as u8);
        value.extend_from_slice(&(*sequence as u32).to_le_bytes());
    }
    value.into()
}

fn decode(value: &[u8]) -> (Position, Live) {
    let position = Position::new(u64::from_le_bytes(value[..8].try_into().unwrap()));
    let mut live = Live::new();
    for item in value[8..].chunks_exact(5) {
        let sequence = u32::from_le_bytes(item[1..].try_into().unwrap());
        live.entry(StreamId(Uid::from_u128(item[0].into())))
            .or_default()
            .insert(sequence.into());
    }
    (position, live)
}

/// Opens an image and compares it with what was promised until `at`.
async fn check(
    setup: &Setup,
    image: &ShadowDisk,
    facts: &[Fact],
    at: usize,
    doomed: &BTreeSet<(StreamId, u64)>,
    mutation: Durability,
) -> Result<Owner, String> {
    let damage = setup.metrics.damage.get();
    let owner = Owner::start(setup.open(image, mutation), 5);
    if setup.metrics.damage.get() != damage {
        return Err(String::from("a crash was taken for damage"));
    }
    let mut expected: BTreeMap<StreamId, Vec<u64>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.since <= at) {
        match fact.promise {
            Promise::Kept(stream, sequence) if !doomed.contains(&(stream, sequence)) => {
                expected.entry(stream).or_default().push(sequence);
            }
            Promise::Kept(..) => {}
            Promise::Released(stream, sequence) => {
                if owner
                    .live
                    .get(&stream)
                    .is_some_and(|live| live.contains(&sequence))
                {
                    return Err(format!("{sequence} was released and came back"));
                }
            }
            Promise::Snapshot(version) if owner.snapshot < Some(version) => {
                return Err(format!("snapshot {version:?} is gone"));
            }
            Promise::End(end) if owner.log.end() < end => {
                return Err(format!("the log went back before {end:?}"));
            }
            Promise::Snapshot(_) | Promise::End(_) => {}
        }
    }
    for (stream, live) in &owner.live {
        // What was not acknowledged may have survived, and is then as good as any other.
        expected.entry(*stream).or_default().extend(live);
    }
    for (stream, sequences) in expected {
        let wanted = sequences
            .iter()
            .map(|sequence| SequenceNumber::new(*sequence))
            .collect();
        let found = owner
            .log
            .read(stream, wanted, ByteCount(u64::MAX))
            .await
            .map_err(|error| error.to_string())?;
        for (sequence, found) in sequences.iter().zip(found) {
            if found.map(|(_, bytes)| bytes) != Some(Bytes::from(payload(stream, *sequence))) {
                return Err(format!("record {sequence} of {stream} is missing"));
            }
        }
    }
    Ok(owner)
}

struct Recorded {
    history: History,
    facts: Vec<Fact>,
    doomed: BTreeSet<(StreamId, u64)>,
}

/// Lets the owner work on an empty disk.
async fn record(setup: &Setup, mutation: Durability, rounds: usize, seed: u64) -> Recorded {
    let disk = ShadowDisk::default();
    disk.record();
    let mut owner = Owner::start(setup.open(&disk, mutation), seed);
    owner.work(&disk, rounds).await;
    let history = disk.history();
    Recorded {
        history,
        facts: owner.facts.clone(),
        doomed: owner.doomed.clone(),
    }
}

/// Goes on with an image as a restarted process would, and checks what a second cut leaves.
async fn check_second_life(
    setup: &Setup,
    image: &ShadowDisk,
    mutation: Durability,
    seed: u64,
) -> Result<(), String> {
    image.record();
    let mut owner = Owner::start(setup.open(image, mutation), seed);
    // What this life begins with was shown to somebody, so it counts as promised from here on.
    owner.next = BTreeMap::from([(FAST, 10_000), (SLOW, 10_000)]);
    for (stream, live) in owner.live.clone() {
        for sequence in live {
            owner.promise(image, Promise::Kept(stream, sequence));
        }
    }
    owner.promise(image, Promise::End(owner.log.end()));
    owner.work(image, 6).await;
    let (facts, doomed) = (owner.facts.clone(), owner.doomed.clone());
    let mut history = image.history();
    drop(owner);
    for n in 0..6 {
        let at = history.len() * (n + 1) / 6;
        history.advance(at);
        let again = history.image(Survivors::Seed(seed + n as u64));
        check(setup, &again, &facts, at, &doomed, mutation)
            .await
            .map_err(|error| format!("second life: {error}"))?;
    }
    Ok(())
}

/// A process that is killed leaves its writes in the page cache: the next one sees them, and a power cut after its start
/// must not take away what it has shown.
async fn check_kill_then_cut(
    setup: &Setup,
    history: &History,
    mutation: Durability,
    seed: u64,
) -> Result<(), String> {
    let disk = history.killed();
    let owner = Owner::start(setup.open(&disk, mutation), seed);
    let mut facts = vec![Fact {
        since: 0,
        promise: Promise::End(owner.log.end()),
    }];
    for (stream, live) in &owner.live {
        facts.extend(live.iter().map(|sequence| Fact {
            since: 0,
            promise: Promise::Kept(*stream, *sequence),
        }));
    }
    let now = disk.now();
    for n in 0..4 {
        let image = disk.image(
            now,
            if n == 0 {
                Survivors::None
            } else {
                Survivors::Seed(seed + n)
            },
        );
        check(setup, &image, &facts, now, &BTreeSet::new(), mutation)
            .await
            .map_err(|error| format!("killed, then cut: {error}"))?;
    }
    Ok(())
}

/// Checks about `images` images of a recording; gives back how many it were.
async fn check_images(
    setup: &Setup,
    recorded: &Recorded,
    mutation: Durability,
    images: usize,
    seed: u64,
) -> Result<usize, String> {
    let mut history = recorded.history.clone();
    let per_cut = images.div_ceil(history.len() + 1).max(2);
    let mut checked = 0;
    for at in 0..=history.len() {
        history.advance(at);
        let chosen = match history.undecided() {
            0 => 1,
            _ => per_cut,
        };
        for n in 0..chosen {
            let survivors = match n {
                0 => Survivors::None,
                1 => Survivors::All,
                _ => Survivors::Seed(seed ^ ((at * 1_000 + n) as u64)),
            };
            let context = |error| {
                format!(
                    "cut at {at} of {}, {survivors:?}, seed {seed}: {error}",
                    history.len()
                )
            };
            let image = history.image(survivors);
            let second = ((at + n) % 40 == 0).then(|| image.duplicate());
            let owner = check(setup, &image, &recorded.facts, at, &recorded.doomed, mutation)
                .await
                .map_err(context)?;
            drop(owner);
            checked += 1;
            if let Some(second) = second {
                check_second_life(setup, &second, mutation, at as u64)
                    .await
                    .map_err(context)?;
                checked += 6;
            }
        }
        if history.undecided() > 0 && at % 5 == 0 {
            check_kill_then_cut(setup, &history, mutation, at as u64)
                .await
                .map_err(|error| format!("cut at {at}: {error}"))?;
            checked += 4;
        }
    }
    Ok(checked)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// The owners below rotate all segments several times, and the cleaner has work in each.
const ROUNDS: usize = 160;

#[test]
fn no_crash_image_loses_or_resurrects_anything() {
    let total = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..2u64)
        .map(|worker| {
            let total = total.clone();
            std::thread::spawn(move || {
                block_on(async {
                    let setup = Setup::new();
                    for seed in 0..2 {
                        let seed = 100 * worker + seed;
                        let recorded = record(&setup, Durability::default(), ROUNDS, seed).await;
                        assert!(setup.metrics.recycled.get() > 5, "segments were recycled");
                        assert!(setup.metrics.relocated.get() > 0, "records were relocated");
                        let checked =
                            check_images(&setup, &recorded, Durability::default(), 3_700, seed).await;
                        total.fetch_add(checked.unwrap() as u64, Ordering::Relaxed);
                    }
                });
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let total = total.load(Ordering::Relaxed);
    println!("{total} crash images");
    assert!(total >= 20_000, "{total} images are too few");
}

/// What the first failing image of a mutated product shows; `None` if none fails.
fn failure(mutation: Durability) -> Option<String> {
    block_on(async {
        let setup = Setup::new();
        for seed in 0..6 {
            let outcome = std::panic::AssertUnwindSafe(async {
                let recorded = record(&setup, mutation, ROUNDS, seed).await;
                check_images(&setup, &recorded, mutation, 4_000, seed).await.err()
            });
            // A mutated product may also fall over one of the owner's own assertions.
            match futures_util::FutureExt::catch_unwind(outcome).await {
                Ok(None) => {}
                Ok(found) => return found,
                Err(panic) => return Some(format!("a panic: {:?}", panic.downcast_ref::<String>())),
            }
        }
        None
    })
}

#[test]
fn removing_any_sync_is_noticed() {
    let sites = [
        Site::Commit,
        Site::SegmentPrepared,
        Site::SegmentNamed,
        Site::RecoveredTail,
        Site::Relocated,
        Site::TableValue,
        Site::TableNamed,
    ];
    for site in sites {
        let mutation = Durability {
            without: Some(site),
            ..Durability::default()
        };
        let found = failure(mutation);
        println!("without {site:?}: {found:?}");
        assert!(found.is_some(), "nothing fails without {site:?}");
    }
}

#[test]
fn trusting_commits_of_a_former_life_is_noticed() {
    let found = failure(Durability {
        trust: Trust::AnyLife,
        ..Durability::default()
    });
    println!("trusting any life: {found:?}");
    assert!(found.is_some());
}

#[test]
fn the_shadow_disk_keeps_what_was_synced_and_nothing_more() {
    let disk = ShadowDisk::default();
    disk.record();
    let path = PathBuf::from("a/file");
    let file = disk.create(&path).unwrap();
    file.write_at(&[1; 1024], 0).unwrap();
    file.sync_data().unwrap();
    let unnamed = disk.now();
    disk.sync_dir(&PathBuf::from("a")).unwrap();
    file.write_at(&[2; 512], 512).unwrap();
    let end = disk.now();
    assert_eq!(disk.image(unnamed, Survivors::None).content(&path), None);
    assert_eq!(
        disk.image(end, Survivors::None).content(&path),
        Some(vec![1; 1024])
    );
    let all = disk.image(end, Survivors::All).content(&path).unwrap();
    assert_eq!((all[0], all[1023]), (1, 2));
}
