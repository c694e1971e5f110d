//! Which part stands on which.

use std::sync::Arc;

use auth::Authorizer;
use broker::Broker;
use checkpoint::Claim;
use front::{Certificate, Door, Listener};
use runtime::metrics::Registry;
use runtime::{Clock, Operations, TaskScope};
use tokio::sync::watch;

use crate::config::{Entities, Plan};
use crate::copies::Copies;
use crate::error::Error;
use crate::identity::{self, Outside};
use crate::letters::Letters;
use crate::log::{Opened, start_broker};
use crate::metrics::{ConfigurationMetrics, Process};
use crate::ports::Ports;
use crate::readiness::Readiness;
use crate::reload::{Reloader, read_certificate};
use crate::report::Report;
use crate::settings::{Addresses, Settings};
use crate::standing::{self, Standing};
use crate::stop::Scopes;
use crate::{Configuration, Sidecar};

/// A data plane that waits for its first configuration: its ports are bound, the operations port answers (alive, not
/// ready), the doors are closed and the log was not touched.
#[derive(Debug)]
pub struct Prepared {
    parts: Parts,
    scopes: Scopes,
}

#[derive(Debug)]
struct Parts {
    settings: Settings,
    ports: Ports,
    clock: Clock,
    registry: Registry,
    readiness: Readiness,
}

impl Prepared {
    /// Ports come first: the mistake that users make most is found before the log is touched.
    pub(crate) async fn new(settings: Settings) -> Result<Self, Error> {
        let scopes = Scopes::new(settings.drain);
        let mut parts = Parts {
            ports: Ports::bind(&settings).await?,
            clock: Clock::system(),
            registry: Registry::default(),
            readiness: Readiness::starting(),
            settings,
        };
        parts.open_operations(&scopes.operations);
        Ok(Self { parts, scopes })
    }

    /// Where the operations port is, and the doors will be.
    pub fn addresses(&self) -> Addresses {
        self.parts.ports.addresses
    }

    /// What `/metrics` prints.
    pub fn registry(&self) -> &Registry {
        &self.parts.registry
    }

    /// Whether `configuration` can be the first one. [`Prepared::start`] wants the same, but ends when it is not so.
    ///
    /// # Errors
    /// [`Error::Configuration`] says what does not fit.
    pub fn check(&self, configuration: &Configuration) -> Result<(), Error> {
        self.parts.read(configuration).map(drop)
    }

    /// Opens the log and begins to serve; see [`start`](crate::start).
    ///
    /// # Errors
    /// The log or the first configuration does not allow it; everything that was opened is closed again.
    pub async fn start(self, configurations: watch::Receiver<Arc<Configuration>>) -> Result<Sidecar, Error> {
        let Self { parts, scopes } = self;
        let (addresses, readiness) = (parts.ports.addresses, parts.readiness.clone());
        match parts.assemble(configurations, &scopes).await {
            Ok(Watched { reports, standings }) => Ok(Sidecar {
                addresses,
                readiness,
                report: reports,
                standing: standings,
                scopes,
            }),
            Err(error) => {
                scopes.stop().await;
                Err(error)
            }
        }
    }

    /// Closes the ports again.
    pub async fn stop(self) {
        self.scopes.stop().await;
    }
}

impl Parts {
    fn open_operations(&mut self, scope: &TaskScope) {
        let Some(listener) = self.ports.operations.take() else {
            return;
        };
        let process = Process::register(&self.registry, self.clock.now());
        let registry = self.registry.clone();
        let text = move || {
            process.refresh();
            registry.encode()
        };
        Operations::new(self.readiness.watch(), text).open(listener, scope);
    }

    fn read(&self, configuration: &Configuration) -> Result<(Plan, Option<Certificate>), Error> {
        let plan = Plan::read(configuration, &Entities::default())
            .map_err(|reason| refuse(configuration, reason))?;
        let doors = [&self.ports.https, &self.ports.amqps, &self.ports.blob];
        let certificate = match doors.iter().any(|door| door.is_some()) {
            true => Some(
                read_certificate(&configuration.secrets).map_err(|reason| refuse(configuration, reason))?,
            ),
            false => None,
        };
        Ok((plan, certificate))
    }

