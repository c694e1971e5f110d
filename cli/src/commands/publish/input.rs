//! Events to publish: from options, or as JSON from a file or standard input.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

use runtime::Clock;
use serde_json::Deserializer;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::failure::{Exit, Failure};

/// The service's limits for one request.
const BATCH_EVENTS_MAX: usize = 1_000;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Attributes as they were written: a number keeps its digits.
type Attributes = BTreeMap<String, Box<RawValue>>;

/// What fills the attributes that an event lacks.
#[derive(Debug, Default)]
pub(crate) struct Template {
    pub(crate) event_type: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) subject: Option<String>,
}

impl Template {
    /// An event made of options alone. `data` is a JSON value, or text if it is not JSON.
    pub(crate) fn event(&self, data: &str) -> Result<String, Failure> {
        let mut attributes = Attributes::new();
        set(&mut attributes, "time", &Clock::system().now().to_string());
        match serde_json::from_str::<Box<RawValue>>(data) {
            Ok(value) => {
                set(&mut attributes, "datacontenttype", "application/json");
                attributes.insert("data".into(), value);
            }
            Err(_) => {
                set(&mut attributes, "datacontenttype", "text/plain");
                set(&mut attributes, "data", data);
            }
        }
        self.complete(attributes)
    }

    fn complete(&self, mut attributes: Attributes) -> Result<String, Failure> {
        let generated = || Uuid::new_v4().to_string();
        fill(&mut attributes, "specversion", || Some("1.0".into()));
        fill(&mut attributes, "id", || Some(generated()));
        fill(&mut attributes, "type", || self.event_type.clone());
        fill(&mut attributes, "source", || {
            Some(self.source.clone().unwrap_or_else(|| "weft".into()))
        });
        fill(&mut attributes, "subject", || self.subject.clone());
        if !attributes.contains_key("type") {
            return Err(Failure::new(Exit::Usage, "an event has no type")
                .with_next("write it in the event, or give --type"));
        }
        serde_json::to_string(&attributes).map_err(|cause| Failure::machine("write the event as JSON", cause))
    }
}

fn fill(attributes: &mut Attributes, name: &str, value: impl FnOnce() -> Option<String>) {
    if attributes.contains_key(name) {
        return;
    }
    if let Some(value) = value() {
        set(attributes, name, &value);
    }
}

fn set(attributes: &mut Attributes, name: &str, value: &str) {
    let value = to_raw_value(value).expect("a string is always JSON");
    attributes.insert(name.to_owned(), value);
}

/// Events for one request.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    events: Vec<String>,
    bytes: usize,
}

impl Batch {
    pub(crate) fn push(&mut self, event: String) {
        self.bytes += event.len() + 1;
        self.events.push(event);
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn json(&self) -> Vec<u8> {
        format!("[{}]", self.events.join(",")).into_bytes()
    }

    /// The first event always fits: if it is too large, the service says so.
    fn has_room_for(&self, event: &str) -> bool {
        let bytes = self.bytes + event.len() + 2;
        self.events.is_empty() || (self.events.len() < BATCH_EVENTS_MAX && bytes <= BATCH_BYTES_MAX)
    }
}

/// Events read ahead by a thread of their own, at most one request's worth.
pub(crate) struct Events {
    incoming: Receiver<Result<String, Failure>>,
    /// Read, but not part of the last batch.
    held: Option<Result<String, Failure>>,
}

impl Events {
    pub(crate) fn read(source: Box<dyn Read + Send>, template: Template) -> Self {
        let (sender, incoming) = sync_channel(BATCH_EVENTS_MAX);
        thread::spawn(move || read_all(source, &template, &sender));
        Self { incoming, held: None }
    }

