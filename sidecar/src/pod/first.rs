//! The configuration to begin with.

use std::sync::Arc;
use std::time::Duration;

use adapters::kubernetes::Source;
use tokio::sync::watch;

use super::report::Author;
use crate::{Configuration, Prepared};

/// How often it is said that there is still nothing to begin with.
const REMIND: Duration = Duration::from_secs(60);

/// Waits for a configuration that can be served. Usually one lies in the pod and nothing is waited for.
pub(super) async fn wait(
    prepared: &Prepared,
    source: &Source,
    configurations: &mut watch::Receiver<Option<Arc<Configuration>>>,
    author: &Author,
) -> Arc<Configuration> {
    let mut problems = source.problems();
    loop {
        let newest = configurations.borrow_and_update().clone();
        let problem = problems.borrow_and_update().clone();
        match (newest, problem) {
            (Some(configuration), _) => match check(prepared, &configuration, author) {
                Ok(()) => return configuration,
                Err(reason) => {
                    tracing::error!("cannot begin: {reason}; waiting for another configuration");
                    source.report(author.failure(Some(&configuration), &reason));
                }
            },
            (None, Some(problem)) => {
                let (revision, reason) = (problem.revision, &problem.reason);
                tracing::error!(
                    revision,
                    "no configuration to begin with; the API server has one that cannot be used: {reason}"
                );
                source.report(author.unusable(problem));
            }
            (None, None) => tracing::warn!(
                "no configuration to begin with; waiting for the API server ({})",
                source.lacks().join("; ")
            ),
        }
        // The senders live as long as the source's task, which outlives this one.
        tokio::select! {
            _ = configurations.changed() => {}
            _ = problems.changed() => {}
            () = tokio::time::sleep(REMIND) => {}
        }
    }
}

fn check(prepared: &Prepared, configuration: &Configuration, author: &Author) -> Result<(), String> {
    prepared.check(configuration).map_err(|error| error.to_string())?;
    let name = &configuration.document.head.namespace.name;
    if *name == author.namespace {
        return Ok(());
    }
    Err(format!(
        "the configuration is for the Namespace {name}, this pod serves {}",
        author.namespace
    ))
}
