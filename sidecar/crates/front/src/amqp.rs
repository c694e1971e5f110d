//! AMQP 1.0: from a link to an event hub, for producers and consumers.
//!
//! [`connection`] moves bytes; the protocol itself is the `amqp` crate's; [`conversation`] knows what each link is for.

mod address;
mod cbs;
mod connection;
mod consumer;
mod conversation;
mod error;
mod exchange;
mod grants;
mod management;
mod metrics;
mod producer;
mod selector;
mod stored;
mod transport;

use std::time::Duration;

use amqp::{Config, Symbol};
use bytes::Bytes;
use runtime::TaskScope;
use uuid::Uuid;

use crate::http::{Admission, Door};
use crate::socket::Socket;
pub(crate) use management::partition;
use metrics::Metrics;
pub(crate) use producer::{Producer, Rejected, Target};
pub(crate) use stored::message;
use transport::Transport;

/// What every connection of a door has in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) metrics: Metrics,
    /// The first part of every container id.
    container: String,
}

impl Shared {
    pub(crate) fn new(registry: &runtime::metrics::Registry) -> Self {
        Self {
            metrics: Metrics::register(registry),
            container: Uuid::new_v4().simple().to_string(),
        }
    }
}

/// Offered in this order; JavaScript takes the first one that it knows. Who a client is, it says to `$cbs`; those that say
/// it here already show a rule's name and key with PLAIN.
const MECHANISMS: [&str; 3] = ["ANONYMOUS", "MSSBCBS", "PLAIN"];

fn config(door: &Door) -> Config {
    let limits = door.limits();
    Config {
        container_id: format!("{}_G0", door.amqp().container),
        message_size_max: limits.message.get() + MESSAGE_SLACK,
        mechanisms: MECHANISMS.map(Symbol::from_static).to_vec(),
        open_timeout: limits.handshake_timeout + OPEN_TIMEOUT,
        ..Config::default()
    }
}

/// A message just above the limit is read whole, so that the answer can tell its size.
const MESSAGE_SLACK: u64 = 64 << 10;
/// From the first byte to the open. Azure's clients do it at once.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);

/// Converses on a socket.
pub(crate) async fn serve(socket: Socket, door: Door, scope: TaskScope, admission: Admission) {
    connection::serve(Transport::Socket(socket), door, scope, admission).await;
}

/// Converses on a WebSocket whose handshake is done. `unread` was read behind it.
pub(crate) async fn serve_web_socket(
    socket: Socket,
    unread: Bytes,
    door: Door,
    scope: TaskScope,
    admission: Admission,
) {
    let transport = Transport::web_socket(socket, unread).await;
    connection::serve(transport, door, scope, admission).await;
}
