//! Weft on a real cluster, a module per promise. `cargo run -p e2e -- test` starts the cluster, installs Weft from its
//! chart and runs these; `cargo test -p e2e --test cluster` runs them on a cluster where that has been done.
//!
//! Every test works in a Kubernetes namespace of its own, at the same time as others. What breaks the whole cluster for a
//! while, such as stopping its API server, takes [`harness::alone`] first.
#![allow(
    clippy::disallowed_methods,
    reason = "these tests stand outside the product: they use threads and the real clock"
)]

mod crash;
mod data;
mod deletion;
mod eventhubs;
mod faults;
mod fixture;
mod harness;
mod installs;
mod manifests;
mod many;
mod outage;
mod passwordless;
mod pods;
mod refusals;
mod repairs;
mod rotation;
mod tour;
mod upgrade;
