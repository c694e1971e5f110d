//! Nothing is lost on the way to the store.

use std::time::Duration;

use adapters::object_store::{self, PutError};
use auth::Permit;
use broker::{DeletionConfig, DeletionPolicy, FilterConfig, SubscriptionConfig, TraceContext};
use bytes::Bytes;
use futures_util::future::{BoxFuture, pending};
use model::cloud_event;
use parking_lot::Mutex;
use storage::embedded;
use tempfile::TempDir;
use tokio::time::sleep;

use super::*;

const TOPIC: Uid = Uid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0001);
const BILLING: Uid = Uid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0002);
const AUDIT: Uid = Uid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0003);
const PATIENCE: usize = 3_000;

/// How a store behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Works,
    Away,
    /// It writes, and the answer is lost.
    LosesAnswers,
    /// It writes, and does not answer.
    Hangs,
}

#[derive(Debug)]
struct Store {
    mood: Mutex<Mood>,
    /// By path.
    files: Mutex<BTreeMap<String, Bytes>>,
    tries: Mutex<usize>,
}

impl Store {
    fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self {
            mood: Mutex::new(mood),
            files: Mutex::default(),
            tries: Mutex::default(),
        })
    }

    /// The ids of the events, by file.
    fn ids(&self) -> Vec<Vec<u64>> {
        let id = |entry: &serde_json::Value| entry["event"]["id"].as_str().unwrap().parse().unwrap();
        let ids = |content: &Bytes| {
            let content: Vec<serde_json::Value> = serde_json::from_slice(content).unwrap();
            content.iter().map(id).collect()
        };
        self.files.lock().values().map(ids).collect()
    }

    fn count(&self) -> usize {
        self.ids().iter().map(Vec::len).sum()
    }
}

impl object_store::Letters for Store {
    fn name(&self) -> &str {
        "memory"
    }

    fn put<'a>(&'a self, path: &'a [String], content: Bytes) -> BoxFuture<'a, Result<(), PutError>> {
        Box::pin(async move {
            *self.tries.lock() += 1;
            let mood = *self.mood.lock();
            if mood != Mood::Away {
                self.files.lock().insert(path.join("/"), content);
            }
            match mood {
                Mood::Works => Ok(()),
                Mood::Away | Mood::LosesAnswers => Err(PutError("away".into())),
                Mood::Hangs => pending().await,
            }
        })
    }
}

/// A broker whose subscription `billing` has a store for its dead letters.
struct World {
    folder: TempDir,
    scope: TaskScope,
    broker: Broker,
    letters: Letters,
    registry: Registry,
}

impl World {
    async fn new(store: &Arc<Store>) -> Self {
        Self::open(tempfile::tempdir().unwrap(), store).await
    }

    async fn open(folder: TempDir, store: &Arc<Store>) -> Self {
        let (scope, clock, registry) = (TaskScope::root(), Clock::system(), Registry::default());
        let options = embedded::Options::default();
        let opened = embedded::open(folder.path(), options, &scope, &clock, &registry);
        let (log, table, replay) = opened.unwrap();
        let origin = broker::Origin::default();
        let broker = Broker::start(log, table, replay, clock.clone(), &scope, &registry, origin);
        let broker = broker.unwrap();
        let mut letters = Letters::new(broker.clone(), clock, scope.child("letters"), &registry);
        letters.common.pace = Pace {
            gather: Duration::from_millis(50),
            retry: Duration::from_millis(10),
            retry_max: Duration::from_millis(40),
        };
        let mut world = Self {
            folder,
            scope,
            broker,
            letters,
            registry,
        };
        world.configure(&[destination(store)]).await;
        world
    }

    async fn configure(&mut self, wanted: &[Destination]) {
        let mut topics = self.letters.topics(wanted);
        topics.push(orders(wanted));
        let deletion = DeletionConfig {
            policy: DeletionPolicy::Delete,
            grace: Duration::ZERO,
        };
        self.broker.configure(topics, vec![], deletion).await.unwrap();
        self.letters.follow(wanted);
    }

    /// Events with these ids are published and rejected.
    async fn die(&self, ids: std::ops::Range<u64>) {
        let count = ids.clone().count();
        self.publish(ids).await;
        self.reject("billing", count).await;
    }

