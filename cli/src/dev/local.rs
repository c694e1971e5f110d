//! The owner of everything that runs: manifests in, running Namespaces out.

mod planned;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use runtime::{Clock, TaskScope};
use sidecar::Configuration;
use tokio::time::sleep;
use uuid::Uuid;

use super::check::{self, Checked};
use super::credentials::{self, Doors, Wanted};
use super::data_folder::DataFolder;
use super::departed;
use super::identity;
use super::issuer::LocalIssuer;
use super::object_stores;
use super::planning::{self, Planned, PlannedNamespace};
use super::ports;
use super::running::{Place, Running};
use super::state::{Departed, State};
use super::teller::Teller;
use super::watch::{Changes, Watch};
use crate::args::Dev;
use crate::failure::{Exit, Failure};
use crate::manifest::{Discovery, Set};

/// An object is believed to be gone when it is missing twice, this long apart: some editors empty a file before they
/// write it, and a name that returns is a new object without its events.
const ABSENCE_SETTLES: Duration = Duration::from_millis(500);

/// Local mode.
pub(crate) struct Local {
    listen: IpAddr,
    port_base: Option<u16>,
    folder: DataFolder,
    issuer: LocalIssuer,
    state: State,
    discovery: Discovery,
    watch: Watch,
    /// Files that held objects of ours when the set was last fine.
    known: BTreeSet<PathBuf>,
    /// By the identity of the data.
    running: BTreeMap<Uuid, Running>,
    /// Something could not be started; it is tried again from time to time.
    incomplete: bool,
    teller: Teller,
    scope: TaskScope,
    clock: Clock,
}

impl Local {
    /// Takes the data folder. Nothing runs yet.
    pub(crate) fn open(args: &Dev) -> Result<Self, Failure> {
        let folder = DataFolder::open(&args.data.data)?;
        let issuer = LocalIssuer::open(&folder.issuer_file())?;
        let state = State::load(&folder.state_file())?;
        let discovery = Discovery::new(&args.dir, folder.path());
        let watch = Watch::new(&discovery).map_err(|cause| Failure::machine("watch the manifests", cause))?;
        Ok(Self {
            listen: args.listen,
            port_base: args.port_base,
            discovery,
            folder,
            issuer,
            state,
            watch,
            known: BTreeSet::new(),
            running: BTreeMap::new(),
            incomplete: false,
            teller: Teller::new(args.output, args.log_format),
            scope: TaskScope::root(),
            clock: Clock::system(),
        })
    }

    pub(crate) fn changes(&self) -> Changes {
        self.watch.changes()
    }

    /// Reads the manifests for the first time and starts what they say. Returns true: there is something to follow.
    pub(crate) async fn start(&mut self) -> Result<bool, Failure> {
        let set = self.read()?;
        let checked = match self.check(set) {
            Ok(checked) => checked,
            Err(count) => return Err(mistaken(count)),
        };
        if checked.namespaces().next().is_none() {
            return Err(self.nothing_to_run());
        }
        let failures = self.apply(checked).await?;
        failures.into_iter().next().map_or(Ok(true), Err)
    }

    /// Reads the manifests again and applies what changed. Mistakes are told and change nothing.
    pub(crate) async fn follow(&mut self) {
        if let Err(failure) = self.try_follow().await {
            tracing::error!("{failure}");
        }
    }

    async fn try_follow(&mut self) -> Result<(), Failure> {
        let mut set = self.read()?;
        if set.mistakes.is_empty() && self.state.misses_any(&set.objects) {
            sleep(ABSENCE_SETTLES).await;
            set = self.read()?;
        }
        let Ok(checked) = self.check(set) else {
            tracing::warn!("the manifests have mistakes; the running configuration stays as it is");
            return Ok(());
        };
        for failure in self.apply(checked).await? {
            tracing::error!("{failure}");
        }
        Ok(())
    }

    /// Renews certificates and tokens and deletes data, if any of it is due, and tries again what could not be started.
    pub(crate) async fn chores(&mut self) {
        if self.incomplete {
            self.follow().await;
        }
        for (uid, running) in &self.running {
            let document = running.document();
            match self.prepare(*uid, &document, &running.dns_names, running.doors) {
                Ok(secrets) => running.configure(document, secrets),
                Err(failure) => tracing::error!("{failure}"),
            }
        }
        if departed::sweep(&mut self.state, &self.folder, &self.clock)
            && let Err(failure) = self.state.save(&self.folder.state_file())
        {
            tracing::error!("{failure}");
        }
    }

    /// Stops every Namespace in order, all at the same time.
    pub(crate) async fn stop(&mut self) {
        let running = std::mem::take(&mut self.running);
        join_all(running.into_values().map(Running::stop)).await;
    }

    fn read(&mut self) -> Result<Set, Failure> {
        let watch = &mut self.watch;
        let found = self.discovery.walk(|folder| watch.add(folder));
        let found = found.map_err(|cause| {
            Failure::machine(
                format!("read the manifests in {}", self.discovery.root().display()),
                cause,
            )
        })?;
        let mut set = Set::read(&found.files, &self.known);
        self.teller.notices(std::mem::take(&mut set.notices));
        Ok(set)
    }

    /// The typed objects of a set without mistakes; otherwise the mistakes are told and counted.
    fn check(&mut self, set: Set) -> Result<Checked, usize> {
        let files = set.files();
        match check::check(set, &self.state) {
            Ok(checked) => {
                self.known = files;
                Ok(checked)
            }
            Err(mistakes) => {
                self.teller.tell(&mistakes, &[]);
                Err(mistakes.len())
            }
        }
    }

