//! From the operator's document to the types of those who obey it.
//!
//! The document is already valid when `plan` wrote it. What is checked here is what would otherwise harm data or panic:
//! operator and data plane are upgraded apart, and a document can be written by hand.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use broker::{
    DeletionConfig, DeletionPolicy, FilterConfig, HubConfig, Operator, Predicate, SubscriptionConfig,
    TopicConfig,
};
use model::{ByteCount, Uid};

use crate::letters::{self, Destination};
use crate::report::{Kind, Refused};

/// What the document says, for those who obey it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) entities: Entities,
    pub(crate) deletion: DeletionConfig,
    pub(crate) keys: auth::Keys,
    pub(crate) names: auth::Names,
    pub(crate) capacity: ByteCount,
    pub(crate) refused: Vec<Refused>,
}

/// What the broker serves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entities {
    pub(crate) topics: Vec<TopicConfig>,
    pub(crate) hubs: Vec<HubConfig>,
    /// Where the dead letters of those subscriptions go that have an object store for them.
    pub(crate) letters: Vec<Destination>,
}

impl Plan {
    /// Reads `configuration`. Entities that do not fit are refused one by one; `served` are those that are in effect
    /// now, and what was fine there goes on as it was.
    ///
    /// # Errors
    /// When the document as a whole does not fit.
    pub(crate) fn read(configuration: &crate::Configuration, served: &Entities) -> Result<Self, String> {
        let head = &configuration.document.head;
        if head.format != config::FORMAT {
            let (found, known) = (head.format, config::FORMAT);
            return Err(format!(
                "it has format {found}, this version reads format {known}; upgrade the data plane"
            ));
        }
        let mut reader = Reader::new(configuration, served);
        let topics = reader.topics(&configuration.document.topics);
        let entities = Entities {
            hubs: reader.hubs(&configuration.document.hubs),
            letters: reader.letters(&topics),
            topics,
        };
        Ok(Self {
            entities,
            deletion: deletion(&head.settings, &reader.refused),
            keys: auth::Keys {
                local_auth_disabled: head.settings.disable_local_auth,
                ..keys(&head.settings.authorization_rules, &configuration.secrets.rules)
            },
            names: names(&configuration.document),
            capacity: ByteCount(head.settings.storage_capacity_bytes),
            refused: reader.refused.into_iter().chain(reader.waiting).collect(),
        })
    }
}

/// While anything is refused nothing is deleted: the entity may be absent only because we do not understand it. One that is
/// served, and whose dead letters wait, is not absent.
fn deletion(settings: &config::Settings, refused: &[Refused]) -> DeletionConfig {
    let policy = match settings.deletion_policy {
        config::DeletionPolicy::Delete if refused.is_empty() => DeletionPolicy::Delete,
        config::DeletionPolicy::Delete | config::DeletionPolicy::Retain => DeletionPolicy::Retain,
    };
    DeletionConfig {
        policy,
        grace: Duration::from_secs(settings.deletion_grace_seconds),
    }
}

fn keys(rules: &[config::AuthorizationRule], keys: &[config::AccessKeys]) -> auth::Keys {
    let rules = rules.iter().filter_map(|rule| {
        let keys = keys
            .iter()
            .find(|keys| keys.name.eq_ignore_ascii_case(&rule.name))?;
        Some(auth::Rule {
            name: rule.name.clone(),
            rights: rights(&rule.rights),
            primary: auth::Secret::new(&keys.primary_key),
            secondary: auth::Secret::new(&keys.secondary_key),
        })
    });
    auth::Keys {
        rules: rules.collect(),
        ..auth::Keys::default()
    }
}

/// What the stores for dead letters are opened with, by the subscription's uid.
fn credentials(secrets: &config::Secrets) -> HashMap<&str, &BTreeMap<String, String>> {
    let stores = secrets.dead_letter_stores.values();
    let pairs = stores.flat_map(|store| {
        let uids = store.subscriptions.iter();
        uids.map(|uid| (uid.as_str(), &store.options))
    });
    pairs.collect()
}

/// What clients' names are called in Kubernetes, where roles name resources.
fn names(document: &config::Document) -> auth::Names {
    let mut names = auth::Names {
        namespace: document.head.namespace.name.clone(),
        ..auth::Names::default()
    };
    for topic in &document.topics {
        let name = topic.name.to_ascii_lowercase();
        for subscription in &topic.subscriptions {
            let key = (name.clone(), subscription.name.to_ascii_lowercase());
            names
                .subscriptions
                .insert(key, subscription.resource_name.clone());
        }
        names.topics.insert(name, topic.resource_name.clone());
    }
    for hub in &document.hubs {
        let name = hub.name.to_ascii_lowercase();
        names.hubs.insert(name, hub.resource_name.clone());
    }
    names
}

