//! What `/metrics` shows of hubs.

use std::fmt;
use std::sync::{Arc, Weak};

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use runtime::metrics::Registry;

use super::hub::HubState;
use super::hubs::Hubs;
use super::reading::consumer_groups;

/// Entities with series of their own; the rest is summed up as `_other`. Of those that appear, the first by name are
/// shown.
const ENTITIES_MAX: usize = 1000;

pub(super) fn register(registry: &Registry, hubs: &Arc<Hubs>) {
    let registry = registry.part("eventhubs");
    for (name, help, kind, read) in PER_HUB {
        let hubs = Arc::downgrade(hubs);
        registry.register(name, help, PerHub { hubs, kind, read });
    }
    let lag = ReceiverLag {
        hubs: Arc::downgrade(hubs),
    };
    registry.register(
        "receiver_lag",
        "Durable events that the connected receivers of a consumer group have not got yet",
        lag,
    );
}

type Read = fn(&HubState) -> u64;

const PER_HUB: [(&str, &str, MetricType, Read); 7] = [
    (
        "events_in",
        "Events that were accepted by a hub",
        MetricType::Counter,
        |hub| hub.counts.events_in.value(),
    ),
    (
        "bytes_in",
        "Bytes of the events that were accepted by a hub",
        MetricType::Counter,
        |hub| hub.counts.bytes_in.value(),
    ),
    (
        "events_out",
        "Events that went to receivers of a hub",
        MetricType::Counter,
        |hub| hub.counts.events_out.value(),
    ),
    (
        "bytes_out",
        "Bytes of the events that went to receivers of a hub",
        MetricType::Counter,
        |hub| hub.counts.bytes_out.value(),
    ),
    (
        "events_retained",
        "Events that a hub retains",
        MetricType::Gauge,
        |hub| hub.depth().events,
    ),
    (
        "bytes_retained",
        "Bytes that the events of a hub occupy in the log",
        MetricType::Gauge,
        |hub| hub.depth().bytes,
    ),
    (
        "receivers",
        "Receivers that are connected to a hub",
        MetricType::Gauge,
        |hub| {
            let groups = hub.taken();
            let places = groups.iter().flat_map(|group| &group.places);
            places.map(|taken| taken.receivers as u64).sum()
        },
    ),
];

/// One number of every hub. It is read when somebody asks. The hubs hold the registry's owner, not the other way round.
#[derive(Clone)]
struct PerHub {
    hubs: Weak<Hubs>,
    kind: MetricType,
    read: Read,
}

/// How far the receivers of each consumer group are behind.
#[derive(Clone)]
struct ReceiverLag {
    hubs: Weak<Hubs>,
}

impl fmt::Debug for PerHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PerHub")
    }
}

impl fmt::Debug for ReceiverLag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiverLag")
    }
}

impl EncodeMetric for PerHub {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let routes = self.hubs.upgrade().map(|hubs| hubs.routes()).unwrap_or_default();
        for route in routes.iter().take(ENTITIES_MAX) {
            let value = (self.read)(&route.hub);
            write(&mut encoder, self.kind, &[("hub", &*route.name)], value)?;
        }
        let rest = routes.get(ENTITIES_MAX..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        let sum = rest.iter().map(|route| (self.read)(&route.hub)).sum();
        write(&mut encoder, self.kind, &[("hub", "_other")], sum)
    }

    fn metric_type(&self) -> MetricType {
        self.kind
    }
}

impl EncodeMetric for ReceiverLag {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let routes = self.hubs.upgrade().map(|hubs| hubs.routes()).unwrap_or_default();
        let (mut shown, mut other) = (0, None);
        for route in &routes {
            let groups = consumer_groups(&route.hub).into_iter();
            for group in groups.filter(|group| !group.readings.is_empty()) {
                let lag = group.lag();
                if shown == ENTITIES_MAX {
                    *other.get_or_insert(0) += lag;
                    continue;
                }
                shown += 1;
                let labels = [("hub", &*route.name), ("group", &*group.name)];
                write(&mut encoder, MetricType::Gauge, &labels, lag)?;
            }
        }
        let labels = [("hub", "_other"), ("group", "_other")];
        other.map_or(Ok(()), |sum| write(&mut encoder, MetricType::Gauge, &labels, sum))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

fn write(
    encoder: &mut MetricEncoder<'_>,
    kind: MetricType,
    labels: &impl EncodeLabelSet,
    value: u64,
) -> Result<(), fmt::Error> {
    let mut encoder = encoder.encode_family(labels)?;
    match kind {
        MetricType::Counter => encoder.encode_counter::<NoLabelSet, _, u64>(&value, None),
        _ => encoder.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX)),
    }
}