    fn nothing_to_run(&self) -> Failure {
        let root = self.discovery.root().display();
        Failure::new(Exit::Manifest, format!("no Namespace in the manifests of {root}"))
            .with_next("write one (kind: Namespace, apiVersion: weft.dev/v1alpha1), or give another folder")
    }

    /// Makes what runs equal to what was read. What fails for one Namespace does not stop the others.
    async fn apply(&mut self, checked: Checked) -> Result<Vec<Failure>, Failure> {
        let gone = self.state.take(&checked.objects, &self.clock.now().to_string());
        let mut departed = gone
            .into_iter()
            .map(|(name, known)| self.departed(name, &known))
            .collect::<Vec<_>>();
        self.state.departed.extend(departed.iter().cloned());
        let mut planned = planning::plan(&checked, &mut self.state);
        self.hold_paused(&mut planned);
        self.note_what_has_no_meaning(&planned);
        departed.extend(self.adopt(&planned));
        let (doors, mut failures) = self.assign_doors(&planned);
        let documents = self.revise(&planned)?;
        // What is handed out must be known after a crash: another uid would be another stream.
        self.state.save(&self.folder.state_file())?;
        for departed in departed {
            self.stop_departed(&departed).await;
        }
        for (namespace, document) in planned.namespaces.iter().zip(documents) {
            let Some(doors) = doors.get(&namespace.uid) else {
                continue;
            };
            if let Err(failure) = self.run(namespace, document, *doors).await {
                failures.push(failure);
            }
        }
        self.teller.tell(&[], &planned.refusals);
        self.incomplete = !failures.is_empty();
        Ok(failures)
    }

    fn assign_doors(&mut self, planned: &Planned) -> (BTreeMap<Uuid, Doors>, Vec<Failure>) {
        let (mut doors, mut failures) = (BTreeMap::new(), Vec::new());
        for namespace in &planned.namespaces {
            let block = match ports::assign(&mut self.state.ports, &namespace.name, self.port_base) {
                Ok(block) => block,
                Err(failure) => {
                    failures.push(failure);
                    continue;
                }
            };
            if let Some(base) = self.port_base.filter(|base| !block.is_from(*base)) {
                let kept = block.ports().http;
                let note = format!(
                    "--port-base {base} does not move it: it keeps the ports that it was first given, from {kept} on; \
                     for others, start it with another data folder (--data DIR)"
                );
                self.teller.note(&namespace.name, &note);
            }
            let (listen, ports) = (self.listen, block.ports());
            doors.insert(namespace.uid, Doors { listen, ports });
        }
        (doors, failures)
    }

    /// Documents of the planned Namespaces, in their order: with the next revision if anything in them changed, with the
    /// present one otherwise.
    fn revise(&mut self, planned: &Planned) -> Result<Vec<config::Document>, Failure> {
        let present = |namespace: &PlannedNamespace| {
            let running = self.running.get(&namespace.uid)?;
            Some(running.document()).filter(|document| namespace.is_as(document))
        };
        let present: Vec<_> = planned.namespaces.iter().map(present).collect();
        if present.iter().any(Option::is_none) {
            self.state.revision += 1;
        }
        let pairs = planned.namespaces.iter().zip(present);
        pairs
            .map(|(namespace, present)| present.map_or_else(|| namespace.document(self.state.revision), Ok))
            .collect()
    }

    async fn stop_departed(&mut self, departed: &Departed) {
        // The settings of a Namespace that is gone would only mislead.
        for file in [
            self.folder.env_file(&departed.name),
            self.folder.token_file(&departed.name),
        ] {
            match fs::remove_file(&file) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!("cannot remove {}: {cause}", file.display());
                }
                _ => {}
            }
        }
        if let Some(running) = self.running.remove(&departed.uid) {
            tracing::info!(namespace = departed.name, "its manifest is gone: stopping");
            running.stop().await;
        }
    }

    async fn run(
        &mut self,
        namespace: &PlannedNamespace,
        document: config::Document,
        doors: Doors,
    ) -> Result<(), Failure> {
        let secrets = self.prepare(namespace.uid, &document, &namespace.dns_names, doors)?;
        if let Some(running) = self.running.get_mut(&namespace.uid) {
            running.dns_names.clone_from(&namespace.dns_names);
            running.configure(document, secrets);
            return Ok(());
        }
        let data_dir = self.folder.namespace(namespace.uid).join("log");
        let configuration = Configuration {
            document,
            secrets,
            secrets_revision: 0,
        };
        let place = Place {
            data_dir,
            doors,
            identity: identity::of(&self.issuer),
        };
        let mut running = Running::start(configuration, place, self.teller.output(), &self.scope).await?;
        running.dns_names.clone_from(&namespace.dns_names);
        self.running.insert(namespace.uid, running);
        Ok(())
    }

    fn prepare(
        &self,
        uid: Uuid,
        document: &config::Document,
        dns_names: &[String],
        doors: Doors,
    ) -> Result<config::Secrets, Failure> {
        let folder = self.folder.namespace(uid).join("credentials");
        let config::Head {
            namespace, settings, ..
        } = &document.head;
        let token_file = self.folder.token_file(&namespace.name);
        self.issuer.renew(&token_file, &self.clock)?;
        let wanted = Wanted {
            namespace: &namespace.name,
            settings,
            dns_names,
            doors,
            token_file: &token_file,
        };
        let secrets = credentials::prepare(
            &folder,
            &self.folder.env_file(&namespace.name),
            &wanted,
            &self.clock,
        )?;
        Ok(object_stores::completed(document, secrets))
    }
}

fn mistaken(count: usize) -> Failure {
    let mistakes = if count == 1 {
        "1 mistake".to_owned()
    } else {
        format!("{count} mistakes")
    };
    Failure::new(
        Exit::Manifest,
        format!("{mistakes} in the manifests; nothing was started"),
    )
}
