//! What is copied to a place outside the disk.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;

use super::Broker;
use super::routes::TopicRoute;
use super::start::{INCARNATION_MAX, NUMBERS};
use crate::checkpoints;

const STREAM: &str = "stream/";

/// Numbers of events are saved as the next multiple of this, and offsets as that of [`OFFSETS_STEP`]: a copy would be
/// written with every event otherwise.
const NUMBERS_STEP: u64 = 1 << 20;

/// Offsets count bytes.
const OFFSETS_STEP: u64 = 1 << 30;

/// The least distance between what was saved and the next incarnation: half of what one can number. What was numbered
/// after the copy lies in it.
const MARGIN: u64 = 1 << (NUMBERS - 1);

impl Broker {
    /// What is worth a copy outside the disk, which a log that begins on an empty one takes as its [`Origin`]: values are
    /// JSON texts. What is on its way to the disk may be in it.
    ///
    /// `blob/CONTAINER/NAME` and `container/NAME`: the containers and blobs, without the blobs that say who owns a partition
    /// (`NAMESPACE/HUB/GROUP/ownership/PARTITION`), because they expire. `stream/UID` and `stream/UID/PARTITION`: numbers, rounded
    /// up, below which all events of a declared topic or of a partition are, for [`least_incarnation`].
    ///
    /// It takes some milliseconds for each ten thousand blobs.
    ///
    /// [`Origin`]: super::Origin
    pub fn saved(&self) -> BTreeMap<String, Bytes> {
        let mut entries = BTreeMap::new();
        for topic in self.0.routes.load().topics() {
            save_topic(topic, &mut entries);
        }
        for next in self.0.hubs.numbers() {
            let value = json!({
                "name": &*next.name,
                "sequence": rounded(next.sequence, NUMBERS_STEP),
                "offset": rounded(next.offset, OFFSETS_STEP),
            });
            entries.insert(format!("{STREAM}{}/{}", next.hub, next.partition), text(&value));
        }
        checkpoints::save(&self.0.checkpoints, &mut entries);
        entries
    }

    /// Grows when [`Broker::saved`] or [`Broker::lags`] may differ from what they were.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.growth.changes()
    }
}

/// The least [`incarnation`] that begins above every number and offset of the log that `saved` is a copy of, with room for
/// what was numbered after the copy: half of what one incarnation can number, 512 GiB of offsets. 0 if nothing was saved of
/// any stream.
///
/// Offsets count bytes, so a partition outgrows an incarnation after 1 TiB: the next number alone would not do.
///
/// [`incarnation`]: super::Origin::incarnation
pub fn least_incarnation(saved: &BTreeMap<String, Bytes>) -> u64 {
    let streams = saved.iter().filter(|(key, _)| key.starts_with(STREAM));
    let highest = streams.filter_map(|(key, value)| highest(key, value)).max();
    highest.map_or(0, |highest| {
        ((highest.saturating_add(MARGIN) >> NUMBERS) + 1).min(INCARNATION_MAX)
    })
}

/// What is read back of a stream, topic or partition.
#[derive(Deserialize)]
struct SavedNumbers {
    next: Option<u64>,
    sequence: Option<u64>,
    offset: Option<u64>,
}

fn highest(key: &str, value: &[u8]) -> Option<u64> {
    match serde_json::from_slice::<SavedNumbers>(value) {
        Ok(numbers) => numbers.next.max(numbers.sequence).max(numbers.offset),
        Err(error) => {
            tracing::error!(key, %error, "the numbers of a stream in the copy were not understood");
            None
        }
    }
}

fn save_topic(topic: &TopicRoute, entries: &mut BTreeMap<String, Bytes>) {
    let next = rounded(topic.counts.next.value(), NUMBERS_STEP);
    let value = json!({"name": &*topic.name, "next": next});
    entries.insert(format!("{STREAM}{}", topic.uid), text(&value));
}

/// Up to a multiple of `step`.
fn rounded(number: u64, step: u64) -> u64 {
    number.checked_next_multiple_of(step).unwrap_or(u64::MAX)
}

fn text(value: &serde_json::Value) -> Bytes {
    Bytes::from(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(streams: &[&str]) -> BTreeMap<String, Bytes> {
        let entry = |(n, value): (usize, &&str)| (format!("{STREAM}{n}"), Bytes::from((*value).to_owned()));
        streams.iter().enumerate().map(entry).collect()
    }

    #[test]
    fn an_incarnation_begins_above_every_number_and_offset_before_it() {
        for (highest, least) in [
            (0, 1),
            (5, 1),
            (MARGIN - 1, 1),
            (MARGIN, 2),
            (1 << NUMBERS, 2),
            ((3 << NUMBERS) + 17, 4),
            ((4 << NUMBERS) - 1, 5),
            (u64::MAX, INCARNATION_MAX),
        ] {
            for value in [
                format!(r#"{{"name":"t","next":{highest}}}"#),
                format!(r#"{{"name":"h","offset":0,"sequence":{highest}}}"#),
                format!(r#"{{"name":"h","offset":{highest},"sequence":0}}"#),
            ] {
                assert_eq!(least_incarnation(&saved(&[&value, "{}"])), least, "{value}");
            }
        }
    }

    #[test]
    fn what_says_nothing_of_numbers_asks_for_no_incarnation() {
        assert_eq!(least_incarnation(&BTreeMap::new()), 0);
        let mut others = saved(&["?", "", "[]", r#"{"next":-1}"#]);
        others.insert(String::from("blob/c/n"), Bytes::from_static(br#"{"next":7}"#));
        assert_eq!(least_incarnation(&others), 0);
    }

    #[test]
    fn numbers_are_rounded_up_and_those_that_were_never_given_stay() {
        let steps = [0, 1, NUMBERS_STEP, NUMBERS_STEP + 1, u64::MAX];
        let expected = [0, NUMBERS_STEP, NUMBERS_STEP, 2 * NUMBERS_STEP, u64::MAX];
        assert_eq!(steps.map(|number| rounded(number, NUMBERS_STEP)), expected);
    }
}
