//! Since which revision each entity stands in the document as it stands now.
//!
//! While Topics or Hubs are being created in a stream, the digest of their shard is another one with every reconcile, and a pod
//! that is always one revision behind would never be seen to have caught up. It has, with every entity that has been in
//! the document since a revision that it reports.

use std::collections::HashMap;

use config::{Head, Hub, Subscription, Topic};
use plan::{Configuration, shard_of};
use uuid::Uuid;

use super::Wanted;

/// A revision for each entity, by its uid in the document, and one for what holds for the whole Namespace.
#[derive(Debug, Default)]
pub struct Since {
    entities: HashMap<Uuid, u64>,
    settings: u64,
}

impl Since {
    /// Since which revision the entity is as it is; `None` for one that is not in the document.
    pub fn revision(&self, uid: &str) -> Option<u64> {
        self.entities.get(&Uuid::parse_str(uid).ok()?).copied()
    }

    /// Since which revision the settings of the Namespace are as they are.
    pub fn settings(&self) -> u64 {
        self.settings
    }

    /// Takes the step from `before` to `after`, which is in effect as `wanted`. Without a `before` (this process has
    /// just started), what lies in a shard of the head `live` that stays as it is has not changed.
    pub(super) fn advance(
        &mut self,
        before: Option<&Configuration>,
        after: &Configuration,
        wanted: &Wanted,
        live: Option<&Head>,
    ) {
        let same_settings = match (before, live) {
            (Some(before), _) => before.settings == after.settings && before.namespace == after.namespace,
            (None, Some(live)) => live.settings == after.settings && live.namespace == after.namespace,
            (None, None) => false,
        };
        self.settings = match (before, live) {
            (Some(_), _) if same_settings => self.settings,
            (None, Some(live)) if same_settings => live.revision,
            _ => wanted.revision,
        };
        let knows_nothing = self.entities.is_empty();
        let start_of = |uid: &str| {
            let shard = shard_of(uid);
            match live {
                Some(live) if knows_nothing && live.shards[shard] == wanted.shards[shard] => live.revision,
                _ => wanted.revision,
            }
        };
        let hubs = before.map(|before| before.hubs.as_slice()).unwrap_or_default();
        let before = before.map(|before| before.topics.as_slice()).unwrap_or_default();
        let mut next = HashMap::with_capacity(self.entities.len().max(after.topics.len()));
        for topic in &after.topics {
            let old = find(before, &topic.uid, |topic| &topic.uid);
            let start = start_of(&topic.uid);
            let same = old.is_some_and(|old| is_same_topic(old, topic));
            self.carry(&mut next, &topic.uid, same, start);
            let old = old.map(|old| old.subscriptions.as_slice()).unwrap_or_default();
            for subscription in &topic.subscriptions {
                let known = find(old, &subscription.uid, |subscription| &subscription.uid);
                let same = known.is_some_and(|known: &Subscription| known == subscription);
                self.carry(&mut next, &subscription.uid, same, start);
            }
        }
        for hub in &after.hubs {
            let same = find(hubs, &hub.uid, |hub| &hub.uid).is_some_and(|old: &Hub| old == hub);
            self.carry(&mut next, &hub.uid, same, start_of(&hub.uid));
        }
        self.entities = next;
    }

    fn carry(&self, next: &mut HashMap<Uuid, u64>, uid: &str, same: bool, start: u64) {
        let Ok(uid) = Uuid::parse_str(uid) else { return };
        let known = self.entities.get(&uid).copied().filter(|_| same);
        next.insert(uid, known.unwrap_or(start));
    }
}

/// Both lists are in the order of uids.
fn find<'a, T>(sorted: &'a [T], uid: &str, uid_of: impl Fn(&T) -> &String) -> Option<&'a T> {
    let index = sorted
        .binary_search_by(|one| uid_of(one).as_str().cmp(uid))
        .ok()?;
    sorted.get(index)
}

/// Whether nothing about the topic itself differs.
fn is_same_topic(one: &Topic, other: &Topic) -> bool {
    // Spelled out, so that a new field has to be thought of here.
    let Topic {
        uid,
        name,
        resource_name,
        retention_seconds,
        dead_letter_target,
        subscriptions: _,
    } = one;
    *uid == other.uid
        && *name == other.name
        && *resource_name == other.resource_name
        && *retention_seconds == other.retention_seconds
        && *dead_letter_target == other.dead_letter_target
}

#[cfg(test)]
mod tests {
    use config::{DeletionPolicy, Digest, FORMAT, NamespaceIdentity, SHARD_COUNT, Settings};

    use super::*;

    const FIRST: &str = "00000000-0000-4000-8000-000000000001";
    const SECOND: &str = "00000000-0000-4000-8000-000000000002";

