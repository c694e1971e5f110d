//! The Secret that each Topic, EventSubscription and Hub has for its programs.
//!
//! There may be thousands, so what is known to be in effect is not built again: for each entity it is remembered at
//! which version its Secret was seen to say what it should. They are written behind the statuses.

use std::collections::HashMap;
use std::sync::Arc;

use crds::Kind;
use parking_lot::Mutex;
use plan::{Configuration, Plan};
use uuid::Uuid;

use super::Reconciler;
use super::plane::Plane;
use super::snapshot::Snapshot;
use crate::cache::{Caches, Key, fingerprint};
use crate::connection::{self, Entity, Names};
use crate::object::{Owner, Prepared};
use crate::outbox::{Content, Job};

/// Which Secrets are known to be in effect: by the entity's uid, the version of the Secret and what it should say.
#[derive(Clone, Default)]
pub(super) struct HandedOut(Arc<Mutex<HashMap<Uuid, (u64, u64)>>>);

impl HandedOut {
    fn is_known(&self, uid: Uuid, version: u64, wanted: u64) -> bool {
        self.0.lock().get(&uid) == Some(&(version, wanted))
    }

    fn note(&self, uid: Uuid, version: u64, wanted: u64) {
        self.0.lock().insert(uid, (version, wanted));
    }

    fn forget_if_many(&self, entities: usize) {
        let mut known = self.0.lock();
        // Entities come and go; what is forgotten too much is only compared once more.
        if known.len() > entities * 2 + 1_024 {
            known.clear();
        }
    }
}

/// One entity of a configuration: its `metadata.name`, and the names that clients use.
type Listed<'a> = (&'a str, Names<'a>);

/// The same, for whoever writes later.
struct Wanted {
    name: String,
    uid: String,
    clients: ClientNames,
}

enum ClientNames {
    Topic(String),
    EventSubscription(String, String),
    Hub(String),
}

impl Reconciler {
    /// Leaves what is missing or different in the outbox.
    pub(super) fn hand_out_secrets(&self, seen: &Snapshot, plane: &Plane, planned: &Plan) {
        let uids = uids(planned);
        for configuration in &planned.configurations {
            let Some(affair) = plane.affairs.get(&configuration.object_uid) else {
                continue;
            };
            let Some(decided) = affair.decided.as_ref().filter(|_| !affair.is_behind) else {
                continue;
            };
            let namespace = seen.namespace(&configuration.object_uid);
            let Some(owner) = namespace.and_then(|one| Owner::of(&one.object)) else {
                continue;
            };
            let (owner, key) = (Arc::new(owner), decided.key.as_deref().map(Arc::from));
            let said = key.as_deref().unwrap_or_default();
            let base = fingerprint(&[env!("CARGO_PKG_VERSION"), &owner.name, &owner.uid, said]);
            for entity in entities(configuration) {
                self.hand_out(&plane.handed_out, &owner, &key, base, entity, &uids);
            }
        }
        plane.handed_out.forget_if_many(planned.decisions.len());
    }

    fn hand_out(
        &self,
        handed_out: &HandedOut,
        owner: &Arc<Owner>,
        key: &Option<Arc<str>>,
        base: u64,
        (name, clients): Listed<'_>,
        uids: &HashMap<(Kind, &str), &str>,
    ) {
        let kind = clients.kind();
        let Some(uid) = uids.get(&(kind, name)) else {
            return;
        };
        let Ok(id) = Uuid::parse_str(uid) else { return };
        let secret = clients.secret(name);
        let wanted = base ^ told(name, clients);
        if handed_out.is_known(id, version(&self.caches, owner, &secret), wanted) {
            return;
        }
        let entity = Wanted {
            name: name.to_owned(),
            uid: (*uid).to_owned(),
            clients: clients.into(),
        };
        let (maker, key) = (owner.clone(), key.clone());
        let make = move || entity.secret(&maker, key.as_deref());
        let (caches, owner_, handed_out) = (self.caches.clone(), owner.clone(), handed_out.clone());
        let written = move || handed_out.note(id, version(&caches, &owner_, &secret), wanted);
        self.outbox.put(Job {
            kind,
            key: Key::new(&owner.kubernetes_namespace, name),
            uid: (*uid).into(),
            fingerprint: wanted,
            content: Content::Secret(Arc::new(make), Arc::new(written)),
        });
    }
}

impl Wanted {
    fn secret(&self, owner: &Owner, key: Option<&str>) -> Prepared {
        let entity = Entity {
            name: &self.name,
            uid: &self.uid,
            clients: self.clients.names(),
        };
        connection::entity(owner, &entity, key.map(credentials::Secret::new).as_ref())
    }
}

impl From<Names<'_>> for ClientNames {
    fn from(names: Names<'_>) -> Self {
        match names {
            Names::Topic(topic) => Self::Topic(topic.to_owned()),
            Names::EventSubscription {
                topic,
                event_subscription,
            } => Self::EventSubscription(topic.to_owned(), event_subscription.to_owned()),
            Names::Hub(hub) => Self::Hub(hub.to_owned()),
        }
    }
}

impl ClientNames {
    fn names(&self) -> Names<'_> {
        match self {
            Self::Topic(topic) => Names::Topic(topic),
            Self::EventSubscription(topic, event_subscription) => Names::EventSubscription {
                topic,
                event_subscription,
            },
            Self::Hub(hub) => Names::Hub(hub),
        }
    }
}

fn entities(configuration: &Configuration) -> impl Iterator<Item = Listed<'_>> {
    let topics = configuration.topics.iter().flat_map(|topic| {
        let name = topic.name.as_str();
        let subscriptions = topic.subscriptions.iter().map(move |subscription| {
            let clients = Names::EventSubscription {
                topic: name,
                event_subscription: &subscription.name,
            };
            (subscription.resource_name.as_str(), clients)
        });
        std::iter::once((topic.resource_name.as_str(), Names::Topic(name))).chain(subscriptions)
    });
    let hubs = configuration.hubs.iter();
    topics.chain(hubs.map(|hub| (hub.resource_name.as_str(), Names::Hub(&hub.name))))
}

/// Tells what an entity is told from what it would be told otherwise.
fn told(name: &str, clients: Names<'_>) -> u64 {
    match clients {
        Names::Topic(client_name) | Names::Hub(client_name) => fingerprint(&[name, client_name]),
        Names::EventSubscription {
            topic,
            event_subscription,
        } => fingerprint(&[name, topic, event_subscription]),
    }
}

/// The objects' own uids: those in a configuration are the data's.
fn uids(planned: &Plan) -> HashMap<(Kind, &str), &str> {
    let accepted = planned.decisions.iter().filter(|decision| decision.accepted());
    accepted
        .map(|decision| {
            (
                (decision.object.kind, decision.object.name.as_str()),
                decision.object.uid.as_str(),
            )
        })
        .collect()
}

fn version(caches: &Caches, owner: &Owner, secret: &str) -> u64 {
    use crate::cache::Versioned;
    let found = caches.secrets.get(&owner.kubernetes_namespace, secret);
    found.map_or(0, |secret| secret.version())
}
