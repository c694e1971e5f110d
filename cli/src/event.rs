//! CloudEvents as people read them.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// Attributes as the service wrote them: a number keeps its digits.
pub(crate) type Event = BTreeMap<String, Box<RawValue>>;

/// What has a place of its own; the other attributes are listed.
const PLACED: [&str; 8] = [
    "specversion",
    "id",
    "type",
    "source",
    "subject",
    "time",
    "data",
    "data_base64",
];

/// An event in a few lines: type, id and source first, then the remaining attributes, then the data.
pub(crate) fn text(event: &Event) -> String {
    let attribute = |name: &str| event.get(name).map(|raw| text_of(raw));
    let required = |name: &str| attribute(name).unwrap_or_else(|| "-".to_owned());
    let mut text = format!(
        "{}  id {}  source {}",
        required("type"),
        required("id"),
        required("source")
    );
    for name in ["subject", "time"] {
        if let Some(value) = attribute(name) {
            text.push_str(&format!("  {name} {value}"));
        }
    }
    for (name, raw) in event.iter().filter(|(name, _)| !PLACED.contains(&name.as_str())) {
        text.push_str(&format!("\n    {name}: {}", text_of(raw)));
    }
    if let Some(data) = event.get("data") {
        text.push_str(&format!("\n    {}", data.get().replace(['\n', '\r'], " ")));
    }
    if let Some(data) = attribute("data_base64") {
        text.push_str(&format!("\n    base64 {data}"));
    }
    text
}

fn text_of(raw: &RawValue) -> String {
    serde_json::from_str::<Value>(raw.get()).map_or_else(|_| raw.get().to_owned(), |value| bare(&value))
}

/// A string without its quotes, anything else as JSON.
pub(crate) fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_data_stands_below_the_attributes() {
        let event = r#"{"specversion": "1.0", "id": "1", "type": "t", "source": "/s", "subject": "x", "ext": 7,
            "datacontenttype": "application/json", "data": {"a": 1.10}}"#;
        let expected = "t  id 1  source /s  subject x\n    datacontenttype: application/json\n    ext: 7\n    {\"a\": 1.10}";
        assert_eq!(super::text(&serde_json::from_str(event).unwrap()), expected);
    }
}
