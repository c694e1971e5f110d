use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::{self, validations};
use crate::schema::plain;

/// Which events a subscription receives: those that pass every part. A part that is absent lets
/// everything pass. Strings are compared ignoring case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
pub struct FiltersConfiguration {
    /// The event's `type` is one of these. At most 25, each at most 512 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), inner(length(min = 1, max = 512)))]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub included_event_types: Option<Vec<String>>,
    /// The event's `subject` begins with this. At most 512 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub subject_begins_with: Option<String>,
    /// The event's `subject` ends with this. At most 512 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub subject_ends_with: Option<String>,
    /// Comparisons that must all hold. At most 25, with at most 25 values together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), extend("x-kubernetes-list-type" = "atomic"))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::FILTER_VALUES])))]
    pub filters: Option<Vec<Filter>>,
}

/// Compares one value of the event: a key and exactly one operator. Of several values, any one may match
/// (for the operators with `Not`: none may). A value that is an array matches if one of its elements does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = plain)]
#[schemars(extend("x-kubernetes-validations" = validations(&[rules::ONE_OPERATOR])))]
pub struct Filter {
    /// What is compared: an attribute (`subject`, `source`, `type`, `id`, an extension attribute) or a path into JSON
    /// data (`data.order.country`). Event Grid's `eventType` and `eventId` mean `type` and `id`.
    #[schemars(length(max = 256))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::FILTER_KEY])))]
    pub key: String,

    /// The number is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), extend("x-kubernetes-list-type" = "atomic"))]
    pub number_in: Option<Vec<f64>>,
    /// The number is none of these, or the key is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), extend("x-kubernetes-list-type" = "atomic"))]
    pub number_not_in: Option<Vec<f64>>,
    /// The number is less than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_less_than: Option<f64>,
    /// The number is at most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_less_than_or_equals: Option<f64>,
    /// The number is greater than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_greater_than: Option<f64>,
    /// The number is at least this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_greater_than_or_equals: Option<f64>,
    /// The number lies in one of these ranges `[lowest, highest]`, both included.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), extend("x-kubernetes-list-type" = "atomic"))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::RANGES_ASCEND])))]
    pub number_in_range: Option<Vec<[f64; 2]>>,
    /// The number lies in none of these ranges `[lowest, highest]`, both included.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), extend("x-kubernetes-list-type" = "atomic"))]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::RANGES_ASCEND])))]
    pub number_not_in_range: Option<Vec<[f64; 2]>>,
    /// The boolean is this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bool_equals: Option<bool>,
    /// The string is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), inner(length(max = 512)))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub string_in: Option<Vec<String>>,
    /// The string is none of these, or the key is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), inner(length(max = 512)))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub string_not_in: Option<Vec<String>>,
    /// The string begins with one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), inner(length(min = 1, max = 512)))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub string_begins_with: Option<Vec<String>>,
    /// The string ends with one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), inner(length(min = 1, max = 512)))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub string_ends_with: Option<Vec<String>>,
    /// The string contains one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), inner(length(min = 1, max = 512)))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub string_contains: Option<Vec<String>>,
    /// The string is there and begins with none of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), inner(length(min = 1, max = 512)))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub string_not_begins_with: Option<Vec<String>>,
    /// The string is there and ends with none of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), inner(length(min = 1, max = 512)))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub string_not_ends_with: Option<Vec<String>>,
    /// The string is there and contains none of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 25), inner(length(min = 1, max = 512)))]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub string_not_contains: Option<Vec<String>>,
    /// `true`: the key is absent or its value is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::ONLY_TRUE])))]
    pub is_null_or_undefined: Option<bool>,
    /// `true`: the key is there and its value is not null.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = validations(&[rules::ONLY_TRUE])))]
    pub is_not_null: Option<bool>,
}
