//! The copy of what must survive the disk: where it lies, and what writes it.

mod replaceable;
mod unusable;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adapters::object_store::ObjectCheckpoints;
use broker::Broker;
use checkpoint::{CheckpointStore, Claim, Copier, CopyState, StoreError};
use config::Checkpoint;
use parking_lot::Mutex;
use runtime::TaskScope;
use runtime::metrics::Registry;
use tokio::sync::watch;

use crate::Configuration;
use crate::settings::Settings;
use replaceable::Replaceable;
use unusable::Unusable;

/// Between two tries to claim the place that would be used without an object store.
const RETRY: Duration = Duration::from_secs(10);

/// Where the copy of one Namespace lies.
pub(crate) enum Copies {
    /// Where it lies unless the document names an object store.
    Usual(Arc<dyn CheckpointStore>),
    /// In the object store that the document names. The usual place has the claim nevertheless: whichever of both a later
    /// start is told to use, it learns how often the log began.
    Elsewhere {
        remote: Remote,
        usual: Arc<dyn CheckpointStore>,
    },
}

/// An object store, whose credentials may change.
pub(crate) struct Remote {
    url: String,
    folder: String,
    options: Mutex<BTreeMap<String, String>>,
    store: Arc<Replaceable>,
}

impl Copies {
    /// At the place that the document names. It does not connect yet. An object store that cannot be opened as it is
    /// described refuses everything: a log that is on the disk needs no copy to go on.
    ///
    /// # Errors
    /// The place that is used without an object store cannot be used; in words for the user.
    pub(crate) fn open(settings: &Settings, configuration: &Configuration) -> Result<Self, String> {
        let head = &configuration.document.head;
        let usual = match &settings.checkpoints {
            Some(store) => store.clone(),
            None => in_a_folder(&settings.data_dir)?,
        };
        match &head.settings.checkpoint {
            Checkpoint::ConfigMap => Ok(Self::Usual(usual)),
            Checkpoint::ObjectStore { url } => {
                let folder = settings.checkpoint_path.as_ref().unwrap_or(&head.namespace.name);
                let remote = Remote::open(url, folder, &configuration.secrets.object_store);
                Ok(Self::Elsewhere { remote, usual })
            }
        }
    }

    /// All places that may know of the log; first the one that the copy is written to.
    pub(crate) fn places(&self) -> Vec<&dyn CheckpointStore> {
        match self {
            Self::Usual(store) => vec![&**store],
            Self::Elsewhere { remote, usual } => vec![&*remote.store, &**usual],
        }
    }

    /// The place that the copy is written to, in words.
    pub(crate) fn name(&self) -> String {
        self.store().name()
    }

    fn store(&self) -> Arc<dyn CheckpointStore> {
        match self {
            Self::Usual(store) => store.clone(),
            Self::Elsewhere { remote, .. } => remote.store.clone(),
        }
    }

    /// Goes on with the object store's credentials if they are others than those in use. Those that cannot be used are
    /// logged and change nothing.
    pub(crate) fn follow_credentials(&self, configuration: &Configuration) {
        let Self::Elsewhere { remote, .. } = self else {
            return;
        };
        // Those of another place are for the next start.
        let is_here = match &configuration.document.head.settings.checkpoint {
            Checkpoint::ObjectStore { url } => *url == remote.url,
            Checkpoint::ConfigMap => false,
        };
        let options = &configuration.secrets.object_store;
        if !is_here || *options == *remote.options.lock() {
            return;
        }
        remote.options.lock().clone_from(options);
        match remote_store(&remote.url, &remote.folder, options) {
            Ok(store) => {
                remote.store.replace(store);
                tracing::info!("checkpoints are copied to {} with other credentials", self.name());
            }
            Err(reason) => tracing::error!("the former credentials stay in use: {reason}"),
        }
    }

    /// Follows credentials while nobody else follows the configuration: a start on an empty disk waits for the copy.
    pub(crate) async fn follow(&self, mut configurations: watch::Receiver<Arc<Configuration>>) -> Infallible {
        while configurations.changed().await.is_ok() {
            let configuration = configurations.borrow_and_update().clone();
            self.follow_credentials(&configuration);
        }
        std::future::pending().await
    }

    /// Keeps the copy up to date until `scope` is shut down, and once more then. What is returned says what becomes of
    /// it.
    pub(crate) fn keep(
        &self,
        claim: &Claim,
        broker: Broker,
        scope: &TaskScope,
        registry: &Registry,
    ) -> watch::Receiver<CopyState> {
        if let Self::Elsewhere { usual, .. } = self {
            let (claiming, stopped) = (claim_usual(usual.clone(), claim.clone()), scope.clone());
            scope.spawn("note the log", async move {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = claiming => {}
                }
            });
        }
        let changes = broker.changes();
        let saved = move || broker.saved();
        Copier::start(self.store(), claim.clone(), saved, changes, scope, registry)
    }
}

impl Remote {
    fn open(url: &str, folder: &str, options: &BTreeMap<String, String>) -> Self {
        let store = remote_store(url, folder, options).unwrap_or_else(|reason| {
            tracing::error!("positions are not copied: {reason}");
            let url = url.to_owned();
            Arc::new(Unusable { url, reason })
        });
        Self {
            url: url.to_owned(),
            folder: folder.to_owned(),
            options: Mutex::new(options.clone()),
            store: Arc::new(Replaceable::new(store)),
        }
    }
}

fn remote_store(
    url: &str,
    folder: &str,
    options: &BTreeMap<String, String>,
) -> Result<Arc<dyn CheckpointStore>, String> {
    match ObjectCheckpoints::open(url, folder, options) {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => Err(format!("checkpoint.objectStore: {error}")),
    }
}

/// Beside the data, in a folder that has its name and `.checkpoints`.
fn in_a_folder(data_dir: &Path) -> Result<Arc<dyn CheckpointStore>, String> {
    let mut name = data_dir.file_name().unwrap_or_default().to_owned();
    name.push(".checkpoints");
    let folder = data_dir.with_file_name(name);
    let refuse = |reason: &dyn std::fmt::Display| format!("checkpoints in {}: {reason}", folder.display());
    let absolute = std::path::absolute(&folder).map_err(|error| refuse(&error))?;
    let store = ObjectCheckpoints::in_folder(&absolute).map_err(|error| refuse(&error))?;
    Ok(Arc::new(store))
}

/// A log that was there before its document named an object store, or before claims were written to both.
async fn claim_usual(usual: Arc<dyn CheckpointStore>, claim: Claim) {
    loop {
        match checkpoint::settle(&*usual, &claim).await {
            Ok(_) => return,
            Err(error @ (StoreError::Fenced | StoreError::Damaged(_))) => {
                return tracing::warn!("this log is not noted in {}: {error}", usual.name());
            }
            Err(error) => tracing::debug!("note this log in {}: {error}", usual.name()),
        }
        tokio::time::sleep(RETRY).await;
    }
}

#[cfg(test)]
mod tests;
