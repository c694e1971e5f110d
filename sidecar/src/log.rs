//! The log of a Namespace, and the broker on it.

use std::path::Path;
use std::sync::Arc;

use broker::Broker;
use bytes::Bytes;
use runtime::Clock;
use runtime::metrics::Registry;
use storage::{EmbeddedLog, Table, embedded};

use crate::config::Plan;
use crate::error::Error;
use crate::settings::Settings;
use crate::stop::Scopes;

/// Opens the log and the broker on it. Both read back what is stored, on a thread of their own: a disk may be slow, and
/// the operations port goes on answering.
pub(crate) async fn start_broker(
    settings: &Settings,
    plan: &Plan,
    namespace_uid: &str,
    clock: &Clock,
    registry: &Registry,
    scopes: &Scopes,
) -> Result<(Broker, Arc<EmbeddedLog>), Error> {
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
    claim(table.as_ref(), &settings.data_dir, namespace_uid).await?;
    let (scope, clock, registry) = (scopes.broker.clone(), clock.clone(), registry.clone());
    let for_broker = log.clone();
    let start = move || Broker::start(for_broker, table, replay, clock, &scope, &registry);
    let broker = on_a_thread(move || start().map_err(Error::Broker)).await?;
    Ok((broker, log))
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

/// A log belongs to one Namespace for ever: an old volume under a new Namespace must not serve its events.
async fn claim(table: &dyn Table, folder: &Path, uid: &str) -> Result<(), Error> {
    let owner = table
        .snapshot()
        .into_iter()
        .find(|entry| entry.key == NAMESPACE_KEY);
    match owner {
        Some(entry) if entry.value == uid.as_bytes() => Ok(()),
        Some(entry) => Err(Error::ForeignData {
            folder: folder.to_owned(),
            found: String::from_utf8_lossy(&entry.value).into_owned(),
            expected: uid.to_owned(),
        }),
        None => {
            let claimed = table
                .compare_and_set(NAMESPACE_KEY, None, Bytes::copy_from_slice(uid.as_bytes()))
                .await;
            claimed.map(drop).map_err(|cause| Error::Claim {
                folder: folder.to_owned(),
                cause,
            })
        }
    }
}
