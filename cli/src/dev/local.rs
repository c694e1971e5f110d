//! The owner of everything that runs: manifests in, running Namespaces out.

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

use super::check::{self, Checked};
use super::credentials::{self, Doors};
use super::data_folder::DataFolder;
use super::departed;
use super::planning::{self, Planned};
use super::ports;
use super::running::Running;
use super::state::{Departed, Known, State};
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
    state: State,
    discovery: Discovery,
    watch: Watch,
    /// Files that held objects of ours when the set was last fine.
    known: BTreeSet<PathBuf>,
    /// By uid.
    running: BTreeMap<String, Running>,
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
        let state = State::load(&folder.state_file())?;
        let watch = Watch::new().map_err(|cause| Failure::machine("watch the manifests", cause))?;
        Ok(Self {
            listen: args.listen,
            port_base: args.port_base,
            discovery: Discovery::new(&args.dir, folder.path()),
            folder,
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

    /// Renews certificates and deletes data, if either is due, and tries again what could not be started.
    pub(crate) async fn chores(&mut self) {
        if self.incomplete {
            self.follow().await;
        }
        for (uid, running) in &self.running {
            let document = running.document();
            match self.prepare(uid, &running.name, &document, running.doors) {
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
        let departed = gone
            .into_iter()
            .map(|(name, known)| self.departed(name, &known))
            .collect::<Vec<_>>();
        self.state.departed.extend(departed.iter().cloned());
        let planned = planning::plan(&checked, &mut self.state);
        let (doors, mut failures) = self.assign_doors(&planned);
        let documents = self.revise(&planned)?;
        // What is handed out must be known after a crash: another uid would be another stream.
        self.state.save(&self.folder.state_file())?;
        for departed in departed {
            self.stop_departed(&departed).await;
        }
        for (uid, document) in documents {
            let Some(doors) = doors.get(&uid) else { continue };
            if let Err(failure) = self.run(&uid, document, *doors).await {
                failures.push(failure);
            }
        }
        self.teller.tell(&[], &planned.refusals);
        self.incomplete = !failures.is_empty();
        Ok(failures)
    }

    fn departed(&self, name: String, known: &Known) -> Departed {
        let settings = planning::settings(&name, known);
        let delete_at = settings.and_then(|settings| departed::delete_at(&settings, &self.clock));
        Departed {
            name,
            uid: known.uid,
            delete_at,
        }
    }

    fn assign_doors(&mut self, planned: &Planned) -> (BTreeMap<String, Doors>, Vec<Failure>) {
        let (mut doors, mut failures) = (BTreeMap::new(), Vec::new());
        for namespace in &planned.namespaces {
            match ports::assign(&mut self.state.ports, &namespace.name, self.port_base) {
                Ok(ports) => {
                    doors.insert(
                        namespace.uid.clone(),
                        Doors {
                            listen: self.listen,
                            ports,
                        },
                    );
                }
                Err(failure) => failures.push(failure),
            }
        }
        (doors, failures)
    }

    /// Documents with the next revision, if anything in them changed; with the present one otherwise.
    fn revise(&mut self, planned: &Planned) -> Result<Vec<(String, config::Document)>, Failure> {
        let revision = self.state.revision;
        let unchanged = planned.namespaces.iter().all(|namespace| {
            let running = self.running.get(&namespace.uid);
            running.is_some_and(|running| namespace.is_as(&running.document()))
        });
        if !unchanged {
            self.state.revision = revision + 1;
        }
        let mut documents = Vec::new();
        for namespace in &planned.namespaces {
            let document = match self.running.get(&namespace.uid) {
                Some(running) if namespace.is_as(&running.document()) => running.document(),
                _ => namespace.document(self.state.revision)?,
            };
            documents.push((namespace.uid.clone(), document));
        }
        Ok(documents)
    }

    async fn stop_departed(&mut self, departed: &Departed) {
        // The settings of a Namespace that is gone would only mislead.
        let env_file = self.folder.env_file(&departed.name);
        match fs::remove_file(&env_file) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("cannot remove {}: {cause}", env_file.display());
            }
            _ => {}
        }
        if let Some(running) = self.running.remove(&departed.uid.to_string()) {
            tracing::info!(namespace = departed.name, "its manifest is gone: stopping");
            running.stop().await;
        }
    }

    async fn run(&mut self, uid: &str, document: config::Document, doors: Doors) -> Result<(), Failure> {
        let name = document.head.namespace.name.clone();
        let secrets = self.prepare(uid, &name, &document, doors)?;
        if let Some(running) = self.running.get(uid) {
            running.configure(document, secrets);
            return Ok(());
        }
        let data_dir = self.folder.namespace(uid).join("log");
        let configuration = Configuration { document, secrets };
        let running =
            Running::start(configuration, data_dir, doors, self.teller.output(), &self.scope).await?;
        self.running.insert(uid.to_owned(), running);
        Ok(())
    }

    fn prepare(
        &self,
        uid: &str,
        name: &str,
        document: &config::Document,
        doors: Doors,
    ) -> Result<config::Secrets, Failure> {
        let folder = self.folder.namespace(uid).join("credentials");
        let rules = &document.head.settings.authorization_rules;
        credentials::prepare(
            &folder,
            &self.folder.env_file(name),
            name,
            rules,
            doors,
            &self.clock,
        )
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
