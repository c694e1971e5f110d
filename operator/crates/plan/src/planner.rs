//! All objects together: references, names, and what follows for each.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use config::NamespaceIdentity;
use crds::Kind;
use crds::v1alpha1::{EventSubscription, Hub, Namespace, Topic};
use kube::ResourceExt;
use uuid::Uuid;

use crate::adoption::Adoption;
use crate::configuration::{Configuration, shard_of};
use crate::dead_letter::DeadLetterPaths;
use crate::decision::{Decision, ObjectId, Place, Refusal};
use crate::duration::IsoDuration;
use crate::event_subscription::{Destination, Parent, destination, subscription, time_to_live};
use crate::hub;
use crate::inputs::{Finding, Inputs, Key, by_age, key_of, kubernetes_namespace};
use crate::memo::Memo;
use crate::namespace::settings;
use crate::pod_template;
use crate::refusals;
use crate::topic::{client_name, retention};

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
    plan_again(inputs, &mut Memo::default())
}

/// [`plan`], faster: `memo` remembers the objects that have not changed since it was last used. The same inputs give
/// the same plan with any memo.
pub fn plan_again(inputs: &Inputs<'_>, memo: &mut Memo) -> Plan {
    memo.begin();
    let mut planner = Planner::new(inputs, memo);
    by_age(&inputs.namespaces)
        .into_iter()
        .for_each(|object| planner.add_namespace(object));
    by_age(&inputs.topics)
        .into_iter()
        .for_each(|object| planner.add_topic(object));
    by_age(&inputs.event_subscriptions)
        .into_iter()
        .for_each(|object| planner.add_subscription(object));
    by_age(&inputs.hubs)
        .into_iter()
        .for_each(|object| planner.add_hub(object));
    let plan = planner.finish();
    memo.end();
    plan
}

struct Planner<'a> {
    memo: &'a mut Memo,
    findings: HashMap<&'a str, &'a Finding>,
    adoption: Adoption<'a>,
    decisions: Vec<Decision>,
    /// Every Namespace that there is; `None` if it was refused.
    namespaces: BTreeMap<Key<'a>, Option<Configuration>>,
    /// Every Topic that there is; `None` if it was refused.
    topics: HashMap<Key<'a>, Option<usize>>,
    accepted_topics: Vec<AcceptedTopic<'a>>,
    /// Names for clients, with the objects that have them.
    topic_names: HashMap<(Key<'a>, String), &'a str>,
    subscription_names: HashMap<(usize, String), &'a str>,
    subscriptions: HashSet<Key<'a>>,
    hubs: HashSet<Key<'a>>,
    hub_names: HashMap<(Key<'a>, String), &'a str>,
    accepted_hubs: Vec<(Key<'a>, config::Hub)>,
    dead_letters: DeadLetterPaths,
}

struct AcceptedTopic<'a> {
    namespace: Key<'a>,
    retention: IsoDuration,
    shard: usize,
    topic: config::Topic,
}

impl AcceptedTopic<'_> {
    fn place(&self, uid: String) -> Place {
        Place {
            namespace: self.namespace.1.to_owned(),
            uid,
            shard: Some(self.shard),
        }
    }
}

impl<'a> Planner<'a> {
    fn new(inputs: &'a Inputs<'a>, memo: &'a mut Memo) -> Self {
        let findings = inputs.findings.iter();
        Self {
            memo,
            findings: findings.map(|finding| (finding.uid.as_str(), finding)).collect(),
            adoption: Adoption::new(inputs),
            decisions: Vec::new(),
            namespaces: BTreeMap::new(),
            topics: HashMap::new(),
            accepted_topics: Vec::new(),
            topic_names: HashMap::new(),
            subscription_names: HashMap::new(),
            subscriptions: HashSet::new(),
            hubs: HashSet::new(),
            hub_names: HashMap::new(),
            accepted_hubs: Vec::new(),
            dead_letters: DeadLetterPaths::default(),
        }
    }

    fn add_namespace(&mut self, object: &'a Namespace) {
        let key = key_of(object);
        if self.namespaces.contains_key(&key) {
            return self.decide(
                Kind::Namespace,
                object,
                Err(refusals::twice(Kind::Namespace, key)),
            );
        }
        let outcome = self.configuration(object);
        let place = outcome.as_ref().map(Configuration::place).map_err(Clone::clone);
        self.namespaces.insert(key, outcome.ok());
        self.decide(Kind::Namespace, object, place);
    }

