//! The distinct predicates over one key.

use std::collections::{BTreeMap, HashMap};

use super::Round;
use super::value::{Scalar, Value, fold, fold_into, number_bits};
use crate::configuration::Operator;

/// Number of a distinct predicate within its topic.
pub(super) type PredicateId = u32;

/// All distinct predicates over one key, arranged by how they are looked up.
#[derive(Debug, Default)]
pub(super) struct KeyPredicates {
    /// Numbers and booleans of context attributes have a text that string operators may look at.
    attribute: bool,
    null: Vec<PredicateId>,
    not_null: Vec<PredicateId>,
    text: TextIndex,
    numbers: NumberIndex,
    /// False, true.
    booleans: [Vec<PredicateId>; 2],
    negated: Vec<Negated>,
}

/// A `Not` operator: its values are in the indexes like those of its positive twin, and a hit fails it.
#[derive(Debug)]
struct Negated {
    predicate: PredicateId,
    compares: Compares,
    satisfied_by_missing: bool,
}

#[derive(Clone, Copy, Debug)]
enum Compares {
    Text,
    Numbers,
}

#[derive(Debug, Default)]
struct TextIndex {
    equals: HashMap<Box<str>, Vec<PredicateId>>,
    begins: ByLength,
    ends: ByLength,
    contains: Vec<(Box<str>, PredicateId)>,
}

/// Prefixes or suffixes: one lookup per distinct length.
type ByLength = BTreeMap<usize, HashMap<Box<str>, Vec<PredicateId>>>;

#[derive(Debug, Default)]
struct NumberIndex {
    equals: HashMap<u64, Vec<PredicateId>>,
    within: Vec<(Interval, PredicateId)>,
}

#[derive(Debug)]
enum Interval {
    Below(f64),
    AtMost(f64),
    Above(f64),
    AtLeast(f64),
    Inclusive(f64, f64),
}

/// How many values of each kind were compared.
#[derive(Default)]
struct Compared {
    text: usize,
    numbers: usize,
}

