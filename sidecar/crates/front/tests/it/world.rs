//! A Namespace with a topic, two event subscriptions and three rules, behind a door.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use auth::{Authorizer, Keys, Names, Rights, Rule, Secret};
use broker::{
    Broker, DeletionConfig, DeletionPolicy, FilterConfig, HubConfig, Origin, SubscriptionConfig, TopicConfig,
};
use front::{Door, Limits, Listener};
use model::Uid;
use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};
use storage::memory::Store;

use crate::client::Client;
use crate::issuer::Identity;

/// Keys as Azure makes them, with every character that base64 may have.
pub(crate) const ROOT: &str = "cm9vdCBwcmltYXJ5IGtleSBvZiB0aGUgbmFtZXM+/w==";
pub(crate) const ROOT_SECONDARY: &str = "cm9vdCBzZWNvbmRhcnkga2V5IG9mIHRoZSBu+/8=";
pub(crate) const SENDER: &str = "c2VuZGVyIHByaW1hcnkga2V5IG9mIHRoZSBuYW1l";
pub(crate) const LISTENER: &str = "bGlzdGVuZXIgcHJpbWFyeSBrZXkgb2YgdGhlIG5h";

/// uids of the topics.
pub(crate) const ORDERS: u128 = 1;
pub(crate) const RETURNS: u128 = 2;