fn rights(listed: &[config::Right]) -> auth::Rights {
    auth::Rights {
        send: listed.contains(&config::Right::Send),
        listen: listed.contains(&config::Right::Listen),
        manage: listed.contains(&config::Right::Manage),
    }
}

struct Reader<'a> {
    /// Of the Namespace.
    name: &'a str,
    declared: HashSet<Uid>,
    served: HashMap<Uid, &'a TopicConfig>,
    served_hubs: HashMap<Uid, &'a HubConfig>,
    served_letters: HashMap<Uid, &'a Destination>,
    /// What the stores for dead letters are opened with, by the subscription's uid.
    credentials: HashMap<&'a str, &'a BTreeMap<String, String>>,
    /// Of accepted subscriptions.
    letters: HashMap<Uid, Destination>,
    taken_uids: HashSet<Uid>,
    refused: Vec<Refused>,
    /// Subscriptions that are served, whose dead letters wait.
    waiting: Vec<Refused>,
}

impl<'a> Reader<'a> {
    fn new(configuration: &'a crate::Configuration, served: &'a Entities) -> Self {
        let document = &configuration.document;
        let letters = served.letters.iter();
        Self {
            name: &document.head.namespace.name,
            declared: document
                .topics
                .iter()
                .filter_map(|topic| topic.uid.parse().ok())
                .collect(),
            served: served.topics.iter().map(|topic| (topic.uid, topic)).collect(),
            served_hubs: served.hubs.iter().map(|hub| (hub.uid, hub)).collect(),
            served_letters: letters.map(|letters| (letters.subscription, letters)).collect(),
            credentials: credentials(&configuration.secrets),
            letters: HashMap::new(),
            taken_uids: HashSet::new(),
            refused: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn topics(&mut self, topics: &[config::Topic]) -> Vec<TopicConfig> {
        let mut names = HashSet::new();
        let mut accepted = Vec::with_capacity(topics.len());
        for topic in topics {
            match self.topic(topic, &mut names) {
                Ok(config) => accepted.push(config),
                Err(reason) => {
                    let kept = self.served_before(&topic.uid, &mut names);
                    accepted.extend(kept);
                    self.refuse(Kind::Topic, &topic.resource_name, &topic.uid, reason);
                }
            }
        }
        accepted
    }

    fn topic(&mut self, topic: &config::Topic, names: &mut HashSet<String>) -> Result<TopicConfig, String> {
        let uid = self.uid(&topic.uid)?;
        check_name(&topic.name, names)?;
        self.taken_uids.insert(uid);
        names.insert(topic.name.to_ascii_lowercase());
        let subscriptions = self.subscriptions(uid, &topic.name, &topic.subscriptions);
        let retention = Duration::from_secs(topic.retention_seconds);
        Ok(TopicConfig {
            uid,
            name: topic.name.clone(),
            retention,
            subscriptions,
        })
    }

    fn subscriptions(
        &mut self,
        topic: Uid,
        topic_name: &str,
        subscriptions: &[config::Subscription],
    ) -> Vec<SubscriptionConfig> {
        let mut names = HashSet::new();
        let mut accepted = Vec::with_capacity(subscriptions.len());
        for subscription in subscriptions {
            match self.subscription(subscription, topic_name, &names) {
                Ok((config, letters)) => {
                    self.taken_uids.insert(config.uid);
                    names.insert(config.name.to_ascii_lowercase());
                    if let Some(trouble) = letters.as_ref().and_then(Destination::trouble) {
                        let (name, uid) = (&subscription.resource_name, &subscription.uid);
                        let waiting = refusal(Kind::EventSubscription, name, uid, trouble);
                        self.waiting.push(waiting);
                    }
                    self.letters.extend(letters.map(|letters| (config.uid, letters)));
                    accepted.push(config);
                }
                Err(reason) => {
                    let kept = self.subscription_served_before(topic, &subscription.uid, &mut names);
                    accepted.extend(kept);
                    let (name, uid) = (&subscription.resource_name, &subscription.uid);
                    self.refuse(Kind::EventSubscription, name, uid, reason);
                }
            }
        }
        accepted
    }

    fn subscription(
        &self,
        subscription: &config::Subscription,
        topic_name: &str,
        names: &HashSet<String>,
    ) -> Result<(SubscriptionConfig, Option<Destination>), String> {
        let uid = self.uid(&subscription.uid)?;
        check_name(&subscription.name, names)?;
        let letters = self.destination(uid, topic_name, subscription)?;
        let config = SubscriptionConfig {
            uid,
            name: subscription.name.clone(),
            lock_duration: Duration::from_secs(subscription.lock_duration_seconds),
            max_delivery_count: subscription.max_delivery_count,
            time_to_live: Some(Duration::from_secs(subscription.time_to_live_seconds)),
            filter: filter(&subscription.filter),
            dead_letter: match &letters {
                Some(letters) => Some(letters::topic_uid(letters.subscription)),
                None => self.dead_letter(subscription.dead_letter_topic.as_deref())?,
            },
        };
        Ok((config, letters))
    }

    /// The object store that takes the dead letters. One that is in use already is not opened again.
    fn destination(
        &self,
        uid: Uid,
        topic_name: &str,
        subscription: &config::Subscription,
    ) -> Result<Option<Destination>, String> {
        const NONE: &BTreeMap<String, String> = &BTreeMap::new();
        let Some(store) = &subscription.dead_letter_store else {
            return Ok(None);
        };
        if subscription.dead_letter_topic.is_some() {
            return Err(
                "its dead letters go to a topic and to an object store; leave one of them out".into(),
            );
        }
        let options = self.credentials.get(subscription.uid.as_str()).unwrap_or(&NONE);
        let sender = [self.name, topic_name, &subscription.name].map(str::to_owned);
        match self.served_letters.get(&uid) {
            Some(served) if served.is(uid, &sender, &store.url, options) => Ok(Some((*served).clone())),
            _ => Ok(Some(Destination::open(uid, sender, &store.url, options))),
        }
    }

    /// Where the dead letters of these topics' subscriptions go, as far as that is an object store: as it was, if the
    /// subscription goes on as it was.
    fn letters(&mut self, topics: &[TopicConfig]) -> Vec<Destination> {
        let subscriptions = topics.iter().flat_map(|topic| &topic.subscriptions);
        let stored = subscriptions.filter(|one| one.dead_letter == Some(letters::topic_uid(one.uid)));
        let letters = stored.filter_map(|one| {
            let served = self.served_letters.get(&one.uid);
            self.letters
                .remove(&one.uid)
                .or_else(|| served.map(|served| (*served).clone()))
        });
        letters.collect()
    }

    fn hubs(&mut self, hubs: &[config::Hub]) -> Vec<HubConfig> {
        let mut names = HashSet::new();
        let mut accepted = Vec::with_capacity(hubs.len());
        for hub in hubs {
            match self.hub(hub, &names) {
                Ok(config) => {
                    self.taken_uids.insert(config.uid);
                    names.insert(config.name.to_ascii_lowercase());
                    accepted.push(config);
                }
                Err(reason) => {
                    let kept = self.hub_served_before(&hub.uid, &mut names);
                    accepted.extend(kept);
                    self.refuse(Kind::Hub, &hub.resource_name, &hub.uid, reason);
                }
            }
        }
        accepted
    }

    fn hub(&self, hub: &config::Hub, names: &HashSet<String>) -> Result<HubConfig, String> {
        let uid = self.uid(&hub.uid)?;
        check_hub_name(&hub.name, names)?;
        if !(1..=broker::PARTITIONS_MAX).contains(&hub.partition_count) {
            let (count, max) = (hub.partition_count, broker::PARTITIONS_MAX);
            return Err(format!("{count} partitions are not 1 to {max}"));
        }
        Ok(HubConfig {
            uid,
            name: hub.name.clone(),
            partition_count: hub.partition_count,
            retention: Duration::from_secs(hub.retention_seconds),
            size: hub.retention_bytes.map(ByteCount),
            consumer_groups: hub.consumer_groups.clone(),
        })
    }

    fn hub_served_before(&mut self, uid: &str, names: &mut HashSet<String>) -> Option<HubConfig> {
        let uid = self.uid(uid).ok()?;
        let hub = *self.served_hubs.get(&uid)?;
        if !names.insert(hub.name.to_ascii_lowercase()) {
            return None;
        }
        self.taken_uids.insert(uid);
        Some(hub.clone())
    }

    fn dead_letter(&self, topic: Option<&str>) -> Result<Option<Uid>, String> {
        let Some(text) = topic else { return Ok(None) };
        let uid = parse_uid(text)?;
        if self.declared.contains(&uid) {
            return Ok(Some(uid));
        }
        // Dropping what cannot be delivered would be worse than not serving the change.
        Err(format!(
            "its dead letters go to the topic {uid}, which is not in the document; declare that topic"
        ))
    }

    fn uid(&self, text: &str) -> Result<Uid, String> {
        let uid = parse_uid(text)?;
        if self.taken_uids.contains(&uid) {
            return Err(format!(
                "its uid {uid} is in the document twice; the first one is served"
            ));
        }
        Ok(uid)
    }

    /// What was served under the uid of a topic that is now refused.
    fn served_before(&mut self, uid: &str, names: &mut HashSet<String>) -> Option<TopicConfig> {
        let uid = self.uid(uid).ok()?;
        let topic = *self.served.get(&uid)?;
        if !names.insert(topic.name.to_ascii_lowercase()) {
            return None;
        }
        self.taken_uids.insert(uid);
        self.taken_uids
            .extend(topic.subscriptions.iter().map(|subscription| subscription.uid));
        Some(topic.clone())
    }

    fn subscription_served_before(
        &mut self,
        topic: Uid,
        uid: &str,
        names: &mut HashSet<String>,
    ) -> Option<SubscriptionConfig> {
        let uid = self.uid(uid).ok()?;
        let topic = self.served.get(&topic)?;
        let subscription = topic
            .subscriptions
            .iter()
            .find(|subscription| subscription.uid == uid)?;
        if !names.insert(subscription.name.to_ascii_lowercase()) {
            return None;
        }
        self.taken_uids.insert(uid);
        Some(subscription.clone())
    }

    fn refuse(&mut self, kind: Kind, resource_name: &str, uid: &str, reason: String) {
        self.refused.push(refusal(kind, resource_name, uid, reason));
    }
}

fn refusal(kind: Kind, resource_name: &str, uid: &str, reason: String) -> Refused {
    Refused {
        kind,
        resource_name: resource_name.to_owned(),
        uid: uid.to_owned(),
        reason,
    }
}

fn parse_uid(text: &str) -> Result<Uid, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a uid: it must be a UUID in hyphenated lower case"))
}

/// Names appear in paths and logs; what else Azure asks of them, `plan` has checked.
fn check_name(name: &str, taken: &HashSet<String>) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || name.len() > 50 || !name.bytes().all(fits) {
        return Err(format!("the name `{name}` is not 1 to 50 of A-Z, a-z, 0-9 and -"));
    }
    check_taken(name, taken)
}

