//! Adapters against the systems that they are for.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test reports by panicking, like the test itself"
)]

#[path = "it/azurite.rs"]
mod azurite;
#[path = "it/moto.rs"]
mod moto;
#[path = "it/object_checkpoints.rs"]
mod object_checkpoints;
#[path = "it/object_letters.rs"]
mod object_letters;
#[path = "it/server.rs"]
mod server;
#[path = "it/toolbox.rs"]
mod toolbox;
