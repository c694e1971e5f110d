use model::cloud_event::{Error, Limits, Value, structured_or_batch};
use model::{Event, EventView};

const FULL: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"a\"b","time":"2026-01-01T00:00:00Z",
    "dataschema":"https://x","datacontenttype":"application/json","text":"v","flag":true,"count":-5,"data": {"a" : 1} }"#;

fn event(json: &str) -> Event {
    Event::from_json(&json.to_owned().into()).unwrap()
}

fn json(event: &Event) -> serde_json::Value {
    serde_json::from_slice(event.json()).unwrap()
}

#[test]
fn a_view_shows_every_attribute_unescaped_and_data_as_text() {
    let event = event(FULL);
    let view = EventView::parse(&event);
    assert_eq!((&*view.id, &*view.source, &*view.type_), ("1", "/s", "t"));
    assert_eq!(view.subject.as_deref(), Some("a\"b"));
    assert_eq!(view.time.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(view.dataschema.as_deref(), Some("https://x"));
    assert_eq!(view.datacontenttype.as_deref(), Some("application/json"));
    assert_eq!(view.extension("text"), Some(&Value::String("v".into())));
    assert_eq!(view.extension("flag"), Some(&Value::Boolean(true)));
    assert_eq!(view.extension("count"), Some(&Value::Integer(-5)));
    assert_eq!(view.extension("other"), None);
    assert_eq!(view.data, Some(r#"{"a" : 1}"#));
    assert_eq!(view.data_base64, None);
}

#[test]
fn a_view_is_the_same_whether_the_event_was_rewritten_or_not() {
    let rewritten = event(
        &FULL
            .replace("T00:00:00Z", " 00:00:00+00:00")
            .replace(r#""flag""#, r#""gone":null,"fl\u0061g""#),
    );
    let kept = event(FULL);
    assert_eq!(EventView::parse(&rewritten), EventView::parse(&kept));
    assert_eq!(json(&rewritten), json(&kept));
}

#[test]
fn bytes_are_seen_as_base64() {
    let event = event(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"\/w=="}"#);
    assert_eq!(EventView::parse(&event).data_base64.as_deref(), Some("/w=="));
}

#[test]
fn extensions_are_added_and_replaced() {
    let dead = event(FULL)
        .with_extensions(&[
            ("text", Value::String("new \"x\"".into())),
            ("deliveryattempts", Value::Integer(3)),
        ])
        .unwrap();
    let mut expected = json(&event(FULL));
    expected["text"] = "new \"x\"".into();
    expected["deliveryattempts"] = 3.into();
    assert_eq!(json(&dead), expected);
    let again = Event::from_json(dead.json()).unwrap();
    assert_eq!(EventView::parse(&again), EventView::parse(&dead));
    assert_eq!(EventView::parse(&dead).data, Some(r#"{"a" : 1}"#));
}

#[test]
fn only_a_valid_name_is_added_and_only_once() {
    for name in ["id", "data", "Upper", "123", "", "with_underscore"] {
        let refused = event(FULL)
            .with_extensions(&[(name, Value::Boolean(true))])
            .unwrap_err();
        assert_eq!(refused, Error::ExtensionName(name.into()));
    }
    let twice = [("new", Value::Boolean(true)), ("new", Value::Boolean(false))];
    assert_eq!(
        event(FULL).with_extensions(&twice).unwrap_err(),
        Error::Duplicate("new".into())
    );
}

#[test]
fn the_trace_context_of_the_request_is_stamped_unless_the_event_has_its_own() {
    let stamped = event(FULL).with_trace_context("00-a-b-01", Some("k=v"));
    let mut expected = json(&event(FULL));
    expected["traceparent"] = "00-a-b-01".into();
    expected["tracestate"] = "k=v".into();
    assert_eq!(json(&stamped), expected);
    let again = Event::from_json(stamped.json()).unwrap();
    let view = EventView::parse(&stamped);
    assert_eq!(view.extension("tracestate"), Some(&Value::String("k=v".into())));
    assert_eq!(EventView::parse(&again), view);
    assert_eq!(stamped.clone().with_trace_context("00-c-d-01", None), stamped);
}

#[test]
fn an_event_of_a_batch_keeps_its_own_view() {
    let batch = format!("[{FULL}, {FULL}]").replacen(r#""id":"1""#, r#""id":"0""#, 1);
    let events = structured_or_batch(&batch.into(), &Limits::default()).unwrap();
    let ids: Vec<_> = events.iter().map(|event| EventView::parse(event).id).collect();
    assert_eq!(ids, ["0", "1"]);
    assert_eq!(EventView::parse(&events[1]).data, Some(r#"{"a" : 1}"#));
}