    async fn publish(&self, ids: std::ops::Range<u64>) {
        let topic = self.broker.topic("orders").unwrap();
        let events: Vec<String> = ids
            .map(|id| format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t"}}"#))
            .collect();
        let text = Bytes::from(format!("[{}]", events.join(",")));
        let events = cloud_event::structured_or_batch(&text, &cloud_event::Limits::default()).unwrap();
        topic
            .publish(&Permit::internal(), &events, TraceContext::default())
            .await
            .unwrap();
    }

    async fn reject(&self, subscription: &str, count: usize) {
        let topic = self.broker.topic("orders").unwrap();
        let subscription = topic.subscription(subscription).unwrap();
        let listen = Permit::internal();
        let received = subscription
            .receive(&listen, count, Duration::ZERO)
            .await
            .unwrap();
        assert_eq!(received.len(), count);
        let tokens = received.iter().map(|one| Ok(one.lock_token)).collect();
        subscription.reject(&listen, tokens).await.unwrap();
    }

    fn metric(&self, name: &str) -> f64 {
        let text = self.registry.encode();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    }

    async fn stop(self) -> TempDir {
        assert_eq!(self.scope.shutdown(Duration::from_secs(10)).await, [""; 0]);
        self.folder
    }
}

/// With `audit` only if its dead letters are wanted.
fn orders(wanted: &[Destination]) -> TopicConfig {
    let is_wanted = |uid| wanted.iter().any(|destination| destination.subscription == uid);
    let subscription = |uid, name: &str| SubscriptionConfig {
        uid,
        name: name.into(),
        lock_duration: Duration::from_mins(1),
        max_delivery_count: 10,
        time_to_live: None,
        filter: FilterConfig::default(),
        dead_letter: is_wanted(uid).then_some(topic_uid(uid)),
    };
    let mut subscriptions = vec![subscription(BILLING, "billing")];
    if is_wanted(AUDIT) {
        subscriptions.push(subscription(AUDIT, "audit"));
    }
    TopicConfig {
        uid: TOPIC,
        name: "orders".into(),
        retention: Duration::from_hours(24),
        subscriptions,
    }
}

fn destination(store: &Arc<Store>) -> Destination {
    Destination::fake(BILLING, store.clone())
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..PATIENCE {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} does not happen");
}

#[tokio::test]
async fn every_letter_is_written_once_below_the_names_of_its_subscription() {
    let store = Store::new(Mood::Works);
    let world = World::new(&store).await;
    world.die(0..3).await;
    until("writing", || store.count() == 3).await;
    world.die(3..4).await;
    until("writing", || store.count() == 4).await;
    let mut ids = store.ids().concat();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2, 3]);
    let path = store.files.lock().keys().next().cloned().unwrap();
    assert!(path.starts_with("shop/orders/billing/20"), "{path}");
    until("counting", || {
        world.metric("weft_dead_letters_stored_total") == 4.0
    })
    .await;
    assert_eq!(world.metric("weft_dead_letters_store_failures_total"), 0.0);
    world.stop().await;
}

#[tokio::test]
async fn a_restart_does_not_write_again_what_was_written() {
    let store = Store::new(Mood::Works);
    let world = World::new(&store).await;
    world.die(0..2).await;
    until("counting", || {
        world.metric("weft_dead_letters_stored_total") == 2.0
    })
    .await;
    let folder = world.stop().await;
    let after = Store::new(Mood::Works);
    let world = World::open(folder, &after).await;
    world.die(2..3).await;
    until("writing", || after.count() > 0).await;
    assert_eq!(after.ids(), [[2]]);
    world.stop().await;
}

#[tokio::test]
async fn while_the_store_is_away_letters_wait_and_then_they_are_written() {
    let store = Store::new(Mood::Away);
    let world = World::new(&store).await;
    world.die(0..2).await;
    until("trying", || *store.tries.lock() > 3).await;
    world.die(2..3).await;
    assert!(world.metric("weft_dead_letters_store_failures_total") >= 3.0);
    assert!(world.metric("weft_dead_letters_oldest_waiting_seconds") > 0.0);
    assert_eq!(store.count(), 0);
    let folder = world.stop().await;
    let world = World::open(folder, &store).await;
    until("trying", || {
        world.metric("weft_dead_letters_store_failures_total") > 0.0
    })
    .await;
    *store.mood.lock() = Mood::Works;
    until("writing", || store.count() == 3).await;
    let mut ids = store.ids().concat();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2]);
    until("nothing waits", || {
        world.metric("weft_dead_letters_oldest_waiting_seconds") == 0.0
    })
    .await;
    world.stop().await;
}

#[tokio::test]
async fn a_kill_between_write_and_removal_writes_a_letter_twice_and_never_not_at_all() {
    let store = Store::new(Mood::Hangs);
    let world = World::new(&store).await;
    world.die(0..1).await;
    until("writing", || store.count() == 1).await;
    let folder = world.stop().await;
    let after = Store::new(Mood::Works);
    let world = World::open(folder, &after).await;
    until("writing", || after.count() == 1).await;
    assert_eq!((store.ids(), after.ids()), (vec![vec![0]], vec![vec![0]]));
    world.stop().await;
}

