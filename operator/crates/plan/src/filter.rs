//! Filters of the resource -> filters of the document.

use config::{Operator, Predicate};
use crds::shared::{Filter, FiltersConfiguration};

use crate::decision::Refusal;
use crate::namespace::broken;

/// The filter of a subscription that [`manifest::check`](crate::manifest::check) has passed.
pub(crate) fn filter(spec: Option<&FiltersConfiguration>) -> Result<config::Filter, Refusal> {
    let Some(spec) = spec else {
        return Ok(config::Filter::default());
    };
    let filters = spec.filters.as_deref().unwrap_or_default();
    Ok(config::Filter {
        included_event_types: spec.included_event_types.clone().unwrap_or_default(),
        subject_begins_with: spec.subject_begins_with.clone(),
        subject_ends_with: spec.subject_ends_with.clone(),
        predicates: filters
            .iter()
            .enumerate()
            .map(predicate)
            .collect::<Result<_, _>>()?,
    })
}

fn predicate((index, filter): (usize, &Filter)) -> Result<Predicate, Refusal> {
    let mut operators = operators(filter).into_iter().flatten();
    match (operators.next(), operators.next()) {
        (Some(operator), None) => Ok(Predicate {
            key: canonical_key(&filter.key),
            operator,
        }),
        _ => Err(broken(
            &format!("spec.filtersConfiguration.filters[{index}]"),
            &crds::rules::ONE_OPERATOR,
        )),
    }
}

/// Whether a key names something: an attribute, or a path into the data.
pub(crate) fn is_key(key: &str) -> bool {
    let path = key.strip_prefix("data.").or_else(|| key.strip_prefix("Data."));
    match path {
        Some(path) => path.split('.').all(|segment| !segment.is_empty()),
        None => (1..=20).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric()),
    }
}

/// Attributes of CloudEvents are lower case; Event Grid's own words for two of them are understood. A path into the
/// data keeps its case.
fn canonical_key(key: &str) -> String {
    if let Some(path) = key.strip_prefix("Data.").or_else(|| key.strip_prefix("data.")) {
        return format!("data.{path}");
    }
    match key.to_ascii_lowercase().as_str() {
        "eventtype" => "type".to_owned(),
        "eventid" => "id".to_owned(),
        attribute => attribute.to_owned(),
    }
}

fn operators(filter: &Filter) -> [Option<Operator>; 19] {
    // Taken apart, so that a new field does not compile until it is an operator here.
    let Filter {
        key: _,
        number_in,
        number_not_in,
        number_less_than,
        number_less_than_or_equals,
        number_greater_than,
        number_greater_than_or_equals,
        number_in_range,
        number_not_in_range,
        bool_equals,
        string_in,
        string_not_in,
        string_begins_with,
        string_ends_with,
        string_contains,
        string_not_begins_with,
        string_not_ends_with,
        string_not_contains,
        is_null_or_undefined,
        is_not_null,
    } = filter;
    [
        number_in.clone().map(Operator::NumberIn),
        number_not_in.clone().map(Operator::NumberNotIn),
        number_less_than.map(Operator::NumberLessThan),
        number_less_than_or_equals.map(Operator::NumberLessThanOrEquals),
        number_greater_than.map(Operator::NumberGreaterThan),
        number_greater_than_or_equals.map(Operator::NumberGreaterThanOrEquals),
        number_in_range.clone().map(Operator::NumberInRange),
        number_not_in_range.clone().map(Operator::NumberNotInRange),
        bool_equals.map(Operator::BoolEquals),
        string_in.clone().map(Operator::StringIn),
        string_not_in.clone().map(Operator::StringNotIn),
        string_begins_with.clone().map(Operator::StringBeginsWith),
        string_ends_with.clone().map(Operator::StringEndsWith),
        string_contains.clone().map(Operator::StringContains),
        string_not_begins_with.clone().map(Operator::StringNotBeginsWith),
        string_not_ends_with.clone().map(Operator::StringNotEndsWith),
        string_not_contains.clone().map(Operator::StringNotContains),
        is_null_or_undefined.map(|_| Operator::IsNullOrUndefined),
        is_not_null.map(|_| Operator::IsNotNull),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_attributes_or_paths_into_the_data() {
        for key in ["subject", "eventType", "myext1", "data", "data.a", "Data.a.b c.Ü"] {
            assert!(is_key(key), "{key}");
        }
        for key in [
            "",
            "data.",
            "data..a",
            "a.b",
            "my-ext",
            "twentyonecharactersxxx",
            "DATA.a",
        ] {
            assert!(!is_key(key), "{key}");
        }
    }

    #[test]
    fn event_grids_words_become_cloudevents_attributes() {
        assert_eq!(canonical_key("eventType"), "type");
        assert_eq!(canonical_key("EventId"), "id");
        assert_eq!(canonical_key("Subject"), "subject");
        assert_eq!(canonical_key("Data.Order.Country"), "data.Order.Country");
    }
}
