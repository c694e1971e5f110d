//! How far the consumers of a Hub are, as its status tells it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use config::{GroupLag, Lag, PodReport};
use crds::v1alpha1::{ConsumerGroupStatus, HubStatus, PartitionStatus};
use serde_json::Value;

use crate::cache::fingerprint;

/// How many consumer groups the API server takes in a status.
const GROUPS_MAX: usize = 1001;

/// The least time between two statuses of a Hub that differ in nothing but lags.
const PAUSE: Duration = Duration::from_secs(10);

/// The consumer groups of one Hub, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lags(Vec<ConsumerGroupStatus>);

impl Lags {
    /// What a pod reports, by the uid of the hub in the document. It says of each group how far it is, and of partitions
    /// as far as it has room.
    pub fn by_hub(report: Option<&PodReport>) -> HashMap<&str, Self> {
        let mut partitions: HashMap<(&str, &str), Vec<&Lag>> = HashMap::new();
        for lag in report.into_iter().flat_map(|report| &report.lags) {
            partitions
                .entry((&lag.hub_uid, &lag.group))
                .or_default()
                .push(lag);
        }
        // The list is a map by name: the API server takes none of it otherwise.
        let mut hubs: HashMap<&str, BTreeMap<&str, ConsumerGroupStatus>> = HashMap::new();
        for GroupLag { hub_uid, group, lag } in report.into_iter().flat_map(|report| &report.groups) {
            let partitions = partitions.remove(&(hub_uid.as_str(), group.as_str()));
            let of_hub = hubs.entry(hub_uid).or_default();
            of_hub.entry(group).or_insert_with(|| ConsumerGroupStatus {
                name: group.clone(),
                lag: number(*lag),
                partitions: in_order(partitions.unwrap_or_default()),
            });
        }
        let hubs = hubs.into_iter();
        hubs.map(|(hub, groups)| (hub, Self(furthest_behind(groups.into_values()))))
            .collect()
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

/// As many as there is room for, in the order of their names.
fn furthest_behind(groups: impl Iterator<Item = ConsumerGroupStatus>) -> Vec<ConsumerGroupStatus> {
    let mut groups: Vec<_> = groups.collect();
    if groups.len() > GROUPS_MAX {
        groups.sort_by_key(|group| Reverse(group.lag));
        groups.truncate(GROUPS_MAX);
        groups.sort_by(|a, b| a.name.cmp(&b.name));
    }
    groups
}

fn in_order(mut lags: Vec<&Lag>) -> Vec<PartitionStatus> {
    lags.sort_by_key(|lag| lag.partition);
    // This list is a map as well, by id.
    lags.dedup_by_key(|lag| lag.partition);
    lags.into_iter().map(partition).collect()
}

fn partition(lag: &Lag) -> PartitionStatus {
    PartitionStatus {
        id: lag.partition.to_string(),
        sequence_number: lag.sequence_number,
        lag: number(lag.lag),
    }
}

/// As Kubernetes' JSON has numbers.
fn number(lag: u64) -> i64 {
    i64::try_from(lag).unwrap_or(i64::MAX)
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

    fn report(groups: Value, lags: Value) -> PodReport {
        let digest = config::Digest::of(b"").to_string();
        serde_json::from_value(json!({
            "format": 1, "podUid": "p", "version": "0.1.0", "namespaceUid": "n", "revision": 7,
            "shards": vec![digest; config::SHARD_COUNT], "secretsRevision": 1, "refused": [], "groups": groups,
            "lags": lags,
        }))
        .unwrap()
    }

    fn lag(hub: &str, group: &str, partition: u32, lag: u64) -> Value {
        json!({"hubUid": hub, "group": group, "partition": partition, "sequenceNumber": 41, "lag": lag})
    }

    fn group(hub: &str, group: &str, lag: u64) -> Value {
        json!({"hubUid": hub, "group": group, "lag": lag})
    }

    #[test]
    fn each_hub_has_its_groups_and_the_one_furthest_behind_is_told_first() {
        let report = report(
            json!([
                group("h", "dashboards", 7),
                group("h", "$default", 6),
                group("other", "$default", 9)
            ]),
            json!([
                lag("h", "dashboards", 1, 5),
                lag("h", "dashboards", 0, 2),
                lag("h", "$default", 0, 6),
                lag("other", "$default", 0, 9),
            ]),
        );
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
        let report = report(
            json!([group("h", "g", 1), group("h", "g", u64::MAX)]),
            json!([lag("h", "g", 0, 1), lag("h", "g", 0, u64::MAX)]),
        );
        let lags = &Lags::by_hub(Some(&report))["h"];
        assert_eq!((lags.0.len(), lags.0[0].partitions.len()), (1, 1));
    }

    #[test]
    fn what_a_group_has_before_it_counts_partitions_that_are_not_listed() {
        let report = report(
            json!([group("h", "a", 7), group("h", "b", 9)]),
            json!([lag("h", "a", 0, 5)]),
        );
        let mut status = json!({});
        Lags::by_hub(Some(&report))["h"].add_to(&mut status);
        assert_eq!(
            status,
            json!({"lag": 9, "consumerGroups": [
                {"name": "a", "lag": 7, "partitions": [{"id": "0", "sequenceNumber": 41, "lag": 5}]},
                {"name": "b", "lag": 9, "partitions": []},
            ]})
        );
    }

    #[test]
    fn of_too_many_groups_the_api_server_is_told_those_furthest_behind() {
        let groups = (0..1100).map(|number| group("h", &format!("{number:04}"), number));
        let report = report(groups.collect(), json!([]));
        let groups = &Lags::by_hub(Some(&report))["h"].0;
        assert_eq!((groups.len(), groups[0].name.as_str()), (GROUPS_MAX, "0099"));
        assert!(groups.is_sorted_by_key(|group| &group.name));
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
