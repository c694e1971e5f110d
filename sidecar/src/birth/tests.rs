use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use checkpoint::{Memory, Stored};
use futures_util::future::BoxFuture;
use storage::memory::{MemoryTable, Store};
use storage::{Entry, TableError};
use tokio::sync::Notify;

use super::*;

/// A disk, and the copy that outlives it.
struct World {
    disk: Store,
    copy: Memory,
}

impl World {
    fn new() -> Self {
        Self {
            disk: Store::unbounded(),
            copy: Memory::default(),
        }
    }

    async fn find(&self) -> Birth {
        let (_, table, _) = self.disk.open();
        let birth = Birth::find(table.as_ref(), Path::new("shop"), "uid", &[&self.copy]).await;
        birth.expect("a beginning")
    }

    async fn begin(&self) -> Claim {
        let (_, table, _) = self.disk.open();
        let claim = self.begin_through(table.as_ref(), &[&self.copy]).await;
        claim.expect("a beginning")
    }

    /// A start, and a crash after it: nothing is left but what was durable.
    async fn begin_through(
        &self,
        table: &dyn Table,
        places: &[&dyn CheckpointStore],
    ) -> Result<Claim, Error> {
        let birth = Birth::find(table, Path::new("shop"), "uid", places).await?;
        let (log, for_broker, replay) = self.disk.open();
        let (clock, registry) = (runtime::Clock::system(), runtime::metrics::Registry::default());
        let process = Process(runtime::TaskScope::root());
        let broker = Broker::start(
            log,
            for_broker,
            replay,
            clock,
            &process.0,
            &registry,
            birth.origin(),
        );
        birth.complete(table, &broker.expect("the broker starts")).await
    }

    /// What the log says of checkpoints.
    async fn saved(&self) -> Entries {
        let (log, table, replay) = self.disk.open();
        let (clock, registry) = (runtime::Clock::system(), runtime::metrics::Registry::default());
        let scope = runtime::TaskScope::root();
        let broker = Broker::start(log, table, replay, clock, &scope, &registry, Origin::default());
        let mut saved = broker.expect("the broker starts").saved();
        saved.retain(|key, _| key.starts_with("blob/"));
        saved
    }

    fn lose_the_disk(&mut self) {
        self.disk = Store::unbounded();
    }
}

/// Whose tasks end with it.
struct Process(runtime::TaskScope);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Lets so many steps of a start pass; then the power fails.
struct Fuse {
    left: AtomicUsize,
    blown: Notify,
}

impl Fuse {
    fn of(steps: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(steps),
            blown: Notify::new(),
        })
    }

    async fn step(&self) {
        if !take_one(&self.left) {
            self.blown.notify_one();
            std::future::pending().await
        }
    }

    /// The step before something is done, and the one after it.
    async fn around<T>(&self, act: impl Future<Output = T>) -> T {
        self.step().await;
        let outcome = act.await;
        self.step().await;
        outcome
    }
}

fn take_one(left: &AtomicUsize) -> bool {
    let less = |left: usize| left.checked_sub(1);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
        .is_ok()
}

/// A disk or a copy behind a fuse.
struct Fused<T>(T, Arc<Fuse>);

impl Table for Fused<Arc<MemoryTable>> {
    fn snapshot(&self) -> Vec<Entry> {
        self.0.snapshot()
    }

    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<Version>,
        value: Bytes,
    ) -> BoxFuture<'static, Result<Version, TableError>> {
        let (table, fuse, key) = (self.0.clone(), self.1.clone(), key.to_owned());
        let write = async move { table.compare_and_set(&key, expected, value).await };
        Box::pin(async move { fuse.around(write).await })
    }
}

impl CheckpointStore for Fused<Memory> {
    fn name(&self) -> String {
        self.0.name()
    }

    fn pause(&self) -> Duration {
        self.0.pause()
    }

    fn page_bytes_max(&self) -> usize {
        self.0.page_bytes_max()
    }

    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>> {
        Box::pin(self.1.around(self.0.load()))
    }

    fn claim<'a>(
        &'a self,
        former: Option<&'a Claim>,
        next: &'a Claim,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.1.around(self.0.claim(former, next)))
    }

    fn save<'a>(
        &'a self,
        claim: &'a Claim,
        page: usize,
        bytes: Bytes,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.1.around(self.0.save(claim, page, bytes)))
    }
}

