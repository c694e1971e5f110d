//! The log of a Namespace, and the broker on it.

use std::path::Path;
use std::sync::Arc;

use broker::Broker;
use bytes::Bytes;
use checkpoint::{CheckpointStore, Claim};
use runtime::Clock;
use runtime::metrics::Registry;
use storage::{EmbeddedLog, Table, embedded};

use crate::birth::Birth;
use crate::config::Plan;
use crate::error::Error;
use crate::settings::Settings;
use crate::stop::Scopes;

/// What serves events, and where it lies.
pub(crate) struct Opened {
    pub(crate) broker: Broker,
    pub(crate) log: Arc<EmbeddedLog>,
    /// What the copy outside of the disk is written under.
    pub(crate) claim: Claim,
}

/// Opens the log and the broker on it. Both read back what is stored, on a thread of their own: a disk may be slow, and
/// the operations port goes on answering.
pub(crate) async fn start_broker(
    settings: &Settings,
    plan: &Plan,
    namespace_uid: &str,
    places: &[&dyn CheckpointStore],
    common: (&Clock, &Registry, &Scopes),
) -> Result<Opened, Error> {
    let (clock, registry, scopes) = common;
    let folder = settings.data_dir.clone();
    let options = embedded::Options {
        capacity: plan.capacity,
        ..embedded::Options::default()
    };
    let (scope, log_clock, log_registry) = (scopes.storage.clone(), clock.clone(), registry.clone());
    let open = move || {
        embedded::open(&folder, options, &scope, &log_clock, &log_registry)
            .map_err(|cause| Error::Storage { folder, cause })
    };
    let (log, table, replay) = on_a_thread(open).await?;
    let is_claimed = check_owner(table.as_ref(), &settings.data_dir, namespace_uid)?;
    let birth = Birth::find(table.as_ref(), &settings.data_dir, namespace_uid, places).await?;
    if !is_claimed {
        claim(table.as_ref(), &settings.data_dir, namespace_uid).await?;
    }
    let (scope, clock, registry) = (scopes.broker.clone(), clock.clone(), registry.clone());
    let (for_broker, for_table, origin) = (log.clone(), table.clone(), birth.origin());
    let start = move || Broker::start(for_broker, for_table, replay, clock, &scope, &registry, origin);
    let broker = on_a_thread(move || start().map_err(Error::Broker)).await?;
    let claim = birth.complete(table.as_ref(), &broker).await?;
    Ok(Opened { broker, log, claim })
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down gives up work that has not begun.
            Err(_) => Err(Error::Stopped),
        },
    }
}

const NAMESPACE_KEY: &str = "namespace";

/// A log belongs to one Namespace for ever: an old volume under a new Namespace must not serve its events. Says whether it
/// is this one's already; nothing is written.
fn check_owner(table: &dyn Table, folder: &Path, uid: &str) -> Result<bool, Error> {
    let entries = table.snapshot();
    match entries.iter().find(|entry| entry.key == NAMESPACE_KEY) {
        Some(entry) if entry.value == uid.as_bytes() => Ok(true),
        Some(entry) => Err(Error::ForeignData {
            folder: folder.to_owned(),
            found: String::from_utf8_lossy(&entry.value).into_owned(),
            expected: uid.to_owned(),
        }),
        None => Ok(false),
    }
}

async fn claim(table: &dyn Table, folder: &Path, uid: &str) -> Result<(), Error> {
    let uid = Bytes::copy_from_slice(uid.as_bytes());
    let claimed = table.compare_and_set(NAMESPACE_KEY, None, uid).await;
    claimed.map(drop).map_err(|cause| Error::Claim {
        folder: folder.to_owned(),
        cause,
    })
}

#[cfg(test)]
mod tests;
