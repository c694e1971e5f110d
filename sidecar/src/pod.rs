//! The data plane in a pod: what `weft-sidecar` does.
//!
//! The configuration comes from the newest of mounted files, the volume and the API server, and what became of it goes
//! back in a report; see `adapters::kubernetes`. Nothing here waits for the API server unless there is no configuration
//! at all.

mod args;
mod first;
mod report;
mod signals;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use adapters::kubernetes::{ApiServer, ClusterKeys, ConfigMapStore, Reviews, Source};
use runtime::{TaskScope, telemetry};
use tokio::runtime::Builder;
use tokio::sync::{Notify, watch};

use crate::{Configuration, Identity, Report, Settings, Sidecar, Surroundings};

pub use args::Args;
use report::{Author, log, log_problem};
use signals::Signals;

/// Tasks that only wait end at once when they are told to.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the end of the process waits to say why it ends.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Why the process ends other than it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An argument cannot be obeyed.
    #[error("--log: {0}")]
    Log(#[from] telemetry::Error),
    /// The system refuses what every process needs.
    #[error("{action}: {cause}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The data plane does not start.
    #[error(transparent)]
    Start(#[from] crate::Error),
    /// Somebody does not want to wait.
    #[error("a second signal came before the stop was over; what was not acknowledged may be lost")]
    Hurried,
}

/// Runs until SIGTERM or SIGINT, which stop it in order.
///
/// # Errors
/// It does not start, or cannot stop in order.
pub fn run(args: &Args) -> Result<(), Error> {
    telemetry::init(args.log_format(), &args.log_filter())?;
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| Error::System {
        action: "start the runtime",
        cause,
    })?;
    let outcome = runtime.block_on(serve(args));
    // A thread that still reads a log back must not keep the process from ending.
    runtime.shutdown_timeout(PATIENCE);
    outcome
}

async fn serve(args: &Args) -> Result<(), Error> {
    // Before anything is opened: whoever stops us early must not leave half a start behind.
    let mut signals = Signals::listen()?;
    let scope = TaskScope::root();
    let prepared = crate::prepare(settings(args, &scope)).await?;
    tracing::info!(
        namespace = args.name,
        version = env!("CARGO_PKG_VERSION"),
        addresses = %prepared.addresses(),
        "starting"
    );
    let source = Source::open(args.pod(), args.access(), prepared.registry(), &scope);
    let author = args.author();
    let mut configurations = source.configurations();
    let first = tokio::select! {
        first = first::wait(&prepared, &source, &mut configurations, &author) => first,
        () = signals.stop() => return Ok(()),
    };
    let surroundings = surroundings();
    let (sender, receiver) = watch::channel(completed(&surroundings, &first));
    // A start that waits for an object store needs to hear of other credentials.
    let handing_on = hand_on(first, configurations, sender, surroundings, scope.clone());
    scope.spawn("hand on configurations", handing_on);
    let started = tokio::select! {
        started = prepared.start(receiver) => started,
        () = signals.stop() => return Ok(()),
    };
    match started {
        Ok(sidecar) => {
            accompany(&sidecar, &source, &author, &mut signals).await;
            stop(sidecar, &scope, &mut signals).await
        }
        Err(error) => {
            source.report(author.failure(None, &error.to_string()));
            let _ = tokio::time::timeout(LAST_WORDS, source.is_reported()).await;
            scope.shutdown(PATIENCE).await;
            Err(error.into())
        }
    }
}

/// What the API server is asked, beside the configuration: whose tokens to believe and what they allow, and where
/// checkpoints outlive the volume.
fn settings(args: &Args, scope: &TaskScope) -> Settings {
    let (pod, server) = (args.pod(), ApiServer::new(args.access()));
    let wants_keys = Arc::new(Notify::new());
    let issuer = ClusterKeys::start(server.clone(), pod.data_dir, wants_keys.clone(), scope);
    let namespace = &pod.kubernetes_namespace;
    let checkpoints = ConfigMapStore::new(server.clone(), namespace, pod.namespace, pod.namespace_uid);
    Settings {
        identity: Identity {
            issuer,
            wants_keys,
            reviewer: Arc::new(Reviews::new(server, namespace)),
        },
        checkpoints: Some(Arc::new(checkpoints)),
        ..args.settings()
    }
}

/// What the pod's cloud says about object stores: of a pod whose ServiceAccount stands for somebody there, it is told in
/// variables that are put into every container.
fn surroundings() -> Surroundings {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    Surroundings::new(std::env::vars_os().filter_map(text))
}

