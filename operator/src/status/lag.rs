//! How far the consumers of a Hub are, as its status tells it.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use config::{Lag, PodReport};
use crds::v1alpha1::{ConsumerGroupStatus, HubStatus, PartitionStatus};
use serde_json::Value;

use crate::cache::fingerprint;

/// The least time between two statuses of a Hub that differ in nothing but lags.
const PAUSE: Duration = Duration::from_secs(10);

/// The consumer groups of one Hub, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lags(Vec<ConsumerGroupStatus>);

impl Lags {
    /// What a pod reports, by the uid of the hub in the document.
    pub fn by_hub(report: Option<&PodReport>) -> HashMap<&str, Self> {
        let mut groups: HashMap<&str, BTreeMap<&str, Vec<&Lag>>> = HashMap::new();
        for lag in report.into_iter().flat_map(|report| &report.lags) {
            let of_hub = groups.entry(&lag.hub_uid).or_default();
            of_hub.entry(&lag.group).or_default().push(lag);
        }
        let lags = groups.into_iter().map(|(hub, groups)| {
            let groups = groups.into_iter().map(|(name, lags)| group(name, lags));
            (hub, Self(groups.collect()))
        });
        lags.collect()
    }

    /// What a status says.
    pub fn in_status(status: &HubStatus) -> Self {
        Self(status.consumer_groups.clone())
    }

    /// Tells these from others; `None` if there is no consumer.
    pub fn fingerprint(&self) -> Option<u64> {
        let text = serde_json::to_string(&self.0).ok()?;
        (!self.0.is_empty()).then(|| fingerprint(&[&text]))
    }

    /// Says it.
    pub(super) fn add_to(&self, status: &mut Value) {
        if let Some(most) = self.0.iter().map(|group| group.lag).max() {
            status["lag"] = most.into();
            status["consumerGroups"] = serde_json::to_value(&self.0).unwrap_or_default();
        }
    }
}

fn group(name: &str, mut lags: Vec<&Lag>) -> ConsumerGroupStatus {
    lags.sort_by_key(|lag| lag.partition);
    // The list is a map by id: the API server takes none of it otherwise.
    lags.dedup_by_key(|lag| lag.partition);
    let partitions: Vec<_> = lags.into_iter().map(partition).collect();
    ConsumerGroupStatus {
        name: name.to_owned(),
        lag: partitions
            .iter()
            .fold(0, |sum: i64, partition| sum.saturating_add(partition.lag)),
        partitions,
    }
}

fn partition(lag: &Lag) -> PartitionStatus {
    PartitionStatus {
        id: lag.partition.to_string(),
        sequence_number: lag.sequence_number,
        lag: i64::try_from(lag.lag).unwrap_or(i64::MAX),
    }
}

/// When lags were written last. They change as long as events are consumed, and are not worth a write each time.
#[derive(Debug, Default)]
pub struct Pace(HashMap<Box<str>, Instant>);

impl Pace {
    /// Until when the lags of the Hub with this uid have to wait; `None` if they may be written now.
    pub fn wait(&self, uid: &str, now: Instant) -> Option<Instant> {
        let until = *self.0.get(uid)? + PAUSE;
        (now < until).then_some(until)
    }

    /// They are written now.
    pub fn note(&mut self, uid: &str, now: Instant) {
        self.0.insert(uid.into(), now);
    }

    /// Forgets those that need not wait any more.
    pub fn end_round(&mut self, now: Instant) {
        self.0.retain(|_, written| now < *written + PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(lags: Value) -> PodReport {
        let digest = config::Digest::of(b"").to_string();
        serde_json::from_value(json!({
            "format": 1, "podUid": "p", "version": "0.1.0", "namespaceUid": "n", "revision": 7,
            "shards": vec![digest; config::SHARD_COUNT], "secretsRevision": 1, "refused": [], "lags": lags,
        }))
        .unwrap()
    }

    fn lag(hub: &str, group: &str, partition: u32, lag: u64) -> Value {
        json!({"hubUid": hub, "group": group, "partition": partition, "sequenceNumber": 41, "lag": lag})
    }

    #[test]
    fn each_hub_has_its_groups_and_the_one_furthest_behind_is_told_first() {
        let report = report(json!([
            lag("h", "dashboards", 1, 5),
            lag("h", "dashboards", 0, 2),
            lag("h", "$default", 0, 6),
            lag("other", "$default", 0, 9),
        ]));
        let lags = Lags::by_hub(Some(&report));
        let mut status = json!({});
        lags["h"].add_to(&mut status);
        assert_eq!(
            status,
            json!({"lag": 7, "consumerGroups": [
                {"name": "$default", "lag": 6, "partitions": [{"id": "0", "sequenceNumber": 41, "lag": 6}]},
                {"name": "dashboards", "lag": 7, "partitions": [
                    {"id": "0", "sequenceNumber": 41, "lag": 2}, {"id": "1", "sequenceNumber": 41, "lag": 5},
                ]},
            ]})
        );
        assert_eq!(
            Lags::in_status(&serde_json::from_value(status).unwrap()),
            lags["h"]
        );
        assert_ne!(lags["h"].fingerprint(), lags["other"].fingerprint());
    }

    #[test]
    fn a_report_that_says_a_partition_twice_makes_a_status_that_the_api_server_takes() {
        let report = report(json!([lag("h", "g", 0, 1), lag("h", "g", 0, u64::MAX)]));
        assert_eq!(Lags::by_hub(Some(&report))["h"].0[0].partitions.len(), 1);
    }

    #[test]
    fn without_consumers_nothing_is_said() {
        let mut status = json!({});
        Lags::default().add_to(&mut status);
        assert_eq!((status, Lags::default().fingerprint()), (json!({}), None));
    }

    #[test]
    fn ten_seconds_pass_between_two_writes_of_one_hub() {
        let start = runtime::Clock::system().monotonic();
        let mut pace = Pace::default();
        assert_eq!(pace.wait("h", start), None);
        pace.note("h", start);
        assert_eq!(pace.wait("h", start), Some(start + PAUSE));
        assert_eq!(pace.wait("other", start), None);
        assert_eq!(pace.wait("h", start + PAUSE), None);
        pace.end_round(start + PAUSE);
        assert!(pace.0.is_empty());
    }
}
