//! CloudEvents as clients publish them.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare has failed")]

#[path = "../fuzz/checks/cloud_event.rs"]
mod cloud_event_check;

#[path = "it/corpus.rs"]
mod corpus;
#[path = "it/event.rs"]
mod event;
#[path = "it/limits.rs"]
mod limits;
#[path = "it/properties.rs"]
mod properties;
#[path = "it/vectors.rs"]
mod vectors;
