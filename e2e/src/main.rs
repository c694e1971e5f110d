//! `cargo run -p e2e -- up | test | down | image`: a Kubernetes cluster on this machine, and Weft on it.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use e2e::cluster::{self, Progress, Settings};

#[derive(Debug, Parser)]
#[command(name = "e2e", about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts a cluster of this machine's own, or finds it running, and prints how to use it. Minutes at first.
    Up {
        #[command(flatten)]
        settings: Settings,
    },
    /// Removes the cluster with all that belongs to it.
    Down {
        #[command(flatten)]
        settings: Settings,
    },
    /// Runs the tests on it, with Weft installed from its chart.
    Test {
        #[command(flatten)]
        settings: Settings,
        #[command(flatten)]
        options: cluster::run::Options,
    },
    /// Builds the images of the operator and the sidecar into one OCI archive.
    Image {
        /// The archive to write.
        #[arg(long, value_name = "FILE.tar")]
        output: PathBuf,
    },
    /// What lives as long as the cluster; `up` starts it.
    #[command(hide = true)]
    Caretaker {
        #[command(flatten)]
        settings: Settings,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command, Progress::begin()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, progress: Progress) -> anyhow::Result<()> {
    match command {
        Command::Up { settings } => {
            let cluster = cluster::machine::up(&settings.checked()?, progress)?;
            println!("export KUBECONFIG={}", cluster.kubeconfig().display());
        }
        Command::Down { settings } => {
            let settings = settings.checked()?;
            cluster::machine::down(&settings)?;
            progress.say(format!("nothing is left of the cluster `{}`", settings.name));
        }
        Command::Test { settings, options } => {
            cluster::run::test(&settings.checked()?, &options, progress)?;
        }
        Command::Image { output } => {
            let weft = cluster::images::Weft::pack(&output)?;
            println!("{}\n{}", weft.operator, weft.sidecar);
        }
        Command::Caretaker { settings } => cluster::caretaker::run(&settings)?,
    }
    Ok(())
}
