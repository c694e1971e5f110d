//! What `/metrics` shows of topics and subscriptions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Unit;
use runtime::metrics::Registry;

use super::routes::{Routes, SubscriptionRoute, TopicRoute};
use crate::topics::counts::SubscriptionCounts;

/// Entities with series of their own; the rest is summed up as `_other`. Of subscriptions that appear, the first by
/// topic and name are shown.
const ENTITIES_MAX: usize = 1000;

#[derive(Debug)]
pub(super) struct Metrics {
    publish: Histogram,
}

impl Metrics {
    pub(super) fn register(registry: &Registry, routes: &Arc<ArcSwap<Routes>>) -> Self {
        let registry = registry.part("topics");
        let published = PerTopic {
            routes: routes.clone(),
        };
        registry.register(
            "events_published",
            "Events that were accepted by a topic",
            published,
        );
        for (name, help, read) in COUNTERS {
            let metric = PerSubscription {
                routes: routes.clone(),
                kind: MetricType::Counter,
                read,
            };
            registry.register(name, help, metric);
        }
        for (name, help, read) in GAUGES {
            let metric = PerSubscription {
                routes: routes.clone(),
                kind: MetricType::Gauge,
                read,
            };
            registry.register(name, help, metric);
        }
        let publish = registry.register_with_unit(
            "publish_duration",
            "Time from a publish request in the broker until its events are durable",
            Unit::Seconds,
            Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
        );
        Self { publish }
    }

    pub(super) fn published_in(&self, duration: Duration) {
        self.publish.observe(duration.as_secs_f64());
    }
}

type Read = fn(&SubscriptionCounts) -> i64;

const COUNTERS: [(&str, &str, Read); 7] = [
    ("events_matched", "Events that a subscription wants", |counts| {
        signed(counts.matched.value())
    }),
    (
        "events_delivered",
        "Deliveries of events to receivers",
        |counts| signed(counts.delivered.value()),
    ),
    ("events_acknowledged", "Events that were acknowledged", |counts| {
        signed(counts.acknowledged.value())
    }),
    ("events_released", "Events that were released", |counts| {
        signed(counts.released.value())
    }),
    ("events_rejected", "Events that were rejected", |counts| {
        signed(counts.rejected.value())
    }),
    ("events_expired", "Events whose time to live was over", |counts| {
        signed(counts.expired.value())
    }),
    (
        "events_dead_lettered",
        "Events that became dead letters",
        |counts| signed(counts.dead_lettered.value()),
    ),
];

const GAUGES: [(&str, &str, Read); 2] = [
    (
        "events_backlog",
        "Events that still have to be received or settled",
        |counts| counts.backlog.value(),
    ),
    (
        "events_in_flight",
        "Events that were delivered and are not settled, and those that wait to be moved to the dead letters",
        |counts| counts.in_flight.value(),
    ),
];

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Events published, by topic.
#[derive(Clone)]
struct PerTopic {
    routes: Arc<ArcSwap<Routes>>,
}

/// One number of every subscription. It is read when somebody asks; counting costs one atomic addition.
#[derive(Clone)]
struct PerSubscription {
    routes: Arc<ArcSwap<Routes>>,
    kind: MetricType,
    read: Read,
}

impl fmt::Debug for PerTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PerTopic")
    }
}

impl fmt::Debug for PerSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PerSubscription")
    }
}

impl EncodeMetric for PerTopic {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let routes = self.routes.load();
        let topics = sorted(&routes);
        for topic in topics.iter().take(ENTITIES_MAX) {
            let labels = [("topic", &*topic.name)];
            let count = topic.counts.published.value();
            encoder
                .encode_family(&labels)?
                .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        let rest = topics.get(ENTITIES_MAX..).unwrap_or_default();
        if !rest.is_empty() {
            let sum: u64 = rest.iter().map(|topic| topic.counts.published.value()).sum();
            let mut other = encoder.encode_family(&[("topic", "_other")])?;
            other.encode_counter::<NoLabelSet, _, u64>(&sum, None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl EncodeMetric for PerSubscription {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let routes = self.routes.load();
        let (mut shown, mut other) = (0, None);
        for topic in sorted(&routes) {
            let subscriptions = topic.subscriptions();
            let mut subscriptions: Vec<&Arc<SubscriptionRoute>> = subscriptions.values().collect();
            subscriptions.sort_unstable_by(|left, right| left.name.cmp(&right.name));
            for subscription in subscriptions {
                let value = (self.read)(&subscription.counts);
                if shown == ENTITIES_MAX {
                    *other.get_or_insert(0) += value;
                    continue;
                }
                shown += 1;
                self.write(&mut encoder, &topic.name, &subscription.name, value)?;
            }
        }
        other.map_or(Ok(()), |sum| self.write(&mut encoder, "_other", "_other", sum))
    }

    fn metric_type(&self) -> MetricType {
        self.kind
    }
}

impl PerSubscription {
    fn write(
        &self,
        encoder: &mut MetricEncoder<'_>,
        topic: &str,
        subscription: &str,
        value: i64,
    ) -> Result<(), fmt::Error> {
        let labels = [("topic", topic), ("subscription", subscription)];
        let mut encoder = encoder.encode_family(&labels)?;
        match self.kind {
            MetricType::Counter => encoder.encode_counter::<NoLabelSet, _, u64>(&value.unsigned_abs(), None),
            _ => encoder.encode_gauge(&value),
        }
    }
}

fn sorted(routes: &Routes) -> Vec<&Arc<TopicRoute>> {
    let mut topics: Vec<&Arc<TopicRoute>> = routes.topics().collect();
    topics.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    topics
}