/// A disk that takes so many values and no more.
struct Refusing {
    table: Arc<MemoryTable>,
    left: AtomicUsize,
}

impl Table for Refusing {
    fn snapshot(&self) -> Vec<Entry> {
        self.table.snapshot()
    }

    fn compare_and_set(
        &self,
        key: &str,
        expected: Option<Version>,
        value: Bytes,
    ) -> BoxFuture<'static, Result<Version, TableError>> {
        if take_one(&self.left) {
            return self.table.compare_and_set(key, expected, value);
        }
        let refusal = TableError::Io {
            key: key.to_owned(),
            reason: "it may not be written to".to_owned(),
        };
        Box::pin(async { Err(refusal) })
    }
}

#[tokio::test]
async fn the_first_log_is_incarnation_0_and_stays_it() {
    let world = World::new();
    let first = world.begin().await;
    assert_eq!((first.incarnation, first.lost), (0, false));
    assert_eq!(world.begin().await, first);
}

#[tokio::test]
async fn every_empty_disk_is_the_next_incarnation_and_says_that_events_are_lost() {
    let mut world = World::new();
    world.begin().await;
    for incarnation in 1..=3 {
        world.lose_the_disk();
        let claim = world.begin().await;
        assert_eq!((claim.incarnation, claim.lost), (incarnation, true));
    }
}

#[tokio::test]
async fn what_was_saved_comes_back_until_the_broker_has_written_it_down() {
    let mut world = World::new();
    let first = world.begin().await;
    let blob = r#"{"etag":"0x08DE000000000000","modified":"2026-11-29T00:00:00Z","created":"2026-11-29T00:00:00Z","metadata":[["offset","7"]]}"#;
    let saved = Entries::from([(
        "blob/checkpoints/ns/hub/$default/checkpoint/0".to_owned(),
        Bytes::from_static(blob.as_bytes()),
    )]);
    save(&world.copy, first, &saved).await;
    world.lose_the_disk();
    let interrupted = world.find().await;
    assert_eq!(interrupted.origin().restored, saved);
    // It crashes here, and begins again.
    let again = world.find().await;
    assert_eq!(again.origin().restored, saved);
    assert_eq!(again.origin().incarnation, interrupted.origin().incarnation);
    world.begin().await;
    assert!(world.find().await.origin().restored.is_empty());
    assert_eq!(world.saved().await, saved, "it is in the log");
}

/// Starts until the power fails after so many steps. Whether it got to the end.
async fn start_until(world: &World, other: &Memory, steps: usize) -> bool {
    let fuse = Fuse::of(steps);
    let (_, table, _) = world.disk.open();
    let table = Fused(table, fuse.clone());
    let copies = [world.copy.clone(), other.clone()].map(|copy| Fused(copy, fuse.clone()));
    let places: [&dyn CheckpointStore; 2] = [&copies[0], &copies[1]];
    tokio::select! {
        claim = world.begin_through(&table, &places) => claim.is_ok(),
        () = fuse.blown.notified() => false,
    }
}

