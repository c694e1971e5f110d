//! SIGINT and SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Error;

/// The signals that stop the process in order.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Error> {
        let listen = |kind| {
            signal(kind).map_err(|cause| Error::System {
                action: "listen for signals",
                cause,
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Resolves at the next signal.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
