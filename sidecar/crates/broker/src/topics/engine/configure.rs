//! Topics and subscriptions come and go.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::{Timestamp, Uid};

use super::Engine;
use crate::Error;
use crate::configuration::{
    DeletionConfig, DeletionPolicy, SUBSCRIPTIONS_MAX, SubscriptionConfig, TopicConfig,
};
use crate::topics::effects::{Answer, Effects, Place};
use crate::topics::filter::{Filters, SubscriptionIndex};
use crate::topics::journal::{self, Step};
use crate::topics::stream::{DEAD_LETTERS, Stream};
use crate::topics::subscription::{Rules, Subscription};
use crate::topics::timers::Target;

/// The name of a topic's queue of dead letters. No subscription can be called so.
pub(crate) const DEAD_LETTERS_NAME: &str = "$dead-letters";

impl Engine {
    /// Checks a configuration before anything is changed.
    pub(crate) fn check(topics: &[TopicConfig]) -> Result<(), Error> {
        for topic in topics {
            let count = topic.subscriptions.len();
            if count > SUBSCRIPTIONS_MAX {
                return Err(Error::Invalid(format!(
                    "topic '{}' has {count} subscriptions, at most {SUBSCRIPTIONS_MAX} are allowed",
                    topic.name
                )));
            }
            if topic.uid == DEAD_LETTERS || topic.subscriptions.iter().any(|each| each.uid == DEAD_LETTERS) {
                return Err(Error::Invalid(format!(
                    "topic '{}' or a subscription of it has no uid",
                    topic.name
                )));
            }
        }
        Ok(())
    }

    /// An upper bound of the room that [`Engine::configure`] needs in the log.
    pub(crate) fn configuration_bytes(&self, topics: &[TopicConfig]) -> usize {
        let step = |name: &str| storage::footprint(journal::bytes_max(0) + 16 + name.len());
        let declared = topics.iter().map(|topic| {
            let subscriptions = topic
                .subscriptions
                .iter()
                .map(|subscription| step(&subscription.name));
            step(&topic.name) + step(DEAD_LETTERS_NAME) + subscriptions.sum::<usize>()
        });
        let known = self
            .streams
            .values()
            .map(|stream| step("") * (2 + stream.subscriptions.len()));
        declared.sum::<usize>() + known.sum::<usize>()
    }

    /// Makes this the configuration. What is missing from it is closed and kept until its grace is over.
    ///
    /// Room: [`Engine::configuration_bytes`].
    pub(crate) fn configure(&mut self, topics: &[TopicConfig], deletion: DeletionConfig, now: Timestamp) {
        // Where nothing could be deleted before, no grace began: something may have been missing only because its declaration
        // was not understood, and now it is really gone.
        let before = self.deletion.replace(deletion);
        let retained = before.is_some_and(|before| before.policy == DeletionPolicy::Retain);
        let begins_anew = retained && deletion.policy == DeletionPolicy::Delete;
        let declared: HashSet<Uid> = topics.iter().map(|topic| topic.uid).collect();
        let targets: HashSet<Uid> = topics
            .iter()
            .flat_map(|topic| &topic.subscriptions)
            .filter_map(|subscription| subscription.dead_letter)
            .collect();
        for topic in topics {
            let next = self.first_number(topic.uid);
            let effects = &mut self.effects;
            let is_new = !self.streams.contains_key(&topic.uid);
            let stream = self
                .streams
                .entry(topic.uid)
                .or_insert_with(|| Stream::new(topic.uid, &topic.name, next));
            stream.declare(
                topic,
                is_new,
                targets.contains(&topic.uid),
                begins_anew,
                now,
                effects,
            );
        }
        let missing = self
            .streams
            .values_mut()
            .filter(|stream| !declared.contains(&stream.uid));
        for stream in missing {
            stream.close(begins_anew, now, &mut self.effects);
        }
        self.rearm(now);
    }

    /// Every deadline may have changed, and dead letters may have found their topic.
    fn rearm(&mut self, now: Timestamp) {
        let mut places = Vec::new();
        let mut closed = Vec::new();
        for stream in self.streams.values_mut() {
            let topic = stream.uid;
            if stream.closed.is_some() {
                closed.push(topic);
                continue;
            }
            for subscription in stream.existing_mut() {
                subscription.wake_at(now);
                places.push(Place {
                    topic,
                    subscription: subscription.index,
                });
            }
        }
        for topic in closed {
            self.wake_later(topic, Target::Topic, now);
        }
        for place in places {
            self.touched(place);
        }
    }
}