/// `configuration` with what the surroundings say about the stores that it names.
fn completed(surroundings: &Surroundings, configuration: &Arc<Configuration>) -> Arc<Configuration> {
    let secrets = surroundings.complete(&configuration.document, configuration.secrets.clone());
    if secrets == configuration.secrets {
        return configuration.clone();
    }
    Arc::new(Configuration {
        document: configuration.document.clone(),
        secrets,
        secrets_revision: configuration.secrets_revision,
    })
}

/// Hands each configuration that comes after `latest` to the data plane.
async fn hand_on(
    mut latest: Arc<Configuration>,
    mut configurations: watch::Receiver<Option<Arc<Configuration>>>,
    sender: watch::Sender<Arc<Configuration>>,
    surroundings: Surroundings,
    scope: TaskScope,
) {
    loop {
        let newest = configurations.borrow_and_update().clone();
        if let Some(newest) = newest.filter(|newest| !Arc::ptr_eq(newest, &latest)) {
            sender.send_replace(completed(&surroundings, &newest));
            latest = newest;
        }
        tokio::select! {
            () = scope.cancelled() => return,
            changed = configurations.changed() => if changed.is_err() { return },
        }
    }
}

/// Tells log, volume and operator what becomes of the configuration, until a signal comes.
async fn accompany(sidecar: &Sidecar, source: &Source, author: &Author, signals: &mut Signals) {
    let (mut reports, mut problems) = (sidecar.report(), source.problems());
    let mut standings = sidecar.standing();
    let mut told: Option<Report> = None;
    let mut told_problem = None;
    let mut is_ready = false;
    loop {
        let report = reports.borrow_and_update().clone();
        let problem = problems.borrow_and_update().clone();
        let standing = standings.borrow_and_update().clone();
        log(&report, told.as_ref());
        log_problem(problem.as_ref(), told_problem.as_ref());
        told_problem.clone_from(&problem);
        if is_ready {
            source.applied(report.applied_revision);
            source.report(author.report(&report, &standing, problem));
        }
        told = Some(report);
        tokio::select! {
            () = signals.stop() => return,
            ready = sidecar.ready(), if !is_ready => {
                is_ready = ready.is_ok();
                tracing::info!("ready");
            }
            _ = reports.changed() => {}
            _ = problems.changed() => {}
            _ = standings.changed() => {}
        }
    }
}

async fn stop(sidecar: Sidecar, scope: &TaskScope, signals: &mut Signals) -> Result<(), Error> {
    tracing::info!("stopping");
    let in_order = async {
        scope.shutdown(PATIENCE).await;
        sidecar.stop().await;
    };
    tokio::select! {
        () = in_order => {
            tracing::info!("stopped");
            Ok(())
        }
        () = signals.stop() => Err(Error::Hurried),
    }
}

#[cfg(test)]
mod tests {
    use config::Checkpoint;

    use super::*;
    use crate::reload::tests::configuration;

    fn in_s3(revision: u64) -> Arc<Configuration> {
        let mut configuration = configuration(revision, Vec::new());
        configuration.document.head.settings.checkpoint = Checkpoint::ObjectStore {
            url: "s3://bucket/weft".into(),
        };
        Arc::new(configuration)
    }

    #[tokio::test]
    async fn every_configuration_is_handed_on_with_what_the_cloud_says_and_none_twice() {
        let surroundings = Surroundings::new([("AWS_ROLE_ARN".to_owned(), "role".to_owned())]);
        let first = in_s3(1);
        let (sender, mut handed) = watch::channel(completed(&surroundings, &first));
        let (source, configurations) = watch::channel(Some(first.clone()));
        let scope = TaskScope::root();
        let task = hand_on(first, configurations, sender, surroundings, scope.clone());
        scope.spawn("hand on", task);
        assert_eq!(
            handed.borrow_and_update().secrets.object_store["aws_role_arn"],
            "role"
        );
        source.send_replace(Some(in_s3(2)));
        handed.changed().await.unwrap();
        let second = handed.borrow_and_update().clone();
        assert_eq!(
            second.document.head.revision, 2,
            "the first one is not handed on again"
        );
        assert_eq!(second.secrets.object_store["aws_role_arn"], "role");
        scope.cancel();
    }

    #[test]
    fn a_configuration_without_an_object_store_is_handed_on_as_it_is() {
        let surroundings = Surroundings::new([("AWS_ROLE_ARN".to_owned(), "role".to_owned())]);
        let plain = Arc::new(configuration(1, Vec::new()));
        assert!(Arc::ptr_eq(&completed(&surroundings, &plain), &plain));
    }
}
