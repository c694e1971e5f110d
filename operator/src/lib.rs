//! The operator: Namespaces, Topics, EventSubscriptions and Hubs in, configured sidecar pods out.
//!
//! A [`reconcile`] of one Kubernetes namespace reads as a page: dereference (from the [`cache`] alone), plan, decide,
//! build, [`apply`], [`configuration`], [`status`]. Everything between the first and the last three is pure.
//! `docs/operator.md` tells users what follows from it.

pub mod annotations;
pub mod apply;
pub mod args;
pub mod cache;
pub mod certificates;
pub mod configuration;
pub mod connection;
pub mod events;
pub mod in_effect;
pub mod keys;
pub mod labels;
pub mod leader;
pub mod metrics;
pub mod names;
pub mod object;
pub mod object_store;
pub mod outbox;
pub mod queue;
pub mod reconcile;
pub mod release;
pub mod resources;
pub mod roll;
pub mod status;
pub mod sweep;
pub mod volumes;

use k8s_openapi::jiff::Timestamp;
use runtime::Clock;

/// Who owns the fields that this program applies.
pub const FIELD_MANAGER: &str = "weft-operator";

/// Wall-clock time, as the API server's objects spell it.
pub(crate) fn now(clock: &Clock) -> Timestamp {
    Timestamp::from_microsecond(clock.now().as_micros()).unwrap_or(Timestamp::UNIX_EPOCH)
}
