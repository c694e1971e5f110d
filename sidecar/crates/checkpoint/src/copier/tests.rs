use std::collections::BTreeMap;

use bytes::Bytes;
use parking_lot::Mutex;
use uuid::Uuid;

use super::*;
use crate::{Log, Memory, PAGES, open};

const PAUSE: Duration = Duration::from_secs(10);

/// A copier, what it copies, and where to.
struct World {
    store: Memory,
    claim: Claim,
    entries: Arc<Mutex<Entries>>,
    changes: watch::Sender<u64>,
    registry: Registry,
    scope: TaskScope,
}

impl World {
    async fn new() -> Self {
        Self::over(Memory::default()).await
    }

    async fn over(store: Memory) -> Self {
        let log = Log::New {
            id: Uuid::from_u128(1),
        };
        let claim = open(&[&store], log, "uid", |_| 0).await.unwrap().claim;
        Self {
            store,
            claim,
            entries: Arc::default(),
            changes: watch::Sender::new(0),
            registry: Registry::default(),
            scope: TaskScope::root(),
        }
    }

    fn start(&self) -> watch::Receiver<CopyState> {
        let entries = self.entries.clone();
        Copier::start(
            Arc::new(self.store.clone()),
            self.claim.clone(),
            move || entries.lock().clone(),
            self.changes.subscribe(),
            &self.scope,
            &self.registry,
        )
    }

    fn set(&self, key: &str, value: u64) {
        self.entries
            .lock()
            .insert(key.to_owned(), value.to_string().into());
        self.changes.send_modify(|count| *count += 1);
    }

    /// What a pod with an empty disk would find.
    async fn stored(&self) -> BTreeMap<String, u64> {
        let stored = self.store.load().await.unwrap();
        let entries = stored
            .pages
            .iter()
            .flat_map(|(_, bytes)| crate::page::decode(bytes).unwrap().entries);
        let read = |value: Bytes| std::str::from_utf8(&value).unwrap().parse().unwrap();
        entries.map(|(key, value)| (key, read(value))).collect()
    }

