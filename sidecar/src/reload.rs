//! Following the configuration while everything runs.

use std::sync::Arc;
use std::time::Duration;

use auth::Authorizer;
use broker::{Broker, DeletionConfig, HubConfig, TopicConfig};
use front::Certificate;
use model::ByteCount;
use runtime::TaskScope;
use storage::EmbeddedLog;
use tokio::sync::watch;

use crate::config::{Entities, Plan};
use crate::copies::Copies;
use crate::letters::Letters;
use crate::metrics::ConfigurationMetrics;
use crate::report::{Problem, Report};
use crate::{Configuration, probe};

/// How long a change waits that the broker could not take at this moment (a full disk, a stop of somebody else's).
const RETRY: Duration = Duration::from_secs(1);

/// Those who obey the configuration.
pub(crate) struct Reloader {
    pub(crate) broker: Broker,
    pub(crate) authorizer: Authorizer,
    /// Those of the document, for whoever fetches their keys.
    pub(crate) issuers: watch::Sender<Vec<config::Issuer>>,
    /// Those that go to object stores.
    pub(crate) letters: Letters,
    /// What is copied to where the disk cannot be lost.
    pub(crate) copies: Copies,
    /// Absent when there is no TLS door.
    pub(crate) certificate: Option<Certificate>,
    pub(crate) report: watch::Sender<Report>,
    pub(crate) metrics: ConfigurationMetrics,
    pub(crate) log: Arc<EmbeddedLog>,
    /// What the log may occupy: what it was opened with, and what it has grown to since.
    pub(crate) capacity: ByteCount,
    pub(crate) namespace_uid: String,
    /// Where the copy of checkpoints lies.
    pub(crate) checkpoint: config::Checkpoint,
    /// In effect now.
    pub(crate) entities: Entities,
    pub(crate) deletion: DeletionConfig,
}

/// Why a configuration is not in effect.
enum Refusal {
    /// Nothing will change until another one comes.
    Final(String),
    /// The broker could not take it now.
    Temporary(String),
}

