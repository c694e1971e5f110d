//! `e2e test`: a cluster, Weft on it, the tests, and nothing left.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use super::{
    connection::Cluster,
    images::Weft,
    install,
    machine::{self, Machine},
    progress::Progress,
    settings::Settings,
};

/// Which tests, and where.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Runs on the cluster of this kubeconfig, on whose nodes the images of `e2e image` have been loaded.
    #[arg(long, env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// How many tests at the same time: they wait more than they compute.
    #[arg(long, default_value_t = 4)]
    pub threads: u8,
    /// Leaves the cluster up afterwards. One that was up before stays up in any case.
    #[arg(long)]
    pub keep: bool,
    /// Arguments for the test program, such as a part of a test's name.
    #[arg(last = true)]
    pub arguments: Vec<String>,
}

/// Runs the tests.
///
/// # Errors
/// When one fails, when the operator has logged an ERROR that no test expected, or when there is no cluster to be had.
pub fn test(settings: &Settings, options: &Options, progress: Progress) -> anyhow::Result<()> {
    let own = settings.kubeconfig()?;
    let named = options.kubeconfig.as_ref();
    if let Some(other) = named.filter(|named| **named != own && !named.as_os_str().is_empty()) {
        progress.say(format!("testing on the cluster of {}", other.display()));
        return test_on(&Cluster::open(other, None)?, options, progress);
    }
    let was_up = Machine::running(settings).is_ok_and(|machine| machine.is_alive());
    let outcome = machine::up(settings, progress).and_then(|cluster| test_on(&cluster, options, progress));
    if !was_up && !options.keep {
        machine::down(settings)?;
        progress.say("the cluster is down");
    }
    outcome
}

fn test_on(cluster: &Cluster, options: &Options, progress: Progress) -> anyhow::Result<()> {
    progress.say("building the images …");
    let images = images(cluster)?;
    let before = alarms(cluster)?;
    cluster.install(install::NAMESPACE, &images, &[])?;
    progress.say("Weft is installed");
    let outcome = run(cluster, options);
    progress.say("the tests have ended");
    let unexpected: Vec<_> = alarms(cluster)?.difference(&before).cloned().collect();
    outcome?;
    if !unexpected.is_empty() {
        bail!(
            "the operator logged what no test expected:\n{}",
            unexpected.join("\n")
        );
    }
    Ok(())
}

fn images(cluster: &Cluster) -> anyhow::Result<Weft> {
    if cluster.machine().is_ok() {
        cluster.load_images()
    } else {
        cluster.images()
    }
}

fn run(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    let threads = format!("--test-threads={}", options.threads);
    let scenarios = cargo_test(cluster, &["--package", "e2e", "--test", "cluster"])?
        .arg(threads)
        .args(&options.arguments)
        .status();
    if !scenarios.context("run cargo test")?.success() {
        bail!("the tests on the cluster failed");
    }
    if !options.arguments.is_empty() {
        return Ok(());
    }
    let golden = cargo_test(cluster, &["--package", "operator", "--test", "it"])?
        .arg("--ignored")
        .status();
    if !golden.context("run cargo test")?.success() {
        bail!("the operator's golden objects are not what the API server makes of them");
    }
    Ok(())
}

/// `cargo test` with the cluster as everybody's: in KUBECONFIG, and `kubectl` in PATH.
fn cargo_test(cluster: &Cluster, which: &[&str]) -> anyhow::Result<Command> {
    let kubectl = cluster.kubectl()?;
    let tools = Path::new(kubectl.get_program()).parent().map(Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(tools.into_iter().chain(std::env::split_paths(&path)))?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.env("KUBECONFIG", cluster.kubeconfig()).env("PATH", path);
    cargo.arg("test").args(which).arg("--");
    Ok(cargo)
}

/// Lines of the operator that wake a person.
fn alarms(cluster: &Cluster) -> anyhow::Result<BTreeSet<String>> {
    let expected = expected_errors(cluster);
    let logs = cluster.logs(install::NAMESPACE)?;
    Ok(logs.iter().flat_map(|log| log.alarms(&expected)).collect())
}

impl Cluster {
    /// Accepts log lines of the operator that hold `text`, though they say ERROR.
    pub fn expect_operator_errors(&self, text: &str) -> anyhow::Result<()> {
        let Ok(machine) = self.machine() else {
            return Ok(());
        };
        let file = fs::File::options()
            .create(true)
            .append(true)
            .open(expected_file(machine.state_folder()));
        writeln!(file.context("open the list of expected errors")?, "{text}")
            .context("note an expected error")
    }
}

fn expected_errors(cluster: &Cluster) -> Vec<String> {
    let text = cluster
        .machine()
        .ok()
        .and_then(|machine| fs::read_to_string(expected_file(machine.state_folder())).ok());
    text.unwrap_or_default().lines().map(str::to_owned).collect()
}

fn expected_file(state: &Path) -> PathBuf {
    state.join("expected-errors")
}
