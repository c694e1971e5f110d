use Operator::*;

use super::*;

const EVENT: &str = r#"{"specversion":"1.0","id":"A-1","source":"/Shop/Orders","type":"com.Example.Order.Placed",
    "subject":"orders/München/51","time":"2026-01-01T00:00:00Z","tenant":"Blue","weight":51,"express":true,
    "datacontenttype":"application/json",
    "data":{"country":"FR","total":12.5,"zero":0,"paid":false,"nothing":null,"lines":[1,20,"Pen"],"empty":[],
            "flags":[true],"nested":{"deep":{"er":"x\"y"},"list":[[1]]},"objects":[{"a":1}],"dotted.key":1,
            "negative":-0.0}}"#;

fn matches(key: &str, operator: Operator) -> bool {
    matches_event(EVENT, key, operator)
}

fn matches_event(event: &str, key: &str, operator: Operator) -> bool {
    let predicate = Predicate {
        key: String::from(key),
        operator,
    };
    let config = FilterConfig {
        filters: vec![predicate],
        ..FilterConfig::default()
    };
    !Filters::compile([(7, &config)])
        .evaluate(event.as_bytes(), &mut Scratch::default())
        .is_empty()
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| String::from(*value)).collect()
}

/// (operator, key, expected)
fn table() -> Vec<(Operator, &'static str, bool)> {
    let s = strings;
    vec![
        (NumberIn(vec![1.0, 12.5]), "data.total", true),
        (NumberIn(vec![1.0]), "data.total", false),
        (NumberIn(vec![0.0]), "data.negative", true),
        (NumberIn(vec![51.0]), "weight", true),
        (NumberIn(vec![20.0]), "data.lines", true),
        (NumberIn(vec![3.0]), "data.lines", false),
        (NumberIn(vec![1.0]), "data.empty", false),
        (NumberIn(vec![1.0]), "data.missing", false),
        (NumberIn(vec![1.0]), "data.country", false),
        (NumberNotIn(vec![1.0]), "data.total", true),
        (NumberNotIn(vec![12.5]), "data.total", false),
        (NumberNotIn(vec![20.0]), "data.lines", false),
        (NumberNotIn(vec![3.0]), "data.lines", true),
        (NumberNotIn(vec![1.0]), "data.missing", true),
        (NumberNotIn(vec![1.0]), "data.nothing", true),
        (NumberNotIn(vec![1.0]), "data.country", true),
        (NumberNotIn(vec![1.0]), "data.empty", true),
        (NumberLessThan(12.5), "data.total", false),
        (NumberLessThan(12.6), "data.total", true),
        (NumberLessThan(2.0), "data.lines", true),
        (NumberLessThan(2.0), "data.missing", false),
        (NumberLessThanOrEquals(12.5), "data.total", true),
        (NumberLessThanOrEquals(0.5), "data.lines", false),
        (NumberLessThanOrEquals(1.0), "data.missing", false),
        (NumberGreaterThan(12.5), "data.total", false),
        (NumberGreaterThan(12.4), "data.total", true),
        (NumberGreaterThan(19.0), "data.lines", true),
        (NumberGreaterThan(-1.0), "data.missing", false),
        (NumberGreaterThanOrEquals(12.5), "data.total", true),
        (NumberGreaterThanOrEquals(21.0), "data.lines", false),
        (NumberGreaterThanOrEquals(-1.0), "data.missing", false),
        (NumberInRange(vec![(0.0, 1.0), (12.5, 13.0)]), "data.total", true),
        (NumberInRange(vec![(0.0, 1.0), (12.6, 13.0)]), "data.total", false),
        (NumberInRange(vec![(0.0, 0.0)]), "data.zero", true),
        (NumberInRange(vec![(15.0, 25.0)]), "data.lines", true),
        (NumberInRange(vec![(0.0, 100.0)]), "data.missing", false),
        (
            NumberNotInRange(vec![(0.0, 1.0), (12.5, 13.0)]),
            "data.total",
            false,
        ),
        (NumberNotInRange(vec![(0.0, 1.0)]), "data.total", true),
        (NumberNotInRange(vec![(15.0, 25.0)]), "data.lines", false),
        (NumberNotInRange(vec![(0.0, 100.0)]), "data.missing", true),
        (BoolEquals(true), "express", true),
        (BoolEquals(false), "express", false),
        (BoolEquals(false), "data.paid", true),
        (BoolEquals(true), "data.flags", true),
        (BoolEquals(false), "data.flags", false),
        (BoolEquals(false), "data.missing", false),
        (BoolEquals(true), "tenant", false),
        (StringIn(s(&["de", "fr"])), "data.country", true),
        (StringIn(s(&["de"])), "data.country", false),
        (StringIn(s(&["pen"])), "data.lines", true),
        (StringIn(s(&["fr"])), "data.missing", false),
        (StringIn(s(&["12.5"])), "data.total", false),
        (StringIn(s(&["x\"Y"])), "data.nested.deep.er", true),
        (StringNotIn(s(&["de"])), "data.country", true),
        (StringNotIn(s(&["fr"])), "data.country", false),
        (StringNotIn(s(&["pen"])), "data.lines", false),
        (StringNotIn(s(&["fr"])), "data.missing", true),
        (StringNotIn(s(&["fr"])), "data.nothing", true),
        (StringBeginsWith(s(&["x", "com.example."])), "type", true),
        (StringBeginsWith(s(&["example"])), "type", false),
        (StringBeginsWith(s(&["5", "1"])), "weight", true),
        (StringBeginsWith(s(&["tr"])), "express", true),
        (StringBeginsWith(s(&["p"])), "data.lines", true),
        (StringBeginsWith(s(&[""])), "data.missing", false),
        (StringNotBeginsWith(s(&["org."])), "type", true),
        (StringNotBeginsWith(s(&["org.", "com."])), "type", false),
        (StringNotBeginsWith(s(&["p"])), "data.lines", false),
        (StringNotBeginsWith(s(&["x"])), "data.missing", false),
        (StringNotBeginsWith(s(&["x"])), "data.nothing", false),
        (StringNotBeginsWith(s(&["x"])), "data.empty", false),
        (StringEndsWith(s(&[".placed"])), "eventType", true),
        (StringEndsWith(s(&["order"])), "type", false),
        (StringEndsWith(s(&["n"])), "data.lines", true),
        (StringEndsWith(s(&["x"])), "data.missing", false),
        (StringNotEndsWith(s(&["order"])), "type", true),
        (StringNotEndsWith(s(&["placed"])), "type", false),
        (StringNotEndsWith(s(&["n"])), "data.lines", false),
        (StringNotEndsWith(s(&["x"])), "data.missing", false),
        (StringContains(s(&["MÜNCHEN"])), "subject", true),
        (StringContains(s(&["berlin"])), "subject", false),
        (StringContains(s(&["e"])), "data.lines", true),
        (StringContains(s(&["x"])), "data.missing", false),
        (StringNotContains(s(&["berlin"])), "subject", true),
        (StringNotContains(s(&["münchen"])), "subject", false),
        (StringNotContains(s(&["e"])), "data.lines", false),
        (StringNotContains(s(&["x"])), "data.missing", false),
        (IsNullOrUndefined, "data.missing", true),
        (IsNullOrUndefined, "data.nothing", true),
        (IsNullOrUndefined, "data.empty", false),
        (IsNullOrUndefined, "data.nested", false),
        (IsNullOrUndefined, "nosuchextension", true),
        (IsNotNull, "data.missing", false),
        (IsNotNull, "data.nothing", false),
        (IsNotNull, "data.zero", true),
        (IsNotNull, "data.nested", true),
        (IsNotNull, "data.empty", true),
        (IsNotNull, "tenant", true),
    ]
}

