//! What the operator does on a Kubernetes cluster, and how soon.

mod drift;
mod first_namespace;
mod images;
mod many;
mod objects;
mod operator;
mod rest;
mod samples;
mod topic;
mod watching;

use std::time::Duration;

use e2e::cluster::{Cluster, Machine, Progress, Settings, Space, install, machine};

use crate::table::Row;

type Cell = fn(&Stage) -> anyhow::Result<Vec<Row>>;

/// Name on the command line, and what it does. Those that stop the operator come last.
pub(crate) const ALL: &[(&str, Cell)] = &[
    ("cluster-images", images::run),
    ("cluster-first-namespace", first_namespace::run),
    ("cluster-topic", topic::run),
    ("cluster-drift", drift::run),
    ("cluster-rest", rest::run),
    ("cluster-thousand", many::thousand),
    ("cluster-ten-thousand", many::ten_thousand),
];

/// The Namespace of every cell.
const NAMESPACE: &str = "bench";

/// Long enough for everything here; measurements end when the work does.
const AT_MOST: Duration = Duration::from_secs(240);

/// How the cells on a cluster are run.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// On a cluster: measures the Weft that is installed there, instead of building and installing this one.
    #[arg(long)]
    as_installed: bool,
    /// On a cluster: for how many seconds nothing should happen.
    #[arg(long, default_value_t = 300, value_name = "SECONDS")]
    rest: u64,
}

/// A cluster of this machine with Weft on it.
#[derive(Debug)]
pub(crate) struct Stage {
    cluster: Cluster,
    progress: Progress,
    rest: Duration,
    /// The cluster to take down afterwards: one that was not up before.
    ours: Option<Settings>,
}

impl Stage {
    /// Starts the cluster, or finds it running, and installs Weft.
    pub(crate) fn set(options: &Options) -> anyhow::Result<Self> {
        let progress = Progress::begin();
        let settings = Settings::from_environment()?;
        let was_up = Machine::running(&settings).is_ok_and(|machine| machine.is_alive());
        machine::up(&settings, progress)?;
        let cluster = Cluster::shared().clone();
        if !options.as_installed {
            progress.say("building the images …");
            let images = cluster.load_images()?;
            cluster.install(install::NAMESPACE, &images, &[])?;
            progress.say("Weft is installed");
        }
        Ok(Self {
            cluster,
            progress,
            rest: Duration::from_secs(options.rest),
            ours: (!was_up).then_some(settings),
        })
    }

    /// Takes down what [`set`](Self::set) started.
    pub(crate) fn clear(self) -> anyhow::Result<()> {
        match self.ours {
            Some(settings) => machine::down(&settings),
            None => Ok(()),
        }
    }

    fn say(&self, what: impl std::fmt::Display) {
        self.progress.say(what);
    }

    /// Ends a cell's space and waits, so that the next cell has the machine for itself.
    fn leave(&self, mut space: Space) -> anyhow::Result<()> {
        if let Err(error) = space.check_logs() {
            self.say(format!("{error:#}"));
            // Said; figures are no reason to lose them.
            space.expect_errors("");
        }
        space.delete_all(AT_MOST)
    }
}

/// A row of the table: a duration beside its aim.
fn timed(what: &str, measured: String, time: Duration, aim: Duration) -> Row {
    Row {
        what: what.to_owned(),
        measured,
        against: format!("aim ≤ {}", samples::readable(aim)),
        ratio: Some(time.as_secs_f64() / aim.as_secs_f64()),
        ..Row::default()
    }
}

/// A row of the table: something that should not happen.
fn never(what: &str, measured: String, count: f64) -> Row {
    Row {
        what: what.to_owned(),
        measured,
        against: "aim 0".to_owned(),
        ratio: Some(if count == 0.0 { 0.0 } else { f64::INFINITY }),
        ..Row::default()
    }
}
