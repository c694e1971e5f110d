//! Which part stands on which.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use auth::Authorizer;
use broker::Broker;
use bytes::Bytes;
use front::{Certificate, Door, Listener, Operations};
use runtime::metrics::Registry;
use runtime::{Clock, TaskScope};
use storage::{Table, embedded};
use tokio::sync::watch;

use crate::Configuration;
use crate::config::Plan;
use crate::error::Error;
use crate::metrics::{self, ConfigurationMetrics};
use crate::readiness::Readiness;
use crate::reload::{Reloader, read_certificate};
use crate::report::Report;
use crate::settings::{Addresses, Settings};
use crate::stop::Scopes;

type Assembled = (Addresses, Readiness, watch::Receiver<Report>);

/// Opens everything from the ports inwards and leaves the rest to a task: the probe, the doors, the configuration.
pub(crate) async fn assemble(
    settings: &Settings,
    mut configurations: watch::Receiver<Arc<Configuration>>,
    scopes: &Scopes,
) -> Result<Assembled, Error> {
    let clock = Clock::system();
    let registry = Registry::default();
    let readiness = Readiness::starting();
    // Ports first: the mistake that users make most is found before the log is touched.
    let ports = Ports::bind(settings).await?;
    let addresses = ports.addresses;
    if let Some(listener) = ports.operations {
        let (process, registry) = (
            metrics::Process::register(&registry, clock.now()),
            registry.clone(),
        );
        let text = move || {
            process.refresh();
            registry.encode()
        };
        Operations::new(readiness.watch(), text).open(listener, &scopes.operations);
    }
    let first = configurations.borrow_and_update().clone();
    let plan = Plan::read(&first, &[]).map_err(|reason| refuse(&first, reason))?;
    let certificate = match ports.https.is_some() {
        true => Some(read_certificate(&first.secrets).map_err(|reason| refuse(&first, reason))?),
        false => None,
    };
    let authorizer = Authorizer::new(&plan.keys);
    let namespace_uid = &first.document.head.namespace.uid;
    let broker = start_broker(settings, &plan, namespace_uid, &clock, &registry, scopes).await?;
    let door = Door::new(
        broker.clone(),
        authorizer.clone(),
        clock,
        settings.limits.clone(),
        &registry,
    );
    let (report, reports) = watch::channel(Report {
        applied_revision: plan.revision,
        refused: plan.refused,
        problem: None,
        pending_restart: Vec::new(),
    });
    let reloader = Reloader {
        broker,
        authorizer,
        certificate: certificate.clone(),
        metrics: ConfigurationMetrics::register(&registry, &reports.borrow()),
        report,
        capacity: plan.capacity,
        namespace_uid: namespace_uid.clone(),
        topics: plan.topics,
        deletion: plan.deletion,
    };
    // Anything else that the broker may say is for the moment; proving tries again.
    if let Err(broker::Error::Invalid(reason)) = reloader.begin().await {
        return Err(refuse(&first, reason));
    }
    let doors = Doors {
        door,
        http: ports.http,
        https: ports.https.zip(certificate),
        scope: scopes.doors.clone(),
    };
    let serving = serve(
        doors,
        reloader,
        configurations,
        readiness.clone(),
        scopes.reload.clone(),
    );
    scopes.reload.spawn("configuration", serving);
    Ok((addresses, readiness, reports))
}

/// From the first event that goes through to the last configuration.
async fn serve(
    doors: Doors,
    mut reloader: Reloader,
    configurations: watch::Receiver<Arc<Configuration>>,
    readiness: Readiness,
    scope: TaskScope,
) {
    if reloader.prove(&scope).await {
        doors.open();
        readiness.set_ready();
        reloader.follow(configurations, &scope).await;
    }
}

fn refuse(configuration: &Configuration, reason: String) -> Error {
    Error::Configuration {
        revision: configuration.document.head.revision,
        reason,
    }
}

/// Opens the log and the broker on it. Both read back what is stored, on a thread of their own: a disk may be slow, and
/// the operations port goes on answering.
async fn start_broker(
    settings: &Settings,
    plan: &Plan,
    namespace_uid: &str,
    clock: &Clock,
    registry: &Registry,
    scopes: &Scopes,
) -> Result<Broker, Error> {
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
    on_a_thread(move || Broker::start(log, table, replay, clock, &scope, &registry).map_err(Error::Broker))
        .await
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

/// Bound, not yet accepting.
struct Ports {
    http: Option<Listener>,
    https: Option<Listener>,
    operations: Option<Listener>,
    addresses: Addresses,
}

impl Ports {
    async fn bind(settings: &Settings) -> Result<Self, Error> {
        let http = bind("http", settings.http).await?;
        let https = bind("https", settings.https).await?;
        let operations = bind("operations", settings.operations).await?;
        let (http, http_address) = http.unzip();
        let (https, https_address) = https.unzip();
        let (operations, operations_address) = operations.unzip();
        let addresses = Addresses {
            http: http_address,
            https: https_address,
            operations: operations_address,
        };
        Ok(Self {
            http,
            https,
            operations,
            addresses,
        })
    }
}

async fn bind(
    door: &'static str,
    address: Option<SocketAddr>,
) -> Result<Option<(Listener, SocketAddr)>, Error> {
    let Some(address) = address else { return Ok(None) };
    let listener = Listener::bind(address).await;
    let bound = listener.and_then(|listener| listener.local_address().map(|bound| (listener, bound)));
    bound
        .map(Some)
        .map_err(|cause| Error::Bind { door, address, cause })
}

/// Everything that clients come through.
struct Doors {
    door: Door,
    http: Option<Listener>,
    https: Option<(Listener, Certificate)>,
    scope: TaskScope,
}

impl Doors {
    fn open(self) {
        if let Some(listener) = self.http {
            self.door.open(listener, &self.scope);
        }
        if let Some((listener, certificate)) = self.https {
            self.door.open_tls(listener, &certificate, &self.scope);
        }
    }
}