    fn metric(&self, name: &str) -> f64 {
        let text = self.registry.encode();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("weft_checkpoint_copy_{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
            .parse()
            .unwrap()
    }
}

fn all(values: impl IntoIterator<Item = (&'static str, u64)>) -> BTreeMap<String, u64> {
    values
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_change_after_a_quiet_time_is_copied_within_a_second() {
    let world = World::new().await;
    world.start();
    sleep(PAUSE * 3).await;
    assert!(world.store.writes().is_empty(), "there was nothing to be written");
    world.set("blob/c/a", 1);
    world.set("blob/c/b", 2);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.stored().await, all([("blob/c/a", 1), ("blob/c/b", 2)]));
}

#[tokio::test(start_paused = true)]
async fn at_ten_thousand_changes_a_second_no_page_is_written_more_often_than_it_may() {
    let world = World::new().await;
    world.start();
    let began = Instant::now();
    for tick in 0..120_000_u64 {
        for change in 0..10 {
            let partition = (tick * 10 + change) % 1000;
            let mut entries = world.entries.lock();
            entries.insert(format!("blob/c/checkpoint/{partition}"), tick.to_string().into());
        }
        world.changes.send_modify(|count| *count += 10);
        sleep(Duration::from_millis(1)).await;
    }
    let took = began.elapsed();
    let writes = world.store.writes();
    for page in 0..PAGES {
        let times: Vec<_> = writes
            .iter()
            .filter(|(written, _)| *written == page)
            .map(|(_, at)| *at)
            .collect();
        // One more than fits: the first comes at once.
        assert!(
            times.len() as f64 <= took.as_secs_f64() * 0.1 + 1.0,
            "page {page}: {} writes in {took:?}",
            times.len()
        );
        let fits = |gap: Duration| gap >= PAUSE && gap <= PAUSE + GATHER;
        let all_fit = times.windows(2).all(|pair| fits(pair[1] - pair[0]));
        assert!(all_fit, "page {page}: {times:?}");
        // It is kept up to date from the beginning to the end.
        assert!(times[0] - began <= PAUSE + GATHER, "page {page}");
        assert!(times[times.len() - 1].elapsed() <= PAUSE + GATHER, "page {page}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_where_nothing_changed() {
    let world = World::new().await;
    world.set("blob/c/a", 1);
    world.set("container/other", 1);
    world.start();
    sleep(PAUSE * 2).await;
    let before = world.store.writes().len();
    // It is said to have changed, and has not.
    for _ in 0..10 {
        world.changes.send_modify(|count| *count += 1);
        sleep(PAUSE).await;
    }
    assert_eq!(world.store.writes().len(), before);
    world.set("blob/c/a", 2);
    sleep(PAUSE * 2).await;
    assert_eq!(
        world.store.writes().len(),
        before + 1,
        "only the page that changed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_restart_writes_nothing_that_is_there() {
    let world = World::new().await;
    world.set("blob/c/a", 1);
    world.start();
    sleep(PAUSE).await;
    world.scope.shutdown(PAUSE).await;
    let before = world.store.writes().len();

    let log = Log::Known {
        id: world.claim.log,
        incarnation: 0,
    };
    let claim = open(&[&world.store], log, "uid", |_| 0).await.unwrap().claim;
    let restarted = World {
        claim,
        scope: TaskScope::root(),
        registry: Registry::default(),
        ..world
    };
    restarted.start();
    sleep(PAUSE * 2).await;
    assert_eq!(restarted.store.writes().len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_stop_saves_what_changed_at_once() {
    let world = World::new().await;
    world.start();
    world.set("blob/c/a", 1);
    sleep(Duration::from_secs(1)).await;
    world.set("blob/c/a", 2);
    let began = Instant::now();
    assert!(world.scope.shutdown(PAUSE).await.is_empty());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(world.stored().await, all([("blob/c/a", 2)]));
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_a_page_is_being_written_saves_what_came_since() {
    let world = World::new().await;
    world.store.delay(Duration::from_secs(2));
    world.set("blob/c/a", 1);
    world.start();
    // The first look takes two seconds, the first write two more.
    sleep(Duration::from_secs(3)).await;
    world.set("blob/c/a", 2);
    assert!(world.scope.shutdown(PAUSE).await.is_empty());
    assert_eq!(world.stored().await, all([("blob/c/a", 2)]));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_made_up_for_when_it_ends() {
    let world = World::new().await;
    world.start();
    sleep(Duration::from_secs(1)).await;
    world
        .store
        .fail_with(Some(StoreError::Unavailable("away".into())));
    world.set("blob/c/a", 1);
    sleep(Duration::from_secs(600)).await;
    world.set("blob/c/a", 2);
    let failures = world.metric("failures_total");
    assert!(
        (10.0..40.0).contains(&failures),
        "it is tried now and then: {failures}"
    );
    let age = world.metric("oldest_unsaved_change_seconds");
    assert!((599.0..601.0).contains(&age), "{age}");
    world.store.fail_with(None);
    sleep(PAUSE * 4).await;
    assert_eq!(world.stored().await, all([("blob/c/a", 2)]));
    assert_eq!(world.metric("oldest_unsaved_change_seconds"), 0.0);
    assert_eq!(world.metric("writes_total"), 1.0);
    assert!(world.metric("written_bytes_total") > 50.0);
}

#[tokio::test(start_paused = true)]
async fn a_hiccup_is_not_told_and_an_outage_is_until_it_ends() {
    let world = World::new().await;
    let states = world.start();
    sleep(Duration::from_secs(1)).await;
    let refusal = StoreError::Refused("403 Forbidden".into());
    world.store.fail_with(Some(refusal.clone()));
    world.set("blob/c/a", 1);
    sleep(PAUSE * 3).await;
    assert_eq!(*states.borrow(), CopyState::Current);
    sleep(PAUSE * 3).await;
    assert_eq!(*states.borrow(), CopyState::Behind(refusal.to_string()));
    // Whoever reads it is not told again of every try.
    let again = StoreError::Refused("403 Forbidden, request 2".into());
    world.store.fail_with(Some(again));
    sleep(PAUSE * 9).await;
    assert_eq!(*states.borrow(), CopyState::Behind(refusal.to_string()));
    let other = StoreError::Unavailable("away".into());
    world.store.fail_with(Some(other.clone()));
    sleep(PAUSE * 9).await;
    assert_eq!(*states.borrow(), CopyState::Behind(other.to_string()));
    world.store.fail_with(None);
    sleep(PAUSE * 4).await;
    assert_eq!(*states.borrow(), CopyState::Current);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_at_the_start_is_used_when_it_comes() {
    let world = World::new().await;
    world.store.wipe();
    world
        .store
        .fail_with(Some(StoreError::Unavailable("away".into())));
    world.set("blob/c/a", 1);
    world.start();
    sleep(PAUSE * 10).await;
    world.store.fail_with(None);
    sleep(PAUSE * 4).await;
    assert_eq!(world.stored().await, all([("blob/c/a", 1)]));
    assert_eq!(world.store.load().await.unwrap().claim, Some(world.claim.clone()));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_somebody_deleted_is_written_anew() {
    let world = World::new().await;
    world.start();
    world.set("blob/c/a", 1);
    world.set("container/other", 1);
    sleep(PAUSE).await;
    world.store.wipe();
    world.set("blob/c/a", 2);
    sleep(PAUSE * 6).await;
    assert_eq!(
        world.stored().await,
        all([("blob/c/a", 2), ("container/other", 1)])
    );
    assert_eq!(world.store.load().await.unwrap().claim, Some(world.claim.clone()));
}

#[tokio::test(start_paused = true)]
async fn whoever_was_replaced_writes_nothing_any_more() {
    let world = World::new().await;
    let states = world.start();
    world.set("blob/c/a", 1);
    sleep(PAUSE).await;
    let log = Log::New {
        id: Uuid::from_u128(2),
    };
    let second = open(&[&world.store], log, "uid", |_| 0).await.unwrap();
    assert_eq!(second.restored.len(), 1);
    let before = world.store.writes().len();
    world.set("blob/c/a", 2);
    sleep(PAUSE * 3).await;
    assert_eq!(*states.borrow(), CopyState::Fenced);
    world.set("blob/c/a", 3);
    assert!(world.scope.shutdown(PAUSE).await.is_empty());
    assert_eq!(world.store.writes().len(), before);
    assert_eq!(world.metric("is_fenced"), 1.0);
    assert_eq!(world.stored().await, all([("blob/c/a", 1)]));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_too_large_is_left_out_and_counted_until_it_fits() {
    let world = World::over(Memory::default().with_page_bytes_max(600)).await;
    world.entries.lock().insert("blob/c/a".into(), large());
    world.entries.lock().insert("container/other".into(), "1".into());
    let states = world.start();
    sleep(PAUSE).await;
    let told = states.borrow().clone();
    assert!(
        matches!(&told, CopyState::Behind(why) if why.starts_with("1 of its 16 pages") && why.contains("600 bytes")),
        "{told:?}"
    );
    assert_eq!(world.stored().await, all([("container/other", 1)]));
    assert_eq!(world.metric("pages_too_large"), 1.0);
    world.set("blob/c/a", 7);
    sleep(PAUSE * 2).await;
    assert_eq!(
        world.stored().await,
        all([("blob/c/a", 7), ("container/other", 1)])
    );
    assert_eq!(world.metric("pages_too_large"), 0.0);
    assert_eq!(*states.borrow(), CopyState::Current);
}

/// JSON that stays large when it is packed.
fn large() -> Bytes {
    let numbers: Vec<_> = (0..2_000_u64)
        .map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect();
    serde_json::to_vec(&numbers).unwrap().into()
}

/// It may come to be as the store has it, and is not looked at any more then.
#[tokio::test(start_paused = true)]
async fn a_page_that_is_again_as_it_was_is_not_too_large_any_more() {
    let world = World::over(Memory::default().with_page_bytes_max(600)).await;
    world.set("blob/c/a", 7);
    let states = world.start();
    sleep(PAUSE * 2).await;
    world.entries.lock().insert("blob/c/a".into(), large());
    world.changes.send_modify(|count| *count += 1);
    sleep(PAUSE * 2).await;
    assert_eq!(world.metric("pages_too_large"), 1.0);
    world.set("blob/c/a", 7);
    sleep(PAUSE * 2).await;
    assert_eq!(world.metric("pages_too_large"), 0.0);
    assert_eq!(*states.borrow(), CopyState::Current);
}

#[test]
fn tries_come_later_from_time_to_time_and_not_all_at_once() {
    let delays: Vec<_> = (0..5).map(|tries| delay(PAUSE, tries, 0).as_secs()).collect();
    assert_eq!(delays, [10, 20, 30, 30, 30]);
    assert!(delay(PAUSE, 2, 1023) > Duration::from_secs(37));
    assert!(delay(PAUSE, u32::MAX, 1023) < Duration::from_secs(38));
}
