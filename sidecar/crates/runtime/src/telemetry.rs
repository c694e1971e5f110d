//! Logs: `tracing` events on standard error, as text for people or JSON for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One readable line per event; in colour on a terminal.
    #[default]
    Text,
    /// One JSON object per event.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter does not parse.
    #[error("log filter `{filter}` is not understood: {cause}; write for example `info,storage=debug`")]
    Filter {
        /// What was given.
        filter: String,
        /// What the parser said.
        cause: tracing_subscriber::filter::ParseError,
    },
    /// Somebody else did it before.
    #[error("logging is already set up in this process")]
    AlreadySet,
}

/// Sends the process's logs to standard error. `filter` is a `tracing` directive list such as `info,storage=debug`.
///
/// # Errors
/// When the filter does not parse, or when the process already has a logger.
pub fn init(format: Format, filter: &str) -> Result<(), Error> {
    let directives = EnvFilter::try_new(filter).map_err(|cause| Error::Filter {
        filter: filter.to_owned(),
        cause,
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(directives)
        .with_writer(std::io::stderr);
    let outcome = match format {
        Format::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
    outcome.map_err(|_| Error::AlreadySet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_refused_with_an_example() {
        let error = init(Format::Text, "info,=,").unwrap_err();
        assert!(error.to_string().contains("storage=debug"), "{error}");
    }
}
