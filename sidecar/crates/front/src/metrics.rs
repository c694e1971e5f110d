//! What a door counts.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Unit;

use crate::operation::Operation;

/// Handles are looked up once: a request touches no map.
#[derive(Debug)]
pub(crate) struct Metrics {
    per_operation: Vec<PerOperation>,
    pub(crate) connections: Connections,
    pub(crate) refused_bodies: Counter,
    pub(crate) refused_answers: Counter,
    pub(crate) refused_slow_head: Counter,
    pub(crate) refused_slow_body: Counter,
    pub(crate) refused_slow_reader: Counter,
    pub(crate) refused_handshake: Counter,
    pub(crate) refused_tails: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) in_flight_bodies: Gauge,
    pub(crate) in_flight_answers: Gauge,
}

/// The connections of one protocol.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    pub(crate) open: Gauge,
    pub(crate) accepted: Counter,
    pub(crate) refused: Counter,
}

#[derive(Debug)]
struct PerOperation {
    by_class: [Counter; 3],
    seconds: Histogram,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    status: &'static str,
}

#[derive(Clone, Copy)]
enum StatusClass {
    Success,
    Refused,
    Failed,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LimitLabels {
    limit: &'static str,
}

impl Metrics {
    pub(crate) fn register(registry: &runtime::metrics::Registry) -> Self {
        let http = registry.part("http");
        let requests = http.register(
            "requests",
            "Requests answered, by operation and class of status",
            Family::<RequestLabels, Counter>::default(),
        );
        let seconds = http.register_with_unit(
            "request_duration",
            "From the request's headers to the answer's, by operation; a receive includes its long poll",
            Unit::Seconds,
            Family::<OperationLabels, Histogram>::new_with_constructor(histogram),
        );
        let refused = http.register(
            "refused",
            "Connections and requests that met a limit of the door, by limit",
            Family::<LimitLabels, Counter>::default(),
        );
        let limit = |limit| refused.get_or_create(&LimitLabels { limit }).clone();
        Self {
            per_operation: Operation::ALL
                .iter()
                .map(|operation| PerOperation::new(operation.name(), &requests, &seconds))
                .collect(),
            connections: Connections {
                open: http.register("connections", "Connections open now", Gauge::default()),
                accepted: http.register("accepted", "Connections accepted", Counter::default()),
                refused: limit("connections"),
            },
            refused_bodies: limit("in_flight_bodies"),
            refused_answers: limit("in_flight_answers"),
            refused_slow_head: limit("head_timeout"),
            refused_slow_body: limit("body_timeout"),
            refused_slow_reader: limit("write_timeout"),
            refused_handshake: limit("handshake"),
            refused_tails: limit("tails"),
            bytes_in: http.register_with_unit(
                "received",
                "Read from clients, after TLS",
                Unit::Bytes,
                Counter::default(),
            ),
            bytes_out: http.register_with_unit(
                "sent",
                "Written to clients, before TLS",
                Unit::Bytes,
                Counter::default(),
            ),
            in_flight_bodies: http.register_with_unit(
                "in_flight_bodies",
                "Request bodies held in memory now",
                Unit::Bytes,
                Gauge::default(),
            ),
            in_flight_answers: http.register_with_unit(
                "in_flight_answers",
                "Answers to receivers that are not yet written",
                Unit::Bytes,
                Gauge::default(),
            ),
        }
    }

    pub(crate) fn on_answer(&self, operation: Operation, status: http::StatusCode, took: Duration) {
        let per_operation = &self.per_operation[operation as usize];
        per_operation.by_class[StatusClass::of(status) as usize].inc();
        per_operation.seconds.observe(took.as_secs_f64());
    }
}

impl PerOperation {
    fn new(
        operation: &'static str,
        requests: &Family<RequestLabels, Counter>,
        seconds: &Family<OperationLabels, Histogram, fn() -> Histogram>,
    ) -> Self {
        let counter = |status| {
            requests
                .get_or_create(&RequestLabels { operation, status })
                .clone()
        };
        Self {
            // In the order of `StatusClass`.
            by_class: ["2xx", "4xx", "5xx"].map(counter),
            seconds: seconds.get_or_create(&OperationLabels { operation }).clone(),
        }
    }
}

impl StatusClass {
    fn of(status: http::StatusCode) -> Self {
        match status.as_u16() {
            ..400 => Self::Success,
            400..500 => Self::Refused,
            500.. => Self::Failed,
        }
    }
}

/// 100 µs to 200 s, each bucket 2.4 times the one before.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(1e-4, 2.4, 17))
}
