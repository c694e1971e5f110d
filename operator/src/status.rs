//! What is said about each object: its conditions, and when they are worth a write.
//!
//! Pure but for the [`outbox`](crate::outbox) that writes. A status is written when it differs from the one that was
//! read, and not before: the first status of a generation waits up to [`FIRST_PATIENCE`] for the pod's report, so that
//! most changes cost one write.

mod condition;
mod entity;
mod lag;
mod namespace;
mod patience;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

pub use condition::Said;
pub use entity::{Progress, View, entity, was_programmed};
pub use lag::{Lags, Pace};
pub use namespace::{NamespaceView, Obstacle, Upgrade, namespace, needs_tokens};
pub use patience::{FIRST_PATIENCE, Patience, Verdict};

use crate::cache::SeenStatus;

/// A status that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// `status`, whole.
    pub status: Value,
    /// Tells this status from another one of the same object.
    pub fingerprint: u64,
    /// Whether it differs from the one that was read in the lags of consumers and in nothing else.
    pub is_about_lags: bool,
    /// Whether it differs in those at all.
    pub has_new_lags: bool,
}

/// The status that says `said`, if it is not what `seen` says already. `lags` are those of a Hub; `None` if nothing is
/// known of them.
pub fn wanted(
    said: &[Said],
    endpoint: Option<&str>,
    lags: Option<&Lags>,
    generation: Option<i64>,
    seen: &SeenStatus,
    now: Timestamp,
) -> Option<Wanted> {
    let has_new_lags = lags.is_some_and(|lags| lags.fingerprint() != seen.lags);
    let is_about_lags = condition::is_said(said, endpoint, generation, seen);
    if is_about_lags && !has_new_lags {
        return None;
    }
    let conditions: Vec<_> = said
        .iter()
        .map(|said| said.condition(generation, seen, now))
        .collect();
    let mut status = json!({"conditions": conditions});
    if let Some(generation) = generation {
        status["observedGeneration"] = generation.into();
    }
    if let Some(endpoint) = endpoint {
        status["endpoint"] = endpoint.into();
    }
    if let Some(lags) = lags {
        lags.add_to(&mut status);
    }
    let fingerprint = crate::cache::fingerprint(&[
        &said_text(said),
        endpoint.unwrap_or_default(),
        &format!("{generation:?} {:?}", lags.map(Lags::fingerprint)),
    ]);
    Some(Wanted {
        status,
        fingerprint,
        is_about_lags,
        has_new_lags,
    })
}

fn said_text(said: &[Said]) -> String {
    said.iter().map(|said| format!("{said:?}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_differs_in_lags_alone_says_so() {
        let said = [Said::new("Ready", true, "Ready", "go")];
        let now = Timestamp::from_second(10).unwrap();
        let report: config::PodReport = serde_json::from_value(json!({
            "format": 1, "podUid": "p", "version": "0.1.0", "namespaceUid": "n", "revision": 7,
            "shards": vec![config::Digest::of(b"").to_string(); config::SHARD_COUNT], "secretsRevision": 1,
            "refused": [], "groups": [{"hubUid": "h", "group": "g", "lag": 3}],
            "lags": [{"hubUid": "h", "group": "g", "partition": 0, "lag": 3}],
        }))
        .unwrap();
        let lags = Lags::by_hub(Some(&report)).remove("h").unwrap();
        let none = Lags::default();
        let wanted = |lags, seen: &SeenStatus| wanted(&said, None, lags, Some(1), seen, now);
        let first = wanted(Some(&none), &SeenStatus::default()).unwrap();
        assert_eq!((first.is_about_lags, first.has_new_lags), (false, false));
        let seen = SeenStatus::read(&first.status).unwrap();
        assert_eq!(wanted(Some(&none), &seen), None);
        let second = wanted(Some(&lags), &seen).unwrap();
        assert_eq!((second.is_about_lags, second.has_new_lags), (true, true));
        assert_eq!(second.status["lag"], 3);
        let seen = SeenStatus::read(&second.status).unwrap();
        assert_eq!(wanted(Some(&lags), &seen), None);
        assert_eq!(wanted(None, &seen), None, "nothing is known of them");
        let gone = wanted(Some(&none), &seen).unwrap();
        assert!(gone.is_about_lags && gone.status.get("lag").is_none());
    }
}
