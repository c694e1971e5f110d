//! What is said about each object: its conditions, and when they are worth a write.
//!
//! Pure but for the [`outbox`](crate::outbox) that writes. A status is written when it differs from the one that was
//! read, and not before: the first status of a generation waits up to [`FIRST_PATIENCE`] for the pod's report, so that
//! most changes cost one write.

mod condition;
mod entity;
mod namespace;
mod patience;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

pub use condition::Said;
pub use entity::{Progress, View, entity, was_programmed};
pub use namespace::{NamespaceView, Obstacle, Upgrade, namespace};
pub use patience::{FIRST_PATIENCE, Patience, Verdict};

use crate::cache::SeenStatus;

/// A status that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// `status`, whole.
    pub status: Value,
    /// Tells this status from another one of the same object.
    pub fingerprint: u64,
}

/// The status that says `said`, if it is not what `seen` says already.
pub fn wanted(
    said: &[Said],
    endpoint: Option<&str>,
    generation: Option<i64>,
    seen: &SeenStatus,
    now: Timestamp,
) -> Option<Wanted> {
    if condition::is_said(said, endpoint, generation, seen) {
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
    let fingerprint = crate::cache::fingerprint(&[
        &said_text(said),
        endpoint.unwrap_or_default(),
        &format!("{generation:?}"),
    ]);
    Some(Wanted { status, fingerprint })
}

fn said_text(said: &[Said]) -> String {
    said.iter().map(|said| format!("{said:?}")).collect()
}
