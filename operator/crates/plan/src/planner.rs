//! All objects together: references, names, and what follows for each.

use std::collections::{BTreeMap, BTreeSet};

use config::NamespaceIdentity;
use crds::Kind;
use crds::shared::Reason;
use crds::v1alpha1::{EventSubscription, Namespace, Topic};
use kube::ResourceExt;
use serde::Serialize;

use crate::configuration::Configuration;
use crate::dead_letter::DeadLetterPaths;
use crate::decision::{Decision, ObjectId, Refusal};
use crate::duration::IsoDuration;
use crate::event_subscription::{Parent, subscription, time_to_live};
use crate::manifest;
use crate::name::ClientName;
use crate::namespace::settings;
use crate::topic::{client_name, retention};

/// Every object there is, in any order. Each needs `metadata.name` and `metadata.uid` (a UUID);
/// `metadata.creationTimestamp` decides who keeps a name. One with a `metadata.deletionTimestamp` counts as absent
/// and gets no decision.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "the types say it")]
pub struct Inputs<'a> {
    pub namespaces: Vec<&'a Namespace>,
    pub topics: Vec<&'a Topic>,
    pub event_subscriptions: Vec<&'a EventSubscription>,
}

/// What follows from the inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// One for each object, parents first.
    pub decisions: Vec<Decision>,
    /// One for each accepted Namespace, in the order of Kubernetes namespace and name.
    pub configurations: Vec<Configuration>,
}

/// Decides on every object and builds every configuration. Pure; equal inputs in any order give equal plans.
///
/// Older objects come first: of two that cannot both be, the one with the earlier creationTimestamp (then the
/// smaller uid) is accepted.
pub fn plan(inputs: &Inputs<'_>) -> Plan {
    let mut planner = Planner::default();
    by_age(&inputs.namespaces)
        .into_iter()
        .for_each(|object| planner.add_namespace(object));
    by_age(&inputs.topics)
        .into_iter()
        .for_each(|object| planner.add_topic(object));
    by_age(&inputs.event_subscriptions)
        .into_iter()
        .for_each(|object| planner.add_subscription(object));
    planner.finish()
}

/// Kubernetes namespace and name.
type Key = (String, String);

#[derive(Default)]
struct Planner {
    decisions: Vec<Decision>,
    /// Every Namespace that there is; `None` if it was refused.
    namespaces: BTreeMap<Key, Option<Configuration>>,
    /// Every Topic that there is; `None` if it was refused.
    topics: BTreeMap<Key, Option<usize>>,
    accepted_topics: Vec<AcceptedTopic>,
    topic_names: BTreeSet<(Key, String)>,
    subscription_names: BTreeSet<(usize, String)>,
    subscriptions: BTreeSet<Key>,
    dead_letters: DeadLetterPaths,
}

struct AcceptedTopic {
    namespace: Key,
    retention: IsoDuration,
    topic: config::Topic,
}

impl Planner {
    fn add_namespace(&mut self, object: &Namespace) {
        let key = key_of(object);
        if self.namespaces.contains_key(&key) {
            return self.decide(Kind::Namespace, object, Err(twice()));
        }
        let outcome = configuration(object);
        let decided = outcome.as_ref().map(|_| ()).map_err(Clone::clone);
        self.namespaces.insert(key, outcome.ok());
        self.decide(Kind::Namespace, object, decided);
    }

    fn add_topic(&mut self, object: &Topic) {
        let key = key_of(object);
        if self.topics.contains_key(&key) {
            return self.decide(Kind::Topic, object, Err(twice()));
        }
        let outcome = self.topic(object);
        let decided = outcome.as_ref().map(|_| ()).map_err(Clone::clone);
        let index = outcome.ok().map(|accepted| {
            self.accepted_topics.push(accepted);
            self.accepted_topics.len() - 1
        });
        self.topics.insert(key, index);
        self.decide(Kind::Topic, object, decided);
    }

    fn topic(&mut self, object: &Topic) -> Result<AcceptedTopic, Refusal> {
        let uid = checked(Kind::Topic, object)?;
        let namespace = sibling(object, &object.spec.namespace_ref.name);
        match self.namespaces.get(&namespace) {
            Some(Some(_)) => {}
            Some(None) => return Err(not_accepted("spec.namespaceRef", Kind::Namespace, &namespace.1)),
            None => return Err(not_found("spec.namespaceRef", Kind::Namespace, &namespace.1)),
        }
        let name = client_name(object.spec.azure_name.as_deref(), &object.name_any())?;
        if !self.topic_names.insert((namespace.clone(), name.folded())) {
            return Err(name_conflict(Kind::Topic, &name, Kind::Namespace, &namespace.1));
        }
        let retention = retention(&object.spec);
        let topic = config::Topic {
            uid,
            name: name.as_str().to_owned(),
            resource_name: object.name_any(),
            retention_seconds: retention.as_seconds(),
            dead_letter_target: false,
            subscriptions: Vec::new(),
        };
        Ok(AcceptedTopic {
            namespace,
            retention,
            topic,
        })
    }