impl Reloader {
    /// Lets one event through, trying until it works, and forgets the probe's topic. False when `scope`
    /// was shut down first.
    pub(crate) async fn prove(&mut self, scope: &TaskScope) -> bool {
        loop {
            match self.try_prove().await {
                Ok(()) => return true,
                Err(error) => tracing::error!(%error, "the first event did not go through; trying again"),
            }
            tokio::select! {
                () = scope.cancelled() => return false,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    /// Makes the broker serve the first configuration, and the probe's topic beside it.
    ///
    /// # Errors
    /// What the broker says; `Invalid` will not change by trying again.
    pub(crate) async fn begin(&self) -> Result<(), broker::Error> {
        let (mut topics, hubs) = self.served(&self.entities);
        topics.push(probe::topic());
        self.broker.configure(topics, hubs, self.deletion).await
    }

    /// What the broker is to serve so that these entities work.
    fn served(&self, entities: &Entities) -> (Vec<TopicConfig>, Vec<HubConfig>) {
        let own = self.letters.topics(&entities.letters);
        let topics = entities.topics.iter().cloned().chain(own);
        (topics.collect(), entities.hubs.clone())
    }

    async fn try_prove(&mut self) -> Result<(), broker::Error> {
        let outcome = match self.begin().await {
            Ok(()) => probe::run(&self.broker).await,
            Err(error) => Err(error),
        };
        match outcome {
            // A full disk refuses publishes by design; being ready is what lets clients make room.
            Err(error @ broker::Error::Full { .. }) => {
                tracing::warn!(%error, "ready for receiving and settling, but not for publishing");
            }
            outcome => outcome?,
        }
        let (topics, hubs) = self.served(&self.entities);
        self.broker.configure(topics, hubs, self.deletion).await?;
        self.letters.follow(&self.entities.letters);
        if let Err(error) = probe::clean(&self.broker).await {
            tracing::debug!(%error, "the probe's data is left to its retention");
        }
        Ok(())
    }

    /// Applies each configuration that comes, until `scope` is shut down. One that could not be applied for the moment
    /// is tried again; one that was overtaken is skipped.
    pub(crate) async fn follow(
        mut self,
        mut configurations: watch::Receiver<Arc<Configuration>>,
        scope: &TaskScope,
    ) {
        let mut retry = false;
        loop {
            tokio::select! {
                () = scope.cancelled() => return,
                changed = configurations.changed() => if changed.is_err() {
                    // Nobody will send another one: go on with what there is.
                    return;
                },
                () = tokio::time::sleep(RETRY), if retry => {}
            }
            let configuration = configurations.borrow_and_update().clone();
            retry = self.on_configuration(&configuration).await;
        }
    }

    /// Returns whether it is worth another try.
    async fn on_configuration(&mut self, configuration: &Configuration) -> bool {
        let revision = configuration.document.head.revision;
        match self.apply(configuration).await {
            Ok(report) => {
                self.publish(report);
                false
            }
            Err(refusal) => {
                let (reason, is_temporary) = match refusal {
                    Refusal::Final(reason) => (reason, false),
                    Refusal::Temporary(reason) => (reason, true),
                };
                let before = self.report.borrow().clone();
                let problem = Some(Problem { revision, reason });
                // A refusal that is the same as at the try before is no news.
                if before.problem != problem {
                    self.publish(Report { problem, ..before });
                }
                is_temporary
            }
        }
    }

    /// Whoever watches the report logs it, in the words of where the configuration came from.
    fn publish(&self, report: Report) {
        tracing::debug!(?report, "configuration handled");
        self.metrics.on_report(&report);
        self.report.send_replace(report);
    }

    /// Everything that can be refused comes first; only then does anything change.
    async fn apply(&mut self, configuration: &Configuration) -> Result<Report, Refusal> {
        self.check_identity(&configuration.document.head)?;
        let plan = Plan::read(configuration, &self.entities).map_err(Refusal::Final)?;
        if self.certificate.is_some() {
            read_certificate(&configuration.secrets).map_err(Refusal::Final)?;
        }
        if plan.entities != self.entities || plan.deletion != self.deletion {
            let wanted = &plan.entities.letters;
            let (topics, hubs) = self.served(&plan.entities);
            self.broker
                .configure(topics, hubs, plan.deletion)
                .await
                .map_err(refusal)?;
            self.letters.follow(wanted);
            self.entities = plan.entities;
            self.deletion = plan.deletion;
        }
        self.copies.follow_credentials(configuration);
        self.authorizer.replace(&plan.keys);
        self.authorizer.name(plan.names);
        self.issuers.send_if_modified(|issuers| {
            let wanted = &configuration.document.head.settings.issuers;
            let differ = issuers != wanted;
            issuers.clone_from(wanted);
            differ
        });
        self.replace_certificate(&configuration.secrets)
            .map_err(Refusal::Final)?;
        self.grow(plan.capacity);
        Ok(Report {
            pending_restart: self.pending_restart(plan.capacity, &configuration.document.head.settings),
            ..Report::on(configuration, plan.refused)
        })
    }

    /// Whoever wants a larger log has made the volume larger first.
    fn grow(&mut self, wanted: ByteCount) {
        if wanted > self.capacity {
            tracing::info!(from = %self.capacity, to = %wanted, "the log may grow");
            self.log.grow(wanted);
            self.capacity = wanted;
        }
    }

    /// A log that is open does not shrink: what it occupies already may be all in use. And where the copy of checkpoints
    /// lies is decided when the log opens.
    fn pending_restart(&self, wanted: ByteCount, settings: &config::Settings) -> Vec<String> {
        let mut pending = Vec::new();
        if wanted != self.capacity {
            let present = self.capacity;
            pending.push(format!(
                "storage of {wanted} instead of {present}: takes effect at the next start"
            ));
        }
        if settings.checkpoint != self.checkpoint {
            pending.push("another place for checkpoints: takes effect at the next start".to_owned());
        }
        pending
    }

    fn check_identity(&self, head: &config::Head) -> Result<(), Refusal> {
        let applied = self.report.borrow().applied_revision;
        if head.namespace.uid != self.namespace_uid {
            let (found, own) = (&head.namespace.uid, &self.namespace_uid);
            return Err(Refusal::Final(format!(
                "it is for the Namespace with uid {found}, this one is {own}"
            )));
        }
        if head.revision < applied {
            let reason =
                format!("it is older than revision {applied}, which is in effect; revisions only grow");
            return Err(Refusal::Final(reason));
        }
        Ok(())
    }

    fn replace_certificate(&self, secrets: &config::Secrets) -> Result<(), String> {
        let Some(certificate) = &self.certificate else {
            return Ok(());
        };
        certificate
            .replace(
                secrets.certificate_pem.as_bytes(),
                secrets.private_key_pem.as_bytes(),
            )
            .map_err(|cause| cause.to_string())
    }
}

/// Parses what the TLS door shows, so that a mistake is found before anything changes.
pub(crate) fn read_certificate(secrets: &config::Secrets) -> Result<Certificate, String> {
    Certificate::from_pem(
        secrets.certificate_pem.as_bytes(),
        secrets.private_key_pem.as_bytes(),
    )
    .map_err(|cause| cause.to_string())
}

fn refusal(error: broker::Error) -> Refusal {
    match error {
        broker::Error::Invalid(reason) => Refusal::Final(reason),
        broker::Error::NotFound
        | broker::Error::Full { .. }
        | broker::Error::Busy { .. }
        | broker::Error::Closed
        | broker::Error::Unavailable
        | broker::Error::Internal => Refusal::Temporary(format!("{error}; it is tried again every second")),
    }
}

#[cfg(test)]
pub(crate) mod tests;
