//! Where the partitions of a hub stand.

use serde::Deserialize;
use ureq::http::Method;

use crate::client::Client;
use crate::failure::Failure;
use crate::percent::encode;

#[derive(Debug, Deserialize)]
pub(super) struct Hub {
    pub(super) partitions: Vec<Standing>,
}

/// One partition.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Standing {
    id: String,
    /// Of the first event that is retained, or of the next one if none is.
    pub(super) begin_sequence_number: i64,
    /// Less than the first one if there never was an event.
    pub(super) last_sequence_number: i64,
    pub(super) last_offset: Option<String>,
}

impl Standing {
    pub(super) fn id(&self) -> Option<u32> {
        self.id.parse().ok()
    }

    /// How many events come after that one, of those that are retained.
    pub(super) fn lag(&self, sequence_number: i64) -> u64 {
        let processed = sequence_number.max(self.begin_sequence_number - 1);
        let lag = self.last_sequence_number.saturating_sub(processed);
        u64::try_from(lag).unwrap_or_default()
    }
}

impl Hub {
    pub(super) fn read(client: &Client, name: &str) -> Result<Self, Failure> {
        client.get(&path(name))
    }

    /// None if there is no such hub.
    pub(super) fn find(client: &Client, name: &str) -> Result<Option<Self>, Failure> {
        let answer = client.ask_authorized(&Method::GET, &path(name), &[], None)?;
        match answer.status {
            404 => Ok(None),
            _ => answer.json().map(Some),
        }
    }

    pub(super) fn partition(&self, id: u32) -> Option<&Standing> {
        self.partitions.iter().find(|standing| standing.id() == Some(id))
    }
}

/// Where questions about the hub are answered.
pub(super) fn path(hub: &str) -> String {
    format!("/$weft/v1/hubs/{}", encode(hub))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// With events from `begin` to `last`.
    pub(in super::super) fn standing(begin: i64, last: i64) -> Standing {
        Standing {
            id: "0".to_owned(),
            begin_sequence_number: begin,
            last_sequence_number: last,
            last_offset: (last >= 0).then(|| (last * 1_000).to_string()),
        }
    }

    #[test]
    fn only_events_that_are_retained_are_behind() {
        assert_eq!(standing(0, 9).lag(9), 0);
        assert_eq!(standing(0, 9).lag(4), 5);
        assert_eq!(standing(0, 9).lag(-1), 10);
        assert_eq!(standing(5, 9).lag(-1), 5, "the others are gone");
        assert_eq!(standing(0, -1).lag(-1), 0);
        assert_eq!(standing(0, 3).lag(7), 0, "from before the log began anew");
    }
}