    fn add_subscription(&mut self, object: &EventSubscription) {
        let outcome = if self.subscriptions.insert(key_of(object)) {
            self.subscription(object)
        } else {
            Err(twice())
        };
        self.decide(Kind::EventSubscription, object, outcome);
    }

    fn subscription(&mut self, object: &EventSubscription) -> Result<(), Refusal> {
        let uid = checked(Kind::EventSubscription, object)?;
        let topic_key = sibling(object, &object.spec.topic_ref.name);
        let topic = match self.topics.get(&topic_key) {
            Some(Some(index)) => *index,
            Some(None) => return Err(not_accepted("spec.topicRef", Kind::Topic, &topic_key.1)),
            None => return Err(not_found("spec.topicRef", Kind::Topic, &topic_key.1)),
        };
        let name = client_name(object.spec.azure_name.as_deref(), &object.name_any())?;
        let parent = Parent {
            resource_name: &topic_key.1,
            retention: self.accepted_topics[topic].retention,
        };
        // All that can fail on its own comes before the name is taken and the path for dead letters is laid.
        time_to_live(object.spec.queue.event_time_to_live.as_deref(), &parent)?;
        let target = self.dead_letter_target(object, topic)?;
        if self.subscription_names.contains(&(topic, name.folded())) {
            return Err(name_conflict(
                Kind::EventSubscription,
                &name,
                Kind::Topic,
                &topic_key.1,
            ));
        }
        let target_uid = target.map(|index| self.accepted_topics[index].topic.uid.clone());
        let entity = subscription(object, &uid, &name, &parent, target_uid)?;
        self.lay_dead_letter_path(object, topic, target)?;
        self.subscription_names.insert((topic, name.folded()));
        self.accepted_topics[topic].topic.subscriptions.push(entity);
        Ok(())
    }

    fn dead_letter_target(
        &self,
        object: &EventSubscription,
        source: usize,
    ) -> Result<Option<usize>, Refusal> {
        const PATH: &str = "spec.deadLetter.topicRef";
        const REASON: Reason = Reason::DeadLetterTopicNotFound;
        let Some(dead_letter) = &object.spec.dead_letter else {
            return Ok(None);
        };
        let name = &dead_letter.topic_ref.name;
        let index = match self.topics.get(&sibling(object, name)) {
            Some(Some(index)) => *index,
            Some(None) => {
                let rule = format!("the Topic {name:?} for dead letters is not accepted");
                return Err(Refusal::new(
                    REASON,
                    PATH,
                    rule,
                    "look at that Topic's conditions",
                ));
            }
            None => {
                let rule =
                    format!("there is no Topic {name:?} for dead letters in this Kubernetes namespace");
                return Err(Refusal::new(
                    REASON,
                    PATH,
                    rule,
                    "apply that Topic, or correct the reference",
                ));
            }
        };
        let (own, other) = (
            &self.accepted_topics[source].namespace.1,
            &self.accepted_topics[index].namespace.1,
        );
        if own != other {
            let rule = format!(
                "the Topic {name:?} for dead letters is in Namespace {other:?}, the subscription in {own:?}"
            );
            return Err(Refusal::new(
                REASON,
                PATH,
                rule,
                format!("name a Topic of Namespace {own:?}"),
            ));
        }
        Ok(Some(index))
    }

    fn lay_dead_letter_path(
        &mut self,
        object: &EventSubscription,
        source: usize,
        target: Option<usize>,
    ) -> Result<(), Refusal> {
        let Some(target) = target else { return Ok(()) };
        self.dead_letters.add(source, target).map_err(|_| {
            let (from, to) = (
                &object.spec.topic_ref.name,
                &self.accepted_topics[target].topic.resource_name,
            );
            let rule = format!("dead letters that go from Topic {from:?} to Topic {to:?} would come back");
            let fix = "name a Topic whose own dead letters do not lead here";
            Refusal::new(Reason::DeadLetterCycle, "spec.deadLetter.topicRef", rule, fix)
        })?;
        self.accepted_topics[target].topic.dead_letter_target = true;
        Ok(())
    }

