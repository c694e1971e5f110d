use std::sync::Arc;

use checkpoint::Memory;
use storage::memory::Store;

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
        let birth = self.find().await;
        let (log, table, replay) = self.disk.open();
        let (clock, registry) = (runtime::Clock::system(), runtime::metrics::Registry::default());
        let scope = runtime::TaskScope::root();
        let broker = Broker::start(
            log,
            table.clone(),
            replay,
            clock,
            &scope,
            &registry,
            birth.origin(),
        );
        let broker = broker.expect("the broker starts");
        let claim = birth.complete(table.as_ref(), &broker).await;
        // A crash: nothing is left but what was durable.
        scope.cancel();
        claim.expect("the disk takes it")
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
