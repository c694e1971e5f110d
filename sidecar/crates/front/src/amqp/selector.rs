//! Where a consumer wants to start: the selector in the filter of its link's source.
//!
//! ```text
//! selector := field space? operator space? value
//! field    := "amqp.annotation.x-opt-offset" | "amqp.annotation.x-opt-sequence-number" | "amqp.annotation.x-opt-enqueued-time"
//! operator := ">" | ">="
//! value    := "'" text "'" | text
//! ```

use amqp::{Symbol, Value};
use broker::StartPosition;
use model::Timestamp;

/// Under this key, whatever the descriptor of its value.
const FILTER: &str = "apache.org:selector-filter:string";

const OFFSET: &str = "amqp.annotation.x-opt-offset";
const SEQUENCE_NUMBER: &str = "amqp.annotation.x-opt-sequence-number";
const ENQUEUED_TIME: &str = "amqp.annotation.x-opt-enqueued-time";

/// Why a consumer does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The selector is none that we know; what is wrong with it, in words for the user.
    Selector(String),
    /// It compares the offset with something that is none.
    Offset(String),
    /// It compares the sequence number with something that is none.
    SequenceNumber(String),
}

/// Where the filter of a source says to start; without a selector at the beginning.
///
/// # Errors
/// The selector is unreadable, or there is a filter of another kind, which would change what the consumer sees.
pub(super) fn start(filter: &[(Symbol, Value)]) -> Result<StartPosition, Unreadable> {
    let mut start = StartPosition::Earliest;
    for (name, value) in filter {
        if *name != FILTER {
            let reason = format!("The filter '{name}' is not supported; use '{FILTER}'.");
            return Err(Unreadable::Selector(reason));
        }
        start = match text(value) {
            Some(text) => parse(text)?,
            None => {
                return Err(Unreadable::Selector(format!(
                    "The value of the filter '{FILTER}' must be a string."
                )));
            }
        };
    }
    Ok(start)
}

/// Usually described, in one way or another.
fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Described(described) => described.value.as_str(),
        plain => plain.as_str(),
    }
}

fn parse(selector: &str) -> Result<StartPosition, Unreadable> {
    let bad = || {
        Unreadable::Selector(format!(
            "The selector \"{selector}\" is invalid. It must compare {OFFSET}, {SEQUENCE_NUMBER} or {ENQUEUED_TIME} \
             with a value by > or >=."
        ))
    };
    let (field, comparison) = selector.split_once('>').ok_or_else(bad)?;
    let (inclusive, value) = match comparison.strip_prefix('=') {
        Some(value) => (true, value),
        None => (false, comparison),
    };
    let value = unquoted(value.trim()).ok_or_else(bad)?;
    match field.trim() {
        OFFSET => offset(value, inclusive).ok_or_else(|| Unreadable::Offset(value.to_owned())),
        SEQUENCE_NUMBER => {
            sequence_number(value, inclusive).ok_or_else(|| Unreadable::SequenceNumber(value.to_owned()))
        }
        ENQUEUED_TIME => enqueued_time(value, inclusive).ok_or_else(bad),
        _ => Err(bad()),
    }
}

/// Either both quotes are there or none.
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('\'') {
        Some(rest) => rest.strip_suffix('\''),
        None => (!value.ends_with('\'')).then_some(value),
    }
    .map(str::trim)
    .filter(|value| !value.is_empty())
}

fn offset(value: &str, inclusive: bool) -> Option<StartPosition> {
    if value.eq_ignore_ascii_case("@latest") {
        return Some(StartPosition::Latest);
    }
    let offset: i64 = value.parse().ok()?;
    Some(match u64::try_from(offset) {
        Ok(offset) => StartPosition::Offset { offset, inclusive },
        // "-1" stands for the beginning.
        Err(_) => StartPosition::Earliest,
    })
}

fn sequence_number(value: &str, inclusive: bool) -> Option<StartPosition> {
    let sequence: i64 = value.parse().ok()?;
    Some(match u64::try_from(sequence) {
        Ok(sequence) => StartPosition::Sequence { sequence, inclusive },
        Err(_) => StartPosition::Earliest,
    })
}

/// Milliseconds since the Unix epoch. What consumers see of an event's time has milliseconds, too: an event within the
/// millisecond that was named does not come after it.
fn enqueued_time(value: &str, inclusive: bool) -> Option<StartPosition> {
    let millis: i64 = value.parse().ok()?;
    let first = if inclusive { millis } else { millis.checked_add(1)? };
    Some(StartPosition::Time(Timestamp::from_micros(
        first.checked_mul(1_000)?,
    )))
}

