//! How long a plan takes: `cargo run --release -p plan --example measure [TOPICS]`.
//!
//! Plans a Namespace with so many Topics and as many EventSubscriptions, the first time and again after one Topic
//! changed, and writes the documents.
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::time::{Duration, Instant};

use crds::shared::Reference;
use crds::v1alpha1::{
    EventSubscription, EventSubscriptionSpec, Namespace, NamespaceSpec, Queue, Topic, TopicSpec,
};
use kube::Resource;
use plan::{Inputs, Memo, plan_again};
use uuid::Uuid;

const ROUNDS: u32 = 20;

fn main() {
    let argument = std::env::args().nth(1).and_then(|count| count.parse().ok());
    let count: u128 = argument.unwrap_or(10_000);
    let shop = born(Namespace::new("shop", NamespaceSpec::default()), 0);
    let mut topics: Vec<Topic> = (1..=count).map(topic).collect();
    for (what, subscriptions) in [("topics", 0), ("topics and as many event subscriptions", count)] {
        let subscriptions: Vec<EventSubscription> = (1..=subscriptions).map(subscription).collect();
        println!("{count} {what}");
        measure(&shop, &mut topics, &subscriptions);
    }
}

fn measure(shop: &Namespace, topics: &mut [Topic], subscriptions: &[EventSubscription]) {
    let mut memo = Memo::default();
    let mut again = Vec::new();
    let mut pieces = Vec::new();
    for round in 0..=ROUNDS {
        let changed = &mut topics[0];
        changed.metadata.generation = Some(i64::from(round) + 2);
        changed.spec.event_retention_in_days = Some(i32::try_from(round % 7).unwrap_or(0) + 1);
        let inputs = Inputs {
            namespaces: vec![shop],
            topics: topics.iter().collect(),
            event_subscriptions: subscriptions.iter().collect(),
            hubs: Vec::new(),
            findings: Vec::new(),
        };
        let start = Instant::now();
        let plan = plan_again(&inputs, &mut memo);
        let took = start.elapsed();
        assert!(plan.decisions.iter().all(plan::Decision::accepted));
        let start = Instant::now();
        let written = plan.configurations[0]
            .pieces(u64::from(round))
            .expect("it can be written");
        let wrote = start.elapsed();
        match round {
            0 => {
                let bytes: usize = written.shards.iter().map(Vec::len).sum();
                println!("  first plan         {took:?}");
                println!("  document           {bytes} bytes");
            }
            _ => {
                again.push(took);
                pieces.push(wrote);
            }
        }
    }
    println!("  one topic changed  {}", spread(&mut again));
    println!("  document written   {}", spread(&mut pieces));
}

fn spread(times: &mut [Duration]) -> String {
    times.sort();
    format!(
        "median {:?}, longest {:?}",
        times[times.len() / 2],
        times[times.len() - 1]
    )
}

fn topic(number: u128) -> Topic {
    let spec = TopicSpec {
        namespace_ref: Reference::to("shop"),
        ..TopicSpec::default()
    };
    born(Topic::new(&format!("topic-{number}"), spec), number)
}

fn subscription(number: u128) -> EventSubscription {
    let spec = EventSubscriptionSpec {
        topic_ref: Reference::to(format!("topic-{number}")),
        queue: Queue::default(),
        ..EventSubscriptionSpec::default()
    };
    born(
        EventSubscription::new(&format!("subscription-{number}"), spec),
        number << 64,
    )
}

/// Uids in no order, like those of an API server.
fn born<T: Resource>(mut object: T, number: u128) -> T {
    let meta = object.meta_mut();
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    meta.namespace = Some("prod".to_owned());
    meta.uid = Some(Uuid::from_u128(scattered).to_string());
    meta.generation = Some(1);
    object
}
