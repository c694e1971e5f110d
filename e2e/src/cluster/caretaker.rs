//! The part of the harness that lives as long as the cluster: storage provisioner, resizer, and keeper of logs.

mod logs;
mod provisioner;

use std::{thread, time::Duration};

use super::{connection::Cluster, machine::Machine, settings::Settings};

pub(super) use logs::kept_folder;

/// Often enough that no container comes and goes unseen, and that a test does not wait for its volume.
const INTERVAL: Duration = Duration::from_millis(100);

/// Runs until it is killed. What fails is told in its log and tried again.
///
/// # Errors
/// When there is no cluster of this name.
pub fn run(settings: &Settings) -> anyhow::Result<()> {
    let machine = Machine::running(settings)?;
    thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                if let Err(error) = logs::keep(&machine) {
                    eprintln!("keep logs: {error:#}");
                }
                thread::sleep(INTERVAL);
            }
        });
        loop {
            // A change begins a round; a broken watch, such as when the API server is stopped, is begun again.
            if let Err(error) = provision(&machine) {
                eprintln!("provision volumes: {error:#}");
            }
            thread::sleep(INTERVAL);
        }
    })
}

/// Each time over connections of its own: those that a loss of power cut would be silent for ever.
fn provision(machine: &Machine) -> anyhow::Result<()> {
    let cluster = Cluster::open(&machine.settings().kubeconfig()?, Some(machine.clone()))?;
    cluster.block_on(provisioner::follow(&cluster, machine))
}