/// uid of the hub.
pub(crate) const TELEMETRY: u128 = 21;

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    /// AMQP without TLS.
    pub(crate) amqp: SocketAddr,
    pub(crate) door: Door,
    pub(crate) broker: Broker,
    pub(crate) authorizer: Authorizer,
    /// Who signs bearer tokens, and who says what they allow.
    pub(crate) identity: Identity,
    pub(crate) doors: TaskScope,
    pub(crate) scope: TaskScope,
    pub(crate) registry: Registry,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::over(&Store::unbounded(), limits).await
    }

    pub(crate) async fn over(store: &Store, limits: Limits) -> Self {
        Self::with_all(store, Clock::system(), limits).await
    }

    /// With a clock that the test moves: for HTTP only, since AMQP waits for its own.
    pub(crate) async fn at(clock: Clock, limits: Limits) -> Self {
        Self::with_all(&Store::unbounded(), clock, limits).await
    }

    async fn with_all(store: &Store, clock: Clock, limits: Limits) -> Self {
        let (registry, scope) = (Registry::default(), TaskScope::root());
        let (log, table, replay) = store.open();
        let broker = Broker::start(
            log,
            table,
            replay,
            clock.clone(),
            &scope.child("broker"),
            &registry,
            Origin::default(),
        )
        .expect("the broker starts");
        let deletion = DeletionConfig {
            policy: DeletionPolicy::Retain,
            grace: Duration::ZERO,
        };
        broker
            .configure(topics(), hubs(), deletion)
            .await
            .expect("the topics are accepted");
        let identity = Identity::new();
        let authorizer = Authorizer::new(&keys()).with_reviewer(identity.roles.clone());
        authorizer.trust(identity.issuer.published());
        authorizer.name(names());
        let door = Door::new(
            broker.clone(),
            authorizer.clone(),
            clock,
            limits,
            &registry,
            "shop",
        );
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap())
            .await
            .expect("bind");
        let address = listener.local_address().unwrap();
        let doors = scope.child("doors");
        door.open(listener, &doors);
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap())
            .await
            .expect("bind");
        let amqp = listener.local_address().unwrap();
        door.open_amqp(listener, &doors);
        Self {
            address,
            amqp,
            door,
            broker,
            authorizer,
            identity,
            doors,
            scope,
            registry,
        }
    }

    /// A client that may do everything.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await.with_key(ROOT)
    }

    /// Keys, and what is signed with them, are good for nothing from now on.
    pub(crate) fn disable_local_auth(&self) {
        self.authorizer.replace(&Keys {
            local_auth_disabled: true,
            ..keys()
        });
    }

    /// The value of a metric, by the beginning of its line.
    pub(crate) fn metric(&self, line: &str) -> Option<f64> {
        let text = self.registry.encode();
        let found = text
            .lines()
            .find_map(|candidate| candidate.strip_prefix(line)?.strip_prefix(' '));
        found.and_then(|value| value.parse().ok())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

fn topics() -> Vec<TopicConfig> {
    let returns = TopicConfig {
        uid: Uid::from_u128(RETURNS),
        name: "returns".to_owned(),
        retention: Duration::from_secs(86_400),
        subscriptions: vec![],
    };
    let orders = TopicConfig {
        uid: Uid::from_u128(ORDERS),
        name: "Orders".to_owned(),
        retention: Duration::from_secs(86_400),
        subscriptions: vec![
            subscription(11, "billing", None),
            subscription(12, "audit", Some(RETURNS)),
        ],
    };
    vec![orders, returns]
}

pub(crate) fn hubs() -> Vec<HubConfig> {
    vec![HubConfig {
        uid: Uid::from_u128(TELEMETRY),
        name: "Telemetry".to_owned(),
        partition_count: 2,
        retention: Duration::from_secs(86_400),
        size: None,
        consumer_groups: vec!["dashboards".to_owned()],
    }]
}

fn subscription(uid: u128, name: &str, dead_letter: Option<u128>) -> SubscriptionConfig {
    SubscriptionConfig {
        uid: Uid::from_u128(uid),
        name: name.to_owned(),
        lock_duration: Duration::from_secs(60),
        max_delivery_count: 10,
        time_to_live: None,
        filter: FilterConfig::default(),
        dead_letter: dead_letter.map(Uid::from_u128),
    }
}

fn keys() -> Keys {
    let rule = |name: &str, rights, primary: &str, secondary: &str| Rule {
        name: name.to_owned(),
        rights,
        primary: Secret::new(primary),
        secondary: Secret::new(secondary),
    };
    let send = Rights {
        send: true,
        ..Rights::default()
    };
    let listen = Rights {
        listen: true,
        ..Rights::default()
    };
    Keys {
        rules: vec![
            rule("RootManageSharedAccessKey", Rights::ALL, ROOT, ROOT_SECONDARY),
            rule("sender", send, SENDER, ""),
            rule("listener", listen, LISTENER, ""),
        ],
        local_auth_disabled: false,
    }
}

/// What roles are bound to.
fn names() -> Names {
    let names = |pairs: &[(&str, &str)]| {
        let pair = |(name, resource): &(&str, &str)| ((*name).to_owned(), (*resource).to_owned());
        pairs.iter().map(pair).collect::<HashMap<_, _>>()
    };
    let subscription = |name: &str| {
        let resource = format!("orders-{name}");
        (("orders".to_owned(), name.to_owned()), resource)
    };
    Names {
        namespace: "shop".to_owned(),
        topics: names(&[("orders", "orders-topic"), ("returns", "returns-topic")]),
        subscriptions: HashMap::from(["billing", "audit"].map(subscription)),
        hubs: names(&[("telemetry", "telemetry-hub")]),
    }
}

pub(crate) const PUBLISH: &str = "/topics/orders:publish?api-version=2024-06-01";
pub(crate) const STRUCTURED: &str = "content-type: application/cloudevents+json; charset=utf-8";
pub(crate) const BATCH: &str = "content-type: application/cloudevents-batch+json; charset=utf-8";
pub(crate) const JSON: &str = "content-type: application/json";

/// A path of a subscription of `orders`.
pub(crate) fn path(subscription: &str, action: &str) -> String {
    format!("/topics/orders/eventsubscriptions/{subscription}:{action}?api-version=2024-06-01")
}

pub(crate) fn receive(subscription: &str, max_events: usize) -> String {
    format!(
        "{}&maxEvents={max_events}&maxWaitTime=10",
        path(subscription, "receive")
    )
}

pub(crate) fn event(id: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","data":{{"n":1}}}}"#)
}

/// `["a","b"]` as a body for a settle operation.
pub(crate) fn tokens(tokens: &[&str]) -> String {
    serde_json::json!({ "lockTokens": tokens }).to_string()
}

impl Client {
    pub(crate) async fn publish(&mut self, id: &str) {
        let response = self.call("POST", PUBLISH, &[STRUCTURED], event(id)).await;
        assert_eq!((response.status, response.text()), (200, "{}"), "{response:?}");
    }

    /// Lock tokens of at most `max_events` events.
    pub(crate) async fn receive(&mut self, subscription: &str, max_events: usize) -> Vec<String> {
        let response = self
            .call("POST", &receive(subscription, max_events), &[], "")
            .await;
        assert_eq!(response.status, 200, "{response:?}");
        let json = response.json();
        let value = json["value"].as_array().expect("an array").clone();
        value
            .iter()
            .map(|item| item["brokerProperties"]["lockToken"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) async fn settle(
        &mut self,
        subscription: &str,
        action: &str,
        list: &[&str],
    ) -> serde_json::Value {
        let response = self
            .call("POST", &path(subscription, action), &[JSON], tokens(list))
            .await;
        assert_eq!(response.status, 200, "{response:?}");
        response.json()
    }
}
