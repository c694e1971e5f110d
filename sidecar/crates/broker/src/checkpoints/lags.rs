//! How far consumers have come, by their own account.

mod metric;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Timestamp, Uid};
use parking_lot::Mutex;

pub(crate) use self::metric::register;
use super::Checkpoints;
use super::content::Metadata;
use super::image::each_blob;
use super::shared::Shared;
use super::store::Entry;
use crate::eventhubs::{Hub, Hubs};

/// Where a consumer group stands in a partition, by its newest checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// The hub's name as it was declared.
    pub hub: String,
    /// The hub's uid.
    pub hub_uid: Uid,
    /// The consumer group's name as it was declared; as consumers write it if it is not.
    pub group: String,
    /// The partition's place in the hub.
    pub partition: u32,
    /// Of the last event that was processed; None if the checkpoint does not say.
    pub sequence_number: Option<i64>,
    /// Of the newest durable event there ever was; one less than that of the first one if there was none.
    pub last: i64,
    /// Durable events that are retained and come after the position.
    pub lag: u64,
    /// Who owns the partition, if anybody says so.
    pub owner: Option<String>,
    /// When the checkpoint was written.
    pub modified: Timestamp,
}

/// Longer names are no checkpoints: 259 bytes for a host name with its port, 256 each for hub and group, and the rest.
const NAME_BYTES_MAX: usize = 800;

/// Ways to part the names of hub and group that are tried, from the shortest name of a hub on.
const WAYS_MAX: usize = 4;

/// Whoever does not need the newest result shares one that is no older.
const SHARED_FOR: Duration = Duration::from_secs(5);

/// The segment before the partition in the names of the SDKs' blobs.
const CHECKPOINT: &str = "checkpoint";
const OWNERSHIP: &str = "ownership";

/// Whether the SDKs say in a blob of this name who owns a partition: `NAMESPACE/HUB/GROUP/ownership/PARTITION`. A hub or a
/// group may be called `ownership`, too.
pub(super) fn is_ownership(name: &str) -> bool {
    Place::parse(name, OWNERSHIP).is_some_and(|place| place.ways().next().is_some())
}

/// What the name of a blob of the SDKs says: `NAMESPACE/HUB/GROUP/KIND/PARTITION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place<'a> {
    namespace: &'a str,
    /// Names of hubs and groups may contain `/`.
    hub_and_group: &'a str,
    partition: u32,
}

impl<'a> Place<'a> {
    fn parse(name: &'a str, kind: &str) -> Option<Self> {
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        let (rest, partition) = name.rsplit_once('/')?;
        let rest = rest.strip_suffix(kind)?.strip_suffix('/')?;
        let (namespace, hub_and_group) = rest.split_once('/')?;
        Some(Self {
            namespace,
            hub_and_group,
            partition: partition.parse().ok()?,
        })
    }

    /// The name of the blob that says who owns the partition.
    fn ownership(&self) -> String {
        let Self {
            namespace,
            hub_and_group,
            partition,
        } = self;
        format!("{namespace}/{hub_and_group}/{OWNERSHIP}/{partition}")
    }

    /// Ways to part hub and group. Whoever writes blobs chooses their names, so there are few.
    fn ways(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let both = self.hub_and_group;
        let slashes = both.match_indices('/').take(WAYS_MAX);
        slashes.map(|(at, _)| (&both[..at], &both[at + 1..]))
    }

    /// The declared hub, and the group: of the ways to part them the first one that names both.
    fn find(&self, hubs: &Hubs) -> Option<(Hub, Arc<str>)> {
        let known = self.ways().filter_map(|(hub, group)| {
            let hub = hubs.hub(hub)?;
            Some((hub.consumer_group_name(group), hub, group))
        });
        let mut undeclared = None;
        for (declared, hub, group) in known {
            match declared {
                Some(declared) => return Some((hub, declared)),
                None => undeclared = undeclared.or_else(|| Some((hub, Arc::from(group)))),
            }
        }
        undeclared
    }
}

/// A checkpoint that was found.
struct Found {
    hub: Hub,
    entry: Entry,
    container: Arc<str>,
    ownership: String,
}

/// Who looks at consumers. It takes some milliseconds for each ten thousand blobs.
pub(crate) struct Lags {
    checkpoints: Checkpoints,
    hubs: Arc<Hubs>,
    /// The newest result, and when it was found. Locked while one is found, so that many who ask look once.
    newest: Mutex<Option<(Instant, Arc<[Lag]>)>>,
}

impl Lags {
    pub(crate) fn new(checkpoints: Checkpoints, hubs: Arc<Hubs>) -> Self {
        Self {
            checkpoints,
            hubs,
            newest: Mutex::default(),
        }
    }

    /// As it is at this moment, in the order of hub, group and partition.
    pub(crate) fn now(&self) -> Arc<[Lag]> {
        self.no_older_than(Duration::ZERO)
    }

    /// As it was within the last seconds.
    fn recent(&self) -> Arc<[Lag]> {
        self.no_older_than(SHARED_FOR)
    }

