use std::sync::Arc;
use std::time::Duration;

use auth::Permit;
use broker::*;
use bytes::Bytes;
use model::{Event, Uid};
use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};
use storage::memory::{MemoryLog, Store};

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const DAY: Duration = Duration::from_secs(86_400);
pub(super) const ORDERS: Uid = Uid::from_u128(1);
pub(super) const DEAD: Uid = Uid::from_u128(2);
pub(super) const BILLING: Uid = Uid::from_u128(11);

pub(super) struct Fixture {
    pub(super) broker: Broker,
    pub(super) clock: Clock,
    pub(super) registry: Registry,
    pub(super) log: Arc<MemoryLog>,
    store: Store,
    scope: TaskScope,
    origin: Origin,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        Self::over(Store::unbounded()).await
    }

    pub(super) async fn over(store: Store) -> Self {
        Self::born(store, Origin::default()).await
    }

    /// As [`Fixture::over`], on a log that began in that way.
    pub(super) async fn born(store: Store, origin: Origin) -> Self {
        let fixture = Self::unconfigured(store, testkit::clock(), origin);
        fixture.configure(topics()).await;
        fixture
    }

    fn unconfigured(store: Store, clock: Clock, origin: Origin) -> Self {
        let (log, table, replay) = store.open();
        let (scope, registry) = (TaskScope::root(), Registry::default());
        let broker = Broker::start(
            log.clone(),
            table,
            replay,
            clock.clone(),
            &scope,
            &registry,
            origin.clone(),
        );
        Self {
            broker: broker.expect("it starts"),
            clock,
            registry,
            log,
            store,
            scope,
            origin,
        }
    }

    pub(super) async fn configure(&self, topics: Vec<TopicConfig>) {
        let deletion = DeletionConfig {
            policy: DeletionPolicy::Delete,
            grace: DAY,
        };
        self.broker
            .configure(topics, Vec::new(), deletion)
            .await
            .expect("it is valid");
    }

    /// Another process over the same store. The first one is stopped gracefully or simply forgotten.
    pub(super) async fn restart(self, gracefully: bool) -> Self {
        if gracefully {
            self.stop().await;
        } else {
            // A crash leaves no snapshot: the old owner must not get to write one over the new one's.
            std::mem::forget(self.broker.clone());
        }
        let renewed = Self::unconfigured(self.store.clone(), self.clock.clone(), self.origin.clone());
        renewed.configure(topics()).await;
        renewed
    }

    pub(super) async fn stop(&self) {
        assert!(self.scope.shutdown(Duration::from_secs(5)).await.is_empty());
    }

    pub(super) fn orders(&self) -> Topic {
        self.broker.topic("Orders").expect("it is declared")
    }

    pub(super) fn billing(&self) -> Subscription {
        self.orders().subscription("BILLING").expect("it is declared")
    }

    pub(super) async fn publish(&self, id: u64) {
        self.publish_event(&event(id)).await;
    }

    pub(super) async fn publish_event(&self, event: &Event) {
        self.orders()
            .publish(
                &Permit::internal(),
                std::slice::from_ref(event),
                TraceContext::default(),
            )
            .await
            .expect("there is room");
    }

    /// What is there now.
    pub(super) async fn receive(&self, max: usize) -> Vec<Delivery> {
        let permit = Permit::internal();
        let subscription = self.billing();
        self.log_settled().await;
        let received = subscription.receive(&permit, max, Duration::ZERO).await;
        received.expect("it is declared")
    }

    /// Lets the owner finish what it does in the background.
    pub(super) async fn log_settled(&self) {
        for _ in 0..3 {
            self.broker.streams().await.expect("it runs");
            tokio::task::yield_now().await;
        }
    }
}

pub(super) fn topics() -> Vec<TopicConfig> {
    let billing = SubscriptionConfig {
        uid: BILLING,
        name: String::from("billing"),
        lock_duration: MINUTE,
        max_delivery_count: 3,
        time_to_live: None,
        filter: FilterConfig {
            included_types: vec![String::from("placed")],
            ..FilterConfig::default()
        },
        dead_letter: Some(DEAD),
    };
    let topic = |uid, name: &str, subscriptions| TopicConfig {
        uid,
        name: String::from(name),
        retention: 7 * DAY,
        subscriptions,
    };
    vec![
        topic(ORDERS, "orders", vec![billing]),
        topic(DEAD, "dead", Vec::new()),
    ]
}

pub(super) fn event(id: u64) -> Event {
    typed(id, "placed")
}

pub(super) fn typed(id: u64, type_: &str) -> Event {
    with_data(id, type_, &format!(r#"{{"n":{id}}}"#))
}

/// An event that is longer than this.
pub(super) fn long(id: u64, bytes: usize) -> Event {
    with_data(id, "placed", &format!(r#""{}""#, "x".repeat(bytes)))
}

fn with_data(id: u64, type_: &str, data: &str) -> Event {
    let json = format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"{type_}","data":{data}}}"#);
    Event::from_json(&Bytes::from(json)).expect("it is valid")
}

pub(super) fn tokens(deliveries: &[Delivery]) -> Vec<Result<LockToken, Undecodable>> {
    deliveries
        .iter()
        .map(|delivery| delivery.lock_token.to_string().parse())
        .collect()
}

pub(super) fn events(deliveries: &[Delivery]) -> Vec<&[u8]> {
    deliveries.iter().map(|delivery| &*delivery.event).collect()
}