    fn configuration(&mut self, object: &Namespace) -> Result<Configuration, Refusal> {
        let own = self.memo.checked(Kind::Namespace, object)?;
        pod_template::check(object.spec.pod_template.as_ref())?;
        let settings = settings(&object.spec)?;
        let data = self.adoption.data_uid(object, own)?;
        self.check_surroundings(object)?;
        self.adoption.settle(data);
        Ok(Configuration {
            kubernetes_namespace: kubernetes_namespace(object).to_owned(),
            object_uid: own.to_string(),
            namespace: NamespaceIdentity {
                name: object.name_any(),
                uid: data.to_string(),
            },
            settings,
            topics: Vec::new(),
            hubs: Vec::new(),
        })
    }

    /// What makes the object unacceptable and shows only around it.
    fn check_surroundings(&self, object: &impl ResourceExt) -> Result<(), Refusal> {
        let uid = object.meta().uid.as_deref();
        match uid.and_then(|uid| self.findings.get(uid)) {
            Some(finding) => Err(Refusal::from((*finding).clone())),
            None => Ok(()),
        }
    }

    fn add_topic(&mut self, object: &'a Topic) {
        let key = key_of(object);
        if self.topics.contains_key(&key) {
            return self.decide(Kind::Topic, object, Err(refusals::twice(Kind::Topic, key)));
        }
        let outcome = self.topic(object);
        let place = outcome
            .as_ref()
            .map(|accepted| accepted.place(accepted.topic.uid.clone()))
            .map_err(Clone::clone);
        let index = outcome.ok().map(|accepted| {
            self.accepted_topics.push(accepted);
            self.accepted_topics.len() - 1
        });
        self.topics.insert(key, index);
        self.decide(Kind::Topic, object, place);
    }