#[test]
fn every_operator_follows_the_table() {
    for (operator, key, expected) in table() {
        assert_eq!(matches(key, operator.clone()), expected, "{key} {operator:?}");
    }
}

#[test]
fn predicates_evaluated_together_mean_what_they_mean_alone() {
    let configs: Vec<FilterConfig> = table()
        .into_iter()
        .map(|(operator, key, _)| FilterConfig {
            filters: vec![Predicate {
                key: String::from(key),
                operator,
            }],
            ..FilterConfig::default()
        })
        .collect();
    let filters = Filters::compile((0..).zip(&configs));
    let mut scratch = Scratch::default();
    for _ in 0..2 {
        let mut matches = filters.evaluate(EVENT.as_bytes(), &mut scratch).to_vec();
        matches.sort_unstable();
        let expected: Vec<u32> = (0..)
            .zip(table())
            .filter(|(_, (_, _, expected))| *expected)
            .map(|(index, _)| index)
            .collect();
        assert_eq!(matches, expected);
    }
}

#[test]
fn attributes_answer_to_their_documented_names() {
    for (key, value) in [
        ("id", "a-1"),
        ("eventid", "a-1"),
        ("EventId", "a-1"),
        ("source", "/shop/orders"),
        ("type", "com.example.order.placed"),
        ("eventtype", "com.example.order.placed"),
        ("subject", "orders/münchen/51"),
        ("time", "2026-01-01t00:00:00z"),
        ("datacontenttype", "application/json"),
        ("tenant", "blue"),
    ] {
        assert!(matches(key, StringIn(strings(&[value]))), "{key}");
    }
    assert!(matches_event(
        r#"{"eventtypeversion":"2"}"#,
        "eventTypeVersion",
        StringIn(strings(&["2"]))
    ));
    assert!(matches_event(
        r#"{"dataschema":"urn:x"}"#,
        "dataschema",
        StringIn(strings(&["urn:X"]))
    ));
    assert!(matches_event(
        r#"{"data":"plain"}"#,
        "data",
        StringContains(strings(&["lai"]))
    ));
}