impl KeyPredicates {
    pub(super) fn new(attribute: bool) -> Self {
        Self {
            attribute,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, id: PredicateId, operator: &Operator) {
        match operator {
            Operator::NumberIn(values) => self.numbers.add_equals(id, values),
            Operator::NumberNotIn(values) => {
                self.numbers.add_equals(id, values);
                self.negate(id, Compares::Numbers, true);
            }
            Operator::NumberLessThan(value) => self.numbers.add_interval(id, Interval::Below(*value)),
            Operator::NumberLessThanOrEquals(value) => {
                self.numbers.add_interval(id, Interval::AtMost(*value))
            }
            Operator::NumberGreaterThan(value) => self.numbers.add_interval(id, Interval::Above(*value)),
            Operator::NumberGreaterThanOrEquals(value) => {
                self.numbers.add_interval(id, Interval::AtLeast(*value));
            }
            Operator::NumberInRange(ranges) => self.numbers.add_ranges(id, ranges),
            Operator::NumberNotInRange(ranges) => {
                self.numbers.add_ranges(id, ranges);
                self.negate(id, Compares::Numbers, true);
            }
            Operator::BoolEquals(value) => self.booleans[usize::from(*value)].push(id),
            Operator::StringIn(values) => self.text.add_equals(id, values),
            Operator::StringNotIn(values) => {
                self.text.add_equals(id, values);
                self.negate(id, Compares::Text, true);
            }
            Operator::StringBeginsWith(values) => add_by_length(&mut self.text.begins, id, values),
            Operator::StringNotBeginsWith(values) => {
                add_by_length(&mut self.text.begins, id, values);
                self.negate(id, Compares::Text, false);
            }
            Operator::StringEndsWith(values) => add_by_length(&mut self.text.ends, id, values),
            Operator::StringNotEndsWith(values) => {
                add_by_length(&mut self.text.ends, id, values);
                self.negate(id, Compares::Text, false);
            }
            Operator::StringContains(values) => self.text.add_contains(id, values),
            Operator::StringNotContains(values) => {
                self.text.add_contains(id, values);
                self.negate(id, Compares::Text, false);
            }
            Operator::IsNullOrUndefined => self.null.push(id),
            Operator::IsNotNull => self.not_null.push(id),
        }
    }

    fn negate(&mut self, predicate: PredicateId, compares: Compares, satisfied_by_missing: bool) {
        self.negated.push(Negated {
            predicate,
            compares,
            satisfied_by_missing,
        });
    }

    fn is_negated(&self, id: PredicateId) -> bool {
        // Sorted: predicates are added in the order of their numbers.
        self.negated
            .binary_search_by_key(&id, |negated| negated.predicate)
            .is_ok()
    }

    pub(super) fn evaluate(&self, raw: Option<&[u8]>, round: &mut Round<'_>) {
        let mut compared = Compared::default();
        let presence = match Value::of(raw) {
            Value::Missing => &self.null,
            Value::Object => &self.not_null,
            Value::Scalar(scalar) => {
                self.compare(&scalar, &mut compared, round);
                &self.not_null
            }
            Value::Array(elements) => {
                for scalar in elements.filter_map(Scalar::of) {
                    self.compare(&scalar, &mut compared, round);
                }
                &self.not_null
            }
        };
        for &predicate in presence {
            round.satisfied(predicate);
        }
        self.settle_negated(&compared, round);
    }

    fn compare(&self, scalar: &Scalar<'_>, compared: &mut Compared, round: &mut Round<'_>) {
        match scalar {
            Scalar::String(text) => self.compare_text(text, compared, round),
            Scalar::Number(number, text) => {
                compared.numbers += 1;
                self.compare_number(*number, round);
                if self.attribute {
                    self.compare_text(text, compared, round);
                }
            }
            Scalar::Bool(value) => {
                self.hit_all(&self.booleans[usize::from(*value)], round);
                if self.attribute {
                    self.compare_text(if *value { "true" } else { "false" }, compared, round);
                }
            }
        }
    }

    fn compare_text(&self, text: &str, compared: &mut Compared, round: &mut Round<'_>) {
        compared.text += 1;
        if self.text.is_empty() {
            return;
        }
        let mut folded = std::mem::take(&mut round.scratch.folded);
        fold_into(text, &mut folded);
        if let Some(predicates) = self.text.equals.get(folded.as_str()) {
            self.hit_all(predicates, round);
        }
        for (length, prefixes) in &self.text.begins {
            if let Some(predicates) = folded.get(..*length).and_then(|head| prefixes.get(head)) {
                self.hit_all(predicates, round);
            }
        }
        for (length, suffixes) in &self.text.ends {
            let start = folded.len().checked_sub(*length);
            let tail = start.and_then(|start| folded.get(start..));
            if let Some(predicates) = tail.and_then(|tail| suffixes.get(tail)) {
                self.hit_all(predicates, round);
            }
        }
        for (part, predicate) in &self.text.contains {
            if memchr::memmem::find(folded.as_bytes(), part.as_bytes()).is_some() {
                self.hit_all(&[*predicate], round);
            }
        }
        round.scratch.folded = folded;
    }

    fn compare_number(&self, number: f64, round: &mut Round<'_>) {
        if let Some(predicates) = self.numbers.equals.get(&number_bits(number)) {
            self.hit_all(predicates, round);
        }
        for (interval, predicate) in &self.numbers.within {
            if interval.contains(number) {
                self.hit_all(&[*predicate], round);
            }
        }
    }

    fn hit_all(&self, predicates: &[PredicateId], round: &mut Round<'_>) {
        for &predicate in predicates {
            if round.hit(predicate) && !self.is_negated(predicate) {
                round.satisfied(predicate);
            }
        }
    }

    fn settle_negated(&self, compared: &Compared, round: &mut Round<'_>) {
        for negated in &self.negated {
            let values = match negated.compares {
                Compares::Text => compared.text,
                Compares::Numbers => compared.numbers,
            };
            let satisfied = if values == 0 {
                negated.satisfied_by_missing
            } else {
                !round.was_hit(negated.predicate)
            };
            if satisfied {
                round.satisfied(negated.predicate);
            }
        }
    }
}

impl TextIndex {
    fn is_empty(&self) -> bool {
        self.equals.is_empty() && self.begins.is_empty() && self.ends.is_empty() && self.contains.is_empty()
    }

    fn add_equals(&mut self, id: PredicateId, values: &[String]) {
        for value in values {
            self.equals.entry(fold(value).into()).or_default().push(id);
        }
    }

    fn add_contains(&mut self, id: PredicateId, values: &[String]) {
        self.contains
            .extend(values.iter().map(|value| (fold(value).into(), id)));
    }
}

fn add_by_length(index: &mut ByLength, id: PredicateId, values: &[String]) {
    for value in values {
        let value = fold(value);
        index
            .entry(value.len())
            .or_default()
            .entry(value.into())
            .or_default()
            .push(id);
    }
}

impl NumberIndex {
    fn add_equals(&mut self, id: PredicateId, values: &[f64]) {
        for value in values {
            self.equals.entry(number_bits(*value)).or_default().push(id);
        }
    }

    fn add_ranges(&mut self, id: PredicateId, ranges: &[(f64, f64)]) {
        self.within.extend(
            ranges
                .iter()
                .map(|(low, high)| (Interval::Inclusive(*low, *high), id)),
        );
    }

    fn add_interval(&mut self, id: PredicateId, interval: Interval) {
        self.within.push((interval, id));
    }
}

impl Interval {
    fn contains(&self, number: f64) -> bool {
        match *self {
            Self::Below(limit) => number < limit,
            Self::AtMost(limit) => number <= limit,
            Self::Above(limit) => number > limit,
            Self::AtLeast(limit) => number >= limit,
            Self::Inclusive(low, high) => low <= number && number <= high,
        }
    }
}
