//! What holds for every event and for every text.

use bytes::Bytes;
use model::cloud_event::{Limits, structured_or_batch};
use model::json::{Fault, Scanner};
use model::{Event, EventView};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_event() -> impl Strategy<Value = Value> {
    let text = || any::<String>().prop_filter("not empty", |text| !text.is_empty());
    let extension = prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
    ];
    let extensions = prop::collection::btree_map("ext[a-z0-9]{0,17}", extension, 0..12);
    let subject = prop::option::of(any::<String>());
    (
        text(),
        text(),
        text(),
        subject,
        extensions,
        prop::option::of(any_json()),
    )
        .prop_map(|(id, source, kind, subject, extensions, data)| {
            let mut event: Map<String, Value> = extensions.into_iter().collect();
            event.insert("specversion".into(), "1.0".into());
            event.insert("id".into(), id.into());
            event.insert("source".into(), source.into());
            event.insert("type".into(), kind.into());
            event.extend(subject.map(|subject| ("subject".to_owned(), subject.into())));
            event.extend(data.map(|data| ("data".to_owned(), data)));
            Value::Object(event)
        })
}

fn valid(text: &[u8]) -> Result<(), Fault> {
    let mut scanner = Scanner::new(text);
    scanner
        .value()
        .and_then(|_| scanner.finish())
        .map_err(|error| error.what)
}

/// Text that is JSON, or nearly.
fn nearly_json() -> impl Strategy<Value = String> {
    let mutation = (
        any::<prop::sample::Index>(),
        r#"[\x00-\x7f]|[{}\[\]:,"\\]|\\u[dD][89a-fA-F][0-9a-f]{2}|é"#,
    );
    (any_json(), any::<bool>(), prop::collection::vec(mutation, 0..4)).prop_map(
        |(value, pretty, mutations)| {
            let text = if pretty {
                serde_json::to_string_pretty(&value)
            } else {
                serde_json::to_string(&value)
            };
            let mut characters: Vec<String> = text.unwrap().chars().map(String::from).collect();
            for (index, replacement) in mutations {
                let place = index.index(characters.len());
                characters[place] = replacement;
            }
            characters.concat()
        },
    )
}

/// The scanner accepts what serde_json reads into a tree, but for depth; and nothing that serde_json's grammar refuses.
/// (Between the two lie numbers beyond what a float can hold.)
fn assert_agrees_with_serde_json(text: &str) {
    let ours = valid(text.as_bytes());
    if serde_json::from_str::<Value>(text).is_ok() {
        assert!(matches!(ours, Ok(()) | Err(Fault::Depth)), "{text:?}: {ours:?}");
    }
    if ours.is_ok() {
        serde_json::from_str::<&serde_json::value::RawValue>(text).unwrap();
    }
}

proptest! {
    #[test]
    fn any_event_goes_through_unchanged(event in any_event(), pretty: bool) {
        let text = if pretty { serde_json::to_vec_pretty(&event) } else { serde_json::to_vec(&event) };
        let body = Bytes::from(text.unwrap());
        let events = structured_or_batch(&body, &Limits::default()).unwrap();
        prop_assert_eq!(events[0].json(), &body);
        let view = EventView::parse(&events[0]);
        prop_assert_eq!(&*view.id, event["id"].as_str().unwrap());
        prop_assert_eq!(view.subject.as_deref(), event.get("subject").map(|subject| subject.as_str().unwrap()));
        let data = view.data.map(|data| serde_json::from_str::<Value>(data).unwrap());
        let expected = serde_json::from_slice::<Value>(&body).unwrap();
        prop_assert_eq!(data.as_ref(), expected.get("data"));
    }

    #[test]
    fn any_event_with_another_clock_s_time_is_rewritten_without_loss(event in any_event()) {
        let mut event = event;
        event["time"] = "2026-01-01 00:00:00+00:00".into();
        let text = serde_json::to_string(&event).unwrap();
        let rewritten = Event::from_json(&text.clone().into()).unwrap();
        let mut expected: Value = serde_json::from_str(&text).unwrap();
        expected["time"] = "2026-01-01T00:00:00Z".into();
        prop_assert_eq!(serde_json::from_slice::<Value>(rewritten.json()).unwrap(), expected);
        let again = Event::from_json(rewritten.json()).unwrap();
        prop_assert_eq!(EventView::parse(&again), EventView::parse(&rewritten));
    }

    #[test]
    fn the_scanner_agrees_with_serde_json_on_what_is_nearly_json(text in nearly_json()) {
        assert_agrees_with_serde_json(&text);
    }

    #[test]
    fn the_scanner_agrees_with_serde_json_on_any_text(text in r#"([\[\]{}:,"\\ \n0-9.eE+tfn-]|true|false|null|"a"|\\u00e9){0,16}"#) {
        assert_agrees_with_serde_json(&text);
    }

    #[test]
    fn no_input_does_harm(input: Vec<u8>) {
        crate::cloud_event_check::check(&input);
    }

    #[test]
    fn no_mutated_event_does_harm(event in any_event(), place: prop::sample::Index, byte: u8) {
        let mut text = serde_json::to_vec(&event).unwrap();
        let place = place.index(text.len());
        text[place] = byte;
        crate::cloud_event_check::check(&text);
    }
}