#[test]
fn what_cannot_be_compared_is_ignored() {
    assert!(!matches("data.objects", StringContains(strings(&["a"]))));
    assert!(!matches("data.objects", NumberIn(vec![1.0])));
    assert!(!matches("data.nested", StringContains(strings(&[""]))));
    assert!(!matches("data.nested.list", NumberIn(vec![1.0])));
    assert!(!matches("data.lines.0", IsNotNull));
    assert!(!matches("data.dotted.key", IsNotNull));
    assert!(!matches_event(r#"{"data":"text"}"#, "data.country", IsNotNull));
    assert!(!matches_event(
        r#"{"data_base64":"AA=="}"#,
        "data.country",
        IsNotNull
    ));
    assert!(!matches_event("{}", "data.country", IsNotNull));
}

#[test]
fn filters_types_and_subjects_must_all_hold() {
    let all = FilterConfig {
        included_types: strings(&["other", "COM.example.order.placed"]),
        subject_begins_with: Some(String::from("Orders/")),
        subject_ends_with: Some(String::from("51")),
        filters: vec![
            Predicate {
                key: String::from("data.country"),
                operator: StringIn(strings(&["FR"])),
            },
            Predicate {
                key: String::from("data.country"),
                operator: StringIn(strings(&["FR"])),
            },
            Predicate {
                key: String::from("data.total"),
                operator: NumberLessThan(100.0),
            },
        ],
    };
    let evaluate = |config: &FilterConfig| {
        Filters::compile([(7, config)])
            .evaluate(EVENT.as_bytes(), &mut Scratch::default())
            .len()
            == 1
    };
    assert!(evaluate(&all));
    for break_one in [
        |config: &mut FilterConfig| config.included_types = strings(&["com.example"]),
        |config: &mut FilterConfig| config.subject_begins_with = Some(String::from("x")),
        |config: &mut FilterConfig| config.subject_ends_with = Some(String::from("x")),
        |config: &mut FilterConfig| config.filters[0].operator = StringIn(strings(&["DE"])),
        |config: &mut FilterConfig| config.filters[2].operator = NumberLessThan(1.0),
    ] {
        let mut broken = all.clone();
        break_one(&mut broken);
        assert!(!evaluate(&broken), "{broken:?}");
    }
}

#[test]
fn an_empty_filter_wants_everything() {
    let everything = FilterConfig::default();
    let picky = FilterConfig {
        included_types: strings(&["none"]),
        ..FilterConfig::default()
    };
    let filters = Filters::compile([(1, &everything), (2, &picky), (3, &everything)]);
    assert_eq!(
        filters
            .evaluate(EVENT.as_bytes(), &mut Scratch::default())
            .as_slice(),
        [1, 3]
    );
}

#[test]
fn one_of_five_hundred_subscriptions_is_found_by_lookup() {
    let configs: Vec<FilterConfig> = (0..500)
        .map(|number| FilterConfig {
            included_types: strings(&[&format!("type-{number}")]),
            subject_begins_with: Some(format!("prefix-{number:03}")),
            ..FilterConfig::default()
        })
        .collect();
    let filters = Filters::compile((0..).zip(&configs));
    let event = r#"{"type":"type-321","subject":"prefix-321/x"}"#;
    assert_eq!(
        filters
            .evaluate(event.as_bytes(), &mut Scratch::default())
            .as_slice(),
        [321]
    );
}