    fn topic(&mut self, object: &'a Topic) -> Result<AcceptedTopic<'a>, Refusal> {
        let own = self.memo.checked(Kind::Topic, object)?;
        let namespace = self.parent_namespace(sibling(object, &object.spec.namespace_ref.name))?;
        let name = client_name(object.spec.azure_name.as_deref(), key_of(object).1)?;
        let data = self.adoption.data_uid(object, own)?;
        match self.topic_names.entry((namespace, name.folded())) {
            Entry::Occupied(older) => {
                return Err(refusals::name_conflict(
                    Kind::Topic,
                    older.get(),
                    &name,
                    Kind::Namespace,
                    namespace,
                ));
            }
            Entry::Vacant(free) => free.insert(key_of(object).1),
        };
        self.adoption.settle(data);
        Ok(accepted_topic(object, namespace, data, name.as_str()))
    }

    fn parent_namespace(&self, key: Key<'a>) -> Result<Key<'a>, Refusal> {
        const PARENT: &str = "spec.namespaceRef";
        match self.namespaces.get(&key) {
            Some(Some(_)) => Ok(key),
            Some(None) => Err(refusals::not_accepted(PARENT, Kind::Namespace, key)),
            None => Err(refusals::not_found(PARENT, Kind::Namespace, key)),
        }
    }

    fn add_subscription(&mut self, object: &'a EventSubscription) {
        let key = key_of(object);
        let outcome = if self.subscriptions.insert(key) {
            self.subscription(object)
        } else {
            Err(refusals::twice(Kind::EventSubscription, key))
        };
        self.decide(Kind::EventSubscription, object, outcome);
    }

    fn subscription(&mut self, object: &'a EventSubscription) -> Result<Place, Refusal> {
        const KIND: Kind = Kind::EventSubscription;
        let own = self.memo.checked(KIND, object)?;
        self.check_surroundings(object)?;
        let topic_key = sibling(object, &object.spec.topic_ref.name);
        let topic = self.parent_topic(topic_key)?;
        let name = client_name(object.spec.azure_name.as_deref(), key_of(object).1)?;
        let parent = Parent {
            resource_name: topic_key.1,
            retention: self.accepted_topics[topic].retention,
        };
        // All that can fail on its own comes before the name is taken and the path for dead letters is laid.
        time_to_live(object.spec.queue.event_time_to_live.as_deref(), &parent)?;
        let target = self.dead_letter_target(object, topic)?;
        let data = self.adoption.data_uid(object, own)?;
        if let Some(older) = self.subscription_names.get(&(topic, name.folded())) {
            return Err(refusals::name_conflict(
                KIND,
                older,
                &name,
                Kind::Topic,
                topic_key,
            ));
        }
        let target_uid = target.map(|index| self.accepted_topics[index].topic.uid.clone());
        let entity = subscription(object, &data.to_string(), &name, &parent, target_uid)?;
        self.lay_dead_letter_path(object, topic, target)?;
        self.subscription_names
            .insert((topic, name.folded()), key_of(object).1);
        self.adoption.settle(data);
        let topic = &mut self.accepted_topics[topic];
        let place = topic.place(entity.uid.clone());
        topic.topic.subscriptions.push(entity);
        Ok(place)
    }

    fn parent_topic(&self, key: Key<'_>) -> Result<usize, Refusal> {
        const PARENT: &str = "spec.topicRef";
        match self.topics.get(&key) {
            Some(Some(index)) => Ok(*index),
            Some(None) => Err(refusals::not_accepted(PARENT, Kind::Topic, key)),
            None => Err(refusals::not_found(PARENT, Kind::Topic, key)),
        }
    }

    fn dead_letter_target(
        &self,
        object: &EventSubscription,
        source: usize,
    ) -> Result<Option<usize>, Refusal> {
        let Some(Destination::Topic(reference)) = destination(object)? else {
            return Ok(None);
        };
        let key = sibling(object, &reference.name);
        let index = match self.topics.get(&key) {
            Some(Some(index)) => *index,
            Some(None) => return Err(refusals::dead_letter_topic_not_accepted(key)),
            None => return Err(refusals::no_dead_letter_topic(key)),
        };
        let namespace = |topic: usize| self.accepted_topics[topic].namespace;
        match namespace(source) == namespace(index) {
            true => Ok(Some(index)),
            false => Err(refusals::dead_letters_leave(
                key,
                namespace(source),
                namespace(index),
            )),
        }
    }

    fn lay_dead_letter_path(
        &mut self,
        object: &EventSubscription,
        source: usize,
        target: Option<usize>,
    ) -> Result<(), Refusal> {
        let Some(target) = target else { return Ok(()) };
        self.dead_letters.add(source, target).map_err(|_| {
            let to = &self.accepted_topics[target].topic.resource_name;
            refusals::dead_letters_return(&object.spec.topic_ref.name, to)
        })?;
        self.accepted_topics[target].topic.dead_letter_target = true;
        Ok(())
    }

    fn add_hub(&mut self, object: &'a Hub) {
        let key = key_of(object);
        let outcome = if self.hubs.insert(key) {
            self.hub(object)
        } else {
            Err(refusals::twice(Kind::Hub, key))
        };
        self.decide(Kind::Hub, object, outcome);
    }

    fn hub(&mut self, object: &'a Hub) -> Result<Place, Refusal> {
        let own = self.memo.checked(Kind::Hub, object)?;
        let namespace = self.parent_namespace(sibling(object, &object.spec.namespace_ref.name))?;
        let name = hub::client_name(object)?;
        let data = self.adoption.data_uid(object, own)?;
        let entity = hub::hub(object, &data.to_string(), &name)?;
        match self.hub_names.entry((namespace, name.folded())) {
            Entry::Occupied(older) => {
                return Err(refusals::name_conflict(
                    Kind::Hub,
                    older.get(),
                    &name,
                    Kind::Namespace,
                    namespace,
                ));
            }
            Entry::Vacant(free) => free.insert(key_of(object).1),
        };
        self.adoption.settle(data);
        let place = Place {
            namespace: namespace.1.to_owned(),
            uid: entity.uid.clone(),
            shard: Some(shard_of(&entity.uid)),
        };
        self.accepted_hubs.push((namespace, entity));
        Ok(place)
    }

    fn decide(&mut self, kind: Kind, object: &impl ResourceExt, outcome: Result<Place, Refusal>) {
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
        self.accepted_hubs.sort_by(|(_, a), (_, b)| a.uid.cmp(&b.uid));
        for (namespace, hub) in self.accepted_hubs {
            if let Some(Some(configuration)) = self.namespaces.get_mut(&namespace) {
                configuration.hubs.push(hub);
            }
        }
        let configurations = self.namespaces.into_values().flatten().collect();
        Plan {
            decisions: self.decisions,
            configurations,
        }
    }
}

fn accepted_topic<'a>(object: &Topic, namespace: Key<'a>, data: Uuid, name: &str) -> AcceptedTopic<'a> {
    let (uid, retention) = (data.to_string(), retention(&object.spec));
    AcceptedTopic {
        namespace,
        retention,
        shard: shard_of(&uid),
        topic: config::Topic {
            uid,
            name: name.to_owned(),
            resource_name: object.name_any(),
            retention_seconds: retention.as_seconds(),
            dead_letter_target: false,
            subscriptions: Vec::new(),
        },
    }
}

/// The key of an object in the same Kubernetes namespace.
fn sibling<'a>(object: &'a impl ResourceExt, name: &'a str) -> Key<'a> {
    (kubernetes_namespace(object), name)
}
