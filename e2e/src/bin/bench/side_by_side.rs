//! Connections of a loader, on the one thread that it has.

use std::{future::Future, time::Duration};

use anyhow::{Context, bail};
use tokio::time;

/// Runs them until all have ended.
///
/// # Errors
/// The first that fails ends the others. So does the end of patience.
pub(crate) fn run<Task>(tasks: impl IntoIterator<Item = Task>, patience: Duration) -> anyhow::Result<()>
where
    Task: Future<Output = anyhow::Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("build a runtime")?;
    runtime.block_on(async {
        match time::timeout(patience, futures_util::future::try_join_all(tasks)).await {
            Ok(outcome) => outcome.map(drop),
            Err(_) => bail!("a round was not over after {patience:?}"),
        }
    })
}
