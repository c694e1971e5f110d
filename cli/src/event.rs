//! CloudEvents as people read them.

use serde_json::Value;

/// Attributes with a place of their own on the first line; the rest are listed after it.
const ON_THE_FIRST_LINE: [&str; 8] = [
    "specversion",
    "id",
    "type",
    "source",
    "subject",
    "time",
    "data",
    "data_base64",
];

/// An event in a few lines: type, source and id first, then the remaining attributes, then the data.
pub(crate) fn text(event: &Value) -> String {
    let attribute = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
    let mut text = format!(
        "{}  id {}  source {}",
        attribute("type"),
        attribute("id"),
        attribute("source")
    );
    for name in ["subject", "time"] {
        if let Some(value) = event[name].as_str() {
            text.push_str(&format!("  {name} {value}"));
        }
    }
    for (name, value) in event.as_object().into_iter().flatten() {
        if !ON_THE_FIRST_LINE.contains(&name.as_str()) {
            text.push_str(&format!("\n    {name}: {}", bare(value)));
        }
    }
    if let Some(data) = event.get("data") {
        text.push_str(&format!("\n    {data}"));
    }
    if let Some(data) = event["data_base64"].as_str() {
        text.push_str(&format!("\n    base64 {data}"));
    }
    text
}

/// A string without its quotes, anything else as JSON.
pub(crate) fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn the_data_stands_below_the_attributes() {
        let event = json!({"specversion": "1.0", "id": "1", "type": "t", "source": "/s", "subject": "x",
            "datacontenttype": "application/json", "data": {"a": 1}});
        let expected = "t  id 1  source /s  subject x\n    datacontenttype: application/json\n    {\"a\":1}";
        assert_eq!(super::text(&event), expected);
    }
}
