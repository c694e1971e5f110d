//! Filters of all subscriptions of a topic, compiled into one thing that is evaluated once per event.
//!
//! Each distinct key is extracted once, each distinct predicate evaluated at most once, and a subscription matches
//! when all its predicates are satisfied, which is found by counting. Equality, prefixes and suffixes are looked up
//! in hash maps, so that subscriptions that do not match cost next to nothing.

mod key;
mod predicates;
mod value;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use smallvec::SmallVec;

use self::key::{Key, Keys};
use self::predicates::{KeyPredicates, PredicateId};
use crate::configuration::{FilterConfig, Operator, Predicate};

/// Number of a subscription within its topic; never reused.
pub(crate) type SubscriptionIndex = u32;

/// The subscriptions that want an event, in no particular order.
pub(crate) type Matches = SmallVec<[SubscriptionIndex; 4]>;

/// The filters of one topic. Immutable; a change of configuration compiles a new one.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    /// By position in `keys`.
    predicates: Vec<KeyPredicates>,
    keys: Keys,
    /// By predicate: the subscriptions (positions in `subscriptions`) that have it.
    wanted_by: Vec<Vec<u32>>,
    subscriptions: Vec<Conjunction>,
    /// Subscriptions without any predicate.
    unconditional: Vec<SubscriptionIndex>,
}

#[derive(Debug)]
struct Conjunction {
    subscription: SubscriptionIndex,
    predicates: u32,
}

/// Working memory of [`Filters::evaluate`]; reuse it for the events of one batch.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// By subscription: predicates satisfied so far. All zero between evaluations.
    satisfied: Vec<u32>,
    touched: Vec<u32>,
    /// By predicate: a value hit it. All false between evaluations.
    hit: Vec<bool>,
    hits: Vec<PredicateId>,
    folded: String,
}

impl Filters {
    /// Compiles the filters of all subscriptions of a topic.
    pub(crate) fn compile<'a>(
        subscriptions: impl IntoIterator<Item = (SubscriptionIndex, &'a FilterConfig)>,
    ) -> Self {
        let mut compiler = Compiler::default();
        for (subscription, config) in subscriptions {
            compiler.add(subscription, config);
        }
        compiler.filters
    }

    /// The subscriptions that want the event with this canonical structured JSON.
    pub(crate) fn evaluate(&self, event: &[u8], scratch: &mut Scratch) -> Matches {
        let mut matches = Matches::from_slice(&self.unconditional);
        if self.predicates.is_empty() {
            return matches;
        }
        scratch.fit(self);
        let values = self.keys.extract(event);
        for (predicates, raw) in self.predicates.iter().zip(&values) {
            let mut round = Round {
                filters: self,
                scratch,
                matches: &mut matches,
            };
            predicates.evaluate(*raw, &mut round);
        }
        scratch.clear();
        matches
    }
}

impl Scratch {
    fn fit(&mut self, filters: &Filters) {
        self.satisfied.resize(filters.subscriptions.len(), 0);
        self.hit.resize(filters.wanted_by.len(), false);
    }

    fn clear(&mut self) {
        for position in self.touched.drain(..) {
            self.satisfied[position as usize] = 0;
        }
        for predicate in self.hits.drain(..) {
            self.hit[predicate as usize] = false;
        }
    }
}

/// One evaluation: what [`KeyPredicates`] reports into.
struct Round<'a> {
    filters: &'a Filters,
    scratch: &'a mut Scratch,
    matches: &'a mut Matches,
}

impl Round<'_> {
    /// Notes that a value hit the predicate; true the first time.
    fn hit(&mut self, predicate: PredicateId) -> bool {
        let hit = &mut self.scratch.hit[predicate as usize];
        if *hit {
            return false;
        }
        *hit = true;
        self.scratch.hits.push(predicate);
        true
    }

    fn was_hit(&self, predicate: PredicateId) -> bool {
        self.scratch.hit[predicate as usize]
    }

    /// Counts the predicate for every subscription that has it. At most once per predicate and event.
    fn satisfied(&mut self, predicate: PredicateId) {
        for &position in &self.filters.wanted_by[predicate as usize] {
            let count = &mut self.scratch.satisfied[position as usize];
            if *count == 0 {
                self.scratch.touched.push(position);
            }
            *count += 1;
            let conjunction = &self.filters.subscriptions[position as usize];
            if *count == conjunction.predicates {
                self.matches.push(conjunction.subscription);
            }
        }
    }
}

#[derive(Default)]
struct Compiler {
    filters: Filters,
    known_keys: HashMap<Key, usize>,
    known_predicates: HashMap<(usize, String), PredicateId>,
}

impl Compiler {
    fn add(&mut self, subscription: SubscriptionIndex, config: &FilterConfig) {
        let predicates = conjuncts(config);
        if predicates.is_empty() {
            self.filters.unconditional.push(subscription);
            return;
        }
        let position = self.filters.subscriptions.len() as u32;
        let mut count = 0;
        for predicate in predicates {
            let id = self.predicate(&predicate);
            let wanted_by = &mut self.filters.wanted_by[id as usize];
            // The same predicate twice in one subscription counts once.
            if wanted_by.last() != Some(&position) {
                wanted_by.push(position);
                count += 1;
            }
        }
        self.filters.subscriptions.push(Conjunction {
            subscription,
            predicates: count,
        });
    }

    fn predicate(&mut self, predicate: &Predicate) -> PredicateId {
        let key = self.key(Key::parse(&predicate.key));
        // Debug text is a total, injective rendering of an operator, which floats keep from being a map key.
        let identity = (key, format!("{:?}", predicate.operator));
        match self.known_predicates.entry(identity) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                let id = self.filters.wanted_by.len() as PredicateId;
                self.filters.wanted_by.push(Vec::new());
                self.filters.predicates[key].add(id, &predicate.operator);
                *vacant.insert(id)
            }
        }
    }

    fn key(&mut self, key: Key) -> usize {
        match self.known_keys.entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                let position = self.filters.predicates.len();
                self.filters
                    .predicates
                    .push(KeyPredicates::new(vacant.key().is_attribute()));
                self.filters.keys.add(vacant.key(), position);
                *vacant.insert(position)
            }
        }
    }
}

/// Everything that must hold, as predicates.
fn conjuncts(config: &FilterConfig) -> Vec<Predicate> {
    let mut predicates = config.filters.clone();
    if !config.included_types.is_empty() {
        let operator = Operator::StringIn(config.included_types.clone());
        predicates.push(Predicate {
            key: String::from("type"),
            operator,
        });
    }
    if let Some(prefix) = &config.subject_begins_with {
        let operator = Operator::StringBeginsWith(vec![prefix.clone()]);
        predicates.push(Predicate {
            key: String::from("subject"),
            operator,
        });
    }
    if let Some(suffix) = &config.subject_ends_with {
        let operator = Operator::StringEndsWith(vec![suffix.clone()]);
        predicates.push(Predicate {
            key: String::from("subject"),
            operator,
        });
    }
    predicates
}

#[cfg(test)]
mod tests;
