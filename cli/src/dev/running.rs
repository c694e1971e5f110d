//! One Namespace that runs in this process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use config::{Document, Secrets};
use runtime::TaskScope;
use sidecar::{Configuration, Identity, Report, Settings, Sidecar};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::credentials::Doors;
use super::teller::Teller;
use crate::failure::Failure;
use crate::output::Output;

/// A task of ours that only waits for the sidecar ends at once when it is told to.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a Namespace runs, and whose tokens it accepts.
pub(crate) struct Place {
    pub(crate) data_dir: PathBuf,
    pub(crate) doors: Doors,
    pub(crate) identity: Identity,
}

/// A running Namespace: its sidecar, and what it was last told.
pub(crate) struct Running {
    pub(crate) name: String,
    pub(crate) doors: Doors,
    /// What its certificate vouches for beside the usual names.
    pub(crate) dns_names: Vec<String>,
    sidecar: Arc<Sidecar>,
    sender: watch::Sender<Arc<Configuration>>,
    scope: TaskScope,
}

impl Running {
    /// Starts the data plane, and a task each that announces its readiness and reports what becomes of its
    /// configuration.
    pub(crate) async fn start(
        configuration: Configuration,
        place: Place,
        output: Output,
        scope: &TaskScope,
    ) -> Result<Self, Failure> {
        let name = configuration.document.head.namespace.name.clone();
        let Place {
            data_dir,
            doors,
            identity,
        } = place;
        let mut settings = Settings::new(data_dir);
        settings.identity = identity;
        settings.http = Some(doors.socket(doors.ports.http));
        settings.https = Some(doors.socket(doors.ports.https));
        settings.amqp = Some(doors.socket(doors.ports.amqp));
        settings.amqps = Some(doors.socket(doors.ports.amqps));
        settings.blob = Some(doors.socket(doors.ports.blob));
        settings.operations = Some(doors.socket(doors.ports.operations));
        let (sender, receiver) = watch::channel(Arc::new(configuration));
        let started = sidecar::start(settings, receiver).await;
        let sidecar = Arc::new(started.map_err(|cause| cannot_start(&name, &cause))?);
        let scope = scope.child("namespace");
        announce(&sidecar, &scope, name.clone(), doors.endpoint(), output);
        follow_reports(sidecar.report(), &scope, name.clone());
        Ok(Self {
            name,
            doors,
            dns_names: Vec::new(),
            sidecar,
            sender,
            scope,
        })
    }

    /// What it was last told.
    pub(crate) fn document(&self) -> Document {
        self.sender.borrow().document.clone()
    }

    /// Hands out a new configuration, if it is one.
    pub(crate) fn configure(&self, document: Document, secrets: Secrets) {
        let present = self.sender.borrow().clone();
        if present.document != document || present.secrets != secrets {
            self.sender.send_replace(Arc::new(Configuration {
                document,
                secrets,
                secrets_revision: present.secrets_revision,
            }));
        }
    }

    /// Stops in order.
    pub(crate) async fn stop(self) {
        // Tasks that hold the sidecar let go of it first.
        self.scope.shutdown(PATIENCE).await;
        match Arc::into_inner(self.sidecar) {
            Some(sidecar) => {
                sidecar.stop().await;
            }
            None => tracing::error!(
                namespace = self.name,
                "stopped without order: a task still uses it"
            ),
        }
    }
}

fn cannot_start(name: &str, cause: &sidecar::Error) -> Failure {
    let failure = Failure::machine(format!("start the Namespace {name}"), cause);
    match cause {
        sidecar::Error::Bind { .. } => failure.with_next(
            "free the port; or, for other ports, start with a new data folder (--data DIR) and --port-base N",
        ),
        _ => failure,
    }
}

fn announce(
    sidecar: &Arc<Sidecar>,
    scope: &TaskScope,
    name: String,
    url: String,
    output: Output,
) -> JoinHandle<()> {
    let (sidecar, cancelled) = (sidecar.clone(), scope.clone());
    scope.spawn("announce", async move {
        tokio::select! {
            () = cancelled.cancelled() => {}
            ready = sidecar.ready() => match ready {
                Ok(()) => Teller::ready(output, &name, &url),
                Err(cause) => tracing::debug!(namespace = name, "{cause}"),
            },
        }
    })
}

fn follow_reports(mut reports: watch::Receiver<Report>, scope: &TaskScope, name: String) -> JoinHandle<()> {
    let cancelled = scope.clone();
    scope.spawn("reports", async move {
        loop {
            log(&name, &reports.borrow_and_update().clone());
            tokio::select! {
                () = cancelled.cancelled() => return,
                changed = reports.changed() => if changed.is_err() { return },
            }
        }
    })
}

fn log(namespace: &str, report: &Report) {
    tracing::info!(
        namespace,
        revision = report.applied_revision,
        "configuration applied"
    );
    for refused in &report.refused {
        tracing::warn!(namespace, "not served: {refused}");
    }
    if let Some(problem) = &report.problem {
        tracing::error!(
            namespace,
            revision = problem.revision,
            "configuration not applied: {}",
            problem.reason
        );
    }
    for change in &report.pending_restart {
        tracing::warn!(namespace, "{change}");
    }
}