    fn settings() -> Settings {
        Settings {
            storage_capacity_bytes: 1 << 30,
            deletion_policy: DeletionPolicy::Delete,
            deletion_grace_seconds: 0,
            authorization_rules: Vec::new(),
            disable_local_auth: false,
            issuers: Vec::new(),
            checkpoint: config::Checkpoint::ConfigMap,
        }
    }

    fn topic(uid: &str, retention_seconds: u64) -> Topic {
        Topic {
            uid: uid.to_owned(),
            name: "orders".to_owned(),
            resource_name: "orders".to_owned(),
            retention_seconds,
            dead_letter_target: false,
            subscriptions: Vec::new(),
        }
    }

    fn configuration(topics: Vec<Topic>) -> Configuration {
        let shop = serde_json::json!({
            "apiVersion": "weft.dev/v1alpha1", "kind": "Namespace",
            "metadata": {"name": "shop", "namespace": "shop", "uid": "4f6d7a52-0d0c-4c5e-8f51-3d6f2f7a1b11"},
            "spec": {},
        });
        let shop: crds::v1alpha1::Namespace = serde_json::from_value(shop).unwrap();
        let inputs = plan::Inputs {
            namespaces: vec![&shop],
            ..plan::Inputs::default()
        };
        let mut configuration = plan::plan(&inputs).configurations.remove(0);
        configuration.topics = topics;
        configuration
    }

    fn wanted(configuration: &Configuration, revision: u64) -> Wanted {
        Wanted {
            revision,
            shards: configuration.pieces(revision).unwrap().head.shards,
        }
    }

    #[test]
    fn an_entity_keeps_its_revision_while_others_come_and_change() {
        let mut since = Since::default();
        let one = configuration(vec![topic(FIRST, 60)]);
        since.advance(None, &one, &wanted(&one, 5), None);
        assert_eq!(since.revision(FIRST), Some(5));
        let two = configuration(vec![topic(FIRST, 60), topic(SECOND, 60)]);
        since.advance(Some(&one), &two, &wanted(&two, 6), None);
        assert_eq!(
            (since.revision(FIRST), since.revision(SECOND)),
            (Some(5), Some(6))
        );
        let changed = configuration(vec![topic(FIRST, 60), topic(SECOND, 90)]);
        since.advance(Some(&two), &changed, &wanted(&changed, 7), None);
        assert_eq!(
            (since.revision(FIRST), since.revision(SECOND)),
            (Some(5), Some(7))
        );
        since.advance(Some(&changed), &one, &wanted(&one, 8), None);
        assert_eq!(since.revision(SECOND), None);
        assert_eq!(
            since.settings(),
            5,
            "topics come and go, the settings are the same"
        );
    }

    #[test]
    fn a_hub_keeps_its_revision_as_a_topic_does() {
        let hub = |uid: &str, partition_count| Hub {
            uid: uid.to_owned(),
            name: "telemetry".to_owned(),
            resource_name: "telemetry".to_owned(),
            partition_count,
            retention_seconds: 3_600,
            retention_bytes: None,
            consumer_groups: Vec::new(),
        };
        let with = |hubs: Vec<Hub>| {
            let mut configuration = configuration(Vec::new());
            configuration.hubs = hubs;
            configuration
        };
        let mut since = Since::default();
        let one = with(vec![hub(FIRST, 4)]);
        since.advance(None, &one, &wanted(&one, 5), None);
        let two = with(vec![hub(FIRST, 4), hub(SECOND, 4)]);
        since.advance(Some(&one), &two, &wanted(&two, 6), None);
        let grown = with(vec![hub(FIRST, 4), hub(SECOND, 8)]);
        since.advance(Some(&two), &grown, &wanted(&grown, 7), None);
        assert_eq!(
            (since.revision(FIRST), since.revision(SECOND)),
            (Some(5), Some(7))
        );
    }

    #[test]
    fn after_a_start_what_lies_in_an_unchanged_shard_has_not_changed() {
        let mut since = Since::default();
        let after = configuration(vec![topic(FIRST, 60)]);
        let mut live = Head {
            format: FORMAT,
            namespace: NamespaceIdentity {
                name: "shop".to_owned(),
                uid: "u".to_owned(),
            },
            revision: 41,
            settings: settings(),
            shards: wanted(&after, 0).shards,
        };
        since.advance(None, &after, &wanted(&after, 42), Some(&live));
        assert_eq!(since.revision(FIRST), Some(41));
        let mut since = Since::default();
        live.shards = [Digest::of(b"other"); SHARD_COUNT];
        since.advance(None, &after, &wanted(&after, 42), Some(&live));
        assert_eq!(since.revision(FIRST), Some(42));
    }
}