impl Stream {
    fn declare(
        &mut self,
        config: &TopicConfig,
        is_new: bool,
        is_target: bool,
        begins_anew: bool,
        now: Timestamp,
        effects: &mut Effects,
    ) {
        if is_new || self.closed.is_some() || *self.name != *config.name {
            self.closed = None;
            self.name = Arc::from(config.name.as_str());
            effects.step(
                self.uid,
                now,
                &Step::Opened {
                    name: config.name.clone(),
                },
            );
        }
        let first_time = self.retention.is_none();
        self.retention = Some(config.retention);
        if is_target && self.dead_letters.is_none() {
            self.create_subscription(DEAD_LETTERS, DEAD_LETTERS_NAME, now, effects);
        }
        if let Some(queue) = self.dead_letters.and_then(|index| self.subscription_mut(index)) {
            queue.rules = Some(Rules::dead_letters(config.retention));
        }
        let mut known: HashMap<Uid, SubscriptionIndex> = self
            .existing()
            .map(|subscription| (subscription.uid, subscription.index))
            .collect();
        known.remove(&DEAD_LETTERS);
        let mut filters_changed = first_time;
        for subscription in &config.subscriptions {
            let index = known.remove(&subscription.uid);
            filters_changed |= self.declare_subscription(index, subscription, now, effects);
        }
        for index in known.into_values() {
            filters_changed |= self.close_subscription(index, begins_anew, now, effects);
        }
        if filters_changed {
            self.compile();
        }
    }

    /// True if the topic's filters have to be compiled again.
    fn declare_subscription(
        &mut self,
        index: Option<SubscriptionIndex>,
        config: &SubscriptionConfig,
        now: Timestamp,
        effects: &mut Effects,
    ) -> bool {
        let retention = self.retention.unwrap_or_default();
        let index = index.unwrap_or_else(|| self.create_subscription(config.uid, &config.name, now, effects));
        let topic = self.uid;
        let Some(subscription) = self.subscription_mut(index) else {
            return false;
        };
        if subscription.closed.is_some() || *subscription.name != *config.name {
            subscription.closed = None;
            subscription.name = Arc::from(config.name.as_str());
            effects.step(topic, now, &opened(subscription));
        }
        let changed = subscription.rules.is_none() || subscription.filter != config.filter;
        subscription.rules = Some(Rules::of(config, retention));
        if changed {
            subscription.filter = config.filter.clone();
        }
        changed
    }

    fn create_subscription(
        &mut self,
        uid: Uid,
        name: &str,
        now: Timestamp,
        effects: &mut Effects,
    ) -> SubscriptionIndex {
        let index = self.next_index();
        let subscription = Subscription::new(uid, index, name);
        effects.step(self.uid, now, &opened(&subscription));
        self.add_subscription(index, subscription);
        index
    }

    /// True if the topic's filters have to be compiled again.
    fn close_subscription(
        &mut self,
        index: SubscriptionIndex,
        begins_anew: bool,
        now: Timestamp,
        effects: &mut Effects,
    ) -> bool {
        let topic = self.uid;
        let Some(subscription) = self.subscription_mut(index) else {
            return false;
        };
        let was_open = subscription.rules.take().is_some();
        subscription.wake = None;
        if subscription.closed.is_none() || begins_anew {
            subscription.closed = Some(now);
            effects.step(topic, now, &Step::SubscriptionClosed { index });
        }
        let refused = std::mem::take(&mut subscription.receivers);
        effects
            .answers
            .extend(refused.into_iter().map(|receiver| (receiver.id, Answer::Gone)));
        was_open
    }

    /// The topic is not declared any more. Its subscriptions freeze with it; their own grace does not begin.
    fn close(&mut self, begins_anew: bool, now: Timestamp, effects: &mut Effects) {
        if self.closed.is_none() || begins_anew {
            self.closed = Some(now);
            effects.step(self.uid, now, &Step::Closed);
        }
        self.retention = None;
        for subscription in self.existing_mut() {
            subscription.rules = None;
            subscription.wake = None;
            let refused = std::mem::take(&mut subscription.receivers);
            effects
                .answers
                .extend(refused.into_iter().map(|receiver| (receiver.id, Answer::Gone)));
        }
    }

    fn compile(&mut self) {
        let declared = self.declared_subscriptions();
        let filters =
            Filters::compile(declared.map(|subscription| (subscription.index, &subscription.filter)));
        self.filters = Arc::new(filters);
    }
}

fn opened(subscription: &Subscription) -> Step {
    let name = String::from(&*subscription.name);
    Step::SubscriptionOpened {
        index: subscription.index,
        uid: subscription.uid,
        name,
    }
}
