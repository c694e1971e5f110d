// What must hold for any input; shared by the fuzz target, the property tests and the replay of the corpus.

use bytes::Bytes;
use model::cloud_event::{self, Limits, Mode, Value};
use model::{Event, EventView, json};

/// The input is a body, and also a binary-mode request: header lines, an empty line, the body.
pub(crate) fn check(input: &[u8]) {
    let body = Bytes::copy_from_slice(input);
    for event in cloud_event::structured_or_batch(&body, &Limits::default())
        .into_iter()
        .flatten()
    {
        check_event(&event);
    }
    let (head, body) = split_head(input);
    let headers = head.split(|&byte| byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
    });
    let content_type = headers
        .clone()
        .find(|(name, _)| *name == "content-type")
        .map(|(_, value)| value);
    let body = Bytes::copy_from_slice(body);
    let events = Mode::of(headers.clone(), content_type)
        .and_then(|mode| mode.read(headers, content_type, &body, &Limits::default()));
    for event in events.into_iter().flatten() {
        check_event(&event);
    }
}

fn split_head(input: &[u8]) -> (&[u8], &[u8]) {
    match input.windows(2).position(|window| window == b"\n\n") {
        Some(end) => (&input[..end], &input[end + 2..]),
        None => (input, &[]),
    }
}

/// What was accepted is canonical: valid, accepted again as it is, and seen the same.
fn check_event(event: &Event) {
    let again = Event::from_json(event.json()).expect("a canonical event is valid");
    assert_eq!(again.json(), event.json(), "a canonical event is not rewritten");
    let view = EventView::parse(event);
    assert_eq!(EventView::parse(&again), view);
    assert!(!view.id.is_empty() && !view.source.is_empty() && !view.type_.is_empty());
    assert!(view.data.is_none() || view.data_base64.is_none());
    assert!(
        view.time
            .is_none_or(|time| time.ends_with('Z') && time.as_bytes()[10] == b'T')
    );
    let members = json::members(event.json()).count();
    let stamped = event
        .with_extensions(&[("stamp", Value::Integer(1))])
        .expect("a valid name");
    let members_stamped = json::members(stamped.json()).count();
    let had_stamp = usize::from(EventView::parse(event).extension("stamp").is_some());
    assert_eq!(members_stamped, members + 1 - had_stamp);
    Event::from_json(stamped.json()).expect("an extension does not break an event");
}