#[cfg(test)]
mod tests {
    use amqp::Described;

    use super::*;

    fn time(micros: i64) -> StartPosition {
        StartPosition::Time(Timestamp::from_micros(micros))
    }

    #[test]
    fn every_spelling_of_the_sdks_is_understood() {
        let sequence = |sequence, inclusive| StartPosition::Sequence { sequence, inclusive };
        let offset = |offset, inclusive| StartPosition::Offset { offset, inclusive };
        for (selector, start) in [
            ("amqp.annotation.x-opt-offset > '-1'", StartPosition::Earliest),
            ("amqp.annotation.x-opt-offset > -1", StartPosition::Earliest),
            ("amqp.annotation.x-opt-offset > '@latest'", StartPosition::Latest),
            ("amqp.annotation.x-opt-offset >= '@latest'", StartPosition::Latest),
            ("amqp.annotation.x-opt-offset > @latest", StartPosition::Latest),
            ("amqp.annotation.x-opt-offset > '100'", offset(100, false)),
            ("amqp.annotation.x-opt-offset >= '100'", offset(100, true)),
            ("amqp.annotation.x-opt-offset > 100", offset(100, false)),
            (
                "amqp.annotation.x-opt-sequence-number > '-1'",
                StartPosition::Earliest,
            ),
            ("amqp.annotation.x-opt-sequence-number >'5'", sequence(5, false)),
            ("amqp.annotation.x-opt-sequence-number >='5'", sequence(5, true)),
            (
                "amqp.annotation.x-opt-enqueued-time > '1700000000000'",
                time(1_700_000_000_001_000),
            ),
            (
                "amqp.annotation.x-opt-enqueued-time >= '1700000000000'",
                time(1_700_000_000_000_000),
            ),
        ] {
            assert_eq!(parse(selector).unwrap(), start, "{selector}");
        }
    }

    #[test]
    fn a_selector_that_compares_nothing_is_refused_and_named() {
        for selector in [
            "",
            "x",
            "amqp.annotation.x-opt-offset < '1'",
            "amqp.annotation.x-opt-offset = '1'",
            "amqp.annotation.x-opt-offset > ''",
            "amqp.annotation.x-opt-offset > '1",
            "amqp.annotation.x-opt-offset > 1'",
            "amqp.annotation.x-opt-enqueued-time > '9223372036854775807'",
            "amqp.annotation.x-opt-partition-key > '1'",
        ] {
            let Err(Unreadable::Selector(reason)) = parse(selector) else {
                panic!("{selector}");
            };
            assert!(reason.contains(selector), "{selector}");
        }
    }

    #[test]
    fn a_value_that_is_none_is_named_by_itself() {
        let offset = |value: &str| Err(Unreadable::Offset(value.to_owned()));
        assert_eq!(parse("amqp.annotation.x-opt-offset > 'first'"), offset("first"));
        assert_eq!(
            parse("amqp.annotation.x-opt-offset > '99999999999999999999'"),
            offset("99999999999999999999")
        );
        assert_eq!(
            parse("amqp.annotation.x-opt-sequence-number >= '1.5'"),
            Err(Unreadable::SequenceNumber("1.5".to_owned()))
        );
        let two = "amqp.annotation.x-opt-offset > '1' AND amqp.annotation.x-opt-offset > '2'";
        assert!(parse(two).is_err());
    }

    #[test]
    fn without_a_filter_it_starts_at_the_beginning_and_the_descriptor_does_not_matter() {
        assert_eq!(start(&[]), Ok(StartPosition::Earliest));
        let selector = Value::String("amqp.annotation.x-opt-offset > '7'".into());
        for descriptor in [
            Value::Symbol(Symbol::from_static(FILTER)),
            Value::Ulong(0x0000_468c_0000_0004),
            Value::Ulong(0x0137_0000_000a),
        ] {
            let value = selector.clone();
            let described = Value::Described(Box::new(Described { descriptor, value }));
            let filter = vec![(Symbol::from_static(FILTER), described)];
            let expected = StartPosition::Offset {
                offset: 7,
                inclusive: false,
            };
            assert_eq!(start(&filter), Ok(expected));
        }
        let other = vec![(
            Symbol::from_static("apache.org:no-local-filter:list"),
            Value::Null,
        )];
        assert!(start(&other).is_err());
    }
}
