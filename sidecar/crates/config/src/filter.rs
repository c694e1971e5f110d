//! Which events a subscription receives.

use serde::{Deserialize, Serialize};

/// All parts must hold; a part that is absent or empty always holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    /// The event's `type` is one of these, ignoring case. At most 25.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub included_event_types: Vec<String>,
    /// The event's `subject` begins with this, ignoring case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_begins_with: Option<String>,
    /// The event's `subject` ends with this, ignoring case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_ends_with: Option<String>,
    /// At most 25, with at most 25 values in all of them together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub predicates: Vec<Predicate>,
}

/// A comparison of one value of the event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicate {
    /// Which value: an attribute's name, or a path such as `data.order.country`.
    pub key: String,
    /// How it is compared, and with what.
    pub operator: Operator,
}

/// The 19 operators of Azure's filters, each with its values. A list of values means *any of them*, and for
/// the `Not` operators *none of them*. Strings are compared ignoring case, ranges include both ends, numbers
/// are finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it; Azure's own words")]
pub enum Operator {
    NumberIn(Vec<f64>),
    NumberNotIn(Vec<f64>),
    NumberLessThan(f64),
    NumberLessThanOrEquals(f64),
    NumberGreaterThan(f64),
    NumberGreaterThanOrEquals(f64),
    NumberInRange(Vec<[f64; 2]>),
    NumberNotInRange(Vec<[f64; 2]>),
    BoolEquals(bool),
    StringIn(Vec<String>),
    StringNotIn(Vec<String>),
    StringBeginsWith(Vec<String>),
    StringEndsWith(Vec<String>),
    StringContains(Vec<String>),
    StringNotBeginsWith(Vec<String>),
    StringNotEndsWith(Vec<String>),
    StringNotContains(Vec<String>),
    IsNullOrUndefined,
    IsNotNull,
}
