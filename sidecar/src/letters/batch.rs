//! What is written: one file for several dead letters, as Azure Event Grid writes those of namespace topics.
//!
//! Microsoft's "Dead lettering for event subscriptions to namespace topics" names the path,
//! `NAMESPACE/TOPIC/SUBSCRIPTION/YEAR/MONTH/DAY/HOUR/GUID.json` in UTC and without leading zeros, and the properties. Its
//! samples contradict each other in where these stand; the newest is followed, an array of objects that have the event
//! beside its properties. `customDeliveryProperties` are headers of push delivery, which a queue has not.

use bytes::Bytes;
use model::{Timestamp, json};
use uuid::Uuid;

/// Letters of one file. The broker gives out at most 4 MiB of them at a time, or one.
pub(super) const LETTERS_MAX: usize = 500;

/// The attributes of a dead letter that Azure writes beside the event.
const PROPERTIES: [&str; 5] = [
    "deadletterreason",
    "deliveryattempts",
    "deliveryattemptutc",
    "deliveryresult",
    "publishutc",
];

/// Where it came from is what the path says.
const SOURCE: &str = "deadlettersource";

/// The path of a file that is begun at `at`.
pub(super) fn path(sender: &[String; 3], at: Timestamp, id: Uuid) -> Vec<String> {
    let text = at.to_string();
    let numbers = text.split(['-', 'T', ':']).take(4);
    let numbers = numbers.map(|number| match number.trim_start_matches('0') {
        "" => "0".to_owned(),
        number => number.to_owned(),
    });
    sender
        .iter()
        .cloned()
        .chain(numbers)
        .chain([format!("{id}.json")])
        .collect()
}

/// The content of a file.
pub(super) fn content<'a>(letters: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    let mut text = vec![b'['];
    for letter in letters {
        if text.len() > 1 {
            text.push(b',');
        }
        write(letter, &mut text);
    }
    text.push(b']');
    text.into()
}

fn write(letter: &[u8], text: &mut Vec<u8>) {
    let is_property = |name: &str| PROPERTIES.contains(&name);
    text.extend_from_slice(br#"{"deadLetterProperties":"#);
    write_members(letter, text, is_property);
    text.extend_from_slice(br#","event":"#);
    write_members(letter, text, |name| !is_property(name) && name != SOURCE);
    text.push(b'}');
}

/// The members of an object that are wanted, as they are.
fn write_members(object: &[u8], text: &mut Vec<u8>, is_wanted: impl Fn(&str) -> bool) {
    text.push(b'{');
    let mut separator: &[u8] = b"";
    for (name, value) in json::members(object) {
        if is_wanted(&name) {
            text.extend_from_slice(separator);
            json::write_string(text, &name);
            text.push(b':');
            text.extend_from_slice(value);
            separator = b",";
        }
    }
    text.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_in_the_hour_of_its_subscription_without_leading_zeros() {
        let sender = ["shop", "Orders", "billing"].map(str::to_owned);
        let path = |at: &str| path(&sender, at.parse().unwrap(), Uuid::nil()).join("/");
        let name = "00000000-0000-0000-0000-000000000000.json";
        assert_eq!(
            path("2026-01-31T09:05:00Z"),
            format!("shop/Orders/billing/2026/1/31/9/{name}")
        );
        assert_eq!(
            path("2026-12-01T00:59:59.5Z"),
            format!("shop/Orders/billing/2026/12/1/0/{name}")
        );
    }

    #[test]
    fn a_letter_is_its_event_as_it_was_and_beside_it_what_happened() {
        let letter = Bytes::from_static(
            br#"{"specversion":"1.0","id":"1","deadletterreason":"Rejected","deadlettersource":"topics/a/eventsubscriptions/b","deliveryattempts":1,"deliveryresult":"Event was rejected.","publishutc":"2026-01-01T00:00:00Z","data":{"n":1.10}}"#,
        );
        let expected = r#"{"deadLetterProperties":{"deadletterreason":"Rejected","deliveryattempts":1,"deliveryresult":"Event was rejected.","publishutc":"2026-01-01T00:00:00Z"},"event":{"specversion":"1.0","id":"1","data":{"n":1.10}}}"#;
        assert_eq!(content([&letter]), format!("[{expected}]"));
        assert_eq!(content([&letter, &letter]), format!("[{expected},{expected}]"));
        assert_eq!(content([]), "[]");
    }
}
