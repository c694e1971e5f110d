//! What `/metrics` shows of consumers that keep their positions here.

use std::fmt;
use std::sync::{Arc, Weak};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use runtime::metrics::Registry;

use super::Lags;

/// Partitions with a series of their own; the rest is summed up as `_other`.
const SERIES_MAX: usize = 1000;

pub(crate) fn register(registry: &Registry, lags: &Arc<Lags>) {
    let lag = ConsumerLag(Arc::downgrade(lags));
    registry.part("eventhubs").register(
        "consumer_lag",
        "Durable events after the newest checkpoint of a consumer group",
        lag,
    );
}

/// It is read when somebody asks. The broker holds the registry's owner, not the other way round.
#[derive(Clone)]
struct ConsumerLag(Weak<Lags>);

impl fmt::Debug for ConsumerLag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsumerLag")
    }
}

impl EncodeMetric for ConsumerLag {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(lags) = self.0.upgrade() else {
            return Ok(());
        };
        let lags = lags.recent();
        for lag in lags.iter().take(SERIES_MAX) {
            let partition = lag.partition.to_string();
            write(&mut encoder, [&lag.hub, &lag.group, &partition], lag.lag)?;
        }
        let rest = lags.get(SERIES_MAX..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        let sum = rest.iter().map(|lag| lag.lag).sum();
        write(&mut encoder, ["_other"; 3], sum)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

fn write(
    encoder: &mut MetricEncoder<'_>,
    [hub, group, partition]: [&str; 3],
    lag: u64,
) -> Result<(), fmt::Error> {
    let labels = [("hub", hub), ("group", group), ("partition", partition)];
    let mut encoder = encoder.encode_family(&labels)?;
    encoder.encode_gauge(&i64::try_from(lag).unwrap_or(i64::MAX))
}
