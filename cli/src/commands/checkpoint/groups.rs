//! Consumer groups as their programs keep them in blobs: `ADDRESS/HUB/GROUP/checkpoint/PARTITION` and the same with
//! `ownership`, everything in the metadata.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::blobs::{self, Blob, Container};
use crate::client::Client;
use crate::failure::Failure;

/// A program renews what it owns every few seconds; after this long without, others take it.
const OWNER_EXPIRES: Duration = Duration::from_secs(60);

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: BTreeMap<Key, BTreeMap<u32, Progress>>,
    /// By the service's clock.
    now: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    hub: String,
    group: String,
    container: Container,
    address: String,
}

/// A consumer group, as programs keep it that know the Namespace by one address.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) container: Container,
    /// By which its programs know the Namespace.
    pub(super) address: String,
    pub(super) hub: String,
    pub(super) group: String,
    pub(super) partitions: BTreeMap<u32, Progress>,
    pub(super) now: Timestamp,
}

/// What a group knows of one partition.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) checkpoint: Option<Blob>,
    pub(super) ownership: Option<Blob>,
}

/// Who has a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) name: String,
    /// Since it was last renewed.
    pub(super) age: Duration,
}

impl Owner {
    pub(super) fn is_live(&self) -> bool {
        self.age < OWNER_EXPIRES
    }
}

impl Progress {
    /// The last event that was processed, as far as the group has written down.
    pub(super) fn sequence_number(&self) -> Option<i64> {
        self.checkpoint
            .as_ref()?
            .metadata("sequencenumber")?
            .trim()
            .parse()
            .ok()
    }

    /// None if nobody has it, or gave it up.
    pub(super) fn owner(&self, now: Timestamp) -> Option<Owner> {
        let blob = self.ownership.as_ref()?;
        let name = blob.metadata("ownerid").filter(|name| !name.is_empty())?;
        Some(Owner {
            name: name.to_owned(),
            age: age(blob, now),
        })
    }

    pub(super) fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.checkpoint.iter().chain(&self.ownership)
    }
}

/// Zero for what is younger than the clock says.
pub(super) fn age(blob: &Blob, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(blob.last_modified)).unwrap_or_default()
}

impl Groups {
    /// Reads all containers, or one.
    pub(super) fn read(client: &Client, container: Option<&str>) -> Result<Self, Failure> {
        let containers = match container {
            Some(container) => vec![container.to_owned()],
            None => blobs::containers(client)?,
        };
        let mut groups = Self::default();
        for container in containers {
            let listing = blobs::list(client, &container)?;
            groups.now = groups.now.max(listing.now);
            for blob in listing.blobs {
                groups.add(&listing.container, blob);
            }
        }
        Ok(groups)
    }

    fn add(&mut self, container: &Container, blob: Blob) {
        let Some((key, kind, partition)) = place(container, &blob.name) else {
            return;
        };
        let progress = self.groups.entry(key).or_default().entry(partition).or_default();
        match kind {
            Kind::Checkpoint => progress.checkpoint = Some(blob),
            Kind::Ownership => progress.ownership = Some(blob),
        }
    }

    /// Those of one group, whatever the case of its name: most programs write it in lower case.
    pub(super) fn of(self, hub: &str, group: &str) -> Vec<Group> {
        let is_it =
            |found: &Group| found.hub.eq_ignore_ascii_case(hub) && found.group.eq_ignore_ascii_case(group);
        self.into_iter().filter(is_it).collect()
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Group> {
        let now = self.now.unwrap_or_default();
        self.groups.into_iter().map(move |(key, partitions)| Group {
            container: key.container,
            address: key.address,
            hub: key.hub,
            group: key.group,
            partitions,
            now,
        })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Checkpoint,
    Ownership,
}

impl Group {
    /// The name of the blob that holds the checkpoint of a partition.
    pub(super) fn checkpoint_name(&self, partition: u32) -> String {
        format!(
            "{}/{}/{}/checkpoint/{partition}",
            self.address, self.hub, self.group
        )
    }
}

fn place(container: &Container, name: &str) -> Option<(Key, Kind, u32)> {
    let parts: Vec<_> = name.split('/').collect();
    let [address, hub, group, kind, partition] = parts[..] else {
        return None;
    };
    let kind = match kind {
        "checkpoint" => Kind::Checkpoint,
        "ownership" => Kind::Ownership,
        _ => return None,
    };
    let key = Key {
        hub: hub.to_owned(),
        group: group.to_owned(),
        container: container.clone(),
        address: address.to_owned(),
    };
    Some((key, kind, partition.parse().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn blob(name: &str, metadata: &[(&str, &str)]) -> Blob {
        let pairs = metadata
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Blob {
            name: name.to_owned(),
            etag: "0x1".to_owned(),
            last_modified: now() - Duration::from_secs(10),
            length: 0,
            metadata: pairs.collect(),
        }
    }

    pub(in super::super) fn now() -> Timestamp {
        "2026-01-31T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn blobs_of_one_group_belong_together_and_others_are_left_alone() {
        let mut groups = Groups {
            now: Some(now()),
            ..Groups::default()
        };
        for (name, metadata) in [
            ("h/telemetry/$default/checkpoint/0", [("sequencenumber", "5")]),
            ("h/telemetry/$default/ownership/0", [("ownerid", "a")]),
            ("h/telemetry/$default/ownership/1", [("ownerid", "")]),
            ("h/telemetry/slow/checkpoint/0", [("sequencenumber", "x")]),
            ("some/other/blob", [("sequencenumber", "1")]),
            ("h/telemetry/$default/checkpoint/zero", [("sequencenumber", "1")]),
        ] {
            groups.add(&Container::named("c"), blob(name, &metadata));
        }
        let all: Vec<_> = groups.into_iter().collect();
        assert_eq!(all.len(), 2);
        let default = &all[0];
        assert_eq!(
            (default.group.as_str(), default.partitions.len()),
            ("$default", 2)
        );
        assert_eq!(default.partitions[&0].sequence_number(), Some(5));
        let owner = default.partitions[&0].owner(now()).unwrap();
        assert_eq!((owner.name.as_str(), owner.is_live()), ("a", true));
        assert_eq!(default.partitions[&1].owner(now()), None);
        assert_eq!(all[1].partitions[&0].sequence_number(), None);
        assert_eq!(default.checkpoint_name(7), "h/telemetry/$default/checkpoint/7");
    }

    #[test]
    fn an_owner_that_does_not_renew_is_gone_after_a_minute() {
        let progress = Progress {
            ownership: Some(blob("h/t/g/ownership/0", &[("ownerid", "a")])),
            checkpoint: None,
        };
        let is_live = |seconds| {
            let now = now() + Duration::from_secs(seconds);
            progress.owner(now).unwrap().is_live()
        };
        assert!(is_live(0) && is_live(49) && !is_live(50));
    }

    #[test]
    fn a_group_is_found_whatever_the_case_of_its_name() {
        let mut groups = Groups::default();
        groups.add(
            &Container::named("c"),
            blob("h/telemetry/$default/checkpoint/0", &[]),
        );
        assert_eq!(groups.of("Telemetry", "$Default").len(), 1);
    }
}
