//! The data plane of one Namespace, assembled: log, broker, keys and doors, following a configuration that changes
//! while they run.
//!
//! [`start`] opens everything and returns a [`Sidecar`]; [`Sidecar::ready`] resolves once an event really went through.
//! It never sees a custom resource: whoever calls it sends a [`Configuration`] through a `watch` channel and reads what
//! became of it in a [`Report`]. A configuration that does not fit leaves the last good one in effect.
//!
//! It reads no environment, sets up no logging and handles no signals; that is its caller's: local mode's, or in a
//! cluster that of `weft-sidecar` (module `pod`).

mod assemble;
mod birth;
mod config;
mod copies;
mod error;
mod identity;
mod letters;
mod log;
mod metrics;
#[cfg(feature = "cluster")]
pub mod pod;
mod ports;
mod probe;
mod readiness;
mod reload;
mod report;
mod settings;
mod standing;
mod stop;
mod surroundings;

use std::sync::Arc;

use tokio::sync::watch;

pub use ::config::Configuration;
pub use assemble::Prepared;
pub use auth::{EveryRight, Issuer, JwkSet, Mapping};
pub use broker::Lag;
pub use checkpoint::CheckpointStore;
pub use error::Error;
pub use front::Limits;
pub use identity::Identity;
pub use report::{Kind, Problem, Refused, Report};
pub use settings::{Addresses, Settings};
pub use standing::{Issuers, Standing};
pub use surroundings::Surroundings;

use readiness::Readiness;
use stop::Scopes;

/// A running data plane. Dropping it stops it at once; [`Sidecar::stop`] does so in order.
#[derive(Debug)]
pub struct Sidecar {
    addresses: Addresses,
    readiness: Readiness,
    report: watch::Receiver<Report>,
    standing: watch::Receiver<Standing>,
    scopes: Scopes,
}

/// Opens the ports, then the log, and begins to serve `configuration`.
///
/// Returns once the log is open and the first configuration is in effect; the doors open as soon as one event was
/// published, received and acknowledged, which [`Sidecar::ready`] tells. Clients that connect earlier wait in the
/// port's backlog. If the sender of `configuration` goes away, the last one stays in effect.
///
/// # Errors
/// A port, the log or the first configuration does not allow it; everything that was opened is closed again.
pub async fn start(
    settings: Settings,
    configuration: watch::Receiver<Arc<Configuration>>,
) -> Result<Sidecar, Error> {
    prepare(settings).await?.start(configuration).await
}

/// The first half of [`start`], for whoever has no configuration yet: binds the ports and opens the operations port.
///
/// # Errors
/// A port cannot be bound.
pub async fn prepare(settings: Settings) -> Result<Prepared, Error> {
    Prepared::new(settings).await
}

impl Sidecar {
    /// Where the doors are.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Resolves once the next publish or receive at the doors succeeds.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the data plane is stopped first.
    ///
    /// # Cancel safety
    /// Cancel safe: it only watches.
    pub async fn ready(&self) -> Result<(), Error> {
        self.readiness.ready().await
    }

    /// What became of the configuration; changes with it.
    pub fn report(&self) -> watch::Receiver<Report> {
        self.report.clone()
    }

    /// Incarnation, losses, and how far consumers are behind; the latter changes at most every ten seconds.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Stops in order: no more connections, requests in flight are answered, the broker's state is written, the log is
    /// flushed. Returns what missed its deadline, by name; that is logged, too.
    pub async fn stop(self) -> Vec<&'static str> {
        self.readiness.stopping();
        self.scopes.stop().await
    }
}
