//! Taking connections from a port.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// How long accepting pauses when the process has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(50);

/// The next connection. Errors are logged and waited out: an accept loop that ends is an outage.
///
/// # Cancel safety
/// Cancel safe: a connection that is not returned stays in the backlog.
pub async fn accept_one(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client gave up before we came to it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "accept a connection failed; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
