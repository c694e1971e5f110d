//! The doors of a Namespace: sockets and bytes on one side, the broker on the other.
//!
//! A [`Door`] holds what all listeners of a Namespace share: the broker, the keys, the [`Limits`]. It is opened on
//! one [`Listener`] after another, with TLS (a live [`Certificate`]) or without. The port for whoever runs the process is
//! `runtime::Operations`.
//!
//! What this crate does not do: it decides nothing about events (that is `broker`) or credentials (`auth`), reads no
//! configuration and knows no storage.
//!
//! ```no_run
//! # async fn example(broker: broker::Broker, keys: auth::Keys) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! let (clock, registry, scope) = (runtime::Clock::system(), runtime::metrics::Registry::default(), runtime::TaskScope::root());
//! let authorizer = auth::Authorizer::new(&keys);
//! let door = front::Door::new(broker, authorizer, clock, front::Limits::default(), &registry, "shop");
//! let doors = scope.child("doors");
//! door.open(front::Listener::bind("127.0.0.1:8080".parse()?).await?, &doors);
//! let late = doors.shutdown(Duration::from_secs(20)).await;
//! # Ok(())
//! # }
//! ```

mod amqp;
mod connection;
mod http;
mod identity;
mod limits;
mod listener;
mod metrics;
mod operation;
mod phase;
mod socket;
pub mod tls;
mod transport;

pub use http::Door;
pub use limits::Limits;
pub use listener::Listener;
pub use tls::Certificate;
