//! Filters that are evaluated together agree with each of them alone, whatever the event looks like.

use crate::configuration::{FilterConfig, Operator, Predicate};
use crate::topics::filter::{Filters, Matches, Scratch};

/// Filters from the lines before an empty line (`OPERATOR KEY VALUE|VALUE…`, the operator as a number), an event from
/// what follows.
///
/// # Panics
/// When filters that are evaluated together, or again, give another result than each of them alone.
pub fn filters(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (filters, event) = text.split_once("\n\n").unwrap_or((&text, "{}"));
    let configs: Vec<FilterConfig> = filters.lines().take(64).filter_map(config).collect();
    let together = Filters::compile((0..).zip(&configs));
    let mut scratch = Scratch::default();
    let first = sorted(together.evaluate(event.as_bytes(), &mut scratch));
    let again = sorted(together.evaluate(event.as_bytes(), &mut scratch));
    assert_eq!(first, again, "an evaluation leaves nothing behind");
    for (index, config) in (0..).zip(&configs) {
        let alone = Filters::compile([(index, config)]).evaluate(event.as_bytes(), &mut Scratch::default());
        assert_eq!(alone.contains(&index), first.contains(&index), "{config:?}");
    }
}

fn sorted(mut matches: Matches) -> Matches {
    matches.sort_unstable();
    matches
}

fn config(line: &str) -> Option<FilterConfig> {
    let mut parts = line.splitn(3, ' ');
    let operator: u8 = parts.next()?.parse().ok()?;
    let key = String::from(parts.next()?);
    let values: Vec<String> = parts.next().unwrap_or("").split('|').map(String::from).collect();
    let operator = operator_of(operator, values)?;
    Some(FilterConfig {
        filters: vec![Predicate { key, operator }],
        ..FilterConfig::default()
    })
}

fn operator_of(number: u8, texts: Vec<String>) -> Option<Operator> {
    let numbers: Vec<f64> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    let first = numbers.first().copied().unwrap_or(0.0);
    let ranges = numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    Some(match number {
        0 => Operator::NumberIn(numbers),
        1 => Operator::NumberNotIn(numbers),
        2 => Operator::NumberLessThan(first),
        3 => Operator::NumberLessThanOrEquals(first),
        4 => Operator::NumberGreaterThan(first),
        5 => Operator::NumberGreaterThanOrEquals(first),
        6 => Operator::NumberInRange(ranges),
        7 => Operator::NumberNotInRange(ranges),
        8 => Operator::BoolEquals(first != 0.0),
        9 => Operator::StringIn(texts),
        10 => Operator::StringNotIn(texts),
        11 => Operator::StringBeginsWith(texts),
        12 => Operator::StringNotBeginsWith(texts),
        13 => Operator::StringEndsWith(texts),
        14 => Operator::StringNotEndsWith(texts),
        15 => Operator::StringContains(texts),
        16 => Operator::StringNotContains(texts),
        17 => Operator::IsNullOrUndefined,
        18 => Operator::IsNotNull,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn the_corpus_passes() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/filters");
        let files: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
        assert!(files.len() >= 5);
        for file in files {
            super::filters(&std::fs::read(file.unwrap().path()).unwrap());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_events_do_no_harm(event in "[{}\\[\\]\",:a-c\\\\0-9.\\-nulltrue ]{0,60}", operator in 0..19_u8) {
            let filters = format!("{operator} data.a 1|a|b\n{operator} a 1|2|c\n9 data a\n\n");
            super::filters(format!("{filters}{event}").as_bytes());
            super::filters(format!("{filters}{{\"data\":{event}}}").as_bytes());
        }
    }
}
