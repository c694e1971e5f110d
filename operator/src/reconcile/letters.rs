//! The object stores to which EventSubscriptions send their dead letters: their credentials.
//!
//! A subscription is accepted once its credentials are there, and there is room for them. If they go later, those that its
//! pod has stay in effect: nobody stops receiving because a Secret is missing, and dead letters wait if need be.

mod room;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use config::{StoreCredentials, objects};
use crds::annotation as asked;
use crds::shared::Reason;
use crds::v1alpha1::{EventSubscription, ObjectStoreDeadLetter};
use k8s_openapi::api::core::v1::Secret;
use plan::manifest::Violation;
use plan::{Configuration, Finding, Plan};

use self::room::{BYTES_MAX, Room};
use super::snapshot::Snapshot;
use crate::annotations;
use crate::cache::{Caches, Resource, Versioned};
use crate::keys::Stored;
use crate::object_store;

type Options = BTreeMap<String, String>;

const URL: &str = "spec.deadLetter.objectStore.url";
const CREDENTIALS: &str = "spec.deadLetter.objectStore.credentialsSecretRef";

/// The stores of one Namespace's subscriptions.
#[derive(Debug, Default)]
pub(super) struct Stores {
    /// What they are opened with, by the name of the Secret.
    told: BTreeMap<String, StoreCredentials>,
    /// The schemes of their URLs, each with the name of the Secret, if there is one.
    places: BTreeSet<(String, Option<String>)>,
    /// The subscriptions for whose credentials there is no room.
    refused: Vec<Finding>,
    /// What the user should know.
    pub(super) notices: Vec<String>,
}

/// A subscription of the document with a store.
struct Subscription<'a> {
    /// In the document.
    uid: &'a str,
    object: Arc<Resource<EventSubscription>>,
}

impl Stores {
    /// `secrets` is the Secret of the Namespace's pod as it is now.
    pub(super) fn of(configuration: &Configuration, caches: &Caches, secrets: Option<&Secret>) -> Self {
        let subscriptions = subscriptions(configuration, caches);
        let mut stores = Self::default();
        if subscriptions.is_empty() {
            return stores;
        }
        let mut offers = Offers::new(caches, &configuration.kubernetes_namespace);
        let living = subscriptions.iter().map(|one| one.uid).collect();
        let mut room = Room::new(kept(secrets), &living);
        for name in room.names() {
            stores.renew(&name, &mut offers, &mut room);
        }
        // Those whose credentials the pod has come first: they are never refused.
        let (known, new): (Vec<_>, Vec<_>) = subscriptions
            .into_iter()
            .partition(|one| room.name(one.uid).is_some());
        for subscription in known.iter().chain(&new) {
            stores.place(subscription, &mut offers, &mut room);
        }
        stores.told = room.into_stores();
        stores
    }

    /// What the pod has of a Secret is replaced by what it says now.
    fn renew(&mut self, name: &str, offers: &mut Offers<'_>, room: &mut Room) {
        if let Ok(options) = offers.of(name)
            && !room.renew(name, options)
        {
            self.notices.push(format!(
                "dead letters of the EventSubscriptions that name the Secret {name} are stored with the credentials of \
                 before: {}; {SMALLER}",
                too_much(name)
            ));
        }
    }

    fn place(&mut self, subscription: &Subscription<'_>, offers: &mut Offers<'_>, room: &mut Room) {
        let object = &subscription.object.object;
        let Some(store) = store(object) else { return };
        let uid = subscription.uid;
        let reference = store.credentials_secret_ref.as_ref();
        match reference.map(|reference| (&reference.name, offers.of(&reference.name))) {
            None => room.leave(uid),
            Some((name, Ok(options))) if room.enter(uid, name, options) => {}
            Some((name, Ok(_))) if room.name(uid).is_none() => {
                let violation = Violation::new(CREDENTIALS, too_much(name), SMALLER);
                self.refused.push(Finding {
                    uid: subscription.object.uid().to_owned(),
                    reason: Reason::SecretNotUsable,
                    violation,
                });
                return;
            }
            Some((name, Ok(_))) => self.stays(object, &too_much(name)),
            Some((_, Err(error))) => self.stays(object, &error.to_string()),
        }
        let scheme = object_store::scheme(&store.url).to_owned();
        self.places.insert((scheme, room.name(uid).map(str::to_owned)));
    }

    fn stays(&mut self, object: &EventSubscription, why: &str) {
        let name = object.metadata.name.as_deref().unwrap_or_default();
        self.notices.push(format!(
            "dead letters of EventSubscription {name:?} are stored with the credentials of before: {why}"
        ));
    }

    /// What the pod is told.
    pub(super) fn told(&self) -> &BTreeMap<String, StoreCredentials> {
        &self.told
    }

    /// Which kinds of stores are opened with what.
    pub(super) fn opened(&self) -> Vec<(&str, &Options)> {
        const NOTHING: &Options = &Options::new();
        let places = self.places.iter();
        let opened = places.map(|(scheme, name)| {
            let told = name.as_ref().and_then(|name| self.told.get(name));
            (scheme.as_str(), told.map_or(NOTHING, |told| &told.options))
        });
        opened.collect()
    }
}

