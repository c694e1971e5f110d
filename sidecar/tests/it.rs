//! The whole data plane on loopback, over a folder that is thrown away. The client is an ordinary HTTP client: what is
//! tested is what a program sees.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "it/client.rs"]
mod client;
#[path = "it/configuration.rs"]
mod configuration;
#[path = "it/copies.rs"]
mod copies;
#[path = "it/delivery.rs"]
mod delivery;
#[path = "it/letters.rs"]
mod letters;
#[path = "it/lifecycle.rs"]
mod lifecycle;
#[path = "it/metrics.rs"]
mod metrics;
#[path = "it/plane.rs"]
mod plane;
#[cfg(feature = "cluster")]
#[path = "it/pod.rs"]
mod pod;
