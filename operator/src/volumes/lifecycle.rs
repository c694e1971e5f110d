//! When a claim that nobody uses is deleted.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::annotations;

pub(super) const RETAIN: &str = "Retain";
pub(super) const DELETE: &str = "Delete";

/// What to do about a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Lifecycle {
    /// Nothing.
    Keep,
    /// Note on it when it will be deleted: nobody uses it any more.
    Mark {
        /// When.
        delete_after: Timestamp,
        /// A JSON merge patch.
        patch: Value,
    },
    /// Take the note away: somebody uses it again, or it is to be kept.
    Unmark {
        /// A JSON merge patch.
        patch: Value,
    },
    /// Nothing until then.
    Wait {
        /// When to look again.
        until: Timestamp,
    },
    /// Delete it, with its uid as a precondition.
    Delete,
}

/// Decides about a claim of ours. `in_use`: some Namespace that is there uses it ([`is_used_by`](super::is_used_by)).
/// Only an annotation that says `Delete` ever leads to deletion; one that is missing or damaged keeps the data.
pub fn lifecycle(claim: &PersistentVolumeClaim, in_use: bool, now: Timestamp) -> Lifecycle {
    let metadata = &claim.metadata;
    if metadata.deletion_timestamp.is_some() {
        return Lifecycle::Keep;
    }
    let mark = annotations::get(metadata, annotations::DELETE_AFTER);
    let grace = match annotations::get(metadata, annotations::DELETION_POLICY) {
        Some(DELETE) if !in_use => annotations::get(metadata, annotations::DELETION_GRACE).and_then(seconds),
        _ => None,
    };
    match (grace, mark.map(str::parse::<Timestamp>)) {
        (None, None) => Lifecycle::Keep,
        (None, Some(_)) => Lifecycle::Unmark { patch: patch(None) },
        (Some(_), Some(Ok(delete_after))) if delete_after <= now => Lifecycle::Delete,
        (Some(_), Some(Ok(until))) => Lifecycle::Wait { until },
        (Some(grace), None | Some(Err(_))) => match now.checked_add(grace) {
            Ok(delete_after) => Lifecycle::Mark {
                delete_after,
                patch: patch(Some(delete_after)),
            },
            // Beyond the end of time.
            Err(_) => Lifecycle::Keep,
        },
    }
}

fn seconds(text: &str) -> Option<SignedDuration> {
    text.parse::<u32>()
        .ok()
        .map(|seconds| SignedDuration::from_secs(i64::from(seconds)))
}

fn patch(delete_after: Option<Timestamp>) -> Value {
    let value = delete_after.map(|at| at.to_string());
    json!({"metadata": {"annotations": {annotations::DELETE_AFTER: value}}})
}
