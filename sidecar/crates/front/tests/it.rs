//! The doors over real loopback sockets, with a broker over the in-memory log behind them.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test reports by panicking, like the test itself"
)]

#[path = "it/admin.rs"]
mod admin;
#[path = "it/amqp.rs"]
mod amqp;
#[path = "it/bearer.rs"]
mod bearer;
#[path = "it/blob.rs"]
mod blob;
#[path = "it/client.rs"]
mod client;
#[path = "it/credentials.rs"]
mod credentials;
#[path = "it/errors.rs"]
mod errors;
#[path = "it/http.rs"]
mod http;
#[path = "it/issuer.rs"]
mod issuer;
#[path = "it/limits.rs"]
mod limits;
#[path = "it/publish.rs"]
mod publish;
#[path = "it/receive.rs"]
mod receive;
#[path = "it/stop.rs"]
mod stop;
#[path = "it/tls.rs"]
mod tls;
#[path = "it/token.rs"]
mod token;
#[path = "it/world.rs"]
mod world;