/// The subscriptions with a store, the oldest first.
fn subscriptions<'a>(configuration: &'a Configuration, caches: &Caches) -> Vec<Subscription<'a>> {
    let plane = configuration.kubernetes_namespace.as_str();
    let all = configuration.topics.iter().flat_map(|topic| &topic.subscriptions);
    let stored = all.filter(|subscription| subscription.dead_letter_store.is_some());
    let found = stored.filter_map(|subscription| {
        Some(Subscription {
            uid: &subscription.uid,
            object: caches
                .event_subscriptions
                .get(plane, &subscription.resource_name)?,
        })
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|one| {
        let created = one.object.object.metadata.creation_timestamp.as_ref();
        let created = created.map(|time| time.0);
        (created.is_none(), created, one.object.uid().to_owned())
    });
    found
}

const SMALLER: &str =
    "let EventSubscriptions name the same Secret, and leave in it only what the store needs";

fn too_much(name: &str) -> String {
    format!(
        "with the Secret {name}, the credentials for dead letters of this Namespace would take more than {} KiB together",
        BYTES_MAX / 1024
    )
}

/// The newest subscriptions, for whose credentials there is no room beside those of the others.
pub(super) fn refused(planned: &Plan, caches: &Caches) -> Vec<Finding> {
    let of = |configuration: &Configuration| {
        let name = objects::secrets(&configuration.namespace.name);
        let secrets = caches.secrets.get(&configuration.kubernetes_namespace, &name);
        let secrets = secrets.as_ref().and_then(|secret| secret.whole());
        Stores::of(configuration, caches, secrets).refused
    };
    planned.configurations.iter().flat_map(of).collect()
}

/// Why subscriptions cannot be accepted, as only a look at their Secrets shows.
pub(super) fn findings(seen: &Snapshot, caches: &Caches) -> Vec<Finding> {
    let mut known: Option<HashSet<String>> = None;
    let mut offers: Option<Offers<'_>> = None;
    let mut findings = Vec::new();
    for one in &seen.event_subscriptions {
        let plane = one.object.metadata.namespace.as_deref();
        let Some((store, plane)) = store(&one.object).zip(plane) else {
            continue;
        };
        let offers = offers.get_or_insert_with(|| Offers::new(caches, plane));
        let Some((reason, violation)) = trouble(store, offers) else {
            continue;
        };
        let known = known.get_or_insert_with(|| with_credentials(seen, caches, plane));
        let is_known = |uid: &str| known.contains(uid);
        let adopted = annotations::get(&one.object.metadata, asked::ADOPT_DATA);
        let goes_on = reason != Reason::Invalid && (is_known(one.uid()) || adopted.is_some_and(is_known));
        if !goes_on {
            findings.push(Finding {
                uid: one.uid().to_owned(),
                reason,
                violation,
            });
        }
    }
    findings
}

/// The uids of the subscriptions that have a store, of those that are there.
pub(super) fn with_store(seen: &Snapshot) -> HashSet<&str> {
    let stored = seen
        .event_subscriptions
        .iter()
        .filter(|one| store(&one.object).is_some());
    stored.map(|one| one.uid()).collect()
}

fn store(subscription: &EventSubscription) -> Option<&ObjectStoreDeadLetter> {
    subscription.spec.dead_letter.as_ref()?.object_store.as_ref()
}

fn trouble(store: &ObjectStoreDeadLetter, offers: &mut Offers<'_>) -> Option<(Reason, Violation)> {
    if store.url.starts_with("file:") {
        let rule = "a folder is a place for dead letters in local mode alone";
        return Some((
            Reason::Invalid,
            Violation::new(URL, rule, "name a bucket or a container"),
        ));
    }
    let reference = store.credentials_secret_ref.as_ref()?;
    let error = offers.of(&reference.name).as_ref().err()?;
    let reason = match error {
        object_store::Error::Missing { .. } => Reason::SecretNotFound,
        _ => Reason::SecretNotUsable,
    };
    let fix = "offer a Secret with the store's options and the label weft.dev/usable: \"true\"";
    Some((reason, Violation::new(CREDENTIALS, error.to_string(), fix)))
}

/// What the Secrets of a Kubernetes namespace say. Many subscriptions name the same one, which is read once.
struct Offers<'a> {
    caches: &'a Caches,
    plane: &'a str,
    known: HashMap<String, Result<Options, object_store::Error>>,
}

impl<'a> Offers<'a> {
    fn new(caches: &'a Caches, plane: &'a str) -> Self {
        Self {
            caches,
            plane,
            known: HashMap::new(),
        }
    }

    fn of(&mut self, name: &str) -> &Result<Options, object_store::Error> {
        if !self.known.contains_key(name) {
            let offered = self.caches.offered_secrets.get(self.plane, name);
            let options = object_store::options(name, offered.as_ref().map(|secret| &secret.object));
            self.known.insert(name.to_owned(), options);
        }
        &self.known[name]
    }
}

/// The credentials that a pod has.
fn kept(secrets: Option<&Secret>) -> BTreeMap<String, StoreCredentials> {
    let stored = secrets.and_then(Stored::read);
    stored
        .map(|stored| stored.secrets.dead_letter_stores)
        .unwrap_or_default()
}

/// The uids of the subscriptions whose credentials are with a pod.
fn with_credentials(seen: &Snapshot, caches: &Caches, plane: &str) -> HashSet<String> {
    let names = seen
        .namespaces
        .iter()
        .filter_map(|one| one.object.metadata.name.as_deref());
    let secrets = names.filter_map(|name| caches.secrets.get(plane, &objects::secrets(name)));
    let stores = secrets.flat_map(|secret| kept(secret.whole()).into_values());
    stores.flat_map(|store| store.subscriptions).collect()
}

#[cfg(test)]
mod tests;