    /// What has arrived, as much as fits into one request; waits for the first. A failure comes after everything that
    /// was read before it.
    pub(crate) fn next_batch(&mut self) -> Option<Result<Batch, Failure>> {
        let first = self.held.take().or_else(|| self.incoming.recv().ok())?;
        let mut batch = Batch::default();
        match first {
            Ok(event) => batch.push(event),
            Err(failure) => return Some(Err(failure)),
        }
        loop {
            match self.incoming.try_recv() {
                Ok(Ok(event)) if batch.has_room_for(&event) => batch.push(event),
                Ok(other) => {
                    self.held = Some(other);
                    return Some(Ok(batch));
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Some(Ok(batch)),
            }
        }
    }
}

/// One event, an array of events, or any number of either one after the other (NDJSON is the usual case).
fn read_all(source: Box<dyn Read + Send>, template: &Template, sender: &SyncSender<Result<String, Failure>>) {
    for value in Deserializer::from_reader(source).into_iter::<Box<RawValue>>() {
        let events = value
            .map_err(|cause| not_an_event(&cause))
            .and_then(|value| events_of(&value));
        let events = match events {
            Ok(events) => events,
            Err(failure) => return drop(sender.send(Err(failure))),
        };
        for event in events {
            let event = template.complete(event);
            let failed = event.is_err();
            if sender.send(event).is_err() || failed {
                return;
            }
        }
    }
}

fn events_of(value: &RawValue) -> Result<Vec<Attributes>, Failure> {
    if value.get().starts_with('[') {
        return serde_json::from_str(value.get()).map_err(|cause| not_an_event(&cause));
    }
    serde_json::from_str(value.get())
        .map(|event| vec![event])
        .map_err(|cause| not_an_event(&cause))
}

fn not_an_event(cause: &serde_json::Error) -> Failure {
    Failure::new(
        Exit::Usage,
        format!("the input is not a CloudEvent in JSON: {cause}"),
    )
    .with_next("write one JSON object per line, or an array of objects")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn read(text: &'static str) -> Vec<Result<Value, String>> {
        let template = Template {
            event_type: Some("t".into()),
            ..Template::default()
        };
        let mut events = Events::read(Box::new(text.as_bytes()), template);
        let mut all = Vec::new();
        while let Some(batch) = events.next_batch() {
            match batch {
                Ok(batch) => all.extend(
                    batch
                        .events
                        .iter()
                        .map(|event| Ok(serde_json::from_str(event).unwrap())),
                ),
                Err(failure) => all.push(Err(failure.to_string())),
            }
        }
        all
    }

    #[test]
    fn lines_arrays_and_single_objects_are_all_events() {
        let all = read("{\"id\":\"1\"}\n{\"id\":\"2\"}\n[{\"id\":\"3\"},\n {\"id\":\"4\"}]");
        let ids: Vec<_> = all
            .iter()
            .map(|event| event.as_ref().unwrap()["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, ["1", "2", "3", "4"]);
    }

    #[test]
    fn what_came_before_a_mistake_is_still_published() {
        let all = read("{\"id\":\"1\"}\n7\n{\"id\":\"3\"}\n");
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].as_ref().unwrap()["id"], "1");
        assert!(
            all[1].as_ref().unwrap_err().contains("not a CloudEvent"),
            "{all:?}"
        );
    }

    #[test]
    fn an_event_keeps_its_digits() {
        let template = Template {
            event_type: Some("t".into()),
            ..Template::default()
        };
        let event = template.event("{\"n\": 12345678901234567890.10}").unwrap();
        assert!(event.contains("12345678901234567890.10"), "{event}");
    }

    #[test]
    fn text_that_is_not_json_is_text() {
        let template = Template {
            event_type: Some("t".into()),
            ..Template::default()
        };
        let event: Value = serde_json::from_str(&template.event("hello").unwrap()).unwrap();
        assert_eq!(
            (event["data"].as_str(), event["datacontenttype"].as_str()),
            (Some("hello"), Some("text/plain"))
        );
    }

    #[test]
    fn a_batch_stays_within_a_request() {
        let mut batch = Batch::default();
        let event = "x".repeat(BATCH_BYTES_MAX / 2);
        assert!(batch.has_room_for(&event));
        batch.push(event.clone());
        assert!(!batch.has_room_for(&event));
        let small = "x".repeat(BATCH_BYTES_MAX / 2 - 3);
        assert!(batch.has_room_for(&small));
        batch.push(small);
        assert_eq!(batch.json().len(), BATCH_BYTES_MAX);
    }
}