    fn decide(&mut self, kind: Kind, object: &impl ResourceExt, outcome: Result<(), Refusal>) {
        self.decisions
            .push(Decision::new(ObjectId::of(kind, object), outcome));
    }

    fn finish(mut self) -> Plan {
        self.accepted_topics.sort_by(|a, b| a.topic.uid.cmp(&b.topic.uid));
        for AcceptedTopic {
            namespace, mut topic, ..
        } in self.accepted_topics
        {
            topic.subscriptions.sort_by(|a, b| a.uid.cmp(&b.uid));
            if let Some(Some(configuration)) = self.namespaces.get_mut(&namespace) {
                configuration.topics.push(topic);
            }
        }
        let configurations = self.namespaces.into_values().flatten().collect();
        Plan {
            decisions: self.decisions,
            configurations,
        }
    }
}

fn configuration(object: &Namespace) -> Result<Configuration, Refusal> {
    let uid = checked(Kind::Namespace, object)?;
    Ok(Configuration {
        kubernetes_namespace: object.namespace().unwrap_or_default(),
        namespace: NamespaceIdentity {
            name: object.name_any(),
            uid,
        },
        settings: settings(&object.spec)?,
        topics: Vec::new(),
    })
}

/// The object's own rules, the schema's included: an object may have been admitted by an older schema. Returns its uid,
/// spelled as a document spells it.
fn checked(kind: Kind, object: &(impl ResourceExt + Serialize)) -> Result<String, Refusal> {
    let invalid = |rule: String, fix: &str| Refusal::new(Reason::Invalid, "", rule, fix);
    let value = serde_json::to_value(object).map_err(|error| {
        invalid(
            format!("the object cannot be written as JSON: {error}"),
            "apply it again",
        )
    })?;
    let violations = manifest::check(kind, &value);
    if !violations.is_empty() {
        return Err(Refusal::invalid(violations));
    }
    let uid = uuid::Uuid::parse_str(&object.uid().unwrap_or_default());
    uid.map(|uid| uid.to_string()).map_err(|_| {
        Refusal::new(
            Reason::Invalid,
            "metadata.uid",
            "an object has a UUID",
            "let the API server create the object",
        )
    })
}

fn not_found(path: &str, parent: Kind, name: &str) -> Refusal {
    let rule = format!("there is no {parent} {name:?} in this Kubernetes namespace");
    let fix = format!("apply that {parent} (order does not matter), or correct the reference");
    Refusal::new(Reason::ParentNotFound, path, rule, fix)
}

fn not_accepted(path: &str, parent: Kind, name: &str) -> Refusal {
    let rule = format!("the {parent} {name:?} is not accepted");
    Refusal::new(
        Reason::ParentNotAccepted,
        path,
        rule,
        format!("look at that {parent}'s conditions"),
    )
}

fn name_conflict(kind: Kind, name: &ClientName, parent: Kind, parent_name: &str) -> Refusal {
    let rule = format!(
        "an older {kind} of {parent} {parent_name:?} has the name {:?} already (ignoring case)",
        name.as_str()
    );
    Refusal::new(
        Reason::NameConflict,
        "spec.azureName",
        rule,
        "create it with another azureName",
    )
}

fn twice() -> Refusal {
    let rule = "an older object of this kind has the same name in the same Kubernetes namespace";
    Refusal::new(Reason::NameConflict, "metadata.name", rule, "choose another name")
}

fn key_of(object: &impl ResourceExt) -> Key {
    (
        object.namespace().unwrap_or_default(),
        object.meta().name.clone().unwrap_or_default(),
    )
}

/// The key of an object in the same Kubernetes namespace.
fn sibling(object: &impl ResourceExt, name: &str) -> Key {
    (object.namespace().unwrap_or_default(), name.to_owned())
}

/// The living objects, oldest first. One without a creationTimestamp does not exist in the cluster yet: it is the
/// youngest.
fn by_age<'a, T: ResourceExt>(objects: &[&'a T]) -> Vec<&'a T> {
    let mut living: Vec<&T> = objects
        .iter()
        .copied()
        .filter(|object| object.meta().deletion_timestamp.is_none())
        .collect();
    living.sort_by_cached_key(|object| {
        let created = object.creation_timestamp().map(|time| time.0);
        (created.is_none(), created, object.uid(), key_of(*object))
    });
    living
}
