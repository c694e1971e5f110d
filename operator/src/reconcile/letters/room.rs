//! Room for the credentials of stores in the one Secret of a pod.
//!
//! Kubernetes takes a Secret of 1 MiB and refuses a larger one, with the keys and certificates in it. So what subscriptions
//! bring is bounded, and whoever comes too late has to do without.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use config::StoreCredentials;

use super::Options;

/// What the credentials of all stores take at most, as JSON.
pub(super) const BYTES_MAX: usize = 512 * 1024;

/// What the JSON of a store has beside name, options and subscriptions.
const FRAME: usize = r#""":{"options":,"subscriptions":[]},"#.len();

/// Credentials by the names of their Secrets.
#[derive(Debug, Default)]
pub(super) struct Room {
    stores: BTreeMap<String, Taken>,
    /// The Secret of each subscription.
    names: HashMap<String, String>,
    /// What all of it takes.
    bytes: usize,
}

/// The credentials of one Secret.
#[derive(Debug)]
struct Taken {
    options: Options,
    subscriptions: BTreeSet<String>,
    /// What it takes without its subscriptions.
    bytes: usize,
}

impl Room {
    /// With what the pod has for the subscriptions that are still `living`.
    pub(super) fn new(kept: BTreeMap<String, StoreCredentials>, living: &HashSet<&str>) -> Self {
        let mut room = Self::default();
        for (name, credentials) in kept {
            let uids = credentials.subscriptions.iter();
            for uid in uids.filter(|uid| living.contains(uid.as_str())) {
                room.take(uid, &name, &credentials.options);
            }
        }
        room
    }

    /// The Secrets whose content is here.
    pub(super) fn names(&self) -> Vec<String> {
        self.stores.keys().cloned().collect()
    }

    /// The Secret whose content is here for a subscription.
    pub(super) fn name(&self, uid: &str) -> Option<&str> {
        self.names.get(uid).map(String::as_str)
    }

    /// Replaces the content of a Secret that is here. False, and everything is as it was, if there is no room.
    pub(super) fn renew(&mut self, name: &str, options: &Options) -> bool {
        let Some(taken) = self.stores.get_mut(name) else {
            return true;
        };
        let bytes = bytes_of(name, options);
        let after = self.bytes - taken.bytes + bytes;
        if after > BYTES_MAX && after > self.bytes {
            return false;
        }
        self.bytes = after;
        taken.bytes = bytes;
        taken.options.clone_from(options);
        true
    }

    /// Gives a subscription the content of a Secret; if it is here already, as it is here. False, and everything is as it
    /// was, if there is no room.
    pub(super) fn enter(&mut self, uid: &str, name: &str, options: &Options) -> bool {
        if self.name(uid) == Some(name) {
            return true;
        }
        let gone = self.name(uid).map_or(0, |former| {
            let former = &self.stores[former];
            let is_last = former.subscriptions.len() == 1;
            bytes_of_uid(uid) + if is_last { former.bytes } else { 0 }
        });
        let added = match self.stores.contains_key(name) {
            true => 0,
            false => bytes_of(name, options),
        };
        let after = self.bytes - gone + added + bytes_of_uid(uid);
        if after > BYTES_MAX && after > self.bytes {
            return false;
        }
        self.leave(uid);
        self.take(uid, name, options);
        true
    }

    /// A subscription has no credentials any more.
    pub(super) fn leave(&mut self, uid: &str) {
        let Some(name) = self.names.remove(uid) else {
            return;
        };
        self.bytes -= bytes_of_uid(uid);
        if let Some(taken) = self.stores.get_mut(&name) {
            taken.subscriptions.remove(uid);
            if taken.subscriptions.is_empty() {
                self.bytes -= taken.bytes;
                self.stores.remove(&name);
            }
        }
    }

    /// What is here.
    pub(super) fn into_stores(self) -> BTreeMap<String, StoreCredentials> {
        let stores = self.stores.into_iter();
        let stores = stores.map(|(name, taken)| {
            let Taken {
                options,
                subscriptions,
                ..
            } = taken;
            let credentials = StoreCredentials {
                options,
                subscriptions,
            };
            (name, credentials)
        });
        stores.collect()
    }

    /// Whether there is room or not. A subscription has one Secret.
    fn take(&mut self, uid: &str, name: &str, options: &Options) {
        if self.names.contains_key(uid) {
            return;
        }
        let taken = self.stores.entry(name.to_owned()).or_insert_with(|| {
            let bytes = bytes_of(name, options);
            self.bytes += bytes;
            Taken {
                options: options.clone(),
                subscriptions: BTreeSet::new(),
                bytes,
            }
        });
        taken.subscriptions.insert(uid.to_owned());
        self.bytes += bytes_of_uid(uid);
        self.names.insert(uid.to_owned(), name.to_owned());
    }
}