    fn no_older_than(&self, age: Duration) -> Arc<[Lag]> {
        let mut newest = self.newest.lock();
        let now = self.checkpoints.0.clock.monotonic();
        match &*newest {
            Some((found_at, lags)) if now.saturating_duration_since(*found_at) < age => lags.clone(),
            _ => {
                let lags: Arc<[Lag]> = lags(&self.checkpoints, &self.hubs).into();
                *newest = Some((now, lags.clone()));
                lags
            }
        }
    }
}

fn lags(checkpoints: &Checkpoints, hubs: &Hubs) -> Vec<Lag> {
    let shared = &*checkpoints.0;
    let mut newest: BTreeMap<(Arc<str>, Arc<str>, u32), Found> = BTreeMap::new();
    let containers = shared.state.lock().store.used_containers();
    for (container, _) in containers {
        each_blob(shared, &container, |name, entry| {
            let Some(place) = Place::parse(name, CHECKPOINT) else {
                return;
            };
            let Some((hub, group)) = place.find(hubs) else {
                return;
            };
            let key = (hub.shared_name(), group, place.partition);
            // A Namespace has several host names, and a program may have moved to another container.
            let is_older = |known: &Found| known.entry.stamp.etag >= entry.stamp.etag;
            if !newest.get(&key).is_some_and(is_older) {
                let found = Found {
                    hub,
                    entry: entry.clone(),
                    container: container.clone(),
                    ownership: place.ownership(),
                };
                newest.insert(key, found);
            }
        });
    }
    let mut lags = Vec::with_capacity(newest.len());
    for ((hub, group, partition), found) in newest {
        lags.extend(lag(shared, &hub, &group, partition, &found));
    }
    lags
}

fn lag(shared: &Shared, hub: &str, group: &str, partition: u32, found: &Found) -> Option<Lag> {
    let properties = found.hub.partition(partition)?.properties();
    let sequence_number = value(&found.entry.content.metadata, "sequencenumber");
    let sequence_number = sequence_number.and_then(|number| number.parse().ok());
    let processed: i64 = sequence_number.unwrap_or(-1);
    let before_first = properties.begin_sequence.cast_signed().saturating_sub(1);
    let lag = properties
        .last_sequence
        .saturating_sub(processed.max(before_first));
    Some(Lag {
        hub: String::from(hub),
        hub_uid: found.hub.uid(),
        group: String::from(group),
        partition,
        sequence_number,
        last: properties.last_sequence,
        lag: u64::try_from(lag).unwrap_or(0),
        owner: owner(shared, found),
        modified: found.entry.stamp.time,
    })
}

fn owner(shared: &Shared, found: &Found) -> Option<String> {
    let state = shared.state.lock();
    let entry = state.store.entry(&found.container, &found.ownership)?;
    let owner = value(&entry.content.metadata, "ownerid")?;
    // Who stops gives its partitions away in this way.
    (!owner.is_empty()).then(|| String::from(owner))
}

fn value<'m>(metadata: &'m Metadata, name: &str) -> Option<&'m str> {
    let (_, value) = metadata
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_checkpoint_is_read_from_both_ends() {
        let place = |namespace, hub_and_group, partition| {
            Some(Place {
                namespace,
                hub_and_group,
                partition,
            })
        };
        assert_eq!(
            Place::parse("localhost:5671/hub/$default/checkpoint/17", CHECKPOINT),
            place("localhost:5671", "hub/$default", 17)
        );
        assert_eq!(
            Place::parse("shop.ns.svc/plant/a/checkpoint/b/checkpoint/0", CHECKPOINT),
            place("shop.ns.svc", "plant/a/checkpoint/b", 0)
        );
        for other in [
            "",
            "checkpoint/0",
            "n/checkpoint/0",
            "n/h/g/ownership/0",
            "n/h/g/checkpoint/x",
            "n/h/g/checkpoint/-1",
            "n/h/g/checkpoint/",
            "n/h/g/xcheckpoint/0",
        ] {
            assert_eq!(Place::parse(other, CHECKPOINT), None, "{other}");
        }
    }

    #[test]
    fn who_owns_a_partition_stands_under_one_name_alone() {
        for ownership in [
            "localhost:5671/hub/$default/ownership/17",
            "n/plant/a/group/ownership/0",
            "n/ownership/ownership/ownership/0",
        ] {
            assert!(is_ownership(ownership), "{ownership}");
        }
        for other in [
            "n/ownership/$default/checkpoint/0",
            "n/hub/ownership/checkpoint/0",
            "n/plant/ownership/group/checkpoint/0",
            "n/hub/group/ownership/readme",
            "n/hub/group/ownership/",
            "n/hub/group/ownership",
            "n/hub/group/xownership/0",
            "n/hub/ownership/0",
            "ownership/0",
            "ownership",
        ] {
            assert!(!is_ownership(other), "{other}");
        }
    }

    #[test]
    fn a_name_cannot_make_work_for_long() {
        let name = |slashes| format!("localhost/hub/group{}/checkpoint/0", "/".repeat(slashes));
        let long = name(NAME_BYTES_MAX - name(0).len());
        let ways: Vec<_> = Place::parse(&long, CHECKPOINT).unwrap().ways().collect();
        assert_eq!(ways.len(), WAYS_MAX);
        assert_eq!(ways[0].0, "hub");
        assert_eq!(Place::parse(&format!("n{long}"), CHECKPOINT), None);
    }
}
