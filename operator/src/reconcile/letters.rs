//! The object stores to which EventSubscriptions send their dead letters: their credentials.
//!
//! A subscription is accepted once its credentials are there. If they go later, those that its pod has stay in effect:
//! nobody stops receiving because a Secret is missing, and dead letters wait if need be.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use config::objects;
use crds::annotation as asked;
use crds::shared::Reason;
use crds::v1alpha1::{EventSubscription, ObjectStoreDeadLetter};
use k8s_openapi::api::core::v1::Secret;
use plan::manifest::Violation;
use plan::{Configuration, Finding};

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
    /// What each is opened with, by the subscription's uid in the document. Empty where nothing is said.
    options: BTreeMap<String, Options>,
    /// What the user should know.
    pub(super) notices: Vec<String>,
}

impl Stores {
    /// `secrets` is the Secret of the Namespace's pod as it is now.
    pub(super) fn of(configuration: &Configuration, caches: &Caches, secrets: Option<&Secret>) -> Self {
        let plane = configuration.kubernetes_namespace.as_str();
        let subscriptions = configuration.topics.iter().flat_map(|topic| &topic.subscriptions);
        let stored = subscriptions.filter(|subscription| subscription.dead_letter_store.is_some());
        let mut stores = Self::default();
        for subscription in stored {
            let object = caches.event_subscriptions.get(plane, &subscription.resource_name);
            let options = object
                .as_ref()
                .and_then(|object| options(store(&object.object)?, caches, plane));
            let options = match options {
                None => Options::new(),
                Some(Ok(options)) => options,
                Some(Err(error)) => {
                    stores.notices.push(format!(
                        "dead letters of EventSubscription {:?} are stored with the credentials of before: {error}",
                        subscription.resource_name
                    ));
                    kept(secrets).remove(&subscription.uid).unwrap_or_default()
                }
            };
            stores.options.insert(subscription.uid.clone(), options);
        }
        stores
    }

    /// What the pod is told.
    pub(super) fn told(&self) -> BTreeMap<String, Options> {
        let told = self.options.iter().filter(|(_, options)| !options.is_empty());
        told.map(|(uid, options)| (uid.clone(), options.clone()))
            .collect()
    }

    /// What each store is opened with.
    pub(super) fn options(&self) -> Vec<&Options> {
        self.options.values().collect()
    }
}

/// Why subscriptions cannot be accepted, as only a look at their Secrets shows.
pub(super) fn findings(seen: &Snapshot, caches: &Caches) -> Vec<Finding> {
    let mut known: Option<HashSet<String>> = None;
    let stored = seen
        .event_subscriptions
        .iter()
        .filter_map(|one| Some((one, store(&one.object)?)));
    let finding = |(one, store): (&Arc<Resource<EventSubscription>>, _)| {
        let plane = one.object.metadata.namespace.as_deref()?;
        let (reason, violation) = trouble(store, caches, plane)?;
        let known = known.get_or_insert_with(|| with_credentials(seen, caches, plane));
        let is_known = |uid: &str| known.contains(uid);
        let adopted = annotations::get(&one.object.metadata, asked::ADOPT_DATA);
        let goes_on = reason != Reason::Invalid && (is_known(one.uid()) || adopted.is_some_and(is_known));
        (!goes_on).then(|| Finding {
            uid: one.uid().to_owned(),
            reason,
            violation,
        })
    };
    stored.filter_map(finding).collect()
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

fn trouble(store: &ObjectStoreDeadLetter, caches: &Caches, plane: &str) -> Option<(Reason, Violation)> {
    if store.url.starts_with("file:") {
        let rule = "a folder is a place for dead letters in local mode alone";
        return Some((
            Reason::Invalid,
            Violation::new(URL, rule, "name a bucket or a container"),
        ));
    }
    let error = options(store, caches, plane)?.err()?;
    let reason = match error {
        object_store::Error::Missing { .. } => Reason::SecretNotFound,
        _ => Reason::SecretNotUsable,
    };
    let fix = "offer a Secret with the store's options and the label weft.dev/usable: \"true\"";
    Some((reason, Violation::new(CREDENTIALS, error.to_string(), fix)))
}

/// What the Secret says; `None` if the store names none.
fn options(
    store: &ObjectStoreDeadLetter,
    caches: &Caches,
    plane: &str,
) -> Option<Result<Options, object_store::Error>> {
    let reference = store.credentials_secret_ref.as_ref()?;
    let offered = caches.offered_secrets.get(plane, &reference.name);
    Some(object_store::options(
        &reference.name,
        offered.as_ref().map(|secret| &secret.object),
    ))
}

/// The credentials that a pod has.
fn kept(secrets: Option<&Secret>) -> BTreeMap<String, Options> {
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
    secrets
        .flat_map(|secret| kept(secret.whole()).into_keys())
        .collect()
}

#[cfg(test)]
mod tests;