fn bytes_of(name: &str, options: &Options) -> usize {
    let json = serde_json::to_string(options).map_or(0, |json| json.len());
    FRAME + name.len() + json
}

const fn bytes_of_uid(uid: &str) -> usize {
    uid.len() + r#""","#.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    fn options(bytes: usize) -> Options {
        Options::from([("google_service_account_key".to_owned(), "k".repeat(bytes))])
    }

    fn uids(room: &Room, name: &str) -> Vec<String> {
        let taken = room.stores.get(name);
        taken
            .map(|taken| taken.subscriptions.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// That what is counted is what is written, to a comma.
    fn is_counted(room: Room) {
        let counted = room.bytes;
        let json = serde_json::to_string(&room.into_stores()).unwrap();
        assert!(
            json.len() <= counted + 2 && counted < json.len() + 1000,
            "{counted} {}",
            json.len()
        );
    }

    #[test]
    fn the_content_of_a_secret_takes_room_once_however_many_share_it() {
        let mut room = Room::default();
        for number in 0..1000 {
            assert!(room.enter(&format!("{number:036}"), "store", &options(64 * KIB)));
        }
        assert_eq!(uids(&room, "store").len(), 1000);
        assert!(room.bytes < 128 * KIB);
        is_counted(room);
    }

    #[test]
    fn whoever_comes_too_late_changes_nothing() {
        let mut room = Room::default();
        let entered: Vec<bool> = (0..10)
            .map(|number| room.enter(&number.to_string(), &format!("s{number}"), &options(60 * KIB)))
            .collect();
        assert_eq!(entered.iter().filter(|entered| **entered).count(), 8);
        assert!(entered.is_sorted_by(|a, b| a >= b), "the first ones");
        assert_eq!(room.name("9"), None);
        assert!(
            room.enter("9", "s0", &options(60 * KIB)),
            "what is there can be shared"
        );
        assert!(room.bytes <= BYTES_MAX);
        is_counted(room);
    }

    #[test]
    fn who_leaves_makes_room_and_the_last_one_takes_everything_along() {
        let mut room = Room::default();
        assert!(room.enter("a", "large", &options(300 * KIB)));
        assert!(room.enter("b", "large", &options(300 * KIB)));
        assert!(!room.enter("c", "other", &options(300 * KIB)));
        assert!(!room.enter("a", "other", &options(300 * KIB)), "b still needs it");
        room.leave("b");
        assert!(
            room.enter("a", "other", &options(300 * KIB)),
            "it leaves the former one"
        );
        assert_eq!(room.names(), ["other"]);
        room.leave("a");
        assert_eq!(room.bytes, 0);
        assert!(room.into_stores().is_empty());
    }

    #[test]
    fn a_secret_that_grows_too_large_stays_as_it_was() {
        let mut room = Room::default();
        assert!(
            room.enter("a", "first", &options(250 * KIB)) && room.enter("b", "second", &options(250 * KIB))
        );
        assert!(!room.renew("second", &options(300 * KIB)));
        assert_eq!(room.stores["second"].options, options(250 * KIB));
        assert!(room.renew("second", &options(KIB)) && room.renew("first", &options(300 * KIB)));
        is_counted(room);
    }

    #[test]
    fn what_the_pod_has_is_kept_whatever_it_takes_and_goes_with_its_subscriptions() {
        let kept = |subscriptions: &[&str]| StoreCredentials {
            options: options(400 * KIB),
            subscriptions: subscriptions.iter().map(|uid| (*uid).to_owned()).collect(),
        };
        let kept = BTreeMap::from([
            ("a".to_owned(), kept(&["1", "gone"])),
            ("b".to_owned(), kept(&["2"])),
            ("c".to_owned(), kept(&["gone"])),
        ]);
        let mut room = Room::new(kept, &HashSet::from(["1", "2", "3"]));
        assert_eq!(room.names(), ["a", "b"]);
        assert_eq!(uids(&room, "a"), ["1"]);
        assert!(!room.enter("3", "a", &options(1)), "not even a uid more");
        assert!(room.renew("a", &options(390 * KIB)), "it becomes smaller");
        assert!(room.enter("2", "a", &options(1)), "it becomes much smaller");
        assert!(room.enter("3", "a", &options(1)));
        is_counted(room);
    }
}
