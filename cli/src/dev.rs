//! `weft dev`: every Namespace of a folder of manifests, in this process.
//!
//! One task owns everything ([`local::Local`]). It reads the whole set of manifests, decides with `plan`, and hands
//! documents to the sidecars through their `watch` channels; a set with a mistake changes nothing.

mod atomic_file;
mod check;
mod credentials;
mod data_folder;
pub(crate) mod departed;
mod identity;
mod issuer;
mod local;
mod object_stores;
mod planning;
mod ports;
mod running;
mod signals;
mod state;
mod teller;
mod watch;

use std::path::Path;
use std::time::Duration;

use runtime::telemetry;
use tokio::runtime::Builder;

use crate::args::{Dev, LogFormat};
use crate::environment::Environment;
use crate::failure::Failure;
use local::Local;
pub(crate) use ports::Ports;
use signals::Signals;
pub(crate) use state::Departed;
use state::State;

/// What is due by the calendar (certificates, tokens, the data of what is long gone) is looked at this often.
const CHORES: Duration = Duration::from_secs(60);

/// Runs until a signal.
pub(crate) fn run(args: Dev, environment: &Environment) -> Result<(), Failure> {
    let format = match args.log_format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    };
    telemetry::init(format, environment.log.as_deref().unwrap_or("info"))
        .map_err(|cause| Failure::usage(format!("WEFT_LOG: {cause}")))?;
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Failure::machine("start the runtime", cause))?;
    runtime.block_on(serve(args))
}

async fn serve(args: Dev) -> Result<(), Failure> {
    // Before anything is opened: whoever stops us early must not leave half a start behind.
    let mut signals = Signals::listen()?;
    let mut local = Local::open(&args)?;
    let started = tokio::select! {
        started = local.start() => started,
        () = signals.stop() => Ok(false),
    };
    if matches!(started, Ok(true)) {
        follow(&mut local, &mut signals).await;
    }
    tokio::select! {
        () = local.stop() => started.map(drop),
        () = signals.stop() => Err(Failure::machine("stop in order", "a second signal came")),
    }
}

/// Follows the manifests until a signal.
async fn follow(local: &mut Local, signals: &mut Signals) {
    let mut changes = local.changes();
    loop {
        tokio::select! {
            () = signals.stop() => return,
            () = changes.next() => local.follow().await,
            () = tokio::time::sleep(CHORES) => local.chores().await,
        }
    }
}

/// The ports that `weft dev` gave a Namespace whose data lies in the folder `data`.
pub(crate) fn ports_of(data: &Path, namespace: &str) -> Result<Option<Ports>, Failure> {
    let state = State::load(&data_folder::state_file(data))?;
    Ok(state.ports.get(namespace).map(|block| block.ports()))
}
