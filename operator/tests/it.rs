//! The operator's parts together, without a cluster.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare has failed")]

#[path = "it/fixture.rs"]
mod fixture;
#[path = "it/golden.rs"]
mod golden;
#[path = "it/live.rs"]
mod live;
#[path = "it/pod.rs"]
mod pod;
