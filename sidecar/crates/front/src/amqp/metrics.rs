//! What the AMQP door counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Unit;

use crate::metrics::Connections;

/// Handles are looked up once: a delivery touches no map.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) connections: Connections,
    pub(crate) refused_slow_reader: Counter,
    pub(super) refused_in_flight: Counter,
    /// Links that were refused or detached, and deliveries that were rejected, by condition.
    pub(super) refusals: Family<ConditionLabels, Counter>,
    pub(super) links: Gauge,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    /// From a delivery's last byte to its settlement.
    pub(super) settle_seconds: Histogram,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ConditionLabels {
    pub(super) condition: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LimitLabels {
    limit: &'static str,
}

impl Metrics {
    pub(super) fn register(registry: &runtime::metrics::Registry) -> Self {
        let amqp = registry.part("amqp");
        let refused = amqp.register(
            "refused",
            "Connections and deliveries that met a limit of the door, by limit",
            Family::<LimitLabels, Counter>::default(),
        );
        let limit = |limit| refused.get_or_create(&LimitLabels { limit }).clone();
        Self {
            connections: Connections {
                open: amqp.register("connections", "Connections open now", Gauge::default()),
                accepted: amqp.register("accepted", "Connections accepted", Counter::default()),
                refused: limit("connections"),
            },
            refused_slow_reader: limit("write_timeout"),
            refused_in_flight: limit("in_flight_bodies"),
            refusals: amqp.register(
                "refusals",
                "Links refused or detached, and deliveries rejected, by condition",
                Family::default(),
            ),
            links: amqp.register("links", "Links attached now", Gauge::default()),
            bytes_in: amqp.register_with_unit(
                "received",
                "Read from clients, after TLS",
                Unit::Bytes,
                Counter::default(),
            ),
            bytes_out: amqp.register_with_unit(
                "sent",
                "Written to clients, before TLS",
                Unit::Bytes,
                Counter::default(),
            ),
            settle_seconds: amqp.register_with_unit(
                "settle_duration",
                "From a delivery's last byte until its events are durable",
                Unit::Seconds,
                // 50 µs to 100 s, each bucket 2.4 times the one before.
                Histogram::new(exponential_buckets(5e-5, 2.4, 17)),
            ),
        }
    }
}