#[tokio::test]
async fn a_start_that_is_cut_off_again_and_again_wherever_it_is_was_one_beginning() {
    for is_lost in [false, true] {
        for steps in 0.. {
            let (mut world, other) = (World::new(), Memory::default());
            if is_lost {
                assert!(start_until(&world, &other, usize::MAX).await);
                world.lose_the_disk();
            }
            let is_uncut = start_until(&world, &other, steps).await;
            for _ in 0..2 {
                start_until(&world, &other, steps).await;
            }
            let (_, table, _) = world.disk.open();
            let claim = world.begin_through(table.as_ref(), &[&world.copy, &other]).await;
            let claim = claim.expect("a beginning");
            let expected = (u64::from(is_lost), is_lost);
            assert_eq!((claim.incarnation, claim.lost), expected, "cut off after {steps}");
            for copy in [&world.copy, &other] {
                let known = copy.load().await.expect("it answers").claim;
                assert_eq!(known.as_ref(), Some(&claim), "cut off after {steps}");
            }
            if is_uncut {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_disk_that_refuses_burns_no_incarnation() {
    for writes in 0..2 {
        let world = World::new();
        let (_, table, _) = world.disk.open();
        let table = Refusing {
            table,
            left: AtomicUsize::new(writes),
        };
        for _ in 0..3 {
            let refused = world.begin_through(&table, &[&world.copy]).await;
            assert!(matches!(refused, Err(Error::Claim { .. })), "{refused:?}");
        }
        let is_claimed = world.copy.load().await.expect("it answers").claim.is_some();
        assert_eq!(is_claimed, writes > 0, "the disk knows first");
        let claim = world.begin().await;
        assert_eq!((claim.incarnation, claim.lost), (0, false));
    }
}

#[tokio::test]
async fn a_beginning_that_another_one_overtook_is_the_next_incarnation_and_copies_again() {
    let mut world = World::new();
    world.begin().await;
    world.lose_the_disk();
    let interrupted = world.find().await.origin().incarnation;
    // Another pod began on a disk of its own.
    let other = Log::New { id: Uuid::new_v4() };
    let other = checkpoint::open(&[&world.copy], other, "uid", broker::least_incarnation).await;
    let other = other.expect("it is claimed").claim.incarnation;
    let claim = world.begin().await;
    assert_eq!((interrupted, other, claim.incarnation), (1, 2, 3));
    assert_eq!(world.begin().await, claim, "the disk knows");
    let saved = Entries::from([("container/c".to_owned(), Bytes::from_static(b"{}"))]);
    save(&world.copy, claim, &saved).await;
    assert_eq!(world.copy.writes().len(), 1, "the copy is this log's");
}

#[tokio::test]
async fn a_new_log_begins_above_offsets_that_outgrew_their_incarnation() {
    let mut world = World::new();
    let first = world.begin().await;
    let number = Bytes::from(format!(
        r#"{{"name":"telemetry","sequence":7,"offset":{}}}"#,
        (5_u64 << 40) + 1
    ));
    let key = "stream/00000000-0000-4000-8000-000000000001/0".to_owned();
    save(&world.copy, first, &Entries::from([(key, number)])).await;
    world.lose_the_disk();
    assert!(world.begin().await.incarnation > 5);
}

#[tokio::test]
async fn a_log_from_before_there_were_incarnations_keeps_its_numbers() {
    let world = World::new();
    let (_, table, _) = world.disk.open();
    let written = table.compare_and_set("namespace", None, Bytes::from_static(b"uid"));
    written.await.expect("the disk takes it");
    let claim = world.begin().await;
    assert_eq!((claim.incarnation, claim.lost), (0, false));
}

#[tokio::test(start_paused = true)]
async fn an_empty_disk_waits_for_a_copy_that_does_not_answer() {
    let mut world = World::new();
    world.begin().await;
    world.lose_the_disk();
    world
        .copy
        .fail_with(Some(StoreError::Unavailable("it is away".into())));
    let copy = world.copy.clone();
    let comes_back = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        copy.fail_with(None);
    };
    let (claim, ()) = tokio::join!(world.begin(), comes_back);
    assert_eq!(claim.incarnation, 1);
}

#[tokio::test]
async fn a_note_that_cannot_be_read_is_an_error_and_no_beginning() {
    let world = World::new();
    let (_, table, _) = world.disk.open();
    let written = table.compare_and_set(KEY, None, Bytes::from_static(b"?"));
    written.await.expect("the disk takes it");
    let found = Birth::find(table.as_ref(), Path::new("shop"), "uid", &[&world.copy]).await;
    assert!(matches!(found, Err(Error::Note { .. })), "{found:?}");
}

/// As a broker does whose process ends in order.
async fn save(copy: &Memory, claim: Claim, entries: &Entries) {
    let (scope, entries) = (runtime::TaskScope::root(), entries.clone());
    let (_changes, watched) = tokio::sync::watch::channel(0);
    let registry = runtime::metrics::Registry::default();
    checkpoint::Copier::start(
        Arc::new(copy.clone()),
        claim,
        move || entries.clone(),
        watched,
        &scope,
        &registry,
    );
    assert!(
        scope.shutdown(Duration::from_secs(10)).await.is_empty(),
        "it ends in time"
    );
}