    /// Opens everything from the log outwards and leaves the rest to a task: the probe, the doors, the configuration.
    async fn assemble(
        self,
        mut configurations: watch::Receiver<Arc<Configuration>>,
        scopes: &Scopes,
    ) -> Result<Watched, Error> {
        let first = configurations.borrow_and_update().clone();
        let (plan, certificate) = self.read(&first)?;
        let Self {
            settings,
            ports,
            clock,
            registry,
            readiness,
        } = self;
        let authorizer = Authorizer::new(&plan.keys).with_reviewer(settings.identity.reviewer.clone());
        authorizer.name(plan.names.clone());
        let namespace = &first.document.head.namespace;
        let copies = Copies::open(&settings, &first).map_err(|reason| refuse(&first, reason))?;
        let (uid, common) = (&namespace.uid, (&clock, &registry, scopes));
        let places = copies.places();
        let Opened { broker, log, claim } = tokio::select! {
            opened = start_broker(&settings, &plan, uid, &places, common) => opened?,
            never = copies.follow(configurations.clone()) => match never {},
        };
        let letters = Letters::new(broker.clone(), clock.clone(), scopes.copies.clone(), &registry);
        let (standing, standings) = watch::channel(Standing::of(&claim));
        let observers = Observers {
            claim,
            standing: standing.clone(),
            registry: registry.clone(),
            copies: scopes.copies.clone(),
            reload: scopes.reload.clone(),
        };
        let wanted = first.document.head.settings.issuers.clone();
        let folder = settings.data_dir;
        let Outside {
            wanted: issuers,
            troubles,
        } = identity::follow(
            settings.identity,
            authorizer.clone(),
            wanted,
            folder,
            &scopes.reload,
        );
        let watching = standing::watch_issuers(troubles, standing.clone());
        scopes.reload.spawn("troubles of issuers", watching);
        let door = Door::new(
            broker.clone(),
            authorizer.clone(),
            clock,
            settings.limits,
            &registry,
            &namespace.name,
        );
        let (report, reports) = watch::channel(Report::on(&first, plan.refused));
        let reloader = Reloader {
            broker,
            authorizer,
            issuers,
            letters,
            copies,
            checkpoint: first.document.head.settings.checkpoint.clone(),
            certificate: certificate.clone(),
            metrics: ConfigurationMetrics::register(&registry, &reports.borrow()),
            report,
            log,
            capacity: plan.capacity,
            namespace_uid: namespace.uid.clone(),
            entities: plan.entities,
            deletion: plan.deletion,
        };
        // Anything else that the broker may say is for the moment; proving tries again.
        if let Err(broker::Error::Invalid(reason)) = reloader.begin().await {
            return Err(refuse(&first, reason));
        }
        let doors = Doors {
            door,
            http: ports.http,
            https: ports.https.zip(certificate.clone()),
            amqp: ports.amqp,
            amqps: ports.amqps.zip(certificate.clone()),
            blob: ports.blob.zip(certificate),
            scope: scopes.doors.clone(),
        };
        let serving = serve(doors, reloader, observers, configurations, readiness);
        scopes.reload.spawn("configuration", serving);
        Ok(Watched { reports, standings })
    }
}

/// What whoever started the data plane may watch.
struct Watched {
    reports: watch::Receiver<Report>,
    standings: watch::Receiver<Standing>,
}

fn refuse(configuration: &Configuration, reason: String) -> Error {
    Error::Configuration {
        revision: configuration.document.head.revision,
        reason,
    }
}

/// From the first event that goes through to the last configuration.
async fn serve(
    doors: Doors,
    mut reloader: Reloader,
    observers: Observers,
    configurations: watch::Receiver<Arc<Configuration>>,
    readiness: Readiness,
) {
    let scope = observers.reload.clone();
    if reloader.prove(&scope).await {
        observers.start(&reloader.copies, &reloader.broker);
        doors.open();
        readiness.set_ready();
        reloader.follow(configurations, &scope).await;
    }
}

/// Those who look at what the broker has and tell others. What it has before it serves the configuration is not the
/// truth: nothing is declared then, or the probe's topic is. A copy would lose the numbers of all topics for a while.
struct Observers {
    claim: Claim,
    standing: watch::Sender<Standing>,
    registry: Registry,
    copies: TaskScope,
    reload: TaskScope,
}

impl Observers {
    fn start(self, copies: &Copies, broker: &Broker) {
        let states = copies.keep(&self.claim, broker.clone(), &self.copies, &self.registry);
        let watching = standing::watch_copy(copies.name(), states, self.standing.clone());
        self.copies.spawn("claim of the copy", watching);
        let following = standing::follow(broker.clone(), self.standing, self.reload.clone());
        self.reload.spawn("lag of consumers", following);
    }
}

/// Everything that clients come through.
struct Doors {
    door: Door,
    http: Option<Listener>,
    https: Option<(Listener, Certificate)>,
    amqp: Option<Listener>,
    amqps: Option<(Listener, Certificate)>,
    blob: Option<(Listener, Certificate)>,
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
        if let Some(listener) = self.amqp {
            self.door.open_amqp(listener, &self.scope);
        }
        if let Some((listener, certificate)) = self.amqps {
            self.door.open_amqps(listener, &certificate, &self.scope);
        }
        if let Some((listener, certificate)) = self.blob {
            self.door.open_blob_tls(listener, &certificate, &self.scope);
        }
    }
}