#[tokio::test]
async fn a_file_whose_answer_was_lost_is_replaced_by_itself() {
    let store = Store::new(Mood::LosesAnswers);
    let world = World::new(&store).await;
    world.die(0..2).await;
    until("trying", || *store.tries.lock() > 1).await;
    world.die(2..3).await;
    *store.mood.lock() = Mood::Works;
    until("writing", || store.count() == 3).await;
    let mut ids = store.ids().concat();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2], "no file holds a letter of another");
    world.stop().await;
}

#[tokio::test]
async fn a_file_is_bounded_and_the_rest_comes_in_the_next() {
    let store = Store::new(Mood::Works);
    let world = World::new(&store).await;
    let count = batch::LETTERS_MAX as u64 + 1;
    *store.mood.lock() = Mood::Away;
    world.die(0..count).await;
    until("moving", || {
        world.metric("weft_dead_letters_store_failures_total") > 1.0
    })
    .await;
    let queue = world
        .broker
        .dead_letters(&destination(&store).topic_name())
        .unwrap();
    while queue.list(&Permit::internal(), 1_000, None).await.unwrap().len() < count as usize {
        sleep(Duration::from_millis(10)).await;
    }
    *store.mood.lock() = Mood::Works;
    until("writing", || store.count() == count as usize).await;
    assert!(
        store.ids().iter().all(|ids| ids.len() <= batch::LETTERS_MAX),
        "{:?}",
        store.ids().iter().map(Vec::len).collect::<Vec<_>>()
    );
    world.stop().await;
}

#[tokio::test]
async fn a_store_that_hangs_keeps_no_other_from_its_turn() {
    let (hanging, other) = (Store::new(Mood::Away), Store::new(Mood::Works));
    let mut world = World::new(&hanging).await;
    world.letters.common.turns = Arc::new(Semaphore::new(1));
    world.configure(&[]).await;
    until("ending", || world.letters.topics(&[]).is_empty()).await;
    let audit = Destination::fake(AUDIT, other.clone());
    world.configure(&[destination(&hanging), audit]).await;
    world.publish(0..1).await;
    world.reject("billing", 1).await;
    until("failing", || *hanging.tries.lock() > 1).await;
    *hanging.mood.lock() = Mood::Hangs;
    until("hanging", || hanging.count() == 1).await;
    world.reject("audit", 1).await;
    until("writing", || other.count() == 1).await;
    world.stop().await;
}

#[tokio::test]
async fn what_waits_goes_to_the_store_that_is_named_now() {
    let (first, second) = (Store::new(Mood::Away), Store::new(Mood::Works));
    let mut world = World::new(&first).await;
    world.die(0..1).await;
    until("trying", || *first.tries.lock() > 0).await;
    let moved = Destination::named(BILLING, second.clone(), "memory://second");
    world.configure(&[moved]).await;
    until("writing", || second.count() == 1).await;
    assert_eq!(first.count(), 0);
    world.stop().await;
}

#[tokio::test]
async fn a_subscription_that_goes_leaves_no_letter_behind_and_may_come_back() {
    let store = Store::new(Mood::Away);
    let mut world = World::new(&store).await;
    world.die(0..1).await;
    until("trying", || *store.tries.lock() > 0).await;
    world.configure(&[]).await;
    assert_eq!(
        world.letters.topics(&[]).len(),
        1,
        "its topic stays for what waits"
    );
    *store.mood.lock() = Mood::Works;
    until("ending", || world.letters.topics(&[]).is_empty()).await;
    assert_eq!(store.ids(), [[0]]);
    world.configure(&[]).await;
    world.configure(&[destination(&store)]).await;
    world.die(1..2).await;
    until("writing", || store.count() == 2).await;
    world.stop().await;
}

#[tokio::test]
async fn a_letter_that_is_written_takes_no_room_here() {
    let store = Store::new(Mood::Works);
    let world = World::new(&store).await;
    world.die(0..3).await;
    until("counting", || {
        world.metric("weft_dead_letters_stored_total") == 3.0
    })
    .await;
    let streams = world.broker.streams().await.unwrap();
    let topic = streams.iter().find(|stream| stream.uid == topic_uid(BILLING));
    assert_eq!(topic.map(|topic| topic.events), Some(0));
    world.stop().await;
}

#[test]
fn the_topic_of_a_subscription_has_a_uid_that_no_resource_has() {
    let uid: Uid = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap();
    assert_eq!(topic_uid(uid).to_string(), "67e55044-10b1-826f-9247-bb680e5fe0c8");
}