/// As [`check_name`].
fn check_hub_name(name: &str, taken: &HashSet<String>) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if name.is_empty() || name.len() > 256 || !name.bytes().all(fits) {
        return Err(format!(
            "the name `{name}` is not 1 to 256 of A-Z, a-z, 0-9, ., _ and -"
        ));
    }
    check_taken(name, taken)
}

fn check_taken(name: &str, taken: &HashSet<String>) -> Result<(), String> {
    if taken.contains(&name.to_ascii_lowercase()) {
        return Err(format!(
            "the name `{name}` is taken by an entity that comes before it in the document"
        ));
    }
    Ok(())
}

fn filter(filter: &config::Filter) -> FilterConfig {
    FilterConfig {
        included_types: filter.included_event_types.clone(),
        subject_begins_with: filter.subject_begins_with.clone(),
        subject_ends_with: filter.subject_ends_with.clone(),
        filters: filter.predicates.iter().map(predicate).collect(),
    }
}

fn predicate(predicate: &config::Predicate) -> Predicate {
    Predicate {
        key: predicate.key.clone(),
        operator: operator(&predicate.operator),
    }
}

fn operator(operator: &config::Operator) -> Operator {
    use config::Operator as From;
    match operator.clone() {
        From::NumberIn(values) => Operator::NumberIn(values),
        From::NumberNotIn(values) => Operator::NumberNotIn(values),
        From::NumberLessThan(value) => Operator::NumberLessThan(value),
        From::NumberLessThanOrEquals(value) => Operator::NumberLessThanOrEquals(value),
        From::NumberGreaterThan(value) => Operator::NumberGreaterThan(value),
        From::NumberGreaterThanOrEquals(value) => Operator::NumberGreaterThanOrEquals(value),
        From::NumberInRange(ranges) => Operator::NumberInRange(ranges.into_iter().map(Into::into).collect()),
        From::NumberNotInRange(ranges) => {
            Operator::NumberNotInRange(ranges.into_iter().map(Into::into).collect())
        }
        From::BoolEquals(value) => Operator::BoolEquals(value),
        From::StringIn(values) => Operator::StringIn(values),
        From::StringNotIn(values) => Operator::StringNotIn(values),
        From::StringBeginsWith(values) => Operator::StringBeginsWith(values),
        From::StringEndsWith(values) => Operator::StringEndsWith(values),
        From::StringContains(values) => Operator::StringContains(values),
        From::StringNotBeginsWith(values) => Operator::StringNotBeginsWith(values),
        From::StringNotEndsWith(values) => Operator::StringNotEndsWith(values),
        From::StringNotContains(values) => Operator::StringNotContains(values),
        From::IsNullOrUndefined => Operator::IsNullOrUndefined,
        From::IsNotNull => Operator::IsNotNull,
    }
}

#[cfg(test)]
mod tests;
